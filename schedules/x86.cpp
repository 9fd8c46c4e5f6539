// x86-64 defaults; the loops themselves are in schedules/cpu.cpp. Schedule files override the numbers. Where none is
// given, a number follows from the registers or the cache and was not tuned.
#include "schedule.h"
#include "storage.h"

namespace lossgen {

Params x86_defaults(const KernelKey &key) {
  Params p;
  p.vector = key.target == LOSSGEN_TARGET_x86_64_v4 ? 16 : key.target == LOSSGEN_TARGET_x86_64_v3 ? 8 : 4;
  if (key.dtype == LOSSGEN_DTYPE_f64) p.vector /= 2;
  // 4 independent sums hide the latency of a fused multiply-add; strided is bound by one load per lane instead.
  p.unroll = key.layout == LOSSGEN_LAYOUT_strided ? 1 : 4;
  // 16 KiB: reading alone, 15.8 GB/s at this distance, 14.1 at 1 KiB, 15.5 at 4 KiB (Xeon, t0 hint); forward on (2048, 32768),
  // EPYC 9004, t1 hint, 8 to 64 KiB: 12.5 to 12.9 ms, 4 KiB 14.8, none 13.8. Of strided logits Halide
  // would prefetch all memory between two vectors' elements: 475 ns a logit at an inner stride of 2.
  p.prefetch = key.layout == LOSSGEN_LAYOUT_strided ? 0 : 256;
  // Where the logits are in L3 already, two passes that ask for more than 4 KiB ahead are slower: log_softmax of (4096, 1000)
  // again and again, 128 and 256 vectors ahead 2.0 ms, up to 64 1.3. From memory there is no difference.
  if (key.stage == LOSSGEN_STAGE_log_softmax_forward && key.layout == LOSSGEN_LAYOUT_rows) p.prefetch = 64;
  // Of many planes, the hardware follows few: (4, 21, 500, 500) forward, known classes, EPYC 9004, 13.0 to 10.8 ms; (2, 150, 128, 128)
  // forward, a Xeon, 3.2 to 1.6, in place 4.1 to 3.0. Rows of known classes: default_params.
  if (key.layout == LOSSGEN_LAYOUT_planes) p.prefetch = 8;
  // (4, 21, 500, 500), a Zen 5, ms: log_softmax forward 7.5 to 5.8, backward 13.2 to 11.3; 2 KiB and 4 KiB on the same. In L2 3 and 10 % more.
  if (key.layout == LOSSGEN_LAYOUT_planes && asks_with_loads(key.stage)) p.prefetch = 1024 / (p.vector * storage_type(key.dtype).bytes());
  // Each vector of known classes asks for the one 256 bytes on (memory_passes.h), forward 1 KiB, of two classes 2 KiB. A Xeon (family 6, model 207), ms: (4, 21, 500,
  // 500) forward, 256 bytes, 7.7 to 7.4; with the gradient, -v4, 12.3 to 11.8, (1, 19, 1024, 2048) 28.4 to 25.9. Gradients in place by the exact
  // stage lose by it, (1, 19, 1024, 2048) 22.2 to 23.3, -v3 35 to 42, -v2 65.8 to 70.9; apart, -v3 gains nothing and -v2 loses as much. Forward
  // on a Zen 5, none, 256, 512, 1024 bytes: 3.13, 2.66, 2.53, 2.52, (4, 21, 512, 512) 3.25, 2.97, 2.88, 2.90, 512, 1024, 2048 bytes: (4, 9, 600,
  // 600) 2.24, 2.13, 2.13, (4, 2, 1024, 1024) 3.04, 2.82, 2.74, with the gradient, 256, 1024, 2048: 5.6, 5.4, 5.3, in place 5.03, 4.83, 4.79.
  if (is_unrolled(key.stage)) {
    const bool forward = is_forward_unrolled(key.stage);
    const bool two = key.classes == 2;
    const bool asks = key.layout == LOSSGEN_LAYOUT_planes && (forward || (key.target == LOSSGEN_TARGET_x86_64_v4 && (two || !has_reference(key))));
    const int bytes = two ? 2048 : forward ? 1024 : 256;
    p.prefetch = asks ? bytes / (p.vector * storage_type(key.dtype).bytes()) : 0;
  }
  p.class_group = key.layout == LOSSGEN_LAYOUT_planes ? 4 : 1;  // four exponentials in flight per pixel vector
  // 32 registers hold more: (1, 19, 1024, 2048) forward, EPYC 9004, 18.9 to 17.6 ms, 17.1 with 16. Of many planes 16 ask for too much at once:
  // (2, 150, 128, 128), a Xeon, 2.3 ms, with 8 1.6. Of kernels that write planes too, 16 cost 5 %; of those of x86-64-v3 a fifth.
  if (key.stage == LOSSGEN_STAGE_cross_entropy_forward && key.target == LOSSGEN_TARGET_x86_64_v4 && key.layout == LOSSGEN_LAYOUT_planes) p.class_group = 8;
  // Rows of 8192 classes and more in four parts, 8 KiB ahead in all, steps of two vectors so that nothing spills. A Xeon (family 6, model
  // 207), us a row: (2048, 32768) forward 11.6 to 10.1, with the gradient 30.8 to 27.0, (1024, 50257) forward 19.5 to 16.2, (100, 32768), in L3,
  // 7.6 to 6.2, (16, 32768), in L2, 5.5 to 5.7; shorter rows, which have no parts, the same. Not measured on an EPYC. f64, x86-64-v3: no gain; 16
  // bits and -v2 wait for no memory.
  if (key.stage == LOSSGEN_STAGE_cross_entropy_forward && key.target == LOSSGEN_TARGET_x86_64_v4 && key.layout == LOSSGEN_LAYOUT_rows &&
      key.dtype == LOSSGEN_DTYPE_f32)
    p.class_group = 4, p.unroll = 2, p.prefetch = 128;
  p.tile = 256;       // 1 KiB per class: the per-pixel sums and references stay in L1
  p.block_bytes = 128 << 10;  // logits and gradient of a block together take a quarter of a 1 MiB L2
  return p;
}

}  // namespace lossgen
