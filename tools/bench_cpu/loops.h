// What memory gives: flat loops over bytes, one set per instruction set.
#ifndef LOSSGEN_BENCH_LOOPS_H
#define LOSSGEN_BENCH_LOOPS_H

#include <stddef.h>
#include <stdint.h>

namespace bench {

struct Loops {
  const char *isa;
  int (*read)(const void *from, size_t bytes);
  void (*copy)(void *to, const void *from, size_t bytes);
  void (*copy_streaming)(void *to, const void *from, size_t bytes);  // stores that bypass the caches
  void (*update)(void *data, size_t bytes, int flip);                // data ^= flip, in place
  void (*fill)(void *to, size_t bytes, int value);
  void (*add)(void *to, const void *a, const void *b, size_t bytes);  // to = a ^ b
};

// NULL where the program was not compiled for it. Callers ask cpu_has_*() first.
const Loops *loops_avx512();
const Loops *loops_avx2();
const Loops *loops_baseline();

bool cpu_has_avx512();  // x86-64-v4
bool cpu_has_avx2();    // x86-64-v3
bool cpu_has_sse42();   // x86-64-v2

// The widest that this CPU runs.
const Loops &best_loops();

}  // namespace bench
#endif  // LOSSGEN_BENCH_LOOPS_H
