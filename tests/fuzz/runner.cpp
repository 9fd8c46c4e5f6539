#include "runner.h"

#include <algorithm>
#include <cmath>

namespace {

void run_backwards(void *, lossgen_task task, void *context, int64_t count) {
  while (count > 0) task(context, --count);
}

}  // namespace

std::string Runner::run(const Case &c) {
  case_ = &c;
  problem_.clear();
  kernel_ = {c.dtype, c.kernel_target.empty() ? best_target_ : c.kernel_target};
  make_inputs();
  make_outputs();
  for (Tensor *t : {&first_, &second_, &out_, &target_, &weight_, &row_weight_, &upstream_, &saved_lse_,
                    &saved_total_weight_, &loss_, &lse_, &total_weight_, &log_probs_, &entropy_, &argmax_, &correct_}) {
    if (t->dl() != nullptr) t->keep();
  }
  const lossgen_status status = call(), wanted = expected_status();
  if (status != wanted) {
    wrong(std::string("status ") + lossgen_status_string(status) + " instead of " + lossgen_status_string(wanted) +
          " (" + lossgen_last_error() + ")");
  } else if (status != LOSSGEN_OK) {
    check_error(status);
  } else if (!unspecified_) {
    if (c.op < Op::nll_loss_forward) check_log_softmax();
    else check_losses();
  }
  check_memory();
  return problem_;
}

lossgen_options Runner::options() {
  const Case &c = *case_;
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.class_axis_given = c.axis_spelling != 0;
  o.class_axis = c.axis_spelling == 2 ? c.axis - static_cast<int>(c.shape.size()) : c.axis;
  o.threads = c.threads;
  o.parallel_for = c.own_parallel_for ? run_backwards : nullptr;
  o.general_kernels_only = c.general_kernels_only;
  o.target = c.kernel_target.empty() ? nullptr : c.kernel_target.c_str();
  if (c.op < Op::nll_loss_forward) return o;
  o.reduction = c.reduction;
  o.ignore_mode = c.ignore_mode;
  o.ignore_index = c.ignore_index;
  o.weight = weight_.dl();
  o.row_weight = row_weight_.dl();
  o.grad_loss = upstream_.dl();
  o.label_smoothing = c.label_smoothing;
  o.z_loss = c.z_loss;
  o.bounds = c.bounds;
  o.denominator = c.denominator;
  o.denominator_value = c.denominator_value;
  o.empty_mean_is_zero = c.empty_mean_is_zero;
  return o;
}

lossgen_status Runner::call() {
  const Case &c = *case_;
  const lossgen_options given = options();
  const lossgen_options *o = c.null_options ? nullptr : &given;
  in_place_ = *(result().dl() != nullptr ? result().dl() : first_.dl());
  DLTensor *out =
      c.number % 2 ? &in_place_ : result().dl();  // in place: the same tensor, or another of the same memory
  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  saved.lse = saved_lse_.dl();
  saved.total_weight = saved_total_weight_.dl();
  lossgen_extras e = LOSSGEN_EXTRAS_INIT;
  e.lse = lse_.dl();
  e.total_weight = total_weight_.dl();
  e.log_probs = log_probs_.dl();
  e.argmax = argmax_.dl();
  e.correct = correct_.dl();
  e.entropy = entropy_.dl();
  const lossgen_saved *from_forward = saved.lse || saved.total_weight || c.number % 4 < 2 ? &saved : nullptr;
  const bool some = e.lse || e.total_weight || e.log_probs || e.argmax || e.correct || e.entropy;
  const lossgen_extras *extras = some || c.number % 4 < 2 ? &e : nullptr;
  switch (c.op) {
    case Op::log_softmax_forward:
      return lossgen_log_softmax_forward(first_.dl(), o, out);
    case Op::log_softmax_backward:
      return lossgen_log_softmax_backward(first_.dl(), second_.dl(), o, out);
    case Op::nll_loss_forward:
      return lossgen_nll_loss_forward(first_.dl(), target_.dl(), o, loss_.dl(), extras);
    case Op::nll_loss_backward:
      return lossgen_nll_loss_backward(target_.dl(), o, from_forward, out);
    case Op::cross_entropy_forward:
      return lossgen_cross_entropy_forward(first_.dl(), target_.dl(), o, loss_.dl(), extras);
    case Op::cross_entropy_backward:
      return lossgen_cross_entropy_backward(first_.dl(), target_.dl(), o, from_forward, out);
    case Op::cross_entropy_forward_backward:
      return lossgen_cross_entropy_forward_backward(first_.dl(), target_.dl(), o, loss_.dl(), out, extras);
    case Op::cross_entropy_probs_forward:
      return lossgen_cross_entropy_probs_forward(first_.dl(), second_.dl(), o, loss_.dl(), extras);
    case Op::cross_entropy_probs_backward:
      return lossgen_cross_entropy_probs_backward(first_.dl(), second_.dl(), o, out);
    case Op::cross_entropy_probs_forward_backward:
      return lossgen_cross_entropy_probs_forward_backward(first_.dl(), second_.dl(), o, loss_.dl(), out, extras);
  }
  return LOSSGEN_BAD_ARGUMENT;
}

