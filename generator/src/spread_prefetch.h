// Prefetches handed out over the loops of a tile.
#pragma once
#include <string>
#include <vector>

#include <Halide.h>

namespace lossgen {

// What a tile of rows asks for is the tile `ahead` elements further on. Halide puts all of its prefetches into the loop that reads
// the logits; a core has only some twenty lines on their way, so that this loop waits for memory and the tile's other loops leave
// memory idle. Each loop takes a share of the lines instead.
struct Spread {
  struct Loop {
    std::string func;  // the loop of this Func
    int first_line;    // of the tile's
    int lines, every;  // so many at a time, with every iteration or with every second, third, ... one
  };
  int elements = 0, elements_per_line = 0;  // logits of a tile
  int ahead = 0;                            // logits from one to what is asked for with it
  std::vector<Loop> loops;                  // empty: nothing is spread
  int asked = 0;                            // lines that have their loop

  int lines() const { return elements / elements_per_line; }
  // A share of about so many lines for a loop of so many iterations, rounded up to what its iterations divide into.
  void add(const std::string &func, int iterations, int share);
};

// A lowering pass for the one tiled loop of a kernel, in which Halide has put one prefetch. The pipeline that gets it deletes it.
Halide::Internal::IRMutator *spread_prefetch(const Spread &spread);

}  // namespace lossgen
