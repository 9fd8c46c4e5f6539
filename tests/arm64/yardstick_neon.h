// What a vector of logits goes through in the yardstick: storage types, exp and log, as in generator/src/numerics.cpp
// and storage.cpp, in NEON intrinsics. Constants and steps are those of the kernels, so that only the code differs.
#ifndef LOSSGEN_TESTS_ARM64_YARDSTICK_NEON_H
#define LOSSGEN_TESTS_ARM64_YARDSTICK_NEON_H

#include <arm_neon.h>

#include <cstdint>

using Vector = float32x4_t;

inline Vector all(float v) { return vdupq_n_f32(v); }
inline uint32x4_t bits(Vector v) { return vreinterpretq_u32_f32(v); }
inline Vector number(uint32x4_t v) { return vreinterpretq_f32_u32(v); }
inline Vector chosen(uint32x4_t mask, Vector v) { return number(vandq_u32(mask, bits(v))); }
inline Vector without(uint32x4_t mask, Vector v) { return number(vbicq_u32(bits(v), mask)); }

// Four vectors, the step of an inner loop.
struct Four {
  Vector v[4];
};

struct F32 {
  using Stored = float;
  static Vector load(const float *p) { return vld1q_f32(p); }
  static Four load_four(const float *p) {
    const float32x4x4_t v = vld1q_f32_x4(p);
    return {{v.val[0], v.val[1], v.val[2], v.val[3]}};
  }
  static void store(float *p, Vector v) { vst1q_f32(p, v); }
  static float one(const float *p) { return *p; }
};

struct Bf16 {
  using Stored = uint16_t;
  static Vector load(const uint16_t *p) { return number(vshll_n_u16(vld1_u16(p), 16)); }
  static Four load_four(const uint16_t *p) {
    const uint16x8x2_t v = vld1q_u16_x2(p);
    const uint16x8_t a = v.val[0], b = v.val[1];
    return {{number(vshll_n_u16(vget_low_u16(a), 16)), number(vshll_high_n_u16(a, 16)),
             number(vshll_n_u16(vget_low_u16(b), 16)), number(vshll_high_n_u16(b, 16))}};
  }
  static uint16x4_t rounded(Vector v) {
    const uint32x4_t b = bits(v), half = vaddq_u32(b, vdupq_n_u32(0x7fff));
    const uint32x4_t up = vaddq_u32(half, vandq_u32(vshrq_n_u32(b, 16), vdupq_n_u32(1)));
    const uint32x4_t nan = vorrq_u32(b, vdupq_n_u32(0x400000));
    return vshrn_n_u32(vbslq_u32(vceqq_f32(v, v), up, nan), 16);
  }
  static void store(uint16_t *p, Vector v) { vst1_u16(p, rounded(v)); }
  static float one(const uint16_t *p) { return vgetq_lane_f32(number(vshll_n_u16(vdup_n_u16(*p), 16)), 0); }
};

struct F16 {
  using Stored = float16_t;
  static Vector load(const float16_t *p) { return vcvt_f32_f16(vld1_f16(p)); }
  static Four load_four(const float16_t *p) {
    const float16x8x2_t v = vld1q_f16_x2(p);
    const float16x8_t a = v.val[0], b = v.val[1];
    return {{vcvt_f32_f16(vget_low_f16(a)), vcvt_high_f32_f16(a), vcvt_f32_f16(vget_low_f16(b)), vcvt_high_f32_f16(b)}};
  }
  static void store(float16_t *p, Vector v) { vst1_f16(p, vcvt_f16_f32(v)); }
  static float one(const float16_t *p) { return *p; }
};

// exp(x - reference) = (p * g + 1) * power, without a register for the 1.
struct Exp {
  Vector p, g, power;
  Vector times_power(Vector scaled_power) const { return vfmaq_f32(scaled_power, scaled_power, vmulq_f32(p, g)); }
  Vector value() const { return times_power(power); }
};

// FMAX and FMIN return NaN if either operand is one.
template <bool bounded>
inline Exp exp_of_difference(Vector x, Vector reference) {
  Vector d = vmaxq_f32(vsubq_f32(x, reference), all(-88.0f));
  if (!bounded) d = vminq_f32(d, all(88.0f));
  const Vector magic = all(12582912.0f + 127);
  const Vector rounded = vaddq_f32(vmulq_f32(d, all(1.4427f)), magic);
  Exp e;
  e.g = vfmsq_f32(vsubq_f32(rounded, magic), d, all(1.4426950408889634f));  // less the fraction
  e.p = vfmsq_f32(all(9.671512991e-03f), e.g, all(1.326472731e-03f));
  e.p = vfmaq_f32(all(-5.550733581e-02f), e.g, e.p);
  e.p = vfmaq_f32(all(2.402224243e-01f), e.g, e.p);
  e.p = vfmaq_f32(all(-6.931470037e-01f), e.g, e.p);
  e.power = number(vshlq_n_u32(bits(rounded), 23));
  return e;
}

// log(m 2^k + lost), m in [sqrt(1/2), sqrt(2)), from the bits of m 2^k less those of sqrt(1/2).
inline Vector log_of_parts(uint32x4_t b, Vector lost) {
  const uint32x4_t half_root = vdupq_n_u32(0x3f3504f3), mantissa = vdupq_n_u32(0x7fffff);
  const Vector k = vcvtq_f32_s32(vshrq_n_s32(vreinterpretq_s32_u32(b), 23));
  const Vector m = number(vaddq_u32(vandq_u32(b, mantissa), half_root));
  const Vector g = vfmaq_f32(vsubq_f32(m, all(1.0f)), lost, number(vsubq_u32(bits(all(1.0f)), vbicq_u32(b, mantissa))));
  const Vector s = vdivq_f32(g, vaddq_f32(m, all(1.0f))), s2 = vmulq_f32(s, s);
  Vector series = vfmaq_f32(all(2.0f / 7), s2, all(2.0f / 9));
  series = vfmaq_f32(all(2.0f / 5), series, s2);
  series = vfmaq_f32(all(2.0f / 3), series, s2);
  const Vector log_m = vfmsq_f32(g, s, vfmsq_f32(g, series, s2));
  return vfmaq_f32(vfmaq_f32(log_m, k, all(1.42860677e-06f)), k, all(6.93145752e-01f));
}

inline uint32x4_t less_half_root(Vector x) { return vsubq_u32(bits(x), vdupq_n_u32(0x3f3504f3)); }
inline Vector or_itself(Vector log_x, Vector x) { return vbslq_f32(vcgeq_u32(bits(x), vdupq_n_u32(0x7f800000)), x, log_x); }

inline Vector log_positive(Vector x) {
  const Vector y = log_of_parts(less_half_root(x), all(0.0f));
  return or_itself(number(vbslq_u32(vcltq_u32(bits(x), vdupq_n_u32(0x800000)), vdupq_n_u32(0xff800000), bits(y))), x);
}

inline Vector log1p_positive(Vector u) {
  const Vector one = all(1.0f), y = vaddq_f32(one, u), lost = vsubq_f32(u, vsubq_f32(y, one));
  return or_itself(log_of_parts(less_half_root(y), vbslq_f32(vcltq_f32(u, all(1e9f)), lost, all(0.0f))), y);
}

#endif  // LOSSGEN_TESTS_ARM64_YARDSTICK_NEON_H
