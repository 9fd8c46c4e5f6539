// The ops on CUDA tensors. Everything that host calls do in C++ between the kernels (weights, sums, denominators,
// bounds) is kernels here as well, so that a call only enqueues launches: no copy, no allocation, no wait. All sums are
// trees whose shape depends on the shape of the problem alone.
#include <string.h>

#include <initializer_list>

#include "../error.h"
#include "../names.h"
#include "../registry.h"
#include "device.h"
#include "layout.h"
#include "modules.h"

#define LOSSGEN_TRY(expression)                                    \
  do {                                                             \
    if (const lossgen_status failed = (expression)) return failed; \
  } while (0)

namespace lossgen {
namespace {

// A kernel argument of up to three axes.
struct Argument {
  lossgen_dim dim[3];
  lossgen_buffer buffer;

  Argument(CuPointer address, std::initializer_list<lossgen_dim> dims) : dim{}, buffer{} {
    for (const lossgen_dim &d : dims) dim[buffer.dimensions++] = d;
    buffer.device = address;
    buffer.dim = dim;
  }
  Argument(CuPointer address, int64_t extent, int64_t stride) : Argument(address, {axis(extent, stride)}) {}
  Argument(const Argument &) = delete;
  const lossgen_buffer *operator&() const { return &buffer; }

  static lossgen_dim axis(int64_t extent, int64_t stride) {
    return {0, static_cast<int32_t>(extent), static_cast<int32_t>(stride), 0};
  }
};

CuPointer address(const Tensor &t, int64_t offset = 0) {
  return reinterpret_cast<CuPointer>(t.data) + static_cast<CuPointer>(offset * t.bytes());
}

// Device memory of this device, or managed memory; anything else would be a fault that ends the caller's context.
lossgen_status check_pointer(const Driver &d, const char *name, CuPointer pointer, int device) {
  constexpr int kMemoryType = 2, kIsManaged = 8, kOrdinal = 9;
  constexpr unsigned kDeviceMemory = 2;
  const int attributes[] = {kMemoryType, kIsManaged, kOrdinal};
  unsigned type = 0, managed = 0;
  int ordinal = -1;
  void *values[] = {&type, &managed, &ordinal};
  constexpr CuResult kInvalidValue = 1;
  const CuResult result = d.pointer_attributes(3, attributes, values, pointer);
  if (result != 0 && result != kInvalidValue) return driver_failed(d, "cuPointerGetAttributes", result);
  if (result == 0 && managed != 0) return LOSSGEN_OK;
  if (result != 0 || type != kDeviceMemory)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s: %p is not device memory, its tensor says CUDA device %d", name,
                reinterpret_cast<void *>(pointer), device);
  if (ordinal != device)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s is memory of CUDA device %d, its tensor says device %d", name, ordinal, device);
  return LOSSGEN_OK;
}

class Call {
 public:
  Call(DeviceOp op, const DeviceArguments &a, const Driver &d)
      : op_(op), a_(a), o_(*a.options), driver_(d),
        scope_(d, a.device.device_id, static_cast<CuStream>(a.options->stream), false) {}

  lossgen_status run() {
    LOSSGEN_TRY(read());
    LOSSGEN_TRY(scope_.enter());
    LOSSGEN_TRY(check_pointers());
    LOSSGEN_TRY(choose_target());
    LOSSGEN_TRY(find_kernels());
    return is_loss() ? run_loss() : run_log_softmax();
  }

 private:
  bool is_loss() const { return op_ > DeviceOp::log_softmax_backward; }
  bool is_nll() const { return op_ == DeviceOp::nll_loss_forward || op_ == DeviceOp::nll_loss_backward; }
  bool wants_loss() const { return a_.loss != nullptr; }
  bool wants_grad() const { return is_loss() && a_.output != nullptr; }
  // Anything that is one number for all rows.
  bool wants_sums() const {
    return wants_loss() && (!per_row_loss() || bad_targets_.defined() || total_weight_.defined());
  }
  bool per_row_loss() const { return o_.reduction == LOSSGEN_REDUCTION_NONE; }
  // Both passes in one launch.
  bool is_fused() const {
    if (op_ != DeviceOp::cross_entropy_forward_backward || parts_ > 0) return false;
    return layout_ != LOSSGEN_LAYOUT_planes || slabs_.suits_blocks_along_x();
  }
  bool few_rows() const { return p_.rows <= LOSSGEN_DEVICE_FEW_ROWS; }
  // Whether gradients of kept rows have scales of their own.
  bool rows_differ() const { return weight_.defined() || p_.row[kRowWeight].defined() || p_.row[kGradLoss].defined(); }
  // saved.lse replaces the pass over the logits.
  bool reads_lse() const { return op_ == DeviceOp::cross_entropy_backward && p_.row[kLse].defined(); }

