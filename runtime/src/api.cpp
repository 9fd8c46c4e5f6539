// The C API: reads and checks arguments, then runs the op. One function per op, shared checks above them.
#include <math.h>

#include <algorithm>

#include "error.h"
#include "gpu/device.h"
#include "loss.h"
#include "names.h"
#include "registry.h"
#include "sized.h"
#include "softmax.h"

namespace lossgen {
namespace {

#define LOSSGEN_TRY(expression)                              \
  do {                                                       \
    const lossgen_status try_status = (expression);          \
    if (try_status != LOSSGEN_OK) return try_status;         \
  } while (0)

lossgen_status check_options(const lossgen_options &o) {
  if (o.reduction < LOSSGEN_REDUCTION_MEAN || o.reduction > LOSSGEN_REDUCTION_NONE)
    return fail(LOSSGEN_BAD_ARGUMENT, "reduction %d is unknown; expected mean (0), sum (1) or none (2)", (int)o.reduction);
  if (o.ignore_mode < LOSSGEN_IGNORE_DEFAULT || o.ignore_mode > LOSSGEN_IGNORE_NONE)
    return fail(LOSSGEN_BAD_ARGUMENT, "ignore_mode %d is unknown; expected 0, 1 or 2", (int)o.ignore_mode);
  if (o.bounds < LOSSGEN_BOUNDS_DEFAULT || o.bounds > LOSSGEN_BOUNDS_UNCHECKED)
    return fail(LOSSGEN_BAD_ARGUMENT, "bounds %d is unknown; expected 0, 1 or 2", (int)o.bounds);
  if (o.denominator < LOSSGEN_DENOMINATOR_WEIGHT_SUM || o.denominator > LOSSGEN_DENOMINATOR_GIVEN)
    return fail(LOSSGEN_BAD_ARGUMENT, "denominator %d is unknown; expected 0, 1, 2 or 3", (int)o.denominator);
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1))
    return fail(LOSSGEN_BAD_ARGUMENT, "label_smoothing is %g, expected a number in [0, 1]", o.label_smoothing);
  if (!isfinite(o.z_loss)) return fail(LOSSGEN_BAD_ARGUMENT, "z_loss is %g, expected a finite number", o.z_loss);
  if (o.denominator == LOSSGEN_DENOMINATOR_GIVEN && !isfinite(o.denominator_value))
    return fail(LOSSGEN_BAD_ARGUMENT, "denominator_value is %g, expected a finite number", o.denominator_value);
  if (!o.allocate != !o.release)
    return fail(LOSSGEN_BAD_ARGUMENT, "allocate and release come together, %s is NULL", o.allocate ? "release" : "allocate");
  if (o.threads < 0) return fail(LOSSGEN_BAD_ARGUMENT, "threads is %d, expected 0 (all) or more", (int)o.threads);
  return LOSSGEN_OK;
}

lossgen_status check_device(const Tensor &t, const Tensor &reference) {
  if (t.device.device_type == reference.device.device_type && t.device.device_id == reference.device.device_id)
    return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s is on device (%d, %d), %s on (%d, %d)", t.name, (int)t.device.device_type,
              t.device.device_id, reference.name, (int)reference.device.device_type, reference.device.device_id);
}

lossgen_status check_shape(const Tensor &t, const Tensor &reference) {
  if (t.rank == reference.rank && std::equal(t.shape, t.shape + t.rank, reference.shape)) return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s has shape %s, expected that of %s, %s", t.name, shape_text(t), reference.name,
              shape_text(reference));
}

lossgen_status check_type(const Tensor &t, const Tensor &reference) {
  if (same_type(t.type, reference.type)) return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s is %s, expected that of %s, %s", t.name, dtype_text(t.type), reference.name,
              dtype_text(reference.type));
}

