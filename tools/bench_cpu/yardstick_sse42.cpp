// x86-64-v2: 4 lanes, no FMA.
#include <immintrin.h>
#include <stdint.h>

namespace {

struct F {
  static constexpr int kLanes = 4;
  __m128 v;
  static F all(float x) { return {_mm_set1_ps(x)}; }
  static F load(const float *p) { return {_mm_loadu_ps(p)}; }
  static F load_some(const float *p, int n) {
    alignas(16) float some[4] = {0, 0, 0, 0};
    for (int k = 0; k < n; k++) some[k] = p[k];
    return {_mm_load_ps(some)};
  }
  void store(float *p) const { _mm_storeu_ps(p, v); }
  void stream(float *p) const { _mm_stream_ps(p, v); }
  void store_some(float *p, int n) const {
    alignas(16) float some[4];
    _mm_store_ps(some, v);
    for (int k = 0; k < n; k++) p[k] = some[k];
  }
  float sum() const {
    const __m128 s = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
};
inline F operator+(F a, F b) { return {_mm_add_ps(a.v, b.v)}; }
inline F operator-(F a, F b) { return {_mm_sub_ps(a.v, b.v)}; }
inline F operator*(F a, F b) { return {_mm_mul_ps(a.v, b.v)}; }
inline F operator/(F a, F b) { return {_mm_div_ps(a.v, b.v)}; }
inline F fma_of(F a, F b, F c) { return a * b + c; }
inline F clamped(F a, float low, float high) {
  return {_mm_min_ps(_mm_max_ps(a.v, _mm_set1_ps(low)), _mm_set1_ps(high))};
}
inline F first_lanes(F a, int n) {
  const __m128i lane = _mm_set_epi32(3, 2, 1, 0);
  return {_mm_and_ps(a.v, _mm_castsi128_ps(_mm_cmpgt_epi32(_mm_set1_epi32(n), lane)))};
}
// a, less s in the lanes whose class is c
inline F minus_where(F a, const int32_t *cls, int c, F s) {
  const __m128i k = _mm_loadu_si128(reinterpret_cast<const __m128i *>(cls));
  return {_mm_sub_ps(a.v, _mm_and_ps(s.v, _mm_castsi128_ps(_mm_cmpeq_epi32(k, _mm_set1_epi32(c)))))};
}
inline F times_power_of_two(F p, F shifted) {
  return {_mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(p.v), _mm_slli_epi32(_mm_castps_si128(shifted.v), 23)))};
}
// x = mantissa * 2^exponent, mantissa in [0.75, 1.5)
inline void split(F x, F *mantissa, F *exponent) {
  const __m128i bits = _mm_sub_epi32(_mm_castps_si128(x.v), _mm_set1_epi32(0x3f400000));
  exponent->v = _mm_cvtepi32_ps(_mm_srai_epi32(bits, 23));
  mantissa->v = _mm_castsi128_ps(
      _mm_add_epi32(_mm_and_si128(bits, _mm_set1_epi32(0x007fffff)), _mm_set1_epi32(0x3f400000)));
}

}  // namespace

#include "yardstick_math.h"
#include "yardstick_body.h"

const bench::YardstickKernels *bench::yardstick_sse42() {
  static const YardstickKernels kernels = {"yardstick-sse4", "x86-64-v2", classes_of, rows_any, planes_any};
  return &kernels;
}
