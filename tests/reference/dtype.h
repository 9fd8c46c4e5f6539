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

  void store(void *to, double v) const {
    uint64_t word;
    if (bits == 64) {
      memcpy(&word, &v, 8);
    } else if (bits == 32) {
      const float f = static_cast<float>(v);
      uint32_t half;
      memcpy(&half, &f, 4);
      word = half;
    } else {
      const uint64_t exponent_ones = (uint64_t{1} << (15 - mantissa)) - 1;
      const double r = std::fabs(round(v));
      if (std::isnan(v)) {
        word = (exponent_ones << mantissa) | (uint64_t{1} << (mantissa - 1));
      } else if (std::isinf(r)) {
        word = exponent_ones << mantissa;
      } else if (r < smallest_normal()) {
        word = static_cast<uint64_t>(r / spacing(0));
      } else {
        const int exponent = std::ilogb(r);
        const double fraction = std::ldexp(r, mantissa - exponent);  // in [2^mantissa, 2^(mantissa + 1))
        word = (static_cast<uint64_t>(exponent + bias - 1) << mantissa) + static_cast<uint64_t>(fraction);
      }
      word |= std::signbit(v) ? 0x8000u : 0;
    }
    memcpy(to, &word, static_cast<size_t>(bytes()));  // little endian
  }
  double load(const void *from) const {
    if (bits == 64) {
      double v;
      memcpy(&v, from, 8);
      return v;
    }
    if (bits == 32) {
      float v;
      memcpy(&v, from, 4);
      return v;
    }
    uint16_t word;
    memcpy(&word, from, 2);
    const int exponent_ones = (1 << (15 - mantissa)) - 1, exponent = (word >> mantissa) & exponent_ones;
    const double fraction = word & ((1 << mantissa) - 1), sign = word & 0x8000 ? -1 : 1;
    if (exponent == exponent_ones) return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
    if (exponent == 0) return sign * fraction * spacing(0);
    return sign * std::ldexp(1 + std::ldexp(fraction, -mantissa), exponent - bias);
  }
};

inline constexpr Dtype kF32{"f32", 2, 32, 23, 127}, kF64{"f64", 2, 64, 52, 1023}, kF16{"f16", 2, 16, 10, 15},
    kBf16{"bf16", 4, 16, 7, 127};
inline constexpr Dtype kDtypes[] = {kF32, kF64, kF16, kBf16};

// The type that sums and numbers per row have: S in lossgen.h.
inline const Dtype &accumulator_of(const Dtype &logits) { return logits.bits == 64 ? kF64 : kF32; }

#endif  // LOSSGEN_TESTS_DTYPE_H
