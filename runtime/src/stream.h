// Stores past the caches. An ordinary store first reads the cache line that it changes: a gradient much larger than the
// caches passes through memory twice. So kernels leave a few rows of it in scratch, which stays in cache, and from there
// they are copied by stores that read nothing.
#ifndef LOSSGEN_RUNTIME_STREAM_H
#define LOSSGEN_RUNTIME_STREAM_H

#include "problem.h"

namespace lossgen {

// Is kOut written this way? Where it is apart from the logits, has runs of elements, and is so large that nobody finds it in
// a cache. On one machine type it depends on the tensors' shape and layout alone, as the bits of the result do.
inline int64_t streamed_bytes = 32 << 20;  // lossgen_fuzz --stream-from sets it
bool streams(const Problem &problem);

// Rows of a block in scratch: runs of elements (classes; pixels for planes), each from a cache line on unless they are short.
struct ScratchShape {
  int64_t pitch, elements;
};
ScratchShape scratch_shape(const Problem &problem, int64_t rows);

// From scratch to kOut's rows of a block.
void stream_out(const Problem &problem, const Block &block, const char *scratch, int64_t pitch);
// Before another thread may read what was written.
void finish_streams();

}  // namespace lossgen
#endif
