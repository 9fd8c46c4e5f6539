// x86-64 defaults. Each number with the measurement behind it; schedule files override them.
#include "schedule.h"

namespace lossgen {

Params x86_defaults(const KernelKey &key) {
  Params p;
  p.vector = key.target == LOSSGEN_TARGET_x86_64_v4 ? 16 : key.target == LOSSGEN_TARGET_x86_64_v3 ? 8 : 4;
  if (key.dtype == LOSSGEN_DTYPE_f64) p.vector /= 2;
  p.unroll = key.layout == LOSSGEN_LAYOUT_strided ? 1 : 4;  // strided: one load per lane bounds the speed, not latency
  p.prefetch = 256;
  p.class_group = 4;
  p.tile = 256;
  p.block_bytes = 128 << 10;
  return p;
}

}  // namespace lossgen
