// lossgen and the flat loops for peers.py, which times them between its peers: a C interface for ctypes.
#include <lossgen/lossgen.h>
#include <string.h>

#include <memory>
#include <thread>

#include "cases.h"
#include "loops.h"
#include "pool.h"

namespace {

bench::Pool &pool() {
  static bench::Pool pool(static_cast<int>(std::thread::hardware_concurrency()));
  return pool;
}

}  // namespace

extern "C" {

// Mean loss, and the gradient unless it is NULL; gradient == logits is in place. dtype as in "bf16".
__attribute__((visibility("default"))) int bench_cross_entropy(const char *dtype, int rank, const int64_t *shape,
                                                               void *logits, void *target, void *gradient, int threads,
                                                               double *loss) {
  const int bits = strcmp(dtype, "f64") == 0 ? 64 : strcmp(dtype, "f32") == 0 ? 32 : 16;
  const DLDataType type = lossgen_dtype(strcmp(dtype, "bf16") == 0 ? kDLBfloat : kDLFloat, bits);
  int64_t rows[8];
  for (int i = 0, k = 0; i < rank; i++) {
    if (i != 1) rows[k++] = shape[i];
  }
  float narrow = 0;
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  options.threads = threads;
  const DLTensor x = lossgen_tensor(logits, type, rank, shape);
  const DLTensor y = lossgen_tensor(target, lossgen_dtype(kDLInt, 64), rank - 1, rows);
  DLTensor g = lossgen_tensor(gradient, type, rank, shape);
  DLTensor l = bits == 64 ? lossgen_tensor(loss, type, 0, nullptr)
                          : lossgen_tensor(&narrow, lossgen_dtype(kDLFloat, 32), 0, nullptr);
  const lossgen_status status =
      gradient == nullptr ? lossgen_cross_entropy_forward(&x, &y, &options, &l, nullptr)
                          : lossgen_cross_entropy_forward_backward(&x, &y, &options, &l, &g, nullptr);
  if (bits != 64) *loss = narrow;
  return status;
}

__attribute__((visibility("default"))) const char *bench_error() {
  return lossgen_last_error();
}

__attribute__((visibility("default"))) void bench_read(const void *from, int64_t bytes, int threads) {
  pool().run(threads, [&](int k) {
    const bench::Range r = bench::share(bytes, k, threads, 4096);
    const int all = bench::best_loops().read(static_cast<const char *>(from) + r.begin, r.end - r.begin);
    __asm__ volatile("" : : "r"(all));
  });
}

__attribute__((visibility("default"))) void bench_copy(void *to, const void *from, int64_t bytes, int threads) {
  pool().run(threads, [&](int k) {
    const bench::Range r = bench::share(bytes, k, threads, 4096);
    bench::best_loops().copy(static_cast<char *>(to) + r.begin, static_cast<const char *>(from) + r.begin, r.end - r.begin);
  });
}

}  // extern "C"
