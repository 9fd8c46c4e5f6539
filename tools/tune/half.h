// f16 and bf16 to and from double, for any compiler; nothing of the library that they check.
#ifndef LOSSGEN_TUNE_HALF_H
#define LOSSGEN_TUNE_HALF_H

#include <math.h>
#include <stdint.h>
#include <string.h>

namespace tune {

inline double from_f16(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

inline double from_bf16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

// Nearest even; for the finite numbers of moderate size that logits are here.
inline uint16_t to_bf16(double value) {
  const float narrow = static_cast<float>(value);
  uint32_t bits;
  memcpy(&bits, &narrow, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline uint16_t to_f16(double value) {
  int exponent;
  const double fraction = frexp(fabs(value), &exponent);  // in [0.5, 1)
  const uint16_t sign = value < 0 ? 0x8000 : 0;
  if (value == 0) return sign;
  if (exponent < -13) return static_cast<uint16_t>(sign | lrint(ldexp(fabs(value), 24)));
  const long mantissa = lrint(ldexp(fraction, 11));  // may round up to 2048, which carries as it should
  return static_cast<uint16_t>(sign | (((exponent + 14) << 10) + mantissa - 1024));
}

}  // namespace tune
#endif  // LOSSGEN_TUNE_HALF_H
