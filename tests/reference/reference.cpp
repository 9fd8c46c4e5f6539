#include "reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace reference {
namespace {

// Where long double is emulated in software (aarch64) double has to do.
using Wide = std::conditional_t<kWiderThanF64, long double, double>;

// Where nothing wider than the kernels' f64 is at hand, what each addition lost is kept beside the sum (Neumaier).
class Sum {
 public:
  Sum &operator+=(Wide x) {
    const Wide next = total_ + x;
    if (!kWiderThanF64) lost_ += std::fabs(total_) >= std::fabs(x) ? (total_ - next) + x : (x - next) + total_;
    total_ = next;
    return *this;
  }
  operator Wide() const { return kWiderThanF64 || !std::isfinite(total_) ? total_ : total_ + lost_; }

 private:
  Wide total_ = 0, lost_ = 0;
};

// max and log(sum exp(x - max)) of one row; a NaN or an infinity that makes the row meaningless comes out as NaN.
struct LogSum {
  Wide max = 0, log_sum = 0;
  Wide lse() const { return max + log_sum; }
};

// `terms`, where wanted, becomes exp(x[c] - max): exp in long double takes most of the time of a test.
LogSum log_sum_exp(const double *x, int64_t classes, Wide *terms = nullptr) {
  LogSum s;
  s.max = -std::numeric_limits<Wide>::infinity();
  int64_t top = 0;
  for (int64_t c = 0; c < classes; ++c) {
    if (x[c] > s.max || std::isnan(x[c])) {
      s.max = x[c];
      top = c;
    }
    if (std::isnan(x[c])) break;
  }
  Sum others;  // beside the maximum, whose 1 would swallow the last digits of small ones
  for (int64_t c = 0; c < classes; ++c) {
    const Wide term = std::exp(static_cast<Wide>(x[c]) - s.max);
    if (c != top) others += term;
    if (terms) terms[c] = term;
  }
  s.log_sum = std::isfinite(s.max) ? std::log1p(static_cast<Wide>(others)) : std::numeric_limits<Wide>::quiet_NaN();
  return s;
}

Wide sum_of_others(const Wide *terms, int64_t classes, int64_t y) {
  Sum others;
  for (int64_t c = 0; c < classes; ++c) {
    if (c != y) others += terms[c];
  }
  return others;
}

// -log softmax(x)[y]: relative to x[y] when that is the maximum, so that a loss of 1e-12 keeps all its digits.
Wide negative_log_prob(const double *x, const Wide *terms, int64_t classes, int64_t y, const LogSum &s) {
  if (std::isnan(s.log_sum)) return s.log_sum;
  if (static_cast<Wide>(x[y]) != s.max) return (s.max - x[y]) + s.log_sum;
  return std::log1p(sum_of_others(terms, classes, y));
}

double at(const std::vector<double> &v, int64_t i) { return v.empty() ? 1.0 : v[static_cast<size_t>(i)]; }
bool is_ignored(const Options &o, int64_t y) { return o.ignore_index && *o.ignore_index == y; }

Wide denominator_of(const std::vector<int64_t> &target, const Options &o) {
  Sum weights;
  int64_t valid = 0;
  for (size_t r = 0; r < target.size(); ++r) {
    if (is_ignored(o, target[r])) continue;
    ++valid;
    weights += static_cast<Wide>(at(o.weight, target[r])) * at(o.row_weight, static_cast<int64_t>(r));
  }
  switch (o.denominator) {
    case Denominator::weight_sum:
      return weights;
    case Denominator::valid_rows:
      return valid;
    case Denominator::rows:
      return static_cast<Wide>(target.size());
    case Denominator::given:
      return o.denominator_value;
  }
  return 0;
}

// Reduces result.row_loss, and says by what each row's gradient is to be multiplied.
std::vector<Wide> reduce(Result &result, const std::vector<int64_t> &target, const Options &o) {
  const bool mean = o.reduction == Reduction::mean;
  const Wide denominator = mean ? denominator_of(target, o) : 1;
  result.total_weight = mean ? static_cast<double>(denominator) : 0;
  Sum sum;
  int64_t kept = 0;
  std::vector<Wide> upstream(target.size(), 0);
  for (size_t r = 0; r < target.size(); ++r) {
    if (is_ignored(o, target[r])) continue;
    ++kept;
    sum += result.row_loss[r];
    upstream[r] = (o.grad_loss.size() > 1 ? o.grad_loss[r] : at(o.grad_loss, 0)) / denominator;
  }
  if (o.reduction == Reduction::none) {
    result.loss = result.row_loss;
  } else if (mean && kept == 0 && o.empty_mean_is_zero) {
    result.loss = {0.0};
  } else {
    result.loss = {static_cast<double>(mean ? sum / denominator : sum)};
  }
  return upstream;
}

}  // namespace

