#include "lanes.h"

#include <string.h>

#include "cpu.h"
#include "names.h"

// Written with the compilers' vector types, because at -O2 not every compiler vectorises the plain loops.
namespace lossgen {
namespace {

constexpr int kLanes = 16;

template <class T, int kBytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(kBytes)));
};

// The loops in vectors of so many bytes. Inlined into functions for a CPU that has them: of vectors wider than the CPU's, compilers keep the
// sums in memory (4 ns a pixel in place of 1).
template <int kBytes>
struct Loops {
#define LOSSGEN_LOOP static inline __attribute__((always_inline))
  LOSSGEN_LOOP int32_t lowest(const int32_t *cls, int64_t count) {
    typedef typename VectorOf<int32_t, kBytes>::type Vector;
    constexpr int n = kBytes / 4;
    Vector low = {};
    int64_t i = 0;
    for (; i + n <= count; i += n) {
      Vector v;
      memcpy(&v, cls + i, sizeof v);
      low = v < low ? v : low;
    }
    int32_t least = 0;
    for (int j = 0; j < n; j++) least = low[j] < least ? low[j] : least;
    for (; i < count; i++) least = cls[i] < least ? cls[i] : least;
    return least;
  }
  LOSSGEN_LOOP int64_t count_kept(const int32_t *cls, int64_t count) {
    typedef typename VectorOf<int32_t, kBytes>::type Vector;
    constexpr int n = kBytes / 4;
    Vector sums = {};
    int64_t i = 0, kept = 0;
    for (; i + n <= count; i += n) {
      Vector v;
      memcpy(&v, cls + i, sizeof v);
      sums -= v >= 0;  // true is -1
    }
    for (int j = 0; j < n; j++) kept += sums[j];
    for (; i < count; i++) kept += cls[i] >= 0;
    return kept;
  }
  template <class S>
  LOSSGEN_LOOP bool all_within(const S *values, int64_t count, S limit) {
    typedef typename VectorOf<S, kBytes>::type Vector;
    constexpr int n = kBytes / sizeof(S);
    const Vector most = limit - Vector{};
    auto within = most == most;
    int64_t i = 0;
    for (; i + n <= count; i += n) {
      Vector v;
      memcpy(&v, values + i, sizeof v);
      within &= v <= most;
    }
    bool all = true;
    for (int j = 0; j < n; j++) all &= within[j] != 0;
    for (; i < count; i++) all &= values[i] <= limit;
    return all;
  }
  template <int n>
  using Doubles = typename VectorOf<double, 8 * n>::type;
  template <class S, class D, int kVectors>
  LOSSGEN_LOOP void add(D (&sums)[kVectors], const S *values) {
    constexpr int n = kLanes / kVectors;
    for (int j = 0; j < kVectors; j++) {
      typename VectorOf<S, n * (int)sizeof(S)>::type v;
      memcpy(&v, values + j * n, sizeof v);
      sums[j] += __builtin_convertvector(v, D);
    }
  }
  template <class S>
  LOSSGEN_LOOP double sum(const S *values, int64_t count) {
    constexpr int n = kBytes / 8;
    Doubles<n> sums[kLanes / n] = {};
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) add(sums, values + i);
    if (i < count) {
      S rest[kLanes] = {};
      memcpy(rest, values + i, (size_t)(count - i) * sizeof(S));
      add(sums, rest);
    }
    for (int half = kLanes / n / 2; half > 0; half /= 2)
      for (int j = 0; j < half; j++) sums[j] += sums[j + half];
    for (int half = n / 2; half > 0; half /= 2)
      for (int j = 0; j < half; j++) sums[0][j] += sums[0][j + half];
    return sums[0][0];
  }
#undef LOSSGEN_LOOP
};

struct Functions {
  int32_t (*lowest)(const int32_t *, int64_t);
  int64_t (*count_kept)(const int32_t *, int64_t);
  bool (*all_within_f32)(const float *, int64_t, float);
  bool (*all_within_f64)(const double *, int64_t, double);
  double (*sum_f32)(const float *, int64_t);
  double (*sum_f64)(const double *, int64_t);
};

// NAME: Functions for a CPU's vectors of so many bytes.
#define LOSSGEN_FUNCTIONS(NAME, kBytes, ...)                                                                                   \
  struct NAME {                                                                                                                \
    __VA_ARGS__ static int32_t lowest(const int32_t *cls, int64_t count) { return Loops<kBytes>::lowest(cls, count); }         \
    __VA_ARGS__ static int64_t count_kept(const int32_t *cls, int64_t count) { return Loops<kBytes>::count_kept(cls, count); } \
    __VA_ARGS__ static bool all_within_f32(const float *values, int64_t count, float limit) {                                  \
      return Loops<kBytes>::all_within(values, count, limit);                                                                  \
    }                                                                                                                          \
    __VA_ARGS__ static bool all_within_f64(const double *values, int64_t count, double limit) {                                \
      return Loops<kBytes>::all_within(values, count, limit);                                                                  \
    }                                                                                                                          \
    __VA_ARGS__ static double sum_f32(const float *values, int64_t count) { return Loops<kBytes>::sum(values, count); }        \
    __VA_ARGS__ static double sum_f64(const double *values, int64_t count) { return Loops<kBytes>::sum(values, count); }       \
    static constexpr Functions all{lowest, count_kept, all_within_f32, all_within_f64, sum_f32, sum_f64};                      \
  };

LOSSGEN_FUNCTIONS(Any, 16)
#if defined(__x86_64__)
LOSSGEN_FUNCTIONS(Avx2, 32, __attribute__((target("avx2"))))
LOSSGEN_FUNCTIONS(Avx512, 64, __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))))
const Functions &detect() {
  if (!cpu_lacks(LOSSGEN_TARGET_x86_64_v4)) return Avx512::all;
  return cpu_lacks(LOSSGEN_TARGET_x86_64_v3) ? Any::all : Avx2::all;
}
#else
const Functions &detect() { return Any::all; }
#endif

// Of a few rows, folding wide vectors takes longer than narrow ones do.
const Functions &functions(int64_t count) {
  constexpr int64_t kFew = 64;
  if (count <= kFew) return Any::all;
  static const Functions &found = detect();
  return found;
}

}  // namespace

int32_t lowest(const int32_t *cls, int64_t count) { return functions(count).lowest(cls, count); }
int64_t count_kept(const int32_t *cls, int64_t count) { return functions(count).count_kept(cls, count); }
bool all_within(const float *values, int64_t count, float limit) { return functions(count).all_within_f32(values, count, limit); }
bool all_within(const double *values, int64_t count, double limit) { return functions(count).all_within_f64(values, count, limit); }
double sum(const float *values, int64_t count) { return count == 1 ? values[0] : functions(count).sum_f32(values, count); }
double sum(const double *values, int64_t count) { return count == 1 ? values[0] : functions(count).sum_f64(values, count); }

}  // namespace lossgen
