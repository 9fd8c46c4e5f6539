#define BENCH_BYTES 64
#define BENCH_ISA "avx512"
#include "loops_body.h"

const bench::Loops *bench::loops_avx512() {
  return &kLoops;
}
