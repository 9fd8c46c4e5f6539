// Sums over a block's rows, sixteen at a time: for a few classes these loops cost as much as the kernels. Each in forms for the vectors of
// several CPUs, with equal results.
#ifndef LOSSGEN_RUNTIME_LANES_H
#define LOSSGEN_RUNTIME_LANES_H

#include <stdint.h>

#include <limits>

namespace lossgen {

// The smallest of the classes and 0.
int32_t lowest(const int32_t *cls, int64_t count);

// How many are not negative.
int64_t count_kept(const int32_t *cls, int64_t count);

// Is none above the limit, or NaN? limit is not NaN.
bool all_within(const float *values, int64_t count, float limit);
bool all_within(const double *values, int64_t count, double limit);
template <class S>
bool any_nan(const S *values, int64_t count) {
  return !all_within(values, count, std::numeric_limits<S>::infinity());
}

// In f64; sixteen sums side by side, in an order that depends on count alone.
double sum(const float *values, int64_t count);
double sum(const double *values, int64_t count);

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
