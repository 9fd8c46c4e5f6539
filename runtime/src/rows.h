// What the losses have in common: numbers of a block's rows between the caller's tensors and dense arrays of S, the
// outputs beside the loss, class weights, the reduced loss.
#ifndef LOSSGEN_RUNTIME_ROWS_H
#define LOSSGEN_RUNTIME_ROWS_H

#include <math.h>

#include <algorithm>

#include "convert.h"
#include "error.h"
#include "kernel_call.h"
#include "loss.h"
#include "registry.h"
#include "workspace.h"

namespace lossgen {

// A row tensor's part of a block; ones for a tensor that is not there.
template <class S>
void load_block(const Problem &p, RowTensor t, const Block &b, S *to) {
  const Tensor &from = p.row[t];
  if (from.defined()) load_rows(to, from.data + b.row[t] * from.bytes(), from.type, p.inner.row[t], b.rows);
  else std::fill(to, to + b.rows, (S)1);
}

template <class S>
void store_block(const Problem &p, RowTensor t, const Block &b, const S *from) {
  const Tensor &to = p.row[t];
  if (to.defined()) store_rows(to.data + b.row[t] * to.bytes(), to.type, p.inner.row[t], from, b.rows);
}

// log_probs, argmax and entropy of a block, as far as there are kernels: before a gradient replaces the logits. entropy
// and argmax are scratch of a block's rows; argmax holds the classes when stats is there.
template <class S>
void store_row_outputs(const Problem &p, const Block &b, const lossgen_kernel *log_probs, const lossgen_kernel *stats,
                       S *entropy, int32_t *argmax) {
  const Buffer2 in(p, kIn0, b, 0, b.rows);
  if (log_probs) {
    const Buffer2 out(p, kLogProbs, b, 0, b.rows);
    call(log_probs, lossgen_args_log_softmax_forward{&in, &out});
  }
  if (!stats) return;
  const Buffer1 first(argmax, b.rows), entropy_rows(entropy, b.rows);
  call(stats, lossgen_args_row_stats{&in, &first, &entropy_rows});
  store_block(p, kEntropy, b, entropy);
  const Tensor &best = p.row[kArgmax];
  if (!best.defined()) return;
  const int64_t stride = p.inner.row[kArgmax];
  for (int64_t i = 0; i < b.rows; i++) {
    if (best.bytes() == 8) ((int64_t *)best.data)[b.row[kArgmax] + i * stride] = argmax[i];
    else ((int32_t *)best.data)[b.row[kArgmax] + i * stride] = argmax[i];
  }
}

// The upstream gradient of a reduced loss.
inline double upstream(const LossCall &call) {
  double g = 1;
  if (call.grad_scalar.defined()) load_rows(&g, call.grad_scalar.data, call.grad_scalar.type, 1, 1);
  return g;
}

// The outputs that are one number, where they are wanted: the loss from the sum of its rows, and mean's denominator.
inline void store_reduced(const LossCall &call, double loss, int64_t kept, double denominator) {
  const lossgen_options &o = call.options;
  if (call.want_loss && o.reduction != LOSSGEN_REDUCTION_NONE) {
    if (o.reduction == LOSSGEN_REDUCTION_MEAN) loss = kept == 0 && o.empty_mean_is_zero ? 0.0 : loss / denominator;
    store_rows(call.loss.data, call.loss.type, 1, &loss, 1);
  }
  if (call.total_weight.defined()) store_rows(call.total_weight.data, call.total_weight.type, 1, &denominator, 1);
}

inline KernelsFor kernels_for(const LossCall &call, int dtype, int layout) {
  const int64_t classes = call.problem.split() ? 0 : call.problem.classes;  // a piece is any number of classes
  return KernelsFor(dtype, layout, classes, call.forced_target, call.options.general_kernels_only);
}

inline bool wants_stats(const LossCall &call) {
  return call.problem.row[kArgmax].defined() || call.problem.row[kEntropy].defined() || call.correct.defined();
}
inline lossgen_status check_row_outputs(const LossCall &call) {
  const Problem &p = call.problem;
  if (p.classes == 0 && p.rows > 0 && (p.row[kArgmax].defined() || p.row[kEntropy].defined()))
    return fail(LOSSGEN_BAD_ARGUMENT, "extras.argmax and extras.entropy need at least one class");
  return LOSSGEN_OK;
}

// Class weights as one dense array of S: the tensor itself where it already is one. ones: also where there are none.
// *owned goes to release.
template <class S>
lossgen_status dense_weights(const LossCall &call, bool ones, S **owned, const S **weights) {
  const Tensor &w = call.weight;
  const int64_t classes = call.problem.classes;
  *owned = nullptr;
  *weights = nullptr;
  if (classes == 0 || (!w.defined() && !ones)) return LOSSGEN_OK;
  if (w.defined() && w.bytes() == sizeof(S) && (w.stride[0] == 1 || classes == 1)) {
    *weights = (const S *)w.data;
    return LOSSGEN_OK;
  }
  const size_t bytes = (size_t)classes * sizeof(S);
  const lossgen_options &o = call.options;
  *owned = (S *)allocate(o, bytes);
  if (!*owned) return fail(LOSSGEN_OUT_OF_MEMORY, "no memory for %zu bytes of class weights", bytes);
  if (w.defined()) load_rows(*owned, w.data, w.type, w.stride[0], classes);
  else std::fill(*owned, *owned + classes, (S)1);
  *weights = *owned;
  return LOSSGEN_OK;
}

}  // namespace lossgen
#endif
