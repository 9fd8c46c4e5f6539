// 16 bytes: SSE2 or NEON, whatever the compiler's default has. Also chooses among the sets.
#define BENCH_BYTES 16
#if defined(__SSE2__)
#define BENCH_ISA "sse2"
#else
#define BENCH_ISA "baseline"
#endif
#include "loops_body.h"

namespace bench {

const Loops *loops_baseline() {
  return &kLoops;
}

#if defined(__x86_64__)
bool cpu_has_avx512() {
  return cpu_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool cpu_has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool cpu_has_sse42() {
  return __builtin_cpu_supports("sse4.2");
}
#else
bool cpu_has_avx512() {
  return false;
}
bool cpu_has_avx2() {
  return false;
}
bool cpu_has_sse42() {
  return false;
}
const Loops *loops_avx512() {
  return nullptr;
}
const Loops *loops_avx2() {
  return nullptr;
}
#endif

const Loops &best_loops() {
  if (cpu_has_avx512()) return *loops_avx512();
  if (cpu_has_avx2()) return *loops_avx2();
  return *loops_baseline();
}

}  // namespace bench
