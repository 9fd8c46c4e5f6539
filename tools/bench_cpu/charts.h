// The results as pictures for the README and docs/.
#ifndef LOSSGEN_BENCH_CHARTS_H
#define LOSSGEN_BENCH_CHARTS_H

#include <string>
#include <vector>

#include "report.h"

namespace bench {

// Writes what the rows have data for into the folder and returns the files' paths:
//   roofline-T-threads.svg  bars beside the roofline per shape, for each number of threads T
//   time-against-N.svg, time-against-C.svg  the curves of --sweep
// Throws std::runtime_error.
std::vector<std::string> draw_charts(const Results &results, const std::string &folder);

}  // namespace bench
#endif  // LOSSGEN_BENCH_CHARTS_H
