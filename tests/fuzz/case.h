// One call of the C API, drawn from a 64-bit number: everything but the values, which the same number gives.
#ifndef LOSSGEN_TESTS_FUZZ_CASE_H
#define LOSSGEN_TESTS_FUZZ_CASE_H

#include <map>
#include <string>
#include <vector>

#include "inputs.h"
#include "ops.h"
#include "tensor.h"

// A float tensor of the call, there or not.
struct Numbers {
  bool given = false;
  Dtype type = kF32;
  Layout layout;
};

struct Case {
  uint64_t number = 0;
  Op op = Op::log_softmax_forward;
  Dtype dtype = kF32;
  Family family = Family::normal;
  std::vector<int64_t> shape;
  int axis = 0;           // the class axis
  int axis_spelling = 0;  // 0 by default, 1 counted from the front, 2 from the end
  enum { separate, over_first, over_second } output = separate;

  // Matrices: logits or grad; log_probs of log_softmax_backward and of the extras, or probabilities; the result.
  Layout first, second, out;
  int target_type = 0;
  Layout target;
  lossgen_reduction reduction = LOSSGEN_REDUCTION_MEAN;
  lossgen_ignore_mode ignore_mode = LOSSGEN_IGNORE_DEFAULT;
  int64_t ignore_index = -100;
  double ignored_share = 0, bad_share = 0;  // of the targets
  lossgen_bounds bounds = LOSSGEN_BOUNDS_DEFAULT;
  lossgen_denominator denominator = LOSSGEN_DENOMINATOR_WEIGHT_SUM;
  double denominator_value = 0;
  bool empty_mean_is_zero = false;
  double label_smoothing = 0, z_loss = 0;
  enum { positive, some_zero, all_zero, some_negative } weight_values = positive;
  Numbers weight, row_weight, upstream, saved_lse, saved_total_weight;
  Numbers loss, lse, total_weight, log_probs, entropy;  // outputs
  int argmax_bits = 0;                                  // 0: not wanted
  Layout argmax;
  bool correct = false;

  int threads = 1;
  bool own_parallel_for = false;
  bool general_kernels_only = false;
  bool null_options = false;  // everything at its default
  std::string kernel_target;  // forced; "" = the best

  explicit Case(uint64_t number, const std::vector<std::string> &kernel_targets);

  int64_t classes() const { return shape[static_cast<size_t>(axis)]; }
  int64_t rows() const;
  std::vector<int64_t> row_shape() const;
  bool is_nll() const { return op == Op::nll_loss_forward || op == Op::nll_loss_backward; }
  bool is_cross_entropy() const { return op >= Op::cross_entropy_forward; }
  bool has_probs() const { return takes_probs(op); }
  bool has_second() const { return op == Op::log_softmax_backward || has_probs(); }
  bool has_loss() const { return ::has_loss(op); }
  bool has_grad() const { return !is_log_softmax(op) && has_matrix_output(op); }

  std::string describe() const;  // all but the number

 private:
  void draw_shape(Random &random);
  void draw_matrices(Random &random);
  void draw_loss(Random &random);
  void draw_extras(Random &random);
  Numbers draw_numbers(Random &random, double share, const std::vector<int64_t> &of_shape, bool input);
};

// How often what came up.
class Distribution {
 public:
  void count(const Case &c);
  void add(const Distribution &other);
  void print() const;

 private:
  int64_t cases_ = 0;
  std::map<std::string, std::map<std::string, int64_t>> shares_;
};

#endif  // LOSSGEN_TESTS_FUZZ_CASE_H
