// arm64 (NEON) defaults.
#include "schedule.h"

namespace lossgen {

Params arm_defaults(const KernelKey &) {
  Params p;
  p.vector = 4;
  p.unroll = 4;
  p.prefetch = 0;
  p.class_group = 4;
  p.tile = 256;
  p.block_bytes = 128 << 10;
  return p;
}

}  // namespace lossgen
