#include "softmax.h"

#include <algorithm>

#include "kernel_call.h"
#include "names.h"
#include "parallel.h"
#include "registry.h"
#include "stream.h"
#include "workspace.h"

namespace lossgen {

lossgen_status run_log_softmax(Problem *problem, bool backward, const lossgen_options &options, int forced_target) {
  Problem &p = *problem;
  const int stage = backward ? LOSSGEN_STAGE_log_softmax_backward : LOSSGEN_STAGE_log_softmax_forward;
  const bool general = options.general_kernels_only;
  const lossgen_status status = canonicalize_for(stage, forced_target, general, &p);
  if (status != LOSSGEN_OK) return status;
  const int dtype = dtype_id(p.matrix[kIn0].type);
  const lossgen_kernel *kernel = find_kernel(stage, dtype, p.layout, p.classes, forced_target, general);
  if (!kernel) return explain_missing(stage, dtype, p.layout, p.classes, forced_target, general);
  if (p.rows == 0 || p.classes == 0) return LOSSGEN_OK;
  cut_into_blocks(&p, *kernel);
  const int64_t bytes = (backward ? 3 : 2) * p.rows * p.classes * p.matrix[kIn0].bytes();
  // Rows longer than a part gain nothing (bf16 loses a tenth), and backward, which reads two tensors in two passes, loses
  // half: there memory is busy all the time, and a copy at the end waits for it.
  // And rows gain only where memory is waited for: of 8 to 20 MB 1.25 times the time.
  const bool waits = p.layout == LOSSGEN_LAYOUT_planes || p.rows * p.classes * p.matrix[kOut].bytes() >= 2 * streamed_bytes;
  const bool past_caches = !backward && waits && streams(p) && fills_lines(p) && p.classes * p.matrix[kOut].bytes() <= kPartBytes;
  const int64_t rows = past_caches ? copied_rows(p, 1) : p.block_rows;
  const ScratchShape shape = scratch_shape(p, rows);
  const auto run = [&](const Block &b, const lossgen_buffer *out) {
    const Buffer2 in(p, kIn0, b, 0, b.rows);
    if (backward) {
      const Buffer2 log_probs(p, kIn1, b, 0, b.rows);
      call(kernel, lossgen_args_log_softmax_backward{&in, &log_probs, out});
    } else {
      call(kernel, lossgen_args_log_softmax_forward{&in, out});
    }
  };
  parallel_chunks(p, options, bytes, [&](int64_t first, int64_t end) {
    Workspace workspace(options);
    char *scratch = past_caches ? workspace.take((size_t)(shape.elements * p.matrix[kOut].bytes())) : nullptr;
    Block block;
    for (Blocks blocks(p, first, end); blocks.next(&block);) {
      for (int64_t r = 0; r < block.rows; r += rows) {
        const Block b = part_of(p, block, r, std::min(rows, block.rows - r));
        write_out(p, b, scratch, shape.pitch, [&](const lossgen_buffer *out) { run(b, out); });
      }
    }
    if (scratch) finish_streams();
  });
  return LOSSGEN_OK;
}

}  // namespace lossgen
