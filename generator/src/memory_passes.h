// Lowering passes: how kernels meet memory, where no schedule can say it. The pipeline that gets one deletes it.
#pragma once
#include <string>

#include <Halide.h>

namespace lossgen {

// Each vector that is loaded of an input asks, once in a loop, for the one `ahead` elements further on. Halide's own prefetch asks for a vector of every
// plane before the first one is loaded, more lines than a core has on their way, and finds nothing to do where two outputs share a loop.
Halide::Internal::IRMutator *ask_with_loads(const std::string &input, int ahead);

// An output is written past the caches, vectors of 16 f32 at multiples of 64 bytes.
Halide::Internal::IRMutator *store_past_caches(const std::string &output);

// Of an output that is select(condition, value, what is there), the last is neither read nor written.
Halide::Internal::IRMutator *store_where_selected(const std::string &output);

// `value`, which is also stored in the place, an element of an output or of an array on the stack: by this pass, where what it is part of is stored.
Halide::Expr left_at(const Halide::Expr &place, const Halide::Expr &value);
Halide::Internal::IRMutator *store_left(const std::string &buffer);

// What a kernel writes and reads again Halide takes for its own memory, aligned to vectors. Of outputs that is not so.
Halide::Internal::IRMutator *read_unaligned(const std::string &output);

}  // namespace lossgen
