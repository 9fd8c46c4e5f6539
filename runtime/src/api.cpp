// The C API: one function per op, which reads and checks arguments (checks.h, loss_arguments.h) and runs the op.
#include "checks.h"
#include "error.h"
#include "gpu/backend.h"
#include "gpu/device.h"
#include "loss.h"
#include "loss_arguments.h"
#include "registry.h"
#include "sized.h"
#include "softmax.h"

namespace lossgen {
namespace {

bool on_host(const Tensor &t) { return t.device.device_type == kDLCPU; }

// Everything is checked but the pointers: device calls go on from here.
lossgen_status run_elsewhere(DeviceOp op, const Tensor &first, DeviceArguments *arguments) {
  if (backend_of(first.device.device_type) == nullptr) return refuse_device(first.name, first.device);
  arguments->device = first.device;
  return run_on_device(op, *arguments);
}

lossgen_status log_softmax(const DLTensor *first, const DLTensor *second, const lossgen_options *options,
                           DLTensor *output, bool backward) {
  lossgen_options o;
  Problem p;
  LOSSGEN_TRY(read_sized("options", options, &o));
  LOSSGEN_TRY(check_options(o));
  LOSSGEN_TRY(refuse("weight", o.weight, "nll_loss and cross_entropy"));
  LOSSGEN_TRY(refuse("row_weight", o.row_weight, "nll_loss and cross_entropy"));
  LOSSGEN_TRY(refuse("grad_loss", o.grad_loss, "nll_loss and cross_entropy"));
  LOSSGEN_TRY(refuse("reduction", o.reduction != LOSSGEN_REDUCTION_MEAN, "nll_loss and cross_entropy"));
  LOSSGEN_TRY(refuse("denominator", o.denominator != LOSSGEN_DENOMINATOR_WEIGHT_SUM, "nll_loss and cross_entropy"));
  LOSSGEN_TRY(refuse("empty_mean_is_zero", o.empty_mean_is_zero, "nll_loss and cross_entropy"));
  LOSSGEN_TRY(refuse_index_options(o));
  LOSSGEN_TRY(refuse("label_smoothing", o.label_smoothing != 0, "cross_entropy"));
  LOSSGEN_TRY(refuse("z_loss", o.z_loss != 0, "cross_entropy"));
  LOSSGEN_TRY(read_tensor(backward ? "grad" : "logits", first, kFloats, &p.matrix[kIn0]));
  if (backward) {
    LOSSGEN_TRY(read_tensor("log_probs", second, kFloats, &p.matrix[kIn1]));
    LOSSGEN_TRY(check_matrix(p.matrix[kIn1], p.matrix[kIn0]));
  }
  LOSSGEN_TRY(read_tensor(backward ? "grad_logits" : "log_probs", output, kFloats, &p.matrix[kOut]));
  LOSSGEN_TRY(check_matrix(p.matrix[kOut], p.matrix[kIn0]));
  if (p.matrix[kIn0].rank == 0)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s is a scalar; it needs a class axis", p.matrix[kIn0].name);
  LOSSGEN_TRY(find_class_axis(o, p.matrix[kIn0].rank, &p.class_axis));
  LOSSGEN_TRY(check_no_self_overlap(p.matrix[kOut]));
  LOSSGEN_TRY(check_no_overlap(p.matrix[kOut], p.matrix[kIn0], true));
  if (backward) LOSSGEN_TRY(check_no_overlap(p.matrix[kOut], p.matrix[kIn1], true));
  if (!on_host(p.matrix[kIn0])) {
    DeviceArguments d;
    d.class_axis = p.class_axis;
    d.input = first;
    d.log_probs = second;
    d.options = &o;
    d.output = output;
    return run_elsewhere(backward ? DeviceOp::log_softmax_backward : DeviceOp::log_softmax_forward, p.matrix[kIn0], &d);
  }
  int target;
  LOSSGEN_TRY(resolve_target(o.target, &target));
  return run_log_softmax(&p, backward, o, target);
}

lossgen_status loss_on_device(const LossArguments &arguments, const LossCall &call) {
  if (arguments.from_probs)
    return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "logits is on a device; cross_entropy_probs runs on the host");
  DeviceArguments d;
  d.class_axis = call.problem.class_axis;
  d.input = arguments.logits;
  d.target = arguments.target;
  d.options = &call.options;
  d.saved = arguments.saved;
  d.extras = arguments.extras;
  d.loss = arguments.loss;
  d.output = arguments.grad;
  const DeviceOp op = arguments.from_log_probs ? (arguments.forward ? DeviceOp::nll_loss_forward : DeviceOp::nll_loss_backward)
                      : !arguments.backward    ? DeviceOp::cross_entropy_forward
                      : arguments.forward      ? DeviceOp::cross_entropy_forward_backward
                                               : DeviceOp::cross_entropy_backward;
  return run_elsewhere(op, call.problem.matrix[kIn0], &d);
}

lossgen_status loss(const LossArguments &arguments) {
  LossCall call;
  LOSSGEN_TRY(read_loss_call(arguments, &call));
  LOSSGEN_TRY(check_overlaps(call));
  if (!on_host(call.problem.matrix[kIn0])) return loss_on_device(arguments, call);
  LOSSGEN_TRY(resolve_target(call.options.target, &call.forced_target));
  return arguments.from_probs ? run_loss_probs(&call) : run_loss(&call);
}

}  // namespace
}  // namespace lossgen

