// What the operations mean, in double and long double: written from lossgen.h's formulas, one loop per sum, no code in
// common with the kernels or the runtime. Every other test compares with this.
//
// Rows r = 0..rows-1 of `classes` numbers each, dense: x[r * classes + c]. Class indices are those of the caller; an
// index that is outside [0, classes) and not ignored is the test's mistake.
#ifndef LOSSGEN_TESTS_REFERENCE_H
#define LOSSGEN_TESTS_REFERENCE_H

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace reference {

// Sums are taken in long double where that is a register's type. Where it is not (aarch64: 128 bits, by library calls), in
// double: then the reference of f64 results may itself have overflowed where it says infinity.
constexpr bool kWiderThanF64 = std::numeric_limits<long double>::digits <= 64;

enum class Reduction { mean, sum, none };
enum class Denominator { weight_sum, valid_rows, rows, given };

struct Options {
  Reduction reduction = Reduction::mean;
  std::optional<int64_t> ignore_index = -100;
  std::vector<double> weight;      // [classes], empty = ones
  std::vector<double> row_weight;  // [rows], empty = ones
  std::vector<double> grad_loss;   // empty = 1, one number, or one per row
  double label_smoothing = 0;
  double z_loss = 0;
  Denominator denominator = Denominator::weight_sum;
  double denominator_value = 0;
  bool empty_mean_is_zero = false;
  std::vector<double> saved_lse;  // [rows]: cross_entropy's gradient from these, as they are; empty = from the logits
  bool want_grad = true;          // false: the gradient stays zero
};

struct Result {
  std::vector<double> loss;  // one number, or one per row for none
  double total_weight = 0;   // the denominator of mean, 0 for other reductions
  std::vector<double> grad;  // [rows * classes]
  // Per row, whether or not it is ignored:
  std::vector<double> row_loss;  // before the reduction, 0 where ignored
  std::vector<double> lse;
  std::vector<double> grad_scale;  // |a|: the factor that softmax has in the row's gradient
};

std::vector<double> log_softmax(int64_t rows, int64_t classes, const std::vector<double> &x);
std::vector<double> log_softmax_backward(int64_t rows, int64_t classes, const std::vector<double> &grad,
                                         const std::vector<double> &log_probs);

std::vector<double> lse(int64_t rows, int64_t classes, const std::vector<double> &x);

Result nll_loss(int64_t rows, int64_t classes, const std::vector<double> &log_probs, const std::vector<int64_t> &target,
                const Options &options);
Result cross_entropy(int64_t rows, int64_t classes, const std::vector<double> &x, const std::vector<int64_t> &target,
                     const Options &options);

struct RowStatistics {
  std::vector<int64_t> argmax;  // the first of the largest, the first NaN where there is one; 0 without classes
  std::vector<double> entropy;
};
RowStatistics row_statistics(int64_t rows, int64_t classes, const std::vector<double> &x);

// Class probabilities q[r, c] instead of indices: sum_c -w_c q_c log_softmax(x)_c; mean divides by the number of rows.
Result cross_entropy_probs(int64_t rows, int64_t classes, const std::vector<double> &x, const std::vector<double> &q,
                           const Options &options);

}  // namespace reference
#endif  // LOSSGEN_TESTS_REFERENCE_H
