// Comparison of a case's results with the reference.
#include <lossgen/accuracy.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runner.h"

void Runner::expect(const char *kind, const Dtype &type, int64_t r, int64_t c, double got, double expected,
                    double bound) {
  const double error = std::fabs(got - expected);
  if (error <= bound && bound < HUGE_VAL) {  // finite, or the same infinity gave NaN
    if (error > 0) {
      double &largest = shares_[kind];
      largest = std::max(largest, error / bound);
    }
    return;
  }
  if (got == expected || bounds::agree(type, got, expected, bound)) return;
  if (std::isfinite(error) && std::isfinite(bound) && error <= bound * equal_terms(r)) return;
  char text[200];
  std::snprintf(text, sizeof text, "%s, row %lld, class %lld: %.17g instead of %.17g, bound %.3g (%.2f times)", kind,
                static_cast<long long>(r), static_cast<long long>(c), got, expected, bound, error / bound);
  wrong(text);
}

// Of a row's logits and probabilities, or of the worst row for r = -1. Sorts, so it is asked for only when a plain bound was exceeded.
double Runner::equal_terms(int64_t r) const {
  const int64_t classes = case_->classes();
  if (r >= 0) {
    const double most = bounds::equal_terms(classes, x_.data() + r * classes);
    return case_->has_probs() ? std::max(most, bounds::equal_terms(classes, probs_.data() + r * classes)) : most;
  }
  double most = 1;
  for (int64_t i = 0; i < case_->rows(); ++i) most = std::max(most, equal_terms(i));
  return most;
}

double Runner::long_row() const { return std::max(1.0, static_cast<double>(case_->classes()) / LOSSGEN_LONG_ROW); }

void Runner::check_log_softmax() {
  const Case &c = *case_;
  const int64_t rows = c.rows(), classes = c.classes();
  const bool backward = c.op == Op::log_softmax_backward;
  const std::vector<double> expected = backward ? reference::log_softmax_backward(rows, classes, x_, log_probs_in_)
                                                : reference::log_softmax(rows, classes, x_);
  const std::vector<double> got = result().read(c.dtype);
  for (int64_t r = 0, i = 0; r < rows; ++r) {
    double magnitude = 0;
    for (int64_t k = 0; k < classes && backward; ++k) magnitude += std::fabs(x_[static_cast<size_t>(r * classes + k)]);
    for (int64_t k = 0; k < classes; ++k, ++i) {
      const size_t at = static_cast<size_t>(i);
      const double bound =
          backward ? bounds::log_softmax_backward(kernel_, x_[at], std::exp(log_probs_in_[at]), magnitude, expected[at])
                   : long_row() * bounds::log_softmax(kernel_, expected[at]);
      expect(op_name(c.op), c.dtype, r, k, got[at], expected[at], bound);
    }
  }
}

// "loss" -> "nll_loss", "probs_loss"
std::string Runner::kind(const char *what) const {
  return (case_->is_nll() ? "nll_" : case_->has_probs() ? "probs_" : "") + std::string(what);
}

void Runner::check_losses() {
  const Case &c = *case_;
  const int64_t rows = c.rows(), classes = c.classes();
  const Dtype &loss_type = c.loss.given ? c.loss.type : accumulator_of(c.dtype);
  const reference::Result expected = c.is_nll()      ? reference::nll_loss(rows, classes, x_, y_, o_)
                                     : c.has_probs() ? reference::cross_entropy_probs(rows, classes, x_, probs_, o_)
                                                     : reference::cross_entropy(rows, classes, x_, y_, o_);
  const bounds::Loss within =
      c.is_nll()      ? bounds::nll_loss(kernel_, loss_type, rows, classes, x_, y_, o_, expected)
      : c.has_probs() ? bounds::cross_entropy_probs(kernel_, loss_type, rows, classes, x_, probs_, o_, expected)
                      : bounds::cross_entropy(kernel_, loss_type, rows, classes, x_, y_, o_, expected);
  if (c.loss.given && c.reduction == LOSSGEN_REDUCTION_NONE) {
    const std::vector<double> got = loss_.read(loss_type);
    for (int64_t r = 0; r < rows; ++r) {
      const size_t i = static_cast<size_t>(r);
      expect(kind("loss").c_str(), loss_type, r, y_[i], got[i], expected.row_loss[i], within.row_loss[i]);
    }
  } else if (c.loss.given) {
    expect(kind("loss_reduced").c_str(), loss_type, -1, -1, loss_.read(loss_type)[0], expected.loss[0], within.loss);
  }
  if (c.has_grad()) check_gradient(expected, within);
  check_extras(expected);
}

