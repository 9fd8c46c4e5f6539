// arm64 (NEON) defaults, as x86's but for the width; not timed on hardware.
#include "schedule.h"

namespace lossgen {

Params arm_defaults(const KernelKey &key) {
  Params p;
  p.vector = key.dtype == LOSSGEN_DTYPE_f64 ? 2 : 4;
  // Of planes' gradients, 7.8 instructions a logit by single vectors, 6.6 by four: loads in pairs, one counter for all.
  p.unroll = key.layout == LOSSGEN_LAYOUT_strided ? 1 : 4;
  p.prefetch = 0;
  p.class_group = key.layout == LOSSGEN_LAYOUT_planes ? 4 : 1;
  p.tile = 256;
  p.block_bytes = 128 << 10;
  return p;
}

}  // namespace lossgen