using namespace lossgen;

lossgen_status lossgen_log_softmax_forward(const DLTensor *logits, const lossgen_options *options, DLTensor *log_probs) {
  ErrorScope scope("log_softmax_forward");
  return log_softmax(logits, nullptr, options, log_probs, false);
}

lossgen_status lossgen_log_softmax_backward(const DLTensor *grad, const DLTensor *log_probs,
                                            const lossgen_options *options, DLTensor *grad_logits) {
  ErrorScope scope("log_softmax_backward");
  return log_softmax(grad, log_probs, options, grad_logits, true);
}

lossgen_status lossgen_nll_loss_forward(const DLTensor *log_probs, const DLTensor *target,
                                        const lossgen_options *options, DLTensor *loss_out,
                                        const lossgen_extras *extras) {
  ErrorScope scope("nll_loss_forward");
  LossArguments a;
  a.logits = log_probs;
  a.logits_name = "log_probs";
  a.target = target;
  a.options = options;
  a.loss = loss_out;
  a.extras = extras;
  a.from_log_probs = a.forward = true;
  return loss(a);
}

lossgen_status lossgen_nll_loss_backward(const DLTensor *target, const lossgen_options *options,
                                         const lossgen_saved *saved, DLTensor *grad_log_probs) {
  ErrorScope scope("nll_loss_backward");
  LossArguments a;
  a.logits = a.grad = grad_log_probs;
  a.logits_name = a.grad_name = "grad_log_probs";
  a.target = target;
  a.options = options;
  a.saved = saved;
  a.from_log_probs = a.backward = true;
  return loss(a);
}

lossgen_status lossgen_cross_entropy_forward(const DLTensor *logits, const DLTensor *target,
                                             const lossgen_options *options, DLTensor *loss_out,
                                             const lossgen_extras *extras) {
  ErrorScope scope("cross_entropy_forward");
  LossArguments a;
  a.logits = logits;
  a.target = target;
  a.options = options;
  a.loss = loss_out;
  a.extras = extras;
  a.forward = true;
  return loss(a);
}

lossgen_status lossgen_cross_entropy_backward(const DLTensor *logits, const DLTensor *target,
                                              const lossgen_options *options, const lossgen_saved *saved,
                                              DLTensor *grad_logits) {
  ErrorScope scope("cross_entropy_backward");
  LossArguments a;
  a.logits = logits;
  a.target = target;
  a.options = options;
  a.saved = saved;
  a.grad = grad_logits;
  a.backward = true;
  return loss(a);
}

lossgen_status lossgen_cross_entropy_forward_backward(const DLTensor *logits, const DLTensor *target,
                                                      const lossgen_options *options, DLTensor *loss_out,
                                                      DLTensor *grad_logits, const lossgen_extras *extras) {
  ErrorScope scope("cross_entropy_forward_backward");
  LossArguments a;
  a.logits = logits;
  a.target = target;
  a.options = options;
  a.loss = loss_out;
  a.grad = grad_logits;
  a.extras = extras;
  a.forward = a.backward = true;
  return loss(a);
}

lossgen_status lossgen_cross_entropy_probs_forward(const DLTensor *logits, const DLTensor *probs,
                                                   const lossgen_options *options, DLTensor *loss_out,
                                                   const lossgen_extras *extras) {
  ErrorScope scope("cross_entropy_probs_forward");
  LossArguments a;
  a.logits = logits;
  a.probs = probs;
  a.options = options;
  a.loss = loss_out;
  a.extras = extras;
  a.from_probs = a.forward = true;
  return loss(a);
}

lossgen_status lossgen_cross_entropy_probs_backward(const DLTensor *logits, const DLTensor *probs,
                                                    const lossgen_options *options, DLTensor *grad_logits) {
  ErrorScope scope("cross_entropy_probs_backward");
  LossArguments a;
  a.logits = logits;
  a.probs = probs;
  a.options = options;
  a.grad = grad_logits;
  a.from_probs = a.backward = true;
  return loss(a);
}

lossgen_status lossgen_cross_entropy_probs_forward_backward(const DLTensor *logits, const DLTensor *probs,
                                                            const lossgen_options *options, DLTensor *loss_out,
                                                            DLTensor *grad_logits, const lossgen_extras *extras) {
  ErrorScope scope("cross_entropy_probs_forward_backward");
  LossArguments a;
  a.logits = logits;
  a.probs = probs;
  a.options = options;
  a.loss = loss_out;
  a.grad = grad_logits;
  a.extras = extras;
  a.from_probs = a.forward = a.backward = true;
  return loss(a);
}

lossgen_reduction lossgen_reduction_from_legacy(int size_average, int reduce, lossgen_reduction reduction) {
  if (size_average < 0 && reduce < 0) return reduction;
  if (reduce == 0) return LOSSGEN_REDUCTION_NONE;
  return size_average == 0 ? LOSSGEN_REDUCTION_SUM : LOSSGEN_REDUCTION_MEAN;
}
