// x86-64-v4: 16 lanes; for class counts known at compile time, all logits of 16 rows or pixels at once.
#include <immintrin.h>
#include <stdint.h>

namespace {

inline __mmask16 lanes_below(int n) { return static_cast<__mmask16>((1u << n) - 1); }

struct F {
  static constexpr int kLanes = 16;
  __m512 v;
  static F all(float x) { return {_mm512_set1_ps(x)}; }
  static F load(const float *p) { return {_mm512_loadu_ps(p)}; }
  static F load_some(const float *p, int n) { return {_mm512_maskz_loadu_ps(lanes_below(n), p)}; }  // 0 in the others
  void store(float *p) const { _mm512_storeu_ps(p, v); }
  void stream(float *p) const { _mm512_stream_ps(p, v); }
  void store_some(float *p, int n) const { _mm512_mask_storeu_ps(p, lanes_below(n), v); }
  float sum() const { return _mm512_reduce_add_ps(v); }
};
inline F operator+(F a, F b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F operator-(F a, F b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F operator*(F a, F b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F operator/(F a, F b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F fma_of(F a, F b, F c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline F first_lanes(F a, int n) { return {_mm512_maskz_mov_ps(lanes_below(n), a.v)}; }
// a, less s in the lanes whose class is c
inline F minus_where(F a, const int32_t *cls, int c, F s) {
  const __mmask16 here = _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(cls), _mm512_set1_epi32(c));
  return {_mm512_mask_sub_ps(a.v, here, a.v, s.v)};
}
// x = mantissa * 2^exponent, mantissa in [0.75, 1.5)
inline void split(F x, F *mantissa, F *exponent) {
  mantissa->v = _mm512_getmant_ps(x.v, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src);
  exponent->v = _mm512_sub_ps(_mm512_getexp_ps(x.v), _mm512_getexp_ps(mantissa->v));
}
// The fraction above floor(t) by one instruction and the scaling by another; minimax on [0, 1), relative error 8e-8.
inline F exp2_of(F t) {
  const F f = {_mm512_reduce_ps(t.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
  F p = fma_of(F::all(1.867130137e-03f), f, F::all(9.017030135e-03f));
  p = fma_of(p, f, F::all(5.579991329e-02f));
  p = fma_of(p, f, F::all(2.401644501e-01f));
  p = fma_of(p, f, F::all(6.931513118e-01f));
  p = fma_of(p, f, F::all(1.0f));
  return {_mm512_scalef_ps(p.v, t.v)};
}

}  // namespace

#define BENCH_OWN_EXP2
#include "yardstick_math.h"
#include "yardstick_body.h"

namespace {

// Sixteen vectors to one: lane k is the sum of row k.
inline F sums_of_rows(const F *rows) {
  __m512 pairs[8], fours[4];
#pragma GCC unroll 8
  for (int k = 0; k < 8; k++) {
    const __m512 a = rows[2 * k].v, b = rows[2 * k + 1].v;
    pairs[k] = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; k++) {
    const __m512d a = _mm512_castps_pd(pairs[2 * k]), b = _mm512_castps_pd(pairs[2 * k + 1]);
    fours[k] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  // Each 128-bit lane of fours[k] holds a share of rows 4k to 4k + 3.
  const __m512 low = _mm512_add_ps(_mm512_shuffle_f32x4(fours[0], fours[1], 0x88),
                                   _mm512_shuffle_f32x4(fours[0], fours[1], 0xdd));
  const __m512 high = _mm512_add_ps(_mm512_shuffle_f32x4(fours[2], fours[3], 0x88),
                                    _mm512_shuffle_f32x4(fours[2], fours[3], 0xdd));
  return {_mm512_add_ps(_mm512_shuffle_f32x4(low, high, 0x88), _mm512_shuffle_f32x4(low, high, 0xdd))};
}

inline bool all_fit(F sums) {
  return (_mm512_cmp_ps_mask(sums.v, _mm512_set1_ps(0x1p-60f), _CMP_GE_OQ) &
          _mm512_cmp_ps_mask(sums.v, _mm512_set1_ps(0x1p60f), _CMP_LE_OQ)) == 0xffff;
}
inline bool none_ignored(__m512i cls) { return _mm512_movepi32_mask(cls) == 0; }

// Short rows: sixteen of them are Classes whole vectors. exp runs over the flat stream into L1, the sums come from one
// masked load a row, and the factors go back to their lanes by a permutation that repeats every sixteen rows.
template <int Classes>
double short_rows(const float *x, float *g, const int32_t *cls, int64_t rows, float scale, const bench::Batch &batch,
                  float *terms) {
  static const struct Owners {
    alignas(64) int32_t row[16 * Classes];
    Owners() {
      for (int i = 0; i < 16 * Classes; i++) row[i] = i / Classes;
    }
  } owners;
  const F log2e = F::all(kLog2e);
  const __m512i starts = _mm512_mullo_epi32(
      _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(Classes));
  F total = F::all(0);
  double rest = 0;
  int64_t r = 0;
  for (; r + 16 <= rows; r += 16) {
    const float *p = x + r * Classes;
    float *q = g != nullptr ? g + r * Classes : nullptr;
#pragma GCC unroll 4
    for (int i = 0; i < Classes; i++) {
      __builtin_prefetch(reinterpret_cast<const char *>(p + 16 * i) + batch.prefetch, 0, 3);
      exp2_of(F::load(p + 16 * i) * log2e).store(terms + 16 * i);
    }
    F row[16];
#pragma GCC unroll 16
    for (int k = 0; k < 16; k++) {
      row[k] = F::load_some(terms + k * Classes, Classes < 16 ? Classes : 16);
      if (Classes > 16) row[k] = row[k] + F::load_some(terms + k * Classes + 16, Classes > 16 ? Classes - 16 : 0);
    }
    const F sums = sums_of_rows(row);
    const __m512i y = _mm512_loadu_si512(cls + r);
    if (!all_fit(sums) || !none_ignored(y)) {
      for (int k = 0; k < 16; k++) {
        rest += slow_row(p + k * Classes, q != nullptr ? q + k * Classes : nullptr, 1, Classes, cls[r + k], scale);
      }
      continue;
    }
    const __m512i at = _mm512_add_epi32(starts, y);
    total = total + (log_of(sums) - F{_mm512_i32gather_ps(at, p, 4)});
    if (q == nullptr) continue;
    alignas(64) float sum[16];
    alignas(64) int32_t target[16];
    sums.store(sum);
    _mm512_store_si512(target, at);
    for (int k = 0; k < 16; k++) terms[target[k]] -= sum[k];
    const F factors = F::all(scale) / sums;
    const bool stream = batch.stream && reinterpret_cast<uintptr_t>(q) % 64 == 0;
#pragma GCC unroll 4
    for (int i = 0; i < Classes; i++) {
      const F f = {_mm512_permutexvar_ps(_mm512_load_si512(owners.row + 16 * i), factors.v)};
      const F d = F::load(terms + 16 * i) * f;
      if (stream) d.stream(q + 16 * i);
      else d.store(q + 16 * i);
    }
  }
  rest += total.sum();
  if (r < rows) rest += rows_any(x + r * Classes, g != nullptr ? g + r * Classes : nullptr, cls + r, rows - r, Classes,
                                 scale, batch, terms);
  return rest;
}

double rows(const float *x, float *g, const int32_t *cls, int64_t rows, int64_t classes, float scale,
            const bench::Batch &batch, float *scratch) {
  if (classes == 10) return short_rows<10>(x, g, cls, rows, scale, batch, scratch);
  if (classes == 21) return short_rows<21>(x, g, cls, rows, scale, batch, scratch);
  return rows_any(x, g, cls, rows, classes, scale, batch, scratch);
}

// Few planes: every class of sixteen pixels stays in registers between the passes.
template <int Classes>
double few_planes(const float *x, float *g, const int32_t *cls, int64_t pixels, int64_t stride, float scale,
                  const bench::Batch &batch) {
  const F log2e = F::all(kLog2e), at_target = F::all(scale);
  const bool stream = batch.stream && stride % 16 == 0 && reinterpret_cast<uintptr_t>(g) % 64 == 0;
  const int ahead = 4 * 64;  // bytes; of each plane
  F total = F::all(0);
  double rest = 0;
  int64_t i = 0;
  for (; i + 16 <= pixels; i += 16) {
    F e[Classes], even = F::all(0), odd = F::all(0), target = F::all(0);
    const __m512i y = _mm512_loadu_si512(cls + i);
#pragma GCC unroll 32
    for (int c = 0; c < Classes; c++) {
      const float *p = x + c * stride + i;
      __builtin_prefetch(reinterpret_cast<const char *>(p) + ahead, 0, 3);
      const F v = F::load(p);
      target.v = _mm512_mask_mov_ps(target.v, _mm512_cmpeq_epi32_mask(y, _mm512_set1_epi32(c)), v.v);
      e[c] = exp2_of(v * log2e);
      if (c % 2 == 0) even = even + e[c];
      else odd = odd + e[c];
    }
    const F sums = even + odd;
    if (!all_fit(sums) || !none_ignored(y)) {
      for (int k = 0; k < 16; k++) {
        rest += slow_row(x + i + k, g != nullptr ? g + i + k : nullptr, stride, Classes, cls[i + k], scale);
      }
      continue;
    }
    total = total + (log_of(sums) - target);
    if (g == nullptr) continue;
    const F factors = F::all(scale) / sums;
#pragma GCC unroll 32
    for (int c = 0; c < Classes; c++) {
      const F v = e[c] * factors;
      const F d = {_mm512_mask_sub_ps(v.v, _mm512_cmpeq_epi32_mask(y, _mm512_set1_epi32(c)), v.v, at_target.v)};
      if (stream) d.stream(g + c * stride + i);
      else d.store(g + c * stride + i);
    }
  }
  for (; i < pixels; i++) rest += slow_row(x + i, g != nullptr ? g + i : nullptr, stride, Classes, cls[i], scale);
  return rest + total.sum();
}

double planes(const float *x, float *g, const int32_t *cls, int64_t pixels, int64_t stride, int64_t classes, float scale,
              const bench::Batch &batch, float *scratch) {
  if (classes == 2) return few_planes<2>(x, g, cls, pixels, stride, scale, batch);
  if (classes == 19) return few_planes<19>(x, g, cls, pixels, stride, scale, batch);
  if (classes == 21) return few_planes<21>(x, g, cls, pixels, stride, scale, batch);
  return planes_any(x, g, cls, pixels, stride, classes, scale, batch, scratch);
}

}  // namespace

const bench::YardstickKernels *bench::yardstick_avx512() {
  static const YardstickKernels kernels = {"yardstick-avx512", "x86-64-v4", classes_of, rows, planes};
  return &kernels;
}
