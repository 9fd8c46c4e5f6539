// The timing loop: every round runs every contender once, so that a change of the machine's mood meets all of them.
#ifndef LOSSGEN_BENCH_MEASURE_H
#define LOSSGEN_BENCH_MEASURE_H

#include <vector>

#include "contenders.h"
#include "report.h"

namespace bench {

struct Pace {
  int rounds = 9;
  double seconds = 0.3;      // short contenders get more rounds, until this much time
  double sample = 50e-6;     // shorter calls are timed several at a time
  int most_rounds = 99;
};

// One row per contender. Throws what a check throws.
std::vector<Row> measure(const Batches &batches, int threads, std::vector<Contender> &contenders, const Pace &pace);

}  // namespace bench
#endif  // LOSSGEN_BENCH_MEASURE_H