  lossgen_status read() {
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
    canonicalize(&p_);
    if (is_loss() && p_.rows > 0 && p_.classes == 0)
      return fail(LOSSGEN_BAD_ARGUMENT, "%s has no classes", p_.matrix[kIn0].name);
    if (p_.rows > INT32_MAX)
      return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "%lld rows; on devices at most %d", static_cast<long long>(p_.rows), INT32_MAX);
    layout_ = device_layout(p_);
    return slabs_.cut(p_, layout_ != LOSSGEN_LAYOUT_planes);
  }

  lossgen_status read_extras() {
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

  const char *input_name() const {
    return op_ == DeviceOp::log_softmax_backward ? "grad" : op_ == DeviceOp::nll_loss_forward ? "log_probs" : "logits";
  }
  const char *output_name() const {
    return op_ == DeviceOp::log_softmax_forward ? "log_probs"
           : op_ == DeviceOp::nll_loss_backward ? "grad_log_probs"
                                                : "grad_logits";
  }

  lossgen_status check_pointers() {
    const Tensor *all[] = {&p_.matrix[kIn0], &p_.matrix[kIn1],   &p_.matrix[kOut], &p_.row[kTarget],
                           &loss_,           &p_.row[kGradLoss], &grad_,           &p_.row[kRowWeight],
                           &p_.row[kLse],    &weight_,           &total_weight_,   &saved_total_weight_,
                           &bad_targets_};
    for (const Tensor *t : all) {
      if (t->defined() && t->size() > 0) LOSSGEN_TRY(check_pointer(driver_, t->name, address(*t), scope_.device));
    }
    if (!is_loss()) return LOSSGEN_OK;
    const int64_t parts = parts_of_rows(p_.classes, p_.matrix[kIn0].bytes());
    if (layout_ == LOSSGEN_LAYOUT_rows || layout_ == LOSSGEN_LAYOUT_rows4) parts_ = parts;
    layout_of_workspace_ = lay_out_workspace(p_.rows, parts);
    workspace_ = reinterpret_cast<CuPointer>(o_.workspace);
    if (workspace_ == 0 || o_.workspace_bytes < layout_of_workspace_.bytes)
      return fail(LOSSGEN_BAD_ARGUMENT, "options.workspace has %zu bytes, this call needs %zu (lossgen_workspace_size)",
                  workspace_ != 0 ? o_.workspace_bytes : size_t{0}, layout_of_workspace_.bytes);
    if (workspace_ % 16 != 0) return fail(LOSSGEN_BAD_ARGUMENT, "options.workspace is not aligned to 16 bytes");
    return check_pointer(driver_, "options.workspace", workspace_, scope_.device);
  }

  // The newest target that the device can run and that this build has kernels for, or the one asked for.
  lossgen_status choose_target() {
    const int stage = is_loss()                                  ? LOSSGEN_STAGE_device_total
                      : op_ == DeviceOp::log_softmax_forward ? LOSSGEN_STAGE_log_softmax_forward
                                                             : LOSSGEN_STAGE_log_softmax_backward;
    const int layout = is_loss() ? LOSSGEN_LAYOUT_any : layout_;
    const int dtype = is_loss() ? LOSSGEN_DTYPE_f32 : dtype_id(p_.matrix[kIn0].type);
    int needed = -1;
    bool needed_is_built = false;
    for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) {
      if (strcmp(target_machine(id), "cuda") != 0) continue;
      if (o_.target != nullptr && strcmp(o_.target, target_name(id)) != 0) continue;
      const bool built = find_kernel(stage, dtype, layout, 0, id) != nullptr;
      if (needed < 0 || (built && !needed_is_built)) needed = id;
      needed_is_built |= built;
      if (scope_.can_run(id) && (target_ < 0 || built)) target_ = id;
    }
    if (needed < 0)
      return fail(LOSSGEN_BAD_ARGUMENT, "options.target = \"%.60s\" is not for CUDA tensors", o_.target);
    const bool runs = target_ >= 0 && (find_kernel(stage, dtype, layout, 0, target_) != nullptr || !needed_is_built);
    if (runs) return LOSSGEN_OK;
    return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "CUDA device %d has compute capability %d.%d, too old for %s",
                scope_.device, scope_.capability() / 10, scope_.capability() % 10, target_name(needed));
  }

  lossgen_status find(int stage, int layout, const lossgen_kernel **kernel, int dtype = -1) {
    if (dtype < 0) dtype = dtype_id(p_.matrix[kIn0].type);
    if (dtype < 0)
      return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "%s is %s, on devices f32, f16 and bf16 are in this version",
                  p_.matrix[kIn0].name, dtype_text(p_.matrix[kIn0].type));
    *kernel = find_kernel(stage, dtype, layout, p_.classes, target_, o_.general_kernels_only != 0);
    if (*kernel != nullptr) return LOSSGEN_OK;
    return explain_missing(stage, dtype, layout, p_.classes, target_, o_.general_kernels_only != 0);
  }

  // All before the first launch: a call that fails has written nothing.
  lossgen_status find_kernels() {
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

  // ---- Arguments of a slab ----

  Argument matrix(Matrix t, const Slab &s) const {
    const CuPointer at = address(p_.matrix[t], s.matrix[t]);
    const lossgen_dim classes = Argument::axis(p_.classes, p_.class_stride[t]);
    if (layout_ != LOSSGEN_LAYOUT_planes) return {at, {classes, Argument::axis(s.rows(), p_.inner.matrix[t])}};
    const int64_t along_o = p_.outer_count > 0 ? p_.outer[p_.outer_count - 1].matrix[t] : 0;
    return {at, {Argument::axis(s.x_extent, p_.inner.matrix[t]), classes, Argument::axis(s.o_extent, along_o)}};
  }
  Argument tensor(RowTensor t, const Slab &s) const {
    return {address(p_.row[t], s.row[t]), s.rows(), p_.inner.row[t]};
  }
  Argument scratch(size_t offset, const Slab &s) const {
    return {workspace_ + offset + static_cast<CuPointer>(s.first_row) * 4, s.rows(), 1};
  }
  Argument scratch(size_t offset, int64_t extent) const { return {workspace_ + offset, extent, 1}; }
  Argument same_for_all(CuPointer at, const Slab &s) const { return {at, s.rows(), 0}; }
  Argument one_element(const Tensor &t, size_t otherwise) const {
    return {t.defined() ? address(t) : workspace_ + otherwise, 1, 1};
  }

  template <class Args>
  lossgen_status launch(const lossgen_kernel *kernel, Args args) {
    return scope_.run(kernel, reinterpret_cast<void **>(&args));
  }
  template <class Body>
  lossgen_status for_slabs(Body body) {
    if (p_.rows == 0) return LOSSGEN_OK;
    for (int64_t i = 0; i < slabs_.count(); ++i) LOSSGEN_TRY(body(slabs_.at(i)));
    return LOSSGEN_OK;
  }

  // ---- The ops ----

  lossgen_status run_log_softmax() {
    if (p_.classes == 0) return LOSSGEN_OK;
    return for_slabs([&](const Slab &s) {
      const Argument in = matrix(kIn0, s), out = matrix(kOut, s);
      if (op_ == DeviceOp::log_softmax_forward)
        return launch(forward_, lossgen_args_log_softmax_forward{&in, &out});
      const Argument log_probs = matrix(kIn1, s);
      return launch(forward_, lossgen_args_log_softmax_backward{&in, &log_probs, &out});
    });
  }

  lossgen_status run_loss() {
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
  lossgen_status run_fused() {
    LOSSGEN_TRY(for_slabs([&](const Slab &s) { return targets_of(s); }));
    LOSSGEN_TRY(sum_up(false));
    LOSSGEN_TRY(for_slabs([&](const Slab &s) {
      const Workspace &at = layout_of_workspace_;
      const Argument scale = scales_of(s, at.ref);
      LOSSGEN_TRY(make_scales(s, scale));
      const Argument in = matrix(kIn0, s), cls = scratch(at.cls, s), out = matrix(kOut, s);
      // [r] or, as planes have it, [x, o].
      const Argument nll_of_rows = scratch(at.nll, s), lse_of_rows = lse_of(s);
      const auto spread = [&](const Argument &t) {
        const int64_t stride = t.dim[0].stride;
        const bool planes = layout_ == LOSSGEN_LAYOUT_planes;
        const lossgen_dim x = Argument::axis(planes ? s.x_extent : s.rows(), stride), o = Argument::axis(s.o_extent, stride * s.x_extent);
        return planes ? Argument(t.buffer.device, {x, o}) : Argument(t.buffer.device, {x});
      };
      const Argument nll = spread(nll_of_rows), lse = spread(lse_of_rows);
      LOSSGEN_TRY(launch(forward_, lossgen_args_cross_entropy_forward_backward{&in, &cls, &scale, &nll, &lse, &out}));
      return losses_of(s);
    }));
    return wants_sums() ? sum_up(true) : LOSSGEN_OK;
  }

  lossgen_status targets_of(const Slab &s) {
    const Workspace &at = layout_of_workspace_;
    const Argument target = tensor(kTarget, s), cls = scratch(at.cls, s), w = scratch(at.w, s);
    const int64_t ignore_index = o_.ignore_mode == LOSSGEN_IGNORE_INDEX ? o_.ignore_index : -100;
    const int32_t has_ignore = o_.ignore_mode != LOSSGEN_IGNORE_NONE, classes = static_cast<int32_t>(p_.classes);
    const int32_t weighted = weight_.defined(), row_weighted = p_.row[kRowWeight].defined();
    // Weights that are not there are read too, from any memory.
    const Argument weight = weighted ? Argument(address(weight_), p_.classes, weight_.stride[0])
                                     : Argument(workspace_ + at.nll, 1, 1);
    const Argument row_weight = row_weighted ? tensor(kRowWeight, s) : same_for_all(workspace_ + at.nll, s);
    return launch(targets_, lossgen_args_device_targets{&target, &ignore_index, &has_ignore, &classes, &weight, &row_weight,
                                                        &weighted, &row_weighted, &cls, &w});
  }

  Argument lse_of(const Slab &s) const {
    return p_.row[kLse].defined() ? tensor(kLse, s) : scratch(layout_of_workspace_.lse, s);
  }

  lossgen_status forward_of(const Slab &s) {
    if (forward_ == nullptr) return LOSSGEN_OK;
    const Workspace &at = layout_of_workspace_;
    const Argument in = matrix(kIn0, s), cls = scratch(at.cls, s), nll = scratch(at.nll, s);
    if (is_nll()) return launch(forward_, lossgen_args_nll_loss_forward{&in, &cls, &nll});
    const Argument ref = scratch(at.ref, s), sum = scratch(at.sum, s), lse = lse_of(s);
    if (parts_ == 0)
      return launch(forward_, lossgen_args_cross_entropy_forward_exact{&in, &cls, &nll, &lse, &ref, &sum});
    // One after the other for each row.
    const lossgen_dim rows = Argument::axis(s.rows(), parts_), parts = Argument::axis(parts_, 1);
    const CuPointer first = static_cast<CuPointer>(s.first_row * parts_) * 4;
    const CuPointer peaks = workspace_ + at.peaks + first, others = workspace_ + at.others + first;
    const Argument to_peaks(peaks, {rows, parts}), to_others(others, {rows, parts});
    LOSSGEN_TRY(launch(forward_, lossgen_args_cross_entropy_forward_parts{&in, &cls, &to_peaks, &to_others}));
    const Argument from_peaks(peaks, {parts, rows}), from_others(others, {parts, rows});
    return launch(join_, lossgen_args_cross_entropy_forward_join{&in, &cls, &from_peaks, &from_others, &nll, &lse, &ref, &sum});
  }

  lossgen_status losses_of(const Slab &s) {
    if (!per_row_loss() || !wants_loss()) return LOSSGEN_OK;
    const Workspace &at = layout_of_workspace_;
    const Argument nll = scratch(at.nll, s), w = scratch(at.w, s), cls = scratch(at.cls, s), loss = tensor(kLoss, s);
    const int32_t bad_is_ignored = o_.bounds == LOSSGEN_BOUNDS_IGNORE;
    return launch(losses_, lossgen_args_device_losses{&nll, &w, &cls, &bad_is_ignored, &loss});
  }

  // Total weight, divisor of the gradients, flag of bad targets; with_loss: the loss.
  lossgen_status sum_up(bool with_loss) {
    const Workspace &at = layout_of_workspace_;
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

  // One number for all rows, or one for each in scratch.
  Argument scales_of(const Slab &s, size_t place) const {
    return rows_differ() ? scratch(place, s) : same_for_all(workspace_ + layout_of_workspace_.scale, s);
  }
  lossgen_status make_scales(const Slab &s, const Argument &scale) {
    if (!rows_differ()) return LOSSGEN_OK;
    const Workspace &at = layout_of_workspace_;
    const Argument cls = scratch(at.cls, s), w = scratch(at.w, s), divisor = scratch(at.divisor, 1);
    const Argument grad = p_.row[kGradLoss].defined() ? tensor(kGradLoss, s)
                          : grad_.defined()           ? same_for_all(address(grad_), s)
                                                      : same_for_all(workspace_ + at.one, s);
    return launch(scales_, lossgen_args_device_scales{&cls, &w, &grad, &divisor, &scale});
  }

  lossgen_status backward_of(const Slab &s) {
    const Workspace &at = layout_of_workspace_;
    const Argument cls = scratch(at.cls, s), scale = scales_of(s, at.w), out = matrix(kOut, s);
    LOSSGEN_TRY(make_scales(s, scale));
    if (is_nll()) {
      // The kernel takes the extent of its x axis from d.
      const Argument d = layout_ == LOSSGEN_LAYOUT_planes
                             ? Argument(scale.buffer.device, s.x_extent, scale.dim[0].stride)
                             : Argument(scale.buffer.device, s.rows(), scale.dim[0].stride);
      return launch(backward_, lossgen_args_nll_loss_backward{&cls, &d, &out});
    }
    const Argument in = matrix(kIn0, s);
    const Argument ref = reads_lse() ? tensor(kLse, s) : scratch(at.ref, s);
    const Argument sum = reads_lse() ? same_for_all(workspace_ + at.one, s) : scratch(at.sum, s);
    return launch(backward_, lossgen_args_cross_entropy_backward{&in, &cls, &scale, &scale, &ref, &sum, &out});
  }

  const DeviceOp op_;
  const DeviceArguments &a_;
  const lossgen_options &o_;
  const Driver &driver_;
  LaunchScope scope_;
  Problem p_;
  Tensor loss_, weight_, grad_, total_weight_, saved_total_weight_, bad_targets_;
  lossgen_layout_id layout_ = LOSSGEN_LAYOUT_planes;
  int target_ = -1;
  Slabs slabs_;
  Workspace layout_of_workspace_{};
  int64_t parts_ = 0;  // of a row that is read in parts
  CuPointer workspace_ = 0;
  const lossgen_kernel *targets_ = nullptr, *forward_ = nullptr, *join_ = nullptr, *losses_ = nullptr, *sums_ = nullptr, *total_ = nullptr,
                       *scales_ = nullptr, *backward_ = nullptr;
};

}  // namespace

lossgen_status run_on_device(DeviceOp op, const DeviceArguments &arguments) {
  const char *reason;
  const Driver *d = driver(&reason);
  if (d == nullptr) return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "%s", reason);
  return Call(op, arguments, *d).run();
}

}  // namespace lossgen
