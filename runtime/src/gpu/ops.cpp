// The ops on device tensors. Everything that host calls do in C++ between the kernels (weights, sums, denominators,
// bounds) is kernels here as well, so that a call only enqueues launches: no copy, no allocation, no wait. All sums are
// trees whose shape depends on the shape of the problem alone.
#include "../error.h"
#include "call.h"

namespace lossgen {

lossgen_status Call::run() {
  LOSSGEN_TRY(read());
  LOSSGEN_TRY(scope_.enter());
  LOSSGEN_TRY(check_memory());
  LOSSGEN_TRY(choose_target());
  LOSSGEN_TRY(find_kernels());
  return is_loss() ? run_loss() : run_log_softmax();
}

lossgen_status Call::run_log_softmax() {
  if (p_.classes == 0) return LOSSGEN_OK;
  return for_slabs([&](const Slab &s) {
    const Argument in = matrix(kIn0, s), out = matrix(kOut, s);
    if (op_ == DeviceOp::log_softmax_forward)
      return launch(forward_, lossgen_args_log_softmax_forward{&in, &out});
    const Argument log_probs = matrix(kIn1, s);
    return launch(forward_, lossgen_args_log_softmax_backward{&in, &log_probs, &out});
  });
}

lossgen_status Call::run_loss() {
  if (is_fused()) return run_fused();
  LOSSGEN_TRY(for_slabs([&](const Slab &s) {
    LOSSGEN_TRY(targets_of(s));
    LOSSGEN_TRY(forward_of(s));
    return losses_of(s);
  }));
  if (wants_grad() || wants_sums()) LOSSGEN_TRY(sum_up(wants_sums()));
  if (!wants_grad()) return LOSSGEN_OK;
  return for_slabs([&](const Slab &s) { return backward_of(s); });
}

// What the gradients are divided by comes from the targets alone, so it is there before the logits are read.
lossgen_status Call::run_fused() {
  LOSSGEN_TRY(for_slabs([&](const Slab &s) { return targets_of(s); }));
  LOSSGEN_TRY(sum_up(false));
  LOSSGEN_TRY(for_slabs([&](const Slab &s) {
    const WorkspaceLayout &at = layout_of_workspace_;
    const Argument scale = scales_of(s, at.ref);
    LOSSGEN_TRY(make_scales(s, scale));
    const Argument in = matrix(kIn0, s), cls = scratch(at.cls, s), out = matrix(kOut, s);
    // [r] or, as planes have it, [x, o].
    const Argument nll_of_rows = scratch(at.nll, s), lse_of_rows = lse_of(s);
    const auto spread = [&](const Argument &t) {
      const int64_t stride = t.dim[0].stride;
      const bool planes = layout_ == LOSSGEN_LAYOUT_planes;
      const lossgen_dim x = Argument::axis(planes ? s.x_extent : s.rows(), stride), o = Argument::axis(s.o_extent, stride * s.x_extent);
      return planes ? Argument(t.place, {x, o}) : Argument(t.place, {x});
    };
    const Argument nll = spread(nll_of_rows), lse = spread(lse_of_rows);
    LOSSGEN_TRY(launch(forward_, lossgen_args_cross_entropy_forward_backward{&in, &cls, &scale, &nll, &lse, &out}));
    return losses_of(s);
  }));
  return wants_sums() ? sum_up(true) : LOSSGEN_OK;
}

lossgen_status Call::targets_of(const Slab &s) {
  const WorkspaceLayout &at = layout_of_workspace_;
  const Argument target = tensor(kTarget, s), cls = scratch(at.cls, s), w = scratch(at.w, s);
  const int64_t ignore_index = o_.ignore_mode == LOSSGEN_IGNORE_INDEX ? o_.ignore_index : -100;
  const int32_t has_ignore = o_.ignore_mode != LOSSGEN_IGNORE_NONE, classes = static_cast<int32_t>(p_.classes);
  const int32_t weighted = weight_.defined(), row_weighted = p_.row[kRowWeight].defined();
  // Weights that are not there are read too, from any memory.
  const Argument weight = weighted ? Argument(place_of(weight_), p_.classes, weight_.stride[0])
                                   : Argument(workspace_ + at.nll, 1, 1);
  const Argument row_weight = row_weighted ? tensor(kRowWeight, s) : same_for_all(workspace_ + at.nll, s);
  return launch(targets_, lossgen_args_device_targets{&target, &ignore_index, &has_ignore, &classes, &weight, &row_weight,
                                                      &weighted, &row_weighted, &cls, &w});
}

lossgen_status Call::forward_of(const Slab &s) {
  if (forward_ == nullptr) return LOSSGEN_OK;
  const WorkspaceLayout &at = layout_of_workspace_;
  const Argument in = matrix(kIn0, s), cls = scratch(at.cls, s), nll = scratch(at.nll, s);
  if (is_nll()) return launch(forward_, lossgen_args_nll_loss_forward{&in, &cls, &nll});
  const Argument ref = scratch(at.ref, s), sum = scratch(at.sum, s), lse = lse_of(s);
  if (parts_ == 0)
    return launch(forward_, lossgen_args_cross_entropy_forward_exact{&in, &cls, &nll, &lse, &ref, &sum});
  // One after the other for each row.
  const lossgen_dim rows = Argument::axis(s.rows(), parts_), parts = Argument::axis(parts_, 1);
  const int64_t first = s.first_row * parts_ * 4;
  const Place peaks = workspace_ + at.peaks + first, others = workspace_ + at.others + first;
  const Argument to_peaks(peaks, {rows, parts}), to_others(others, {rows, parts});
  LOSSGEN_TRY(launch(forward_, lossgen_args_cross_entropy_forward_parts{&in, &cls, &to_peaks, &to_others}));
  const Argument from_peaks(peaks, {parts, rows}), from_others(others, {parts, rows});
  return launch(join_, lossgen_args_cross_entropy_forward_join{&in, &cls, &from_peaks, &from_others, &nll, &lse, &ref, &sum});
}

lossgen_status Call::losses_of(const Slab &s) {
  if (!per_row_loss() || !wants_loss()) return LOSSGEN_OK;
  const WorkspaceLayout &at = layout_of_workspace_;
  const Argument nll = scratch(at.nll, s), w = scratch(at.w, s), cls = scratch(at.cls, s), loss = tensor(kLoss, s);
  const int32_t bad_is_ignored = o_.bounds == LOSSGEN_BOUNDS_IGNORE;
  return launch(losses_, lossgen_args_device_losses{&nll, &w, &cls, &bad_is_ignored, &loss});
}

// Total weight, divisor of the gradients, flag of bad targets; with_loss: the loss.
lossgen_status Call::sum_up(bool with_loss) {
  const WorkspaceLayout &at = layout_of_workspace_;
  const bool mean = o_.reduction == LOSSGEN_REDUCTION_MEAN, saved = saved_total_weight_.defined();
  int32_t denominator = LOSSGEN_DIVIDE_BY_NOTHING;
  double given = o_.denominator_value;
  if (mean && saved) {
    denominator = LOSSGEN_DIVIDE_BY_SAVED;
  } else if (mean) {
    denominator = o_.denominator == LOSSGEN_DENOMINATOR_WEIGHT_SUM   ? LOSSGEN_DIVIDE_BY_WEIGHTS
                  : o_.denominator == LOSSGEN_DENOMINATOR_VALID_ROWS ? LOSSGEN_DIVIDE_BY_KEPT
                                                                     : LOSSGEN_DIVIDE_BY_GIVEN;
    if (o_.denominator == LOSSGEN_DENOMINATOR_ROWS) given = static_cast<double>(p_.rows);
  }
  const bool needed = with_loss || (mean && !saved);
  const int32_t bad_is_ignored = o_.bounds == LOSSGEN_BOUNDS_IGNORE, empty_is_zero = o_.empty_mean_is_zero != 0;
  const bool flags = o_.bounds == LOSSGEN_BOUNDS_DEFAULT;
  const Argument before = one_element(flags ? bad_targets_ : Tensor(), at.flag);
  const Argument after = one_element(flags ? bad_targets_ : Tensor(), at.flag);
  const Argument saved_weight = one_element(saved_total_weight_, at.total_weight);
  const Argument loss = one_element(per_row_loss() || !with_loss ? Tensor() : loss_, at.loss);
  const Argument total_weight = one_element(total_weight_, at.total_weight);
  const Argument divisor = scratch(at.divisor, 1), one = scratch(at.one, 1), scale = scratch(at.scale, 1);
  const int32_t has_grad = grad_.defined() && !p_.row[kGradLoss].defined();
  const Argument grad = one_element(has_grad ? grad_ : Tensor(), at.total_weight);
  // Without a loss the weights stand in for it: readable, and their sum is not looked at.
  const size_t from = with_loss ? at.nll : at.w;
  const int64_t rows = needed ? p_.rows : 0;
  const Argument nll = scratch(from, rows), w = scratch(at.w, rows), cls = scratch(at.cls, rows);
  if (few_rows())
    return launch(total_, lossgen_args_device_total_of_rows{&nll, &w, &cls, &bad_is_ignored, &saved_weight, &before, &grad,
                                                            &has_grad, &denominator, &given, &empty_is_zero, &loss, &total_weight,
                                                            &divisor, &one, &scale, &after});
  const int64_t blocks = needed ? at.blocks : 0;
  const size_t array = static_cast<size_t>(at.blocks) * 8;
  const Argument losses = scratch(at.partial, blocks), weights = scratch(at.partial + array, blocks);
  const Argument kept = scratch(at.partial + 2 * array, blocks), bad = scratch(at.partial + 3 * array, blocks);
  if (blocks > 0)
    LOSSGEN_TRY(launch(sums_, lossgen_args_device_sums{&nll, &w, &cls, &bad_is_ignored, &losses, &weights, &kept, &bad}));
  return launch(total_, lossgen_args_device_total{&losses, &weights, &kept, &bad, &saved_weight, &before, &grad, &has_grad, &denominator,
                                                  &given, &empty_is_zero, &loss, &total_weight, &divisor, &one, &scale,
                                                  &after});
}

lossgen_status Call::make_scales(const Slab &s, const Argument &scale) {
  if (!rows_differ()) return LOSSGEN_OK;
  const WorkspaceLayout &at = layout_of_workspace_;
  const Argument cls = scratch(at.cls, s), w = scratch(at.w, s), divisor = scratch(at.divisor, 1);
  const Argument grad = p_.row[kGradLoss].defined() ? tensor(kGradLoss, s)
                        : grad_.defined()           ? same_for_all(place_of(grad_), s)
                                                    : same_for_all(workspace_ + at.one, s);
  return launch(scales_, lossgen_args_device_scales{&cls, &w, &grad, &divisor, &scale});
}

lossgen_status Call::backward_of(const Slab &s) {
  const WorkspaceLayout &at = layout_of_workspace_;
  const Argument cls = scratch(at.cls, s), scale = scales_of(s, at.w), out = matrix(kOut, s);
  LOSSGEN_TRY(make_scales(s, scale));
  if (is_nll()) {
    // The kernel takes the extent of its x axis from d.
    const Argument d = layout_ == LOSSGEN_LAYOUT_planes
                           ? Argument(scale.place, s.x_extent, scale.dim[0].stride)
                           : Argument(scale.place, s.rows(), scale.dim[0].stride);
    return launch(backward_, lossgen_args_nll_loss_backward{&cls, &d, &out});
  }
  const Argument in = matrix(kIn0, s);
  const Argument ref = reads_lse() ? tensor(kLse, s) : scratch(at.ref, s);
  const Argument sum = reads_lse() ? same_for_all(workspace_ + at.one, s) : scratch(at.sum, s);
  return launch(backward_, lossgen_args_cross_entropy_backward{&in, &cls, &scale, &scale, &ref, &sum, &out});
}

lossgen_status run_on_device(DeviceOp op, const DeviceArguments &arguments) {
  const Backend &backend = *backend_of(arguments.device.device_type);
  if (const char *reason = backend.lacks()) return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "%s", reason);
  return Call(op, arguments, backend).run();
}

}  // namespace lossgen
