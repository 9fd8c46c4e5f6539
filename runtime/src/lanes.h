// Sums over a block's rows, four or eight at a time: written with the compilers' vector types, because at -O2 not every
// compiler vectorises the plain loops, and for a few classes these loops cost as much as the kernels. Vectors of 16 bytes,
// which every CPU has: of wider ones compilers keep the sums in memory (4 ns a pixel in place of 1).
#ifndef LOSSGEN_RUNTIME_LANES_H
#define LOSSGEN_RUNTIME_LANES_H

#include <stdint.h>
#include <string.h>

namespace lossgen {

typedef int32_t Ints __attribute__((vector_size(16)));
typedef double Doubles __attribute__((vector_size(16)));

template <class V>
V load(const void *from) {
  V v;
  memcpy(&v, from, sizeof v);
  return v;
}

// The smallest of the classes and 0.
inline int32_t lowest(const int32_t *cls, int64_t count) {
  Ints low[2] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const Ints a = load<Ints>(cls + i), b = load<Ints>(cls + i + 4);
    low[0] = a < low[0] ? a : low[0];
    low[1] = b < low[1] ? b : low[1];
  }
  int32_t least = 0;
  for (int j = 0; j < 8; j++) least = low[j / 4][j % 4] < least ? low[j / 4][j % 4] : least;
  for (; i < count; i++) least = cls[i] < least ? cls[i] : least;
  return least;
}

// How many are not negative.
inline int64_t count_kept(const int32_t *cls, int64_t count) {
  Ints sums[2] = {};
  int64_t i = 0, kept = 0;
  for (; i + 8 <= count; i += 8) {
    sums[0] -= load<Ints>(cls + i) >= 0;  // true is -1
    sums[1] -= load<Ints>(cls + i + 4) >= 0;
  }
  for (int j = 0; j < 8; j++) kept += sums[j / 4][j % 4];
  for (; i < count; i++) kept += cls[i] >= 0;
  return kept;
}

template <class S>
bool any_nan(const S *values, int64_t count) {
  typedef S Lanes __attribute__((vector_size(16)));
  constexpr int64_t n = 16 / sizeof(S);
  auto nan = Lanes{} != Lanes{};
  int64_t i = 0;
  for (; i + n <= count; i += n) {
    const Lanes v = load<Lanes>(values + i);
    nan |= v != v;
  }
  bool any = false;
  for (int j = 0; j < n; j++) any |= nan[j] != 0;
  for (; i < count; i++) any |= values[i] != values[i];
  return any;
}

// In f64; four sums side by side, in an order that depends on count alone.
template <class S>
double sum(const S *values, int64_t count) {
  typedef S Two __attribute__((vector_size(2 * sizeof(S))));
  Doubles low = {}, high = {};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    low += __builtin_convertvector(load<Two>(values + i), Doubles);
    high += __builtin_convertvector(load<Two>(values + i + 2), Doubles);
  }
  for (; i < count; i++) low[0] += values[i];
  return (low[0] + low[1]) + (high[0] + high[1]);
}

// The same for sums of any length: blocks of 64, and what their sum loses is kept (Kahan), for in one long sum equal
// numbers would all round alike.
template <class S>
double sum_of_many(const S *values, int64_t count) {
  double total = 0, lost = 0;
  for (int64_t i = 0; i < count; i += 64) {
    const double term = sum(values + i, count - i < 64 ? count - i : 64) - lost, next = total + term;
    lost = next - next == 0 ? (next - total) - term : 0;  // infinite weights stay infinite
    total = next;
  }
  return total;
}

}  // namespace lossgen
#endif
