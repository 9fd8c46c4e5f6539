// Stores past the caches. An ordinary store first reads the cache line that it changes: a gradient much larger than the
// caches passes through memory twice. So kernels leave a few rows of it in scratch, which stays in cache, and from there
// they are copied by stores that read nothing. (Planes of known classes may have a kernel that makes such stores itself.)
#ifndef LOSSGEN_RUNTIME_STREAM_H
#define LOSSGEN_RUNTIME_STREAM_H

#include "kernel_call.h"

namespace lossgen {

// Is kOut large enough to be written this way, and apart from the logits? Then nobody finds it in a cache. Depends on the
// machine's kind and the tensors' shape and strides, as the bits of the result do.
// From 16 MiB on: losses of (4000 to 5000, 1000) take 0.7 of the time with logits and gradient in a 32 MiB L3 before, (2000, 1000) 0.8;
// what is saved below, the reader of the gradient pays.
inline int64_t streamed_bytes = 16 << 20;  // lossgen_fuzz --stream-from sets it
inline int stream_store_bytes = 32;        // at most; lossgen_fuzz --stream-by sets it
bool streams(const Problem &problem);
// Does the run of each class of planes, `offset` elements into kOut, begin at a cache line?
inline bool on_lines(const Problem &p, int64_t offset = 0) {
  const int bytes = p.matrix[kOut].bytes();
  return (uintptr_t)(p.matrix[kOut].data + offset * bytes) % kLine == 0 && p.class_stride[kOut] * bytes % kLine == 0;
}
// If kOut is written this way, will its lines be written whole? The ends of each run are not, where runs begin anywhere: rows are one long run
// or long ones, but the runs of planes are short. Decides how bytes are written, not which.
inline bool fills_lines(const Problem &p) { return p.layout == LOSSGEN_LAYOUT_rows || on_lines(p); }

// Rows of a block in scratch: runs of elements (classes; pixels for planes), each from a cache line on unless they are short.
struct ScratchShape {
  int64_t pitch, elements;
};
ScratchShape scratch_shape(const Problem &problem, int64_t rows);

// From scratch to kOut's rows of a block, whose next rows of kIn0, as many, are asked for meanwhile.
void stream_out(const Problem &problem, const Block &block, const char *scratch, int64_t pitch);
// write(buffer) writes a block's rows of kOut: there, or, where there is scratch, by way of it.
template <class Write>
void write_out(const Problem &p, const Block &b, char *scratch, int64_t pitch, Write &&write) {
  if (!scratch) {
    write(&Buffer2(p, kOut, b, 0, b.rows));
    return;
  }
  write(&Buffer2(p, scratch, b.rows, pitch));
  stream_out(p, b, scratch, pitch);
}
// Before another thread may read what was written.
void finish_streams();

}  // namespace lossgen
#endif
