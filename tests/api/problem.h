// A small valid call of every operation, for tests that spoil one thing of it.
#ifndef LOSSGEN_TESTS_API_PROBLEM_H
#define LOSSGEN_TESTS_API_PROBLEM_H

#include <lossgen/lossgen.h>

#include <cstring>
#include <string>
#include <vector>

#include "ops.h"

// A tensor with memory, shape and strides of its own that a test may bend at will.
struct Argument {
  std::vector<char> memory;
  std::vector<int64_t> shape, strides;  // strides empty = compact
  DLTensor tensor = {};
  bool is_null = false;

  void allocate(DLDataType dtype, std::vector<int64_t> extents, size_t elements = 64) {
    memory.assign(elements * 8, 0);
    tensor = lossgen_tensor(memory.data(), dtype, 0, nullptr);
    reshape(std::move(extents));
  }
  // Points at shape and strides again after they changed.
  void reshape(std::vector<int64_t> extents, std::vector<int64_t> steps = {}) {
    shape = std::move(extents);
    strides = std::move(steps);
    tensor.ndim = static_cast<int32_t>(shape.size());
    tensor.shape = shape.data();
    tensor.strides = strides.empty() ? nullptr : strides.data();
  }
  DLTensor *get() { return is_null ? nullptr : &tensor; }
  template <class T>
  T *as() {
    return reinterpret_cast<T *>(memory.data());
  }
};

inline const DLDataType f32 = lossgen_dtype(kDLFloat, 32), f64 = lossgen_dtype(kDLFloat, 64),
                        i32 = lossgen_dtype(kDLInt, 32), i64 = lossgen_dtype(kDLInt, 64);

// Logits (4, 3), or (2, 3, 2, 3) with spatial = true. `grad` is the upstream gradient of log_softmax_backward, `logits`
// stands for log_probs where an operation takes those, `out` for the gradient or the log-probabilities.
struct Problem {
  explicit Problem(bool spatial = false) {
    const std::vector<int64_t> full = spatial ? std::vector<int64_t>{2, 3, 2, 3} : std::vector<int64_t>{4, 3};
    const std::vector<int64_t> rows = spatial ? std::vector<int64_t>{2, 2, 3} : std::vector<int64_t>{4};
    for (Argument *a : {&logits, &probs, &grad, &out}) a->allocate(f32, full);
    target.allocate(i64, rows);
    for (Argument *a : {&lse, &row_weight, &entropy}) a->allocate(f32, rows);
    argmax.allocate(i64, rows);
    for (Argument *a : {&loss, &total_weight, &grad_loss}) a->allocate(f32, {});
    correct.allocate(i64, {});
    weight.allocate(f32, {3});
    for (int i = 0; i < 36; ++i) {
      logits.as<float>()[i] = 0.25f * static_cast<float>(i % 7) - 2;
      probs.as<float>()[i] = 0.125f * static_cast<float>(i % 5);
      grad.as<float>()[i] = 1;
    }
    for (int r = 0; r < 12; ++r) target.as<int64_t>()[r] = r % 3;
    for (int c = 0; c < 3; ++c) weight.as<float>()[c] = 1;
    for (int r = 0; r < 12; ++r) row_weight.as<float>()[r] = 1;
    grad_loss.as<float>()[0] = 1;
    for (Argument *a : outputs()) std::memset(a->memory.data(), kSentinel, a->memory.size());
  }
  Problem(const Problem &) = delete;
  Problem &operator=(const Problem &) = delete;

  static constexpr char kSentinel = 0x5a;
  std::vector<Argument *> outputs() { return {&out, &loss, &lse, &total_weight, &argmax, &correct, &entropy}; }
  std::vector<Argument *> inputs() { return {&logits, &probs, &grad, &target, &weight, &row_weight, &grad_loss}; }
  static bool untouched(const Argument &a) {
    for (char byte : a.memory) {
      if (byte != kSentinel) return false;
    }
    return true;
  }

  lossgen_status run(Op op) {
    const lossgen_options *o = null_options ? nullptr : &options;
    const lossgen_extras *e = use_extras ? &extras : nullptr;
    const lossgen_saved *s = use_saved ? &saved : nullptr;
    switch (op) {
      case Op::log_softmax_forward:
        return lossgen_log_softmax_forward(logits.get(), o, out.get());
      case Op::log_softmax_backward:
        return lossgen_log_softmax_backward(grad.get(), logits.get(), o, out.get());
      case Op::nll_loss_forward:
        return lossgen_nll_loss_forward(logits.get(), target.get(), o, loss.get(), e);
      case Op::nll_loss_backward:
        return lossgen_nll_loss_backward(target.get(), o, s, out.get());
      case Op::cross_entropy_forward:
        return lossgen_cross_entropy_forward(logits.get(), target.get(), o, loss.get(), e);
      case Op::cross_entropy_backward:
        return lossgen_cross_entropy_backward(logits.get(), target.get(), o, s, out.get());
      case Op::cross_entropy_forward_backward:
        return lossgen_cross_entropy_forward_backward(logits.get(), target.get(), o, loss.get(), out.get(), e);
      case Op::cross_entropy_probs_forward:
        return lossgen_cross_entropy_probs_forward(logits.get(), probs.get(), o, loss.get(), e);
      case Op::cross_entropy_probs_backward:
        return lossgen_cross_entropy_probs_backward(logits.get(), probs.get(), o, out.get());
      case Op::cross_entropy_probs_forward_backward:
        return lossgen_cross_entropy_probs_forward_backward(logits.get(), probs.get(), o, loss.get(), out.get(), e);
    }
    return LOSSGEN_OK;
  }

  Argument logits, probs, grad, target, out, loss, weight, row_weight, grad_loss, lse, total_weight, argmax, correct,
      entropy;
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  bool null_options = false, use_extras = false, use_saved = false;
};

#endif  // LOSSGEN_TESTS_API_PROBLEM_H
