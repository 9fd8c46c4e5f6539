// Rows of numbers between a tensor's type and the accumulation type.
#ifndef LOSSGEN_RUNTIME_CONVERT_H
#define LOSSGEN_RUNTIME_CONVERT_H

#include <string.h>

#include "tensor.h"

namespace lossgen {

inline float bf16_to_float(uint16_t h) {
  const uint32_t bits = (uint32_t)h << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

// Round to nearest even; NaN stays NaN (the plain addition could carry it into infinity).
inline uint16_t float_to_bf16(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

inline float f16_to_float(uint16_t h) {
  const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = h & 0x7fffu;
  uint32_t bits = (rest << 13) + 0x38000000u;  // the exponent's bias from 15 to 127
  float f;
  if (rest < 0x400u) {  // subnormal: through an integer, right also where the caller flushes subnormal floats
    f = (float)rest * 0x1p-24f;
    memcpy(&bits, &f, 4);
  }
  if (rest >= 0x7c00u) bits = 0x7f800000u | (rest & 0x3ffu) << 13;
  bits |= sign;
  memcpy(&f, &bits, 4);
  return f;
}

inline uint16_t float_to_f16(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);  // rounds to 65536 or is larger
  if (magnitude < 0x38800000u) {                                    // subnormal in f16: let the adder round at 2^-24
    float m;
    memcpy(&m, &magnitude, 4);
    m += 0.5f;
    uint32_t sum;
    memcpy(&sum, &m, 4);
    return (uint16_t)(sign | (sum - 0x3f000000u));
  }
  return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13));
}

// to[i] = from[i * stride], i in [0, count)
template <class S>
void load_rows(S *to, const void *from, DLDataType type, int64_t stride, int64_t count) {
  auto each = [&](auto read) {
    for (int64_t i = 0; i < count; i++) to[i] = (S)read(i * stride);
  };
  const auto *f32 = (const float *)from;
  const auto *f64 = (const double *)from;
  const auto *u16 = (const uint16_t *)from;
  if (type.bits == 32) each([&](int64_t i) { return f32[i]; });
  else if (type.bits == 64) each([&](int64_t i) { return f64[i]; });
  else if (type.code == kDLBfloat) each([&](int64_t i) { return bf16_to_float(u16[i]); });
  else each([&](int64_t i) { return f16_to_float(u16[i]); });
}

// to[i * stride] = from[i]
template <class S>
void store_rows(void *to, DLDataType type, int64_t stride, const S *from, int64_t count) {
  auto each = [&](auto write) {
    for (int64_t i = 0; i < count; i++) write(i * stride, from[i]);
  };
  auto *f32 = (float *)to;
  auto *f64 = (double *)to;
  auto *u16 = (uint16_t *)to;
  if (type.bits == 32) each([&](int64_t i, S v) { f32[i] = (float)v; });
  else if (type.bits == 64) each([&](int64_t i, S v) { f64[i] = (double)v; });
  else if (type.code == kDLBfloat) each([&](int64_t i, S v) { u16[i] = float_to_bf16((float)v); });
  else each([&](int64_t i, S v) { u16[i] = float_to_f16((float)v); });
}

// Any integer; values of u64 above the range of i64 come out negative, hence out of bounds like them.
inline int64_t load_integer(const void *from, DLDataType type) {
  const bool is_signed = type.code == kDLInt;
  switch (type.bits) {
    case 8: return is_signed ? *(const int8_t *)from : *(const uint8_t *)from;
    case 16: return is_signed ? *(const int16_t *)from : *(const uint16_t *)from;
    case 32: return is_signed ? *(const int32_t *)from : (int64_t) * (const uint32_t *)from;
    default: return *(const int64_t *)from;
  }
}

}  // namespace lossgen
#endif