std::vector<double> log_softmax(int64_t rows, int64_t classes, const std::vector<double> &x) {
  std::vector<double> y(x.size());
  for (int64_t r = 0; r < rows; ++r) {
    const double *row = x.data() + r * classes;
    const LogSum s = log_sum_exp(row, classes);
    for (int64_t c = 0; c < classes; ++c) {
      y[static_cast<size_t>(r * classes + c)] = static_cast<double>((row[c] - s.max) - s.log_sum);
    }
  }
  return y;
}

std::vector<double> lse(int64_t rows, int64_t classes, const std::vector<double> &x) {
  std::vector<double> out;
  for (int64_t r = 0; r < rows; ++r) {
    out.push_back(static_cast<double>(log_sum_exp(x.data() + r * classes, classes).lse()));
  }
  return out;
}

std::vector<double> log_softmax_backward(int64_t rows, int64_t classes, const std::vector<double> &grad,
                                         const std::vector<double> &log_probs) {
  std::vector<double> out(grad.size());
  for (int64_t r = 0; r < rows; ++r) {
    const size_t base = static_cast<size_t>(r * classes);
    Sum sum;
    for (int64_t c = 0; c < classes; ++c) sum += grad[base + c];
    for (int64_t c = 0; c < classes; ++c) {
      out[base + c] = static_cast<double>(grad[base + c] - std::exp(static_cast<Wide>(log_probs[base + c])) * sum);
    }
  }
  return out;
}

Result nll_loss(int64_t rows, int64_t classes, const std::vector<double> &log_probs, const std::vector<int64_t> &target,
                const Options &o) {
  Result result;
  result.row_loss.assign(static_cast<size_t>(rows), 0.0);
  result.grad_scale.assign(static_cast<size_t>(rows), 0.0);
  result.grad.assign(log_probs.size(), 0.0);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t y = target[static_cast<size_t>(r)];
    if (is_ignored(o, y)) continue;
    result.row_loss[r] = -at(o.weight, y) * at(o.row_weight, r) * log_probs[static_cast<size_t>(r * classes + y)];
  }
  const std::vector<Wide> upstream = reduce(result, target, o);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t y = target[static_cast<size_t>(r)];
    if (is_ignored(o, y)) continue;
    const double g = static_cast<double>(-upstream[r] * at(o.weight, y) * at(o.row_weight, r));
    result.grad[static_cast<size_t>(r * classes + y)] = g;
    result.grad_scale[r] = std::fabs(g);
  }
  return result;
}

Result cross_entropy(int64_t rows, int64_t classes, const std::vector<double> &x, const std::vector<int64_t> &target,
                     const Options &o) {
  Result result;
  const size_t count = static_cast<size_t>(rows);
  result.row_loss.assign(count, 0.0);
  result.lse.assign(count, 0.0);
  result.grad_scale.assign(count, 0.0);
  result.grad.assign(x.size(), 0.0);
  const double e = o.label_smoothing;
  Sum weight_total;
  for (int64_t c = 0; c < classes; ++c) weight_total += at(o.weight, c);

  std::vector<LogSum> sums(count);
  std::vector<Wide> all_terms(x.size());  // exp(x - max), with a saved lse in place of the maximum
  for (int64_t r = 0; r < rows; ++r) {
    const double *row = x.data() + r * classes;
    Wide *terms = all_terms.data() + r * classes;
    LogSum s = log_sum_exp(row, classes, terms);
    if (!o.saved_lse.empty()) {
      s = {o.saved_lse[r], 0};
      for (int64_t c = 0; c < classes; ++c) terms[c] = std::exp(row[c] - s.max);
    }
    sums[r] = s;
    result.lse[r] = static_cast<double>(s.lse());
    const int64_t y = target[static_cast<size_t>(r)];
    if (is_ignored(o, y)) continue;
    Wide loss = (1 - e) * at(o.weight, y) * negative_log_prob(row, terms, classes, y, s);
    if (e != 0) {
      Sum smooth;
      for (int64_t c = 0; c < classes; ++c) smooth += at(o.weight, c) * ((s.max - row[c]) + s.log_sum);
      loss += e / classes * smooth;
    }
    if (o.z_loss != 0) loss += o.z_loss * at(o.weight, y) * s.lse() * s.lse();
    result.row_loss[r] = static_cast<double>(loss * at(o.row_weight, r));
  }

  const std::vector<Wide> upstream = reduce(result, target, o);
  for (int64_t r = 0; r < rows && o.want_grad; ++r) {
    const int64_t y = target[static_cast<size_t>(r)];
    if (is_ignored(o, y)) continue;
    const Wide g = upstream[r] * at(o.row_weight, r), w = at(o.weight, y);
    const Wide a = g * ((1 - e) * w + e / classes * weight_total + 2 * o.z_loss * w * sums[r].lse());
    result.grad_scale[r] = static_cast<double>(std::fabs(a));
    const Wide *terms = all_terms.data() + r * classes, inverse_sum = std::exp(-sums[r].log_sum);
    for (int64_t c = 0; c < classes; ++c) {
      const size_t i = static_cast<size_t>(r * classes + c);
      Wide grad = a * (terms[c] * inverse_sum);
      if (e != 0) grad -= g * (e / classes) * at(o.weight, c);
      if (c == y) {
        // softmax - 1 = -sum of the others: no cancellation in a confident row (a = g (1-e) w there).
        if (e == 0 && o.z_loss == 0 && o.saved_lse.empty()) {
          grad = std::isnan(sums[r].log_sum) ? sums[r].log_sum : -a * (sum_of_others(terms, classes, y) * inverse_sum);
        } else {
          grad -= g * (1 - e) * w;
        }
      }
      result.grad[i] = static_cast<double>(grad);
    }
  }
  return result;
}

