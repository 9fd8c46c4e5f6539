// The floating-point types of tensors, converted through double: written from their definition, by rounding to a
// multiple of the last place, not with the bit tricks of the kernels and the runtime.
#ifndef LOSSGEN_TESTS_DTYPE_H
#define LOSSGEN_TESTS_DTYPE_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

struct Dtype {
  const char *name;
  int code, bits;  // DLPack's: 2 float, 4 bfloat
  int mantissa;    // explicit bits
  int bias;        // of the exponent

  int bytes() const { return bits / 8; }
  bool operator==(const Dtype &other) const { return code == other.code && bits == other.bits; }
  bool operator!=(const Dtype &other) const { return !(*this == other); }
  double smallest_normal() const { return std::ldexp(1.0, 1 - bias); }
  double largest() const { return std::ldexp(2.0 - std::ldexp(1.0, -mantissa), bias); }

  // Distance of the numbers next to |v|; that at the smallest normal number below it, at the largest beyond.
  double spacing(double v) const {
    v = std::fabs(v);
    if (!(v > smallest_normal())) return std::ldexp(smallest_normal(), -mantissa);
    return std::ldexp(1.0, std::ilogb(v < largest() ? v : largest()) - mantissa);
  }
  // To nearest, ties to even.
  double round(double v) const {
    if (!std::isfinite(v) || bits == 64) return v;
    const double unit = spacing(v), rounded = std::nearbyint(v / unit) * unit;
    return std::fabs(rounded) <= largest() ? rounded : std::copysign(std::numeric_limits<double>::infinity(), v);
  }

  // Of the 16-bit types.
  uint16_t to_word(double v) const {
    const int exponent_ones = (1 << (15 - mantissa)) - 1;
    const double r = std::fabs(round(v));
    int word;
    if (std::isnan(v)) {
      word = (exponent_ones << mantissa) | (1 << (mantissa - 1));
    } else if (std::isinf(r)) {
      word = exponent_ones << mantissa;
    } else if (r < smallest_normal()) {
      word = static_cast<int>(r / spacing(0));
    } else {
      const int exponent = std::ilogb(r);  // the fraction is in [2^mantissa, 2^(mantissa + 1))
      word = ((exponent + bias - 1) << mantissa) + static_cast<int>(std::ldexp(r, mantissa - exponent));
    }
    return static_cast<uint16_t>(word | (std::signbit(v) ? 0x8000 : 0));
  }
  double from_word(uint16_t word) const {
    const int exponent_ones = (1 << (15 - mantissa)) - 1, exponent = (word >> mantissa) & exponent_ones;
    const double fraction = word & ((1 << mantissa) - 1), sign = word & 0x8000 ? -1 : 1;
    if (exponent == exponent_ones) return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
    if (exponent == 0) return sign * fraction * spacing(0);
    return sign * std::ldexp(fraction + (1 << mantissa), exponent - bias - mantissa);
  }

  void store(void *to, double v) const {
    const float f = static_cast<float>(v);
    if (bits == 64) memcpy(to, &v, 8);
    if (bits == 32) memcpy(to, &f, 4);
    if (bits != 16) return;
    const uint16_t word = to_word(v);
    memcpy(to, &word, 2);
  }
  double load(const void *from) const {
    double v;
    float f;
    uint16_t word;
    switch (bits) {
      case 64:
        memcpy(&v, from, 8);
        return v;
      case 32:
        memcpy(&f, from, 4);
        return f;
      default:
        memcpy(&word, from, 2);
        return from_word(word);
    }
  }
};

inline constexpr Dtype kF32{"f32", 2, 32, 23, 127}, kF64{"f64", 2, 64, 52, 1023}, kF16{"f16", 2, 16, 10, 15},
    kBf16{"bf16", 4, 16, 7, 127};
inline constexpr Dtype kDtypes[] = {kF32, kF64, kF16, kBf16};

// The type that sums and numbers per row have: S in lossgen.h.
inline const Dtype &accumulator_of(const Dtype &logits) { return logits.bits == 64 ? kF64 : kF32; }

#endif  // LOSSGEN_TESTS_DTYPE_H