// The logits' dtype or, unless that is f64, f32: losses, lse, upstream gradients. A weight may be f32 in any case.
lossgen_status check_row_type(const Tensor &t, const Tensor &logits, bool weight = false) {
  const int bits = logits.type.bits;
  const bool f32 = weight || bits != 64;
  if (same_type(t.type, logits.type) || (f32 && t.type.code == kDLFloat && t.type.bits == 32)) return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s is %s, expected %s%s%s", t.name, dtype_text(t.type), f32 ? "f32" : "",
              f32 && bits != 32 ? " or " : "", bits != 32 ? dtype_text(logits.type) : "");
}

lossgen_status check_scalar(const Tensor &t) {
  if (t.rank == 0) return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s has shape %s, expected a scalar, []", t.name, shape_text(t));
}

// The matrix arguments of an op: the first is an input that sets shape, dtype and device.
lossgen_status check_matrix(const Tensor &t, const Tensor &first) {
  LOSSGEN_TRY(check_device(t, first));
  LOSSGEN_TRY(check_type(t, first));
  return check_shape(t, first);
}

bool on_host(const Tensor &t) { return t.device.device_type == kDLCPU; }

// Everything is checked but the pointers: device calls go on from here.
lossgen_status run_elsewhere(DeviceOp op, const Tensor &first, DeviceArguments *arguments) {
  if (first.device.device_type != kDLCUDA)
    return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "%s is on a device of type %d; expected host (%d) or CUDA (%d)", first.name,
                (int)first.device.device_type, (int)kDLCPU, (int)kDLCUDA);
  arguments->device = first.device;
  return run_on_device(op, *arguments);
}

// Options of the losses that an op does not have.
lossgen_status refuse(const char *option, bool given, const char *owner) {
  return given ? fail(LOSSGEN_BAD_ARGUMENT, "%s is an option of %s", option, owner) : LOSSGEN_OK;
}

