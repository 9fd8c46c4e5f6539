// accuracy.h as numbers: how far each result of a call may be from the reference's. Every test that compares the
// library with the reference takes its tolerances from here.
#ifndef LOSSGEN_TESTS_BOUNDS_H
#define LOSSGEN_TESTS_BOUNDS_H

#include <string>
#include <vector>

#include "dtype.h"
#include "reference.h"

namespace bounds {

// Distance of two numbers of a type near v, at least its smallest normal number where that is f32's or less (smaller
// results may be flushed to zero).
double ulp(const Dtype &type, double v);

// Is `got`, a number of type `type`, within bound of expected? NaN wants NaN; what is beyond the type's range wants the
// infinity of that sign. A bound of infinity says that something on the way is beyond the range: infinity or NaN are
// wanted. One of NaN: it may be, anything goes.
bool agree(const Dtype &type, double got, double expected, double bound);

// Who computed: dtype of the logits and the kernels' target.
struct Kernel {
  Dtype logits;
  std::string target;
};

// For a result of type `stored`: the error of the accumulation plus one rounding if the type is narrower.
double stored(const Kernel &k, const Dtype &stored, double bound, double value);

// How much larger the bounds are of a row that holds this: equal logits, or equal upstream gradients of log_softmax.
double equal_terms(int64_t classes, const double *x);

// lse_r, for a row with this lse and x_y, the larger in magnitude of the target's logit (class 0 in ignored rows) and the
// largest logit.
double lse(const Kernel &k, double lse, double x_y);
// The same of cross_entropy_probs, for a row with this largest logit.
double probs_lse(const Kernel &k, double lse, double top);
double log_softmax(const Kernel &k, double log_prob);
// Element c: its upstream gradient, exp(log_probs_c), sum_k |g_k|, and the exact result.
double log_softmax_backward(const Kernel &k, double g, double p, double sum_of_magnitudes, double value);
double entropy(const Kernel &k, double entropy);
double total_weight(const Kernel &k, const std::vector<int64_t> &target, const reference::Options &o,
                    const reference::Result &expected);

// All results of one call of cross_entropy or nll_loss, in the reference's order. loss and row_loss include the
// rounding to loss_type (S or the logits' dtype), grad that to the logits' dtype.
struct Loss {
  std::vector<double> row_loss;  // reduction none; 0 where ignored
  double loss = 0;               // reduction mean and sum
  std::vector<double> grad;      // [rows * classes]
};
Loss cross_entropy(const Kernel &k, const Dtype &loss_type, int64_t rows, int64_t classes, const std::vector<double> &x,
                   const std::vector<int64_t> &target, const reference::Options &o, const reference::Result &expected);
Loss nll_loss(const Kernel &k, const Dtype &loss_type, int64_t rows, int64_t classes, const std::vector<double> &x,
              const std::vector<int64_t> &target, const reference::Options &o, const reference::Result &expected);
Loss cross_entropy_probs(const Kernel &k, const Dtype &loss_type, int64_t rows, int64_t classes,
                         const std::vector<double> &x, const std::vector<double> &q, const reference::Options &o,
                         const reference::Result &expected);

}  // namespace bounds
#endif  // LOSSGEN_TESTS_BOUNDS_H
