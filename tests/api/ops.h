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
};
constexpr Op kAllOps[] = {Op::log_softmax_forward,
                          Op::log_softmax_backward,
                          Op::nll_loss_forward,
                          Op::nll_loss_backward,
                          Op::cross_entropy_forward,
                          Op::cross_entropy_backward,
                          Op::cross_entropy_forward_backward};

inline const char *op_name(Op op) {
  static const char *const names[] = {"log_softmax_forward",
                                      "log_softmax_backward",
                                      "nll_loss_forward",
                                      "nll_loss_backward",
                                      "cross_entropy_forward",
                                      "cross_entropy_backward",
                                      "cross_entropy_forward_backward"};
  return names[static_cast<int>(op)];
}

#endif  // LOSSGEN_TESTS_API_OPS_H
