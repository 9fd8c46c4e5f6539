// What a device call checks and decides before its first launch.
#include "call.h"

#include <string.h>

#include "../error.h"
#include "../names.h"

namespace lossgen {

lossgen_status Call::read() {
  auto read_optional = [](const char *name, const DLTensor *t, unsigned types, Tensor *out) {
    return t != nullptr ? read_tensor(name, t, types, out) : LOSSGEN_OK;
  };
  p_.class_axis = a_.class_axis;
  LOSSGEN_TRY(read_tensor(input_name(), a_.input, kFloats, &p_.matrix[kIn0]));
  LOSSGEN_TRY(read_optional("log_probs", a_.log_probs, kFloats, &p_.matrix[kIn1]));
  LOSSGEN_TRY(read_optional(output_name(), a_.output, kFloats, &p_.matrix[kOut]));
  if (is_loss()) {
    LOSSGEN_TRY(read_tensor("target", a_.target, kIntegers, &p_.row[kTarget]));
    LOSSGEN_TRY(read_optional("loss", a_.loss, kFloats, &loss_));
    if (per_row_loss()) p_.row[kLoss] = loss_;
    LOSSGEN_TRY(read_optional("row_weight", o_.row_weight, kFloats, &p_.row[kRowWeight]));
    LOSSGEN_TRY(read_optional("weight", o_.weight, kFloats, &weight_));
    if (wants_grad()) LOSSGEN_TRY(read_optional("grad_loss", o_.grad_loss, kFloats, &grad_));
    if (grad_.defined() && per_row_loss()) p_.row[kGradLoss] = grad_;
    LOSSGEN_TRY(read_extras());
    if (o_.z_loss != 0 || o_.label_smoothing != 0)
      return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "label_smoothing and z_loss are not in this version for devices");
  }
  // Kernels accumulate and keep their numbers per row in f32.
  const Tensor *floats[] = {&p_.row[kLoss], &loss_, &weight_, &grad_, &p_.row[kRowWeight], &p_.row[kLse],
                            &total_weight_, &saved_total_weight_};
  for (const Tensor *t : floats) {
    if (t->defined() && dtype_id(t->type) != LOSSGEN_DTYPE_f32)
      return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "%s is %s; on devices it is f32 in this version", t->name,
                  dtype_text(t->type));
  }
  LOSSGEN_TRY(canonicalize(&p_));
  if (is_loss() && p_.rows > 0 && p_.classes == 0)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s has no classes", p_.matrix[kIn0].name);
  if (p_.rows > INT32_MAX)
    return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "%lld rows; on devices at most %d", static_cast<long long>(p_.rows), INT32_MAX);
  layout_ = device_layout(p_);
  return slabs_.cut(p_, layout_ != LOSSGEN_LAYOUT_planes);
}

lossgen_status Call::read_extras() {
  if (a_.extras != nullptr && wants_loss()) {
    const lossgen_extras &e = *a_.extras;
    auto has = [&](size_t end) { return e.size >= end; };
#define LOSSGEN_HAS(field) (has(offsetof(lossgen_extras, field) + sizeof(e.field)) && e.field != nullptr)
    if (LOSSGEN_HAS(lse)) LOSSGEN_TRY(read_tensor("extras.lse", e.lse, kFloats, &p_.row[kLse]));
    if (LOSSGEN_HAS(total_weight))
      LOSSGEN_TRY(read_tensor("extras.total_weight", e.total_weight, kFloats, &total_weight_));
    if (LOSSGEN_HAS(bad_targets)) {
      LOSSGEN_TRY(read_tensor("extras.bad_targets", e.bad_targets, kI32Only, &bad_targets_));
      if (bad_targets_.size() != 1) return fail(LOSSGEN_BAD_ARGUMENT, "extras.bad_targets has more than one element");
    }
    if (LOSSGEN_HAS(log_probs) || LOSSGEN_HAS(argmax) || LOSSGEN_HAS(correct) || LOSSGEN_HAS(entropy))
      return fail(LOSSGEN_UNSUPPORTED_BY_BUILD,
                  "extras.log_probs, argmax, correct and entropy are not in this version for devices");
#undef LOSSGEN_HAS
  }
  if (a_.saved != nullptr && !wants_loss()) {
    if (a_.saved->lse != nullptr) LOSSGEN_TRY(read_tensor("saved.lse", a_.saved->lse, kFloats, &p_.row[kLse]));
    if (a_.saved->total_weight != nullptr)
      LOSSGEN_TRY(read_tensor("saved.total_weight", a_.saved->total_weight, kFloats, &saved_total_weight_));
  }
  return LOSSGEN_OK;
}

