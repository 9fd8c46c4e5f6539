#include "loss_arguments.h"

#include <initializer_list>

#include "checks.h"
#include "names.h"
#include "sized.h"

namespace lossgen {
namespace {

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

}  // namespace

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

}  // namespace lossgen
