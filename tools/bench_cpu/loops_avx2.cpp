#define BENCH_BYTES 32
#define BENCH_ISA "avx2"
#include "loops_body.h"

const bench::Loops *bench::loops_avx2() {
  return &kLoops;
}
