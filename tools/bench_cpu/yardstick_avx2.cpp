// x86-64-v3: 8 lanes and FMA.
#include <immintrin.h>
#include <stdint.h>

namespace {

inline __m256i lanes_below(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
}

struct F {
  static constexpr int kLanes = 8;
  __m256 v;
  static F all(float x) { return {_mm256_set1_ps(x)}; }
  static F load(const float *p) { return {_mm256_loadu_ps(p)}; }
  static F load_some(const float *p, int n) { return {_mm256_maskload_ps(p, lanes_below(n))}; }  // 0 in the others
  void store(float *p) const { _mm256_storeu_ps(p, v); }
  void stream(float *p) const { _mm256_stream_ps(p, v); }
  void store_some(float *p, int n) const { _mm256_maskstore_ps(p, lanes_below(n), v); }
  float sum() const {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
};
inline F operator+(F a, F b) { return {_mm256_add_ps(a.v, b.v)}; }
inline F operator-(F a, F b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline F operator*(F a, F b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline F operator/(F a, F b) { return {_mm256_div_ps(a.v, b.v)}; }
inline F fma_of(F a, F b, F c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline F clamped(F a, float low, float high) {
  return {_mm256_min_ps(_mm256_max_ps(a.v, _mm256_set1_ps(low)), _mm256_set1_ps(high))};
}
inline F first_lanes(F a, int n) { return {_mm256_and_ps(a.v, _mm256_castsi256_ps(lanes_below(n)))}; }
// a, less s in the lanes whose class is c
inline F minus_where(F a, const int32_t *cls, int c, F s) {
  const __m256i k = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(cls));
  return {_mm256_sub_ps(a.v, _mm256_and_ps(s.v, _mm256_castsi256_ps(_mm256_cmpeq_epi32(k, _mm256_set1_epi32(c)))))};
}
inline F times_power_of_two(F p, F shifted) {
  return {_mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(p.v), _mm256_slli_epi32(_mm256_castps_si256(shifted.v), 23)))};
}
// x = mantissa * 2^exponent, mantissa in [0.75, 1.5)
inline void split(F x, F *mantissa, F *exponent) {
  const __m256i bits = _mm256_sub_epi32(_mm256_castps_si256(x.v), _mm256_set1_epi32(0x3f400000));
  exponent->v = _mm256_cvtepi32_ps(_mm256_srai_epi32(bits, 23));
  mantissa->v = _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x007fffff)), _mm256_set1_epi32(0x3f400000)));
}

}  // namespace

#include "yardstick_math.h"
#include "yardstick_body.h"

const bench::YardstickKernels *bench::yardstick_avx2() {
  static const YardstickKernels kernels = {"yardstick-avx2", "x86-64-v3", classes_of, rows_any, planes_any};
  return &kernels;
}