lossgen_status Call::check_memory() {
  const Tensor *all[] = {&p_.matrix[kIn0], &p_.matrix[kIn1],   &p_.matrix[kOut], &p_.row[kTarget],
                         &loss_,           &p_.row[kGradLoss], &grad_,           &p_.row[kRowWeight],
                         &p_.row[kLse],    &weight_,           &total_weight_,   &saved_total_weight_,
                         &bad_targets_};
  for (const Tensor *t : all) {
    if (t->defined() && t->size() > 0) LOSSGEN_TRY(scope_.backend.check_memory(scope_, t->name, place_of(*t), span_of(*t).bytes()));
  }
  if (!is_loss()) return LOSSGEN_OK;
  const int64_t parts = parts_of_rows(p_.classes, p_.matrix[kIn0].bytes());
  if (layout_ == LOSSGEN_LAYOUT_rows || layout_ == LOSSGEN_LAYOUT_rows4) parts_ = parts;
  layout_of_workspace_ = lay_out_workspace(p_.rows, parts);
  const bool opaque = a_.device.device_type == kDLOpenCL;
  workspace_ = opaque ? Place{o_.workspace, 0} : Place{nullptr, reinterpret_cast<uint64_t>(o_.workspace)};
  if (o_.workspace == nullptr || o_.workspace_bytes < layout_of_workspace_.bytes)
    return fail(LOSSGEN_BAD_ARGUMENT, "options.workspace has %zu bytes, this call needs %zu (lossgen_workspace_size)",
                o_.workspace != nullptr ? o_.workspace_bytes : size_t{0}, layout_of_workspace_.bytes);
  if (workspace_.at % 16 != 0) return fail(LOSSGEN_BAD_ARGUMENT, "options.workspace is not aligned to 16 bytes");
  return scope_.backend.check_memory(scope_, "options.workspace", workspace_, static_cast<int64_t>(layout_of_workspace_.bytes));
}

// The newest target that the device can run and that this build has kernels for, or the one asked for.
lossgen_status Call::choose_target() {
  const int stage = is_loss()                                  ? LOSSGEN_STAGE_device_total
                    : op_ == DeviceOp::log_softmax_forward ? LOSSGEN_STAGE_log_softmax_forward
                                                           : LOSSGEN_STAGE_log_softmax_backward;
  const int layout = is_loss() ? LOSSGEN_LAYOUT_any : layout_;
  const int dtype = is_loss() ? LOSSGEN_DTYPE_f32 : dtype_id(p_.matrix[kIn0].type);
  int needed = -1;
  bool needed_is_built = false;
  for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) {
    if (strcmp(target_machine(id), scope_.backend.machine) != 0) continue;
    if (o_.target != nullptr && strcmp(o_.target, target_name(id)) != 0) continue;
    const bool built = find_kernel(stage, dtype, layout, 0, id) != nullptr;
    if (needed < 0 || (built && !needed_is_built)) needed = id;
    needed_is_built |= built;
    if (scope_.backend.can_run(scope_, id) && (target_ < 0 || built)) target_ = id;
  }
  if (needed < 0)
    return fail(LOSSGEN_BAD_ARGUMENT, "options.target = \"%.60s\" is not for %s tensors", o_.target, scope_.backend.name);
  const bool runs = target_ >= 0 && (find_kernel(stage, dtype, layout, 0, target_) != nullptr || !needed_is_built);
  if (runs) return LOSSGEN_OK;
  return scope_.backend.refuse(scope_, needed);
}

lossgen_status Call::find(int stage, int layout, const lossgen_kernel **kernel, int dtype) {
  if (dtype < 0) dtype = dtype_id(p_.matrix[kIn0].type);
  if (dtype < 0)
    return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "%s is %s, on devices f32, f16 and bf16 are in this version",
                p_.matrix[kIn0].name, dtype_text(p_.matrix[kIn0].type));
  *kernel = find_kernel(stage, dtype, layout, p_.classes, target_, o_.general_kernels_only != 0);
  if (*kernel != nullptr) return LOSSGEN_OK;
  return explain_missing(stage, dtype, layout, p_.classes, target_, o_.general_kernels_only != 0);
}

lossgen_status Call::find_kernels() {
  if (!is_loss()) {
    return find(op_ == DeviceOp::log_softmax_forward ? LOSSGEN_STAGE_log_softmax_forward
                                                     : LOSSGEN_STAGE_log_softmax_backward,
                layout_, &forward_);
  }
  const int any = LOSSGEN_LAYOUT_any;
  LOSSGEN_TRY(find(LOSSGEN_STAGE_device_targets, any, &targets_, dtype_id(p_.row[kTarget].type)));
  if (is_nll() && wants_loss()) LOSSGEN_TRY(find(LOSSGEN_STAGE_nll_loss_forward, layout_, &forward_));
  if (!is_nll() && !reads_lse()) {
    LOSSGEN_TRY(find(parts_ > 0     ? LOSSGEN_STAGE_cross_entropy_forward_parts
                     : is_fused()   ? LOSSGEN_STAGE_cross_entropy_forward_backward
                                    : LOSSGEN_STAGE_cross_entropy_forward_exact,
                     layout_, &forward_));
    if (parts_ > 0) LOSSGEN_TRY(find(LOSSGEN_STAGE_cross_entropy_forward_join, LOSSGEN_LAYOUT_rows, &join_));
  }
  if (per_row_loss()) LOSSGEN_TRY(find(LOSSGEN_STAGE_device_losses, any, &losses_, LOSSGEN_DTYPE_f32));
  if (!few_rows()) LOSSGEN_TRY(find(LOSSGEN_STAGE_device_sums, any, &sums_, LOSSGEN_DTYPE_f32));
  LOSSGEN_TRY(find(few_rows() ? LOSSGEN_STAGE_device_total_of_rows : LOSSGEN_STAGE_device_total, any, &total_, LOSSGEN_DTYPE_f32));
  if (!wants_grad()) return LOSSGEN_OK;
  if (rows_differ()) LOSSGEN_TRY(find(LOSSGEN_STAGE_device_scales, any, &scales_, LOSSGEN_DTYPE_f32));
  if (is_fused()) return LOSSGEN_OK;
  return find(is_nll() ? LOSSGEN_STAGE_nll_loss_backward : LOSSGEN_STAGE_cross_entropy_backward, layout_, &backward_);
}

}  // namespace lossgen