// Options about class indices, for ops that take none. The default, spelled out, is none given.
lossgen_status refuse_index_options(const lossgen_options &o) {
  const bool ignores = o.ignore_mode == LOSSGEN_IGNORE_NONE ||
                       (o.ignore_mode == LOSSGEN_IGNORE_INDEX && o.ignore_index != kDefaultIgnoreIndex);
  LOSSGEN_TRY(refuse("ignore_index", ignores, "nll_loss and cross_entropy"));
  return refuse("bounds", o.bounds != LOSSGEN_BOUNDS_DEFAULT, "nll_loss and cross_entropy");
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

// Arguments of the loss functions; NULL where a function has none.
struct LossArguments {
  const DLTensor *logits = nullptr, *target = nullptr, *probs = nullptr;
  const lossgen_options *options = nullptr;
  const lossgen_extras *extras = nullptr;
  const lossgen_saved *saved = nullptr;
  DLTensor *loss = nullptr, *grad = nullptr;
  const char *logits_name = "logits", *grad_name = "grad_logits";
  bool from_log_probs = false, from_probs = false, forward = false, backward = false;
};

lossgen_status read_extras(const LossArguments &arguments, LossCall *call, Tensor *lse) {
  lossgen_extras e;
  LOSSGEN_TRY(read_sized("extras", arguments.extras, &e));
  const Tensor &logits = call->problem.matrix[kIn0];
  const char *const owner = "cross_entropy";
  if (arguments.from_log_probs) {
    LOSSGEN_TRY(refuse("extras.lse", e.lse, owner));
    LOSSGEN_TRY(refuse("extras.log_probs", e.log_probs, owner));
    LOSSGEN_TRY(refuse("extras.entropy", e.entropy, owner));
  }
  if (arguments.from_probs) LOSSGEN_TRY(refuse("extras.correct", e.correct, "nll_loss and cross_entropy"));
  Problem &p = call->problem;
  auto read_rows = [&](const char *name, const DLTensor *t, unsigned types, Tensor *out) -> lossgen_status {
    LOSSGEN_TRY(read_tensor(name, t, types, out));
    LOSSGEN_TRY(check_device(*out, logits));
    return check_shape(*out, *call->rows);
  };
  if (e.log_probs) {
    LOSSGEN_TRY(read_tensor("extras.log_probs", e.log_probs, kFloats, &p.matrix[kLogProbs]));
    LOSSGEN_TRY(check_matrix(p.matrix[kLogProbs], logits));
  }
  if (e.argmax) LOSSGEN_TRY(read_rows("extras.argmax", e.argmax, kI32OrI64, &p.row[kArgmax]));
  if (e.entropy) {
    LOSSGEN_TRY(read_rows("extras.entropy", e.entropy, kFloats, &p.row[kEntropy]));
    LOSSGEN_TRY(check_row_type(p.row[kEntropy], logits));
  }
  if (e.correct) {
    LOSSGEN_TRY(read_tensor("extras.correct", e.correct, kI64Only, &call->correct));
    LOSSGEN_TRY(check_scalar(call->correct));
    LOSSGEN_TRY(check_device(call->correct, logits));
  }
  if (e.total_weight) {
    LOSSGEN_TRY(read_tensor("extras.total_weight", e.total_weight, kFloats, &call->total_weight));
    LOSSGEN_TRY(check_row_type(call->total_weight, logits));
    LOSSGEN_TRY(check_scalar(call->total_weight));
    LOSSGEN_TRY(check_device(call->total_weight, logits));
  }
  if (e.lse) LOSSGEN_TRY(read_tensor("extras.lse", e.lse, kFloats, lse));
  return LOSSGEN_OK;
}

lossgen_status read_saved(const LossArguments &arguments, LossCall *call, Tensor *lse) {
  lossgen_saved s;
  LOSSGEN_TRY(read_sized("saved", arguments.saved, &s));
  const Tensor &logits = call->problem.matrix[kIn0];
  if (s.total_weight) {
    LOSSGEN_TRY(read_tensor("saved.total_weight", s.total_weight, kFloats, &call->saved_total_weight));
    LOSSGEN_TRY(check_row_type(call->saved_total_weight, logits));
    LOSSGEN_TRY(check_scalar(call->saved_total_weight));
    LOSSGEN_TRY(check_device(call->saved_total_weight, logits));
  }
  if (s.lse) {
    LOSSGEN_TRY(refuse("saved.lse", arguments.from_log_probs, "cross_entropy_backward"));
    LOSSGEN_TRY(read_tensor("saved.lse", s.lse, kFloats, lse));
    call->lse_is_input = true;
  }
  return LOSSGEN_OK;
}

// Has t the logits' shape without the class axis?
bool is_shape_of_rows(const Tensor &t, const Tensor &logits, int class_axis) {
  if (t.rank != logits.rank - 1) return false;
  for (int i = 0; i < t.rank; i++)
    if (t.shape[i] != logits.shape[i < class_axis ? i : i + 1]) return false;
  return true;
}

// That shape.
Tensor rows_of(const Tensor &logits, int class_axis) {
  Tensor rows = logits;
  rows.name = "the rows of logits";
  rows.rank = logits.rank - 1;
  for (int i = class_axis; i < rows.rank; i++) rows.shape[i] = logits.shape[i + 1];
  return rows;
}

lossgen_status read_target(const LossArguments &arguments, LossCall *call) {
  const Tensor &logits = call->problem.matrix[kIn0];
  const int axis = call->problem.class_axis;
  Tensor &target = call->problem.row[kTarget];
  const DLTensor *given = arguments.target;
  if (given && !arguments.from_log_probs && (given->dtype.code == kDLFloat || given->dtype.code == kDLBfloat))
    return fail(LOSSGEN_BAD_ARGUMENT,
                "target is %s, expected an integer type; class probabilities are for cross_entropy_probs",
                dtype_text(given->dtype));
  LOSSGEN_TRY(read_tensor("target", given, kIntegers, &target));
  LOSSGEN_TRY(check_device(target, logits));
  call->rows = &target;
  if (!is_shape_of_rows(target, logits, axis))
    return fail(LOSSGEN_BAD_ARGUMENT, "target has shape %s, expected %s for %s of shape %s with class axis %d",
                shape_text(target), shape_text(rows_of(logits, axis)), logits.name, shape_text(logits), axis);
  return LOSSGEN_OK;
}

lossgen_status read_probs(const LossArguments &arguments, LossCall *call) {
  Problem &p = call->problem;
  call->rows_without_target = rows_of(p.matrix[kIn0], p.class_axis);
  call->rows = &call->rows_without_target;
  LOSSGEN_TRY(read_tensor("probs", arguments.probs, kFloats, &p.matrix[kIn1]));
  return check_matrix(p.matrix[kIn1], p.matrix[kIn0]);
}

lossgen_status read_loss_call(const LossArguments &arguments, LossCall *call) {
  Problem &p = call->problem;
  lossgen_options &o = call->options;
  LOSSGEN_TRY(read_sized("options", arguments.options, &o));
  LOSSGEN_TRY(check_options(o));
  call->from_log_probs = arguments.from_log_probs;
  call->want_loss = arguments.forward;
  call->want_grad = arguments.backward;
  call->has_ignore = o.ignore_mode != LOSSGEN_IGNORE_NONE;
  if (o.ignore_mode == LOSSGEN_IGNORE_INDEX) call->ignore_index = o.ignore_index;
  if (call->from_log_probs) {
    LOSSGEN_TRY(refuse("label_smoothing", o.label_smoothing != 0, "cross_entropy"));
    LOSSGEN_TRY(refuse("z_loss", o.z_loss != 0, "cross_entropy"));
  }
  if (arguments.from_probs) LOSSGEN_TRY(refuse_index_options(o));

  // Logits or log-probs; nll_loss backward has only the gradient, whose shape and type stand in.
  Tensor &logits = p.matrix[kIn0];
  LOSSGEN_TRY(read_tensor(arguments.logits_name, arguments.logits, kFloats, &logits));
  if (logits.rank == 0) return fail(LOSSGEN_BAD_ARGUMENT, "%s is a scalar; it needs a class axis", logits.name);
  LOSSGEN_TRY(find_class_axis(o, logits.rank, &p.class_axis));
  LOSSGEN_TRY(arguments.from_probs ? read_probs(arguments, call) : read_target(arguments, call));
  auto read_rows = [&](const char *name, const DLTensor *t, Tensor *out) -> lossgen_status {
    LOSSGEN_TRY(read_tensor(name, t, kFloats, out));
    LOSSGEN_TRY(check_device(*out, logits));
    LOSSGEN_TRY(check_row_type(*out, logits, out == &p.row[kRowWeight]));
    return check_shape(*out, *call->rows);
  };
  if (arguments.backward) {
    if (arguments.grad == arguments.logits) {
      p.matrix[kOut] = logits;
    } else {
      LOSSGEN_TRY(read_tensor(arguments.grad_name, arguments.grad, kFloats, &p.matrix[kOut]));
      LOSSGEN_TRY(check_matrix(p.matrix[kOut], logits));
    }
    p.matrix[kOut].name = arguments.grad_name;
  }
  if (arguments.forward) {
    LOSSGEN_TRY(read_tensor("loss", arguments.loss, kFloats, &call->loss));
    LOSSGEN_TRY(check_device(call->loss, logits));
    LOSSGEN_TRY(check_row_type(call->loss, logits));
    if (o.reduction != LOSSGEN_REDUCTION_NONE) LOSSGEN_TRY(check_scalar(call->loss));
    if (o.reduction == LOSSGEN_REDUCTION_NONE) {
      LOSSGEN_TRY(check_shape(call->loss, *call->rows));
      p.row[kLoss] = call->loss;
    }
    LOSSGEN_TRY(read_extras(arguments, call, &p.row[kLse]));
  } else {
    LOSSGEN_TRY(read_saved(arguments, call, &p.row[kLse]));
  }
  if (p.row[kLse].defined()) {
    LOSSGEN_TRY(check_device(p.row[kLse], logits));
    LOSSGEN_TRY(check_row_type(p.row[kLse], logits));
    LOSSGEN_TRY(check_shape(p.row[kLse], *call->rows));
  }
  if (o.weight) {
    LOSSGEN_TRY(read_tensor("weight", o.weight, kFloats, &call->weight));
    LOSSGEN_TRY(check_device(call->weight, logits));
    LOSSGEN_TRY(check_row_type(call->weight, logits, true));
    if (call->weight.rank != 1 || call->weight.shape[0] != logits.shape[p.class_axis])
      return fail(LOSSGEN_BAD_ARGUMENT, "weight has shape %s, expected [%lld], one weight per class",
                  shape_text(call->weight), (long long)logits.shape[p.class_axis]);
  }
  if (o.row_weight) LOSSGEN_TRY(read_rows("row_weight", o.row_weight, &p.row[kRowWeight]));
  if (o.grad_loss && arguments.backward) {
    if (o.grad_loss->ndim == 0 && o.reduction != LOSSGEN_REDUCTION_NONE) {
      LOSSGEN_TRY(read_tensor("grad_loss", o.grad_loss, kFloats, &call->grad_scalar));
      LOSSGEN_TRY(check_row_type(call->grad_scalar, logits));
      LOSSGEN_TRY(check_device(call->grad_scalar, logits));
    } else if (o.reduction == LOSSGEN_REDUCTION_NONE) {
      LOSSGEN_TRY(read_rows("grad_loss", o.grad_loss, &p.row[kGradLoss]));
    } else {
      Tensor given;
      LOSSGEN_TRY(read_tensor("grad_loss", o.grad_loss, kFloats, &given));
      LOSSGEN_TRY(check_scalar(given));
    }
  }
  return LOSSGEN_OK;
}

// The arguments that a call has, of all that there are.
struct Present {
  const Tensor *tensor[9];
  Span span[9];
  int count = 0;

  void add(const Tensor &t) {
    if (!t.defined()) return;
    tensor[count] = &t;
    span[count++] = span_of(t);
  }
};

lossgen_status check_overlaps(const LossCall &call) {
  const Problem &p = call.problem;
  Present outputs, inputs;
  for (const Tensor *t : {&p.matrix[kOut], &p.matrix[kLogProbs], &p.row[kArgmax], &p.row[kEntropy], &call.loss, &call.correct,
                          &call.total_weight})
    outputs.add(*t);
  for (const Tensor *t : {&p.matrix[kIn0], &p.matrix[kIn1], &p.row[kTarget], &call.weight, &p.row[kRowWeight], &p.row[kGradLoss],
                          &call.grad_scalar, &call.saved_total_weight})
    inputs.add(*t);
  (call.lse_is_input ? inputs : outputs).add(p.row[kLse]);
  for (int i = 0; i < outputs.count; i++) {
    const Tensor &out = *outputs.tensor[i];
    LOSSGEN_TRY(check_no_self_overlap(out));
    for (int j = 0; j < inputs.count; j++) {
      if (outputs.span[i].apart(inputs.span[j])) continue;
      const Tensor &in = *inputs.tensor[j];
      LOSSGEN_TRY(check_no_overlap(out, in, &out == &p.matrix[kOut] && (&in == &p.matrix[kIn0] || &in == &p.matrix[kIn1])));
    }
    for (int j = 0; j < outputs.count; j++)
      if (j != i && !outputs.span[i].apart(outputs.span[j])) LOSSGEN_TRY(check_no_overlap(out, *outputs.tensor[j], false));
  }
  return LOSSGEN_OK;
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