RowStatistics row_statistics(int64_t rows, int64_t classes, const std::vector<double> &x) {
  RowStatistics s;
  const std::vector<double> log_probs = log_softmax(rows, classes, x);
  for (int64_t r = 0; r < rows; ++r) {
    const double *row = x.data() + r * classes;
    const double *nan = std::find_if(row, row + classes, [](double v) { return std::isnan(v); });
    s.argmax.push_back((nan != row + classes ? nan : std::max_element(row, row + classes)) - row);
    Sum entropy;
    for (int64_t c = 0; c < classes; ++c) {
      const double lp = log_probs[static_cast<size_t>(r * classes + c)];
      if (!(std::isinf(lp) && lp < 0)) entropy += -std::exp(static_cast<Wide>(lp)) * lp;
    }
    s.entropy.push_back(static_cast<double>(entropy));
  }
  return s;
}

Result cross_entropy_probs(int64_t rows, int64_t classes, const std::vector<double> &x, const std::vector<double> &q,
                           const Options &o) {
  Result result;
  const size_t count = static_cast<size_t>(rows);
  const double e = o.label_smoothing;
  const std::vector<int64_t> nobody(count, 0);
  Options plain = o;
  plain.ignore_index.reset();
  if (plain.denominator == Denominator::weight_sum) plain.denominator = Denominator::rows;
  if (classes == 0) {  // PyTorch's NaN: as if there were no rows
    plain.ignore_index = 0;
    if (plain.denominator != Denominator::given) plain.denominator = Denominator::valid_rows;
  }
  const std::vector<double> log_probs = log_softmax(rows, classes, x);
  auto share = [&](int64_t c, size_t i) {
    return static_cast<Wide>(at(o.weight, c)) * (q[i] * (1 - e) + e / static_cast<double>(classes));
  };
  result.row_loss.assign(count, 0.0);
  result.lse.assign(count, 0.0);
  result.grad_scale.assign(count, 0.0);
  result.grad.assign(x.size(), 0.0);
  std::vector<LogSum> sums;
  for (int64_t r = 0; r < rows; ++r) {
    sums.push_back(log_sum_exp(x.data() + r * classes, classes));
    const Wide lse = sums.back().lse();
    Sum loss;
    if (o.z_loss != 0 && classes > 0) loss += o.z_loss * lse * lse;
    for (int64_t c = 0; c < classes; ++c) {
      const size_t i = static_cast<size_t>(r * classes + c);
      loss += -share(c, i) * log_probs[i];
    }
    result.lse[r] = static_cast<double>(lse);
    result.row_loss[r] = static_cast<double>(loss * at(o.row_weight, r));
  }
  const std::vector<Wide> upstream = reduce(result, nobody, plain);
  for (int64_t r = 0; r < rows && o.want_grad; ++r) {
    const Wide g = upstream[r] * at(o.row_weight, r);
    Sum mass;
    if (o.z_loss != 0) mass += 2 * o.z_loss * result.lse[r];
    for (int64_t c = 0; c < classes; ++c) mass += share(c, static_cast<size_t>(r * classes + c));
    result.grad_scale[r] = static_cast<double>(std::fabs(g * mass));
    for (int64_t c = 0; c < classes; ++c) {
      const size_t i = static_cast<size_t>(r * classes + c);
      const Wide softmax = std::exp(x[i] - sums[r].max) * std::exp(-sums[r].log_sum);
      result.grad[i] = static_cast<double>(g * (mass * softmax - share(c, i)));
    }
  }
  return result;
}

}  // namespace reference
