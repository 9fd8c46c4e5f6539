// lossgen_explain: the decisions of a call, as text.
#include <string.h>

#include <algorithm>

#include "error.h"
#include "loss.h"
#include "names.h"
#include "parallel.h"
#include "registry.h"
#include "sized.h"
#include "stream.h"
#include "text.h"

namespace lossgen {
namespace {

struct OpStages {
  const char *op;
  int tensors;  // logit-sized tensors that pass through memory
  int stages[4];
};
constexpr int kEnd = -1;
constexpr OpStages kOps[] = {
    {"log_softmax_forward", 2, {LOSSGEN_STAGE_log_softmax_forward, kEnd}},
    {"log_softmax_backward", 3, {LOSSGEN_STAGE_log_softmax_backward, kEnd}},
    {"nll_loss_forward", 0, {LOSSGEN_STAGE_nll_loss_forward, kEnd}},
    {"nll_loss_backward", 1, {LOSSGEN_STAGE_nll_loss_backward, kEnd}},
    {"cross_entropy_forward", 1, {LOSSGEN_STAGE_cross_entropy_forward, LOSSGEN_STAGE_cross_entropy_forward_exact, kEnd}},
    {"cross_entropy_backward",
     2,
     {LOSSGEN_STAGE_cross_entropy_forward, LOSSGEN_STAGE_cross_entropy_forward_exact, LOSSGEN_STAGE_cross_entropy_backward,
      kEnd}},
    {"cross_entropy_forward_backward",
     2,
     {LOSSGEN_STAGE_cross_entropy_forward, LOSSGEN_STAGE_cross_entropy_forward_exact, LOSSGEN_STAGE_cross_entropy_backward,
      kEnd}},
    {"cross_entropy_probs_forward", 2, {LOSSGEN_STAGE_cross_entropy_probs_forward, kEnd}},
    {"cross_entropy_probs_backward",
     3,
     {LOSSGEN_STAGE_cross_entropy_probs_forward, LOSSGEN_STAGE_cross_entropy_probs_backward, kEnd}},
    {"cross_entropy_probs_forward_backward",
     3,
     {LOSSGEN_STAGE_cross_entropy_probs_forward, LOSSGEN_STAGE_cross_entropy_probs_backward, kEnd}},
};

// Why targets newer than the one taken were passed over.
void explain_newer(int taken, Text *text) {
  for (int id = taken + 1; id < LOSSGEN_TARGET_COUNT; id++) {
    if (strcmp(kTargetMachines[id], kTargetMachines[taken]) != 0) continue;
    const char *lacks = target_lacks(id);
    text->add("  not %s: %s\n", kTargetNames[id], lacks ? lacks : "no kernel for it is linked, or another was forced");
  }
}

// As if a gradient of the logits' layout were written elsewhere.
Problem with_gradient(Problem p) {
  alignas(kLine) static char elsewhere;
  p.matrix[kOut] = p.matrix[kIn0];
  p.matrix[kOut].data = &elsewhere;
  p.class_stride[kOut] = p.class_stride[kIn0];
  p.inner.matrix[kOut] = p.inner.matrix[kIn0];
  return p;
}

void explain_instead(const Problem &p, const lossgen_options &o, int target, const Substitutes &found, bool gradient, Text *text) {
  // found: in place, for gradients; apart: with the gradient elsewhere, or none.
  const Problem elsewhere = with_gradient(p);
  const Substitutes apart = find_substitutes(elsewhere, o, target, gradient, false, false);
  const bool past_caches = streams(elsewhere);
  if (p.split()) text->add("  each row in %lld pieces\n", (long long)p.pieces.chunks);
  if (apart.unrolled)
    text->add("  but kernel %s for %d rows at a time%s\n", apart.unrolled->name, (int)apart.unrolled->block_granule,
              can_fill_up(p, *apart.unrolled) ? "" : ", as far as there are so many");
  if (apart.unrolled_exact)
    text->add("  and for rows beyond its range%s kernel %s\n", found.unrolled_exact ? "" : ", and in place,", apart.unrolled_exact->name);
  if (found.whole_rows) text->add("  but kernel %s: a row's gradient before the next row\n", found.whole_rows->name);
  if (found.forward_terms)
    text->add("  %s exp is kept: kernel %s and its backward\n",
              p.layout == LOSSGEN_LAYOUT_planes || past_caches ? "gradients:" : "in place, or few logits:",
              found.forward_terms->name);
  if (gradient && apart.streamed)
    text->add("  and where each class of a gradient apart from the logits begins at cache lines, past the caches, kernel %s\n", apart.streamed->name);
  else if (gradient && !p.split() && past_caches)
    text->add("  a gradient apart from the logits is written past the caches, %lld rows at a time (planes: if its classes begin at cache lines)\n",
              (long long)std::min(p.inner.extent, apart.whole_rows ? copied_rows(elsewhere, 1) : part_rows(elsewhere, apart.unrolled ? apart.unrolled->block_granule : 1)));
}

lossgen_status explain(const char *op, const DLTensor *logits, const lossgen_options *given, Text *text) {
  const OpStages *found = nullptr;
  for (const OpStages &candidate : kOps)
    if (op && strcmp(candidate.op, op) == 0) found = &candidate;
  if (!found) {
    fail(LOSSGEN_BAD_ARGUMENT, "unknown op '%s'; expected", op ? op : "(null)");
    for (const OpStages &candidate : kOps) fail_more(" %s", candidate.op);
    return LOSSGEN_BAD_ARGUMENT;
  }
  lossgen_options o;
  lossgen_status status = read_sized("options", given, &o);
  if (status != LOSSGEN_OK) return status;
  Problem p;
  status = read_tensor("logits", logits, kFloats, &p.matrix[kIn0]);
  if (status != LOSSGEN_OK) return status;
  if (p.matrix[kIn0].device.device_type != kDLCPU)
    return fail(LOSSGEN_BAD_ARGUMENT, "logits are on a device of type %d; calls on host tensors (%d) can be explained",
                (int)p.matrix[kIn0].device.device_type, (int)kDLCPU);
  if (p.matrix[kIn0].rank == 0) return fail(LOSSGEN_BAD_ARGUMENT, "logits is a scalar; it needs a class axis");
  if ((status = find_class_axis(o, p.matrix[kIn0].rank, &p.class_axis)) != LOSSGEN_OK) return status;
  int target;
  if ((status = resolve_target(o.target, &target)) != LOSSGEN_OK) return status;
  if ((status = canonicalize_for(found->stages[0], target, o.general_kernels_only, &p)) != LOSSGEN_OK) return status;
  const int dtype = dtype_id(p.matrix[kIn0].type);

  text->add("%s: %lld rows of %lld classes, %s, layout %s\n", op, (long long)p.rows, (long long)p.classes,
            dtype_text(p.matrix[kIn0].type), kLayoutNames[p.layout]);
  const lossgen_kernel *first = nullptr;
  const bool general = o.label_smoothing != 0;
  const bool plain = !general && found->stages[0] == LOSSGEN_STAGE_cross_entropy_forward;  // as choose_kernels
  if (plain) split_long_rows(&p);
  const int64_t classes = p.split() ? 0 : p.classes;
  for (const int *listed = found->stages; *listed != kEnd; listed++) {
    // Label smoothing takes the general stages, which are exact from the start.
    if (general && *listed == LOSSGEN_STAGE_cross_entropy_forward_exact) continue;
    const int general_stage = *listed == LOSSGEN_STAGE_cross_entropy_forward    ? LOSSGEN_STAGE_cross_entropy_forward_general
                              : *listed == LOSSGEN_STAGE_cross_entropy_backward ? LOSSGEN_STAGE_cross_entropy_backward_general
                                                                                : *listed;
    const int wanted = general ? general_stage : *listed, *stage = &wanted;
    const lossgen_kernel *k = find_kernel(*stage, dtype, p.layout, classes, target, o.general_kernels_only);
    if (!k) return explain_missing(*stage, dtype, p.layout, classes, target, o.general_kernels_only);
    if (!first) first = k;
    const char *when = *stage == LOSSGEN_STAGE_cross_entropy_forward_exact ? " (rows whose reference overflows)" : "";
    text->add("  kernel %s, schedule %s, back end %s%s\n", k->name, k->schedule, k->backend, when);
  }
  const bool gradient = found->tensors > 1;
  const Substitutes instead = plain ? find_substitutes(p, o, target, gradient, true, false) : Substitutes{};
  if (!p.split()) cut_into_blocks(&p, *first, instead.unrolled);
  if (plain) explain_instead(p, o, target, instead, gradient, text);
  if (p.rows && p.classes) {
    const int64_t bytes = found->tensors * p.rows * p.classes * p.matrix[kIn0].bytes();
    text->add("  blocks of up to %lld rows, summed in %lld chunks, ", (long long)p.block_rows, (long long)p.cut.chunks);
    const lossgen_options limited = p.split() ? o : with_threads_for(p, o);
    const int64_t tasks = p.split() ? p.rows * p.pieces.chunks : p.cut.chunks;
    if (o.parallel_for) text->add("on the caller's parallel_for\n");
    else text->add("on %d threads\n", parallel_threads(&limited, tasks, bytes));
  }
  text->add("  target %s%s\n", kTargetNames[first->target],
            target >= 0 ? ", forced by options.target or LOSSGEN_TARGET" : ", the newest that this machine runs");
  explain_newer(first->target, text);
  if (p.layout == LOSSGEN_LAYOUT_strided)
    text->add("  not rows or planes: neither the classes nor another axis of more than 4 elements has stride 1\n");
  if (!first->classes && !p.split())
    text->add("  no kernel for exactly %lld classes is linked; lossgen_add_library(... CLASSES %lld) makes one\n",
              (long long)p.classes, (long long)p.classes);
  return LOSSGEN_OK;
}

}  // namespace
}  // namespace lossgen

size_t lossgen_explain(const char *op, const DLTensor *logits, const lossgen_options *options, char *buffer,
                       size_t capacity) {
  lossgen::ErrorScope scope("explain");
  if (!buffer) capacity = 0;
  lossgen::Text text(buffer, capacity);
  return lossgen::explain(op, logits, options, &text) == LOSSGEN_OK ? text.length() : 0;
}
