// A call on device tensors: what it was given, which kernels it takes, and their arguments.
#ifndef LOSSGEN_RUNTIME_GPU_CALL_H
#define LOSSGEN_RUNTIME_GPU_CALL_H

#include <initializer_list>

#include "../checks.h"
#include "../registry.h"
#include "device.h"
#include "layout.h"
#include "modules.h"

namespace lossgen {

// A kernel argument of up to three axes.
struct Argument {
  lossgen_dim dim[3];
  lossgen_buffer buffer;
  Place place;

  Argument(Place at, std::initializer_list<lossgen_dim> dims) : dim{}, buffer{}, place(at) {
    for (const lossgen_dim &d : dims) dim[buffer.dimensions++] = d;
    // The launch reads them: an address, or a cl_mem and where in it the buffer starts, for which Halide's buffer has no field.
    buffer.device = at.memory == nullptr ? at.at : reinterpret_cast<uint64_t>(at.memory);
    buffer.padding = at.memory == nullptr ? nullptr : reinterpret_cast<void *>(at.at);
    buffer.dim = dim;
  }
  Argument(Place at, int64_t extent, int64_t stride) : Argument(at, {axis(extent, stride)}) {}
  Argument(const Argument &) = delete;
  const lossgen_buffer *operator&() const { return &buffer; }

  static lossgen_dim axis(int64_t extent, int64_t stride) {
    return {0, static_cast<int32_t>(extent), static_cast<int32_t>(stride), 0};
  }
};

inline Place place_of(const Tensor &t, int64_t offset = 0) {
  return Place{t.memory, reinterpret_cast<uint64_t>(t.data)} + offset * t.bytes();
}

class Call {
 public:
  Call(DeviceOp op, const DeviceArguments &a, const Backend &backend)
      : op_(op), a_(a), o_(*a.options), scope_(backend, a.device.device_id, a.options->stream, false) {}

  lossgen_status run();  // ops.cpp

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

  const char *input_name() const {
    return op_ == DeviceOp::log_softmax_backward ? "grad" : op_ == DeviceOp::nll_loss_forward ? "log_probs" : "logits";
  }
  const char *output_name() const {
    return op_ == DeviceOp::log_softmax_forward ? "log_probs"
           : op_ == DeviceOp::nll_loss_backward ? "grad_log_probs"
                                                : "grad_logits";
  }

  // call.cpp. All before the first launch: a call that fails has written nothing.
  lossgen_status read();
  lossgen_status read_extras();
  lossgen_status check_memory();
  lossgen_status choose_target();
  lossgen_status find_kernels();
  lossgen_status find(int stage, int layout, const lossgen_kernel **kernel, int dtype = -1);

  // ops.cpp
  lossgen_status run_log_softmax();
  lossgen_status run_loss();
  lossgen_status run_fused();
  lossgen_status targets_of(const Slab &s);
  lossgen_status forward_of(const Slab &s);
  lossgen_status losses_of(const Slab &s);
  lossgen_status sum_up(bool with_loss);
  lossgen_status make_scales(const Slab &s, const Argument &scale);
  lossgen_status backward_of(const Slab &s);

  // Arguments of a slab.
  Argument matrix(Matrix t, const Slab &s) const {
    const Place at = place_of(p_.matrix[t], s.matrix[t]);
    const lossgen_dim classes = Argument::axis(p_.classes, p_.class_stride[t]);
    if (layout_ != LOSSGEN_LAYOUT_planes) return {at, {classes, Argument::axis(s.rows(), p_.inner.matrix[t])}};
    const int64_t along_o = p_.outer_count > 0 ? p_.outer[p_.outer_count - 1].matrix[t] : 0;
    return {at, {Argument::axis(s.x_extent, p_.inner.matrix[t]), classes, Argument::axis(s.o_extent, along_o)}};
  }
  Argument tensor(RowTensor t, const Slab &s) const {
    return {place_of(p_.row[t], s.row[t]), s.rows(), p_.inner.row[t]};
  }
  Argument scratch(size_t offset, const Slab &s) const {
    return {workspace_ + offset + s.first_row * 4, s.rows(), 1};
  }
  Argument scratch(size_t offset, int64_t extent) const { return {workspace_ + offset, extent, 1}; }
  Argument same_for_all(Place at, const Slab &s) const { return {at, s.rows(), 0}; }
  Argument one_element(const Tensor &t, size_t otherwise) const {
    return {t.defined() ? place_of(t) : workspace_ + otherwise, 1, 1};
  }

  Argument lse_of(const Slab &s) const {
    return p_.row[kLse].defined() ? tensor(kLse, s) : scratch(layout_of_workspace_.lse, s);
  }

  // One number for all rows, or one for each in scratch.
  Argument scales_of(const Slab &s, size_t place) const {
    return rows_differ() ? scratch(place, s) : same_for_all(workspace_ + layout_of_workspace_.scale, s);
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

  const DeviceOp op_;
  const DeviceArguments &a_;
  const lossgen_options &o_;
  LaunchScope scope_;
  Problem p_;
  Tensor loss_, weight_, grad_, total_weight_, saved_total_weight_, bad_targets_;
  lossgen_layout_id layout_ = LOSSGEN_LAYOUT_planes;
  int target_ = -1;
  Slabs slabs_;
  WorkspaceLayout layout_of_workspace_{};
  int64_t parts_ = 0;  // of a row that is read in parts
  Place workspace_;
  const lossgen_kernel *targets_ = nullptr, *forward_ = nullptr, *join_ = nullptr, *losses_ = nullptr, *sums_ = nullptr, *total_ = nullptr,
                       *scales_ = nullptr, *backward_ = nullptr;
};

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_GPU_CALL_H
