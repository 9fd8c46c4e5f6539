// Cross entropy written by hand: how fast it can be on this machine. Yardsticks for the generated kernels, never shipped.
//
// They do the same work (int64 targets checked and counted, ignored rows, the mean, the target's part of the gradient)
// but skip what a ceiling may skip: exp has no reference, and a row whose sum leaves [2^-60, 2^60] is done again by slow
// scalar code. f32 only.
#ifndef LOSSGEN_BENCH_YARDSTICK_H
#define LOSSGEN_BENCH_YARDSTICK_H

#include <stddef.h>
#include <stdint.h>

namespace bench {

// gradient == logits is in place.
struct Batch {
  const float *logits;
  float *gradient;  // NULL: only the loss
  const int64_t *target;
  int64_t outer, classes, inner;  // logits [outer, classes, inner]; inner 1 = rows
  bool stream;                    // stores of the gradient bypass the caches
  int prefetch;                   // bytes ahead
};

// What one instruction set brings. `cls` holds the classes of the rows of a block, -1 = ignored; both return the sum of
// the losses. `scale` is 1 / the mean's denominator.
struct YardstickKernels {
  const char *name;    // "yardstick-avx512"
  const char *target;  // the target of lossgen's that it is beside: "x86-64-v4"
  // Number of rows kept; *bad is set when a class is out of bounds.
  int64_t (*classes_of)(const int64_t *target, int64_t rows, int64_t classes, int32_t *cls, bool *bad);
  // Rows logits[row][c]; scratch: classes + 32 floats, or 32 * classes + 64 when classes <= 32.
  double (*rows)(const float *logits, float *gradient, const int32_t *cls, int64_t rows, int64_t classes, float scale,
                 const Batch &batch, float *scratch);
  // `pixels` neighbours of planes that are `stride` apart: logits[c * stride + pixel]; scratch: 2 * pixels + 64 floats.
  double (*planes)(const float *logits, float *gradient, const int32_t *cls, int64_t pixels, int64_t stride,
                   int64_t classes, float scale, const Batch &batch, float *scratch);
};

// NULL where this program has none or the CPU cannot run it.
const YardstickKernels *yardstick_avx512();
const YardstickKernels *yardstick_avx2();
const YardstickKernels *yardstick_sse42();

class Pool;

// Mean loss over the batch on `threads` threads, and the gradient; NaN when a target was out of bounds.
double run_yardstick(const YardstickKernels &kernels, const Batch &batch, Pool &pool, int threads);

}  // namespace bench
#endif  // LOSSGEN_BENCH_YARDSTICK_H
