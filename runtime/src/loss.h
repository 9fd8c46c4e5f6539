// nll_loss, cross_entropy and cross_entropy_probs, forward, backward and both at once, on the host.
#ifndef LOSSGEN_RUNTIME_LOSS_H
#define LOSSGEN_RUNTIME_LOSS_H

#include "problem.h"

namespace lossgen {

constexpr int64_t kDefaultIgnoreIndex = -100;

// A call after its arguments were read and checked.
struct LossCall {
  // kIn0 logits or log-probs (for nll_loss backward: the gradient's tensor), kIn1 class probabilities, kOut the gradient
  Problem problem;
  lossgen_options options;
  int forced_target = -1;
  bool from_log_probs = false;  // nll_loss
  bool want_loss = false, want_grad = false;
  int64_t ignore_index = kDefaultIgnoreIndex;
  bool has_ignore = true;
  const Tensor *rows = nullptr;  // has the shape of the tensors with one element per row, named after what it was taken from
  Tensor rows_without_target;
  Tensor weight;        // [C] or undefined
  Tensor loss;          // undefined without want_loss; scalar unless reduction none (then it is row[kLoss] as well)
  Tensor grad_scalar;   // upstream gradient [] or undefined; per row it is row[kGradLoss]
  Tensor total_weight, correct;  // outputs, or undefined
  Tensor saved_total_weight;
  bool lse_is_input = false;  // row[kLse] holds a saved lse (backward) instead of receiving one
};

// Kernels that cross entropy without label smoothing takes instead of those of its stages; null where it does not.
struct Substitutes {
  const lossgen_kernel *unrolled = nullptr;  // of forward (and backward), for whole vectors of rows
  const lossgen_kernel *unrolled_exact = nullptr;  // for what it leaves; null if that is nothing
  const lossgen_kernel *streamed = nullptr;  // the same as `unrolled`, but the gradient goes past the caches, if it lies for it: see on_lines
  const lossgen_kernel *forward_terms = nullptr, *backward_terms = nullptr;  // with exp computed once
  const lossgen_kernel *whole_rows = nullptr;  // of both passes: a row's gradient before the next row is read
};
// Room on the stack for gradients of rows that `unrolled` does not write, and for vectors that are filled up where there are fewer rows.
constexpr int64_t kMostAgainBytes = 8 << 10, kMostAgainRows = 128, kFilledBytes = 2 << 10, kFilledRows = 64;
inline bool is_room(const Problem &p, const lossgen_kernel &unrolled, int64_t bytes, int64_t rows) {
  return unrolled.block_granule <= rows && unrolled.block_granule * p.classes * p.matrix[kIn0].bytes() <= bytes;
}
inline bool can_fill_up(const Problem &p, const lossgen_kernel &unrolled) { return is_room(p, unrolled, kFilledBytes, kFilledRows); }

// in_place: the gradient replaces the logits. saved_lse: backward from a lse that forward left.
Substitutes find_substitutes(const Problem &p, const lossgen_options &o, int target, bool gradient, bool in_place,
                             bool saved_lse);

// All that a loss may need; null where it does not.
struct LossKernels : Substitutes {
  const lossgen_kernel *classes = nullptr, *forward = nullptr, *exact = nullptr, *backward = nullptr;
  const lossgen_kernel *log_probs = nullptr, *stats = nullptr;
};
// Fills in the rest of call->problem too.
lossgen_status choose_kernels(LossCall *call, LossKernels *kernels);

// The first class out of bounds in the target's own order: it has one, and that is an error.
lossgen_status report_bad_target(const LossCall &call);

lossgen_status run_loss(LossCall *call);
lossgen_status run_loss_probs(LossCall *call);  // loss_probs.cpp

}  // namespace lossgen
#endif