lossgen_status Runner::expected_status() const {
  const Case &c = *case_;
  // Of no classes none is the largest.
  if (c.classes() == 0 && c.rows() > 0 && (c.argmax_bits || c.entropy.given)) return LOSSGEN_BAD_ARGUMENT;
  return first_bad_ >= 0 && c.bounds == LOSSGEN_BOUNDS_DEFAULT ? LOSSGEN_TARGET_OUT_OF_BOUNDS : LOSSGEN_OK;
}

// The message names the first class out of bounds; gradients and scalars are as they were, and all else where there is
// a gradient.
void Runner::check_error(lossgen_status status) {
  const Case &c = *case_;
  if (status == LOSSGEN_TARGET_OUT_OF_BOUNDS) {
    const int64_t y = given_y_[static_cast<size_t>(first_bad_)];
    const bool is_unsigned = kIntegerTypes[c.target_type].type.code == kDLUInt;
    std::string at;
    int64_t left = first_bad_;
    const std::vector<int64_t> shape = c.row_shape();
    for (size_t i = shape.size(); i-- > 0; left /= shape[i]) {
      at = std::to_string(left % shape[i]) + (at.empty() ? "" : ",") + at;
    }
    const std::string expected = "target" + (shape.empty() ? "" : "[" + at + "]") + " = " +
                                 (is_unsigned ? std::to_string(static_cast<uint64_t>(y)) : std::to_string(y)) +
                                 " is out of bounds for " + std::to_string(c.classes()) + " classes";
    const std::string message = lossgen_last_error();
    if (message.find(expected) == std::string::npos) wrong("message '" + message + "' lacks '" + expected + "'");
  }
  std::vector<Tensor *> untouched = {&out_, &total_weight_, &correct_};
  if (c.has_grad()) untouched.insert(untouched.end(), {&first_, &loss_, &lse_, &log_probs_, &entropy_, &argmax_});
  else if (c.reduction != LOSSGEN_REDUCTION_NONE) untouched.push_back(&loss_);
  for (Tensor *t : untouched) {
    if (t->dl() != nullptr && !t->untouched()) wrong("an output was written to before the error");
  }
}

void Runner::check_memory() {
  for (Tensor *t :
       {&first_, &second_, &target_, &weight_, &row_weight_, &upstream_, &saved_lse_, &saved_total_weight_}) {
    if (t->dl() != nullptr && t != &result() && !t->untouched()) wrong("wrote to an input");
  }
  for (Tensor *t : {&result(), &loss_, &lse_, &total_weight_, &log_probs_, &entropy_, &argmax_, &correct_}) {
    if (t->dl() != nullptr && !t->surroundings_intact()) wrong("wrote outside an output");
  }
}
