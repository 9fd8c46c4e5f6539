// Which kernels a loss takes, and how they cut its rows.
#include "names.h"
#include "rows.h"
#include "stream.h"

#include <algorithm>
#include <utility>

namespace lossgen {

namespace {
bool every_image_on_lines(const Problem &p) {
  return std::all_of(p.outer, p.outer + p.outer_count, [&](const auto &axis) { return on_lines(p, axis.matrix[kOut]); });
}
bool has_dense_rows(const Problem &p) {
  return p.layout != LOSSGEN_LAYOUT_rows || p.inner.extent == 1 || p.inner.matrix[kIn0] == p.classes;
}
}  // namespace

Substitutes find_substitutes(const Problem &p, const lossgen_options &o, int target, bool gradient, bool in_place,
                             bool saved_lse) {
  Substitutes found;
  if (p.split()) return found;
  KernelsFor linked(dtype_id(p.matrix[kIn0].type), p.layout, p.classes, target, o.general_kernels_only);
  // z-loss scales a row's softmax by its lse, which kernels of both passes know too late; they have no use for a saved lse.
  const bool at_once = !gradient || (o.z_loss == 0 && !saved_lse);
  if (gradient && at_once && p.layout == LOSSGEN_LAYOUT_rows && lossgen_takes_whole_rows(p.classes, std::max(4, p.matrix[kIn0].bytes())))
    found.whole_rows = linked.find(LOSSGEN_STAGE_cross_entropy_forward_backward);
  if (found.whole_rows) return found;
  // Rows out of place wait for the gradient's cache lines: there a second exp is free, and the terms are in the way, if the
  // lines come from memory.
  const int64_t row_bytes = p.classes * p.matrix[kIn0].bytes(), bytes = p.rows * row_bytes;
  if (gradient && !saved_lse && row_bytes <= LOSSGEN_MOST_TERMS_BYTES && bytes >= LOSSGEN_FEWEST_TERMS_BYTES &&
      (in_place || p.layout == LOSSGEN_LAYOUT_planes || bytes <= kMostCachedBytes || streams(p))) {
    found.forward_terms = linked.find(LOSSGEN_STAGE_cross_entropy_forward_terms);
    found.backward_terms = linked.find(LOSSGEN_STAGE_cross_entropy_backward_terms);
    if (!found.backward_terms) found.forward_terms = nullptr;
  }
  if (!o.general_kernels_only && at_once) {
    found.unrolled = linked.find(gradient ? LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled
                                           : LOSSGEN_STAGE_cross_entropy_forward_unrolled);
    found.unrolled_exact = linked.find(gradient ? LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled_exact
                                                : LOSSGEN_STAGE_cross_entropy_forward_unrolled_exact);
    // The fast one takes dense rows, and in place it has to leave those to be done again as they are. And schedules may have given the exact one
    // longer vectors, which cannot do the other's rows, or which the room for them does not hold.
    if (found.unrolled && found.unrolled_exact &&
        (!has_dense_rows(p) ||
         (gradient && in_place && !lossgen_keeps_logits(found.unrolled->target, p.layout, std::max(4, p.matrix[kIn0].bytes()))) ||
         found.unrolled->block_granule % found.unrolled_exact->block_granule != 0 ||
         !is_room(p, *found.unrolled_exact, kMostAgainBytes, kMostAgainRows)))
      found.unrolled = std::exchange(found.unrolled_exact, nullptr);
    if (gradient && found.unrolled_exact && streams(p) && on_lines(p) && every_image_on_lines(p)) {
      const lossgen_kernel *streamed = linked.find(LOSSGEN_STAGE_cross_entropy_forward_backward_streamed);
      if (streamed && found.unrolled->block_granule % streamed->block_granule == 0) found.streamed = streamed;
    }
  }
  return found;
}

lossgen_status choose_kernels(LossCall *call, LossKernels *kernels) {
  Problem &p = call->problem;
  const int main_stage = call->from_log_probs ? LOSSGEN_STAGE_nll_loss_forward : LOSSGEN_STAGE_cross_entropy_forward;
  lossgen_status status = canonicalize_for(main_stage, call->forced_target, call->options.general_kernels_only, &p);
  if (status == LOSSGEN_OK) status = check_row_outputs(*call);
  if (status != LOSSGEN_OK) return status;
  const int dtype = dtype_id(p.matrix[kIn0].type);
  const bool nll = call->from_log_probs, general = call->options.label_smoothing != 0;
  const bool stats = wants_stats(*call);
  if (!nll && !general && !stats && !p.matrix[kLogProbs].defined()) split_long_rows(&p);
  LossKernels &k = *kernels;
  status = kernels_for(*call, dtype_id(p.row[kTarget].type), LOSSGEN_LAYOUT_any).need(LOSSGEN_STAGE_target_classes, &k.classes);
  KernelsFor linked = kernels_for(*call, dtype, p.layout);
  const auto need = [&](bool wanted, lossgen_stage_id stage, const lossgen_kernel **kernel) {
    if (wanted && status == LOSSGEN_OK) status = linked.need(stage, kernel);
  };
  if (nll) {
    need(call->want_loss, LOSSGEN_STAGE_nll_loss_forward, &k.forward);
    need(call->want_grad, LOSSGEN_STAGE_nll_loss_backward, &k.backward);
  } else if (general) {
    need(true, LOSSGEN_STAGE_cross_entropy_forward_general, &k.forward);
    need(call->want_grad, LOSSGEN_STAGE_cross_entropy_backward_general, &k.backward);
  } else {
    need(true, LOSSGEN_STAGE_cross_entropy_forward, &k.forward);
    need(true, LOSSGEN_STAGE_cross_entropy_forward_exact, &k.exact);
    need(call->want_grad, LOSSGEN_STAGE_cross_entropy_backward, &k.backward);
  }
  need(p.matrix[kLogProbs].defined(), LOSSGEN_STAGE_log_softmax_forward, &k.log_probs);
  need(stats, LOSSGEN_STAGE_row_stats, &k.stats);
  if (status != LOSSGEN_OK) return status;
  if (!nll && !general)
    static_cast<Substitutes &>(k) = find_substitutes(p, call->options, call->forced_target, call->want_grad,
                                                     p.matrix[kOut].data == p.matrix[kIn0].data, call->lse_is_input);
  // One cut for both passes: a block's logits are still in cache when its gradient is made.
  if (!p.split()) cut_into_blocks(&p, *(k.forward ? k.forward : k.backward), k.unrolled);
  return LOSSGEN_OK;
}

}  // namespace lossgen
