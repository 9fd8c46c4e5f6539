// The operations of the C API, for tests that run over all of them.
#ifndef LOSSGEN_TESTS_API_OPS_H
#define LOSSGEN_TESTS_API_OPS_H

enum class Op {
  log_softmax_forward,
  log_softmax_backward,
  nll_loss_forward,
  nll_loss_backward,
  cross_entropy_forward,
  cross_entropy_backward,
  cross_entropy_forward_backward,
  cross_entropy_probs_forward,
  cross_entropy_probs_backward,
  cross_entropy_probs_forward_backward,
};
constexpr Op kAllOps[] = {Op::log_softmax_forward,
                          Op::log_softmax_backward,
                          Op::nll_loss_forward,
                          Op::nll_loss_backward,
                          Op::cross_entropy_forward,
                          Op::cross_entropy_backward,
                          Op::cross_entropy_forward_backward,
                          Op::cross_entropy_probs_forward,
                          Op::cross_entropy_probs_backward,
                          Op::cross_entropy_probs_forward_backward};

inline const char *op_name(Op op) {
  static const char *const names[] = {"log_softmax_forward",
                                      "log_softmax_backward",
                                      "nll_loss_forward",
                                      "nll_loss_backward",
                                      "cross_entropy_forward",
                                      "cross_entropy_backward",
                                      "cross_entropy_forward_backward",
                                      "cross_entropy_probs_forward",
                                      "cross_entropy_probs_backward",
                                      "cross_entropy_probs_forward_backward"};
  return names[static_cast<int>(op)];
}

inline bool is_log_softmax(Op op) { return op == Op::log_softmax_forward || op == Op::log_softmax_backward; }
inline bool is_nll_loss(Op op) { return op == Op::nll_loss_forward || op == Op::nll_loss_backward; }
inline bool takes_probs(Op op) {
  return op == Op::cross_entropy_probs_forward || op == Op::cross_entropy_probs_backward ||
         op == Op::cross_entropy_probs_forward_backward;
}
inline bool takes_target(Op op) { return !is_log_softmax(op) && !takes_probs(op); }
inline bool takes_saved(Op op) { return op == Op::nll_loss_backward || op == Op::cross_entropy_backward; }
inline bool has_loss(Op op) {
  return !is_log_softmax(op) && !takes_saved(op) && op != Op::cross_entropy_probs_backward;
}
// log-probs or a gradient
inline bool has_matrix_output(Op op) {
  return op != Op::nll_loss_forward && op != Op::cross_entropy_forward && op != Op::cross_entropy_probs_forward;
}

#endif  // LOSSGEN_TESTS_API_OPS_H