void Runner::check_gradient(const reference::Result &expected, const bounds::Loss &within) {
  const Case &c = *case_;
  const int64_t rows = c.rows(), classes = c.classes();
  const std::vector<double> got = result().read(c.dtype);
  for (int64_t r = 0, i = 0; r < rows; ++r) {
    // A scale beyond the type, such as one over a denominator of 0: infinite where softmax is not 0, NaN where it is,
    // and small values of softmax may be 0.
    const double scale = expected.grad_scale[static_cast<size_t>(r)];
    const double largest = accumulator_of(c.dtype).largest();
    const bool beyond = kept(r) && !(scale <= largest);
    for (int64_t k = 0; k < classes; ++k, ++i) {
      const size_t at = static_cast<size_t>(i);
      if (beyond && !c.is_nll() && !std::isfinite(got[at])) continue;
      double bound = within.grad[at];
      if (c.saved_lse.given && kept(r)) {
        // Of an lse that was rounded to 16 bits, x - lse may be well above 0: softmax is then above 1, and so is the
        // error that the rounding of x - lse makes of it.
        const double above = x_[at] - o_.saved_lse[static_cast<size_t>(r)];
        // Where exp overflows, so may the result, and where the result nearly does, the terms that it is the difference of.
        if (above > 88) continue;
        if (above > 0) bound *= std::exp(above) * std::max(above, 1.0);
        if (above > 0 && !(bound + 4 * std::fabs(expected.grad[at]) <= largest)) continue;
      }
      expect(kind("grad").c_str(), c.dtype, r, k, got[at], expected.grad[at], bound);
    }
  }
}

void Runner::check_extras(const reference::Result &expected) {
  const Case &c = *case_;
  const int64_t rows = c.rows(), classes = c.classes();
  if (c.total_weight.given) {
    const double bound = bounds::total_weight(kernel_, y_, o_, expected);
    expect("total_weight", c.total_weight.type, -1, -1, total_weight_.read(c.total_weight.type)[0],
           expected.total_weight, bounds::stored(kernel_, c.total_weight.type, bound, expected.total_weight));
  }
  if (c.lse.given) {
    const std::vector<double> got = lse_.read(c.lse.type);
    for (int64_t r = 0; r < rows; ++r) {
      const size_t i = static_cast<size_t>(r);
      const double lse = expected.lse[i];
      // Of rows whose loss is NaN the logarithm may be an infinity (all -inf, a +inf) or NaN.
      if (std::isnan(lse) && std::isinf(got[i])) continue;
      const double x_y = classes == 0 ? 0 : x_[static_cast<size_t>(r * classes + std::max<int64_t>(y_[i], 0))];
      const double *row = x_.data() + r * classes;
      double peak = 0;  // where the sum is relative to it, lse = peak + log(sum) may cancel
      for (int64_t k = 0; k < classes; ++k) peak = k == 0 || row[k] > peak ? row[k] : peak;
      const double bound = c.has_probs() ? bounds::probs_lse(kernel_, lse, peak)
                                         : bounds::lse(kernel_, lse, std::max(std::fabs(x_y), std::fabs(peak)));
      expect("lse", c.lse.type, r, -1, got[i], lse, bounds::stored(kernel_, c.lse.type, bound, lse));
    }
  }
  if (c.log_probs.given) {
    const std::vector<double> log_probs = reference::log_softmax(rows, classes, x_), got = log_probs_.read(c.dtype);
    for (size_t i = 0; i < got.size(); ++i) {
      expect("log_probs", c.dtype, static_cast<int64_t>(i) / classes, static_cast<int64_t>(i) % classes, got[i],
             log_probs[i], long_row() * bounds::log_softmax(kernel_, log_probs[i]));
    }
  }
  if (!c.argmax_bits && !c.correct && !c.entropy.given) return;
  const reference::RowStatistics statistics = reference::row_statistics(rows, classes, x_);
  int64_t correct = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const size_t i = static_cast<size_t>(r);
    correct += kept(r) && classes > 0 && statistics.argmax[i] == y_[i];
  }
  if (c.argmax_bits) {
    const std::vector<int64_t> got = argmax_.read_integers();
    for (size_t i = 0; i < got.size(); ++i) {
      if (got[i] != statistics.argmax[i]) {
        wrong("argmax, row " + std::to_string(i) + ": " + std::to_string(got[i]) + " instead of " +
              std::to_string(statistics.argmax[i]));
      }
    }
  }
  if (c.correct && correct_.read_integers()[0] != correct) {
    wrong("correct: " + std::to_string(correct_.read_integers()[0]) + " instead of " + std::to_string(correct));
  }
  if (c.entropy.given) {
    const std::vector<double> got = entropy_.read(c.entropy.type);
    for (int64_t r = 0; r < rows; ++r) {
      const double entropy = statistics.entropy[static_cast<size_t>(r)];
      expect("entropy", c.entropy.type, r, -1, got[static_cast<size_t>(r)], entropy,
             bounds::stored(kernel_, c.entropy.type, long_row() * bounds::entropy(kernel_, entropy), entropy));
    }
  }
}
