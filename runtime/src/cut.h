// How work is cut for a number of threads that nobody knows yet.
#ifndef LOSSGEN_RUNTIME_CUT_H
#define LOSSGEN_RUNTIME_CUT_H

#include <stdint.h>

namespace lossgen {

// Units in a row, cut into chunks of 2^k units. A chunk leaves at least `threads` times its size to the others, or is of the smallest
// size: 1/8192 of all (up to twice that) or one unit. So nobody ends later than the others by more than a smallest chunk, 1.6 % of
// the share of one of 64 threads. Chunks begin at multiples of their size. There are 512 of them where there are units enough.
constexpr int64_t kCutThreads = 64, kMostUnits = 8192, kMaxChunks = 640;
struct Cut {
  int64_t units = 0, chunks = 0;

  Cut() {}
  Cut(int64_t units, int64_t threads);
  // First unit of a chunk; chunk == chunks gives the end.
  int64_t begin(int64_t chunk) const {
    int i = levels - 1;
    while (level[i].chunk > chunk) i--;
    const int64_t unit = level[i].unit + (chunk - level[i].chunk) * level[i].size;
    return unit < units ? unit : units;
  }

 private:
  int levels = 0;
  struct {
    int64_t chunk, unit, size;  // the first chunk of a size, its first unit
  } level[16];
};

}  // namespace lossgen
#endif
