#include "bounds.h"

#include <lossgen/accuracy.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace bounds {
namespace {

struct Constants {
  double loss, loss_relative, lse, grad, far_grad, far, option, no_fma, log_softmax, log_softmax_backward, nll, entropy,
      probs_loss, probs_grad;
};

#define LOSSGEN_BOUNDS(T)                                                                                     \
  {                                                                                                           \
    LOSSGEN_##T##_LOSS_ULP, LOSSGEN_##T##_LOSS_RELATIVE, LOSSGEN_##T##_LSE_ULP, LOSSGEN_##T##_GRAD_ULP,       \
        LOSSGEN_##T##_FAR_GRAD_ULP, LOSSGEN_##T##_FAR, LOSSGEN_##T##_OPTION_ULP, LOSSGEN_##T##_NO_FMA_FACTOR, \
        LOSSGEN_##T##_LOG_SOFTMAX_ULP, LOSSGEN_##T##_LOG_SOFTMAX_BACKWARD_ULP, LOSSGEN_##T##_NLL_ULP,         \
        LOSSGEN_##T##_ENTROPY_ULP, LOSSGEN_##T##_PROBS_LOSS_ULP, LOSSGEN_##T##_PROBS_GRAD_ULP                 \
  }
const Constants kF32Constants = LOSSGEN_BOUNDS(F32), kF64Constants = LOSSGEN_BOUNDS(F64);
#undef LOSSGEN_BOUNDS

const Constants &constants(const Kernel &k) { return k.logits == kF64 ? kF64Constants : kF32Constants; }
double slack(const Kernel &k) { return k.target == "x86-64-v2" ? constants(k).no_fma : 1; }
double acc_ulp(const Kernel &k, double v) { return ulp(accumulator_of(k.logits), v); }

double at(const std::vector<double> &v, int64_t i) { return v.empty() ? 1.0 : v[static_cast<size_t>(i)]; }

// lse - x_y of a row, before options; in the accumulator.
double nll_bound(const Kernel &k, double lse, double x_y, double nll) {
  const Constants &c = constants(k);
  const double scale = std::max({std::fabs(lse), std::fabs(x_y), nll < 1 ? 2 * nll : nll});
  double bound = c.loss * acc_ulp(k, scale);
  // The stricter of the two where both are promised; the relative one alone in rows surer than that.
  if (nll < LOSSGEN_LOSS_RELATIVE_FROM) bound = c.loss_relative * nll;
  else bound = std::min(bound, c.loss_relative * nll);
  return slack(k) * std::max(bound, 4 * accumulator_of(k.logits).smallest_normal());
}

// How much larger the bounds of a row are for the length of its sum, which leaves out y: the larger the share of its
// largest term, the more is lost of the others beside it.
double long_sum(const double *x, int64_t classes, int64_t y, double lse) {
  double largest = -HUGE_VAL, sum = 1;
  for (int64_t c = 0; c < classes; ++c) {
    if (c != y) largest = std::max(largest, x[c]);
  }
  if (y >= 0) sum = -std::expm1(x[y] - lse);  // of all but y, relative to e^lse
  const double n = static_cast<double>(classes), share = std::min(1.0, std::exp(largest - lse) / sum);
  return std::max(n / LOSSGEN_LONG_SUM, 1 + (share > 0 ? share : 0) * n / LOSSGEN_LONG_ROW);
}

// Of a sum of n numbers in f64, relative to the sum of their magnitudes.
double sum_error(int64_t n) { return std::min(LOSSGEN_SUM_RELATIVE, std::ldexp(static_cast<double>(n), -53)); }

// A call's upstream gradient and divisor, and what is summed: common to both ops.
struct Rows {
  const Kernel &k;
  const Dtype &loss_type;
  const std::vector<int64_t> &target;
  const reference::Options &o;
  const reference::Result &expected;

  bool kept(int64_t r) const { return !(o.ignore_index && *o.ignore_index == target[static_cast<size_t>(r)]); }
  double weight(int64_t r) const {
    return std::fabs(at(o.weight, target[static_cast<size_t>(r)]) * at(o.row_weight, r));
  }
  double upstream(int64_t r) const {
    const double g = o.grad_loss.size() > 1 ? o.grad_loss[static_cast<size_t>(r)] : at(o.grad_loss, 0);
    return std::fabs(g / (o.reduction == reference::Reduction::mean ? expected.total_weight : 1));
  }

  int64_t rows() const { return static_cast<int64_t>(target.size()); }
  // What the divisor of mean is off by, relative to it.
  double divisor_error() const {
    if (o.reduction != reference::Reduction::mean || o.denominator != reference::Denominator::weight_sum) return 0;
    return total_weight(k, target, o, expected) / std::fabs(expected.total_weight);
  }

  // From the rows' bounds in the accumulator, before the rounding to loss_type.
  void finish(Loss *b) const {
    const Dtype &acc = accumulator_of(k.logits);
    const bool mean = o.reduction == reference::Reduction::mean;
    double sum = 0, magnitude = 0;
    bool overflows = false, may_overflow = false, all_finite = true;
    for (size_t r = 0; r < b->row_loss.size(); ++r) {
      if (!kept(static_cast<int64_t>(r))) continue;
      const double loss = expected.row_loss[r];
      sum += b->row_loss[r];
      magnitude += std::isfinite(loss) ? std::fabs(loss) : 0;
      const bool finite = std::isfinite(loss);
      all_finite = all_finite && finite;
      overflows =
          overflows || (finite && (std::isinf(b->row_loss[r]) || std::fabs(loss) - b->row_loss[r] > acc.largest()));
      may_overflow = may_overflow || (finite && std::fabs(loss) + b->row_loss[r] > acc.largest());
      b->row_loss[r] = stored(k, loss_type, b->row_loss[r], loss);
    }
    if (o.reduction == reference::Reduction::none) return;
    const double loss = expected.loss[0], divisor = mean ? std::fabs(expected.total_weight) : 1;
    b->loss = (sum + sum_error(rows()) * magnitude) / divisor + ulp(acc, loss) + divisor_error() * std::fabs(loss);
    b->loss = stored(k, loss_type, b->loss, loss);
    if (overflows) b->loss = HUGE_VAL;
    // At the limit, or of finite f64 rows whose sum may pass through infinity on its way to anything, or whose mean is
    // beyond what the reference returns, if only by a rounding.
    else if (may_overflow || std::isinf(magnitude)) b->loss = std::nan("");
    else if (std::isinf(loss) && divisor != 0 && all_finite) b->loss = std::nan("");
  }
};

}  // namespace

double ulp(const Dtype &type, double v) {
  const double least = type == kF16 ? 0 : type.smallest_normal();
  return std::max(type.spacing(v), least);
}

bool agree(const Dtype &type, double got, double expected, double bound) {
  // The reference's infinity less infinity may be one of the two, where something on the way is beyond the range; or any number,
  // where the reference had no wider range on the way itself.
  if (std::isnan(expected)) {
    const bool as_narrow = type == kF64 && !reference::kWiderThanF64;
    return std::isnan(got) || (std::isnan(bound) && (std::isinf(got) || as_narrow));
  }
  const bool infinite = std::isinf(got) && (got > 0) == (expected > 0);
  if (std::isnan(bound)) return true;
  // Beyond the type on the way, in some order of the additions.
  if (std::isinf(bound)) return !std::isfinite(got) || std::fabs(got - expected) <= 16 * ulp(type, expected);
  if (std::fabs(expected) > type.largest() + bound) return infinite;
  return std::fabs(got - expected) <= bound || (infinite && std::fabs(expected) + bound > type.largest());
}

double stored(const Kernel &k, const Dtype &stored, double bound, double value) {
  return stored.bits < accumulator_of(k.logits).bits ? bound + LOSSGEN_STORAGE_ULP * ulp(stored, value) : bound;
}

double equal_terms(int64_t classes, const double *x) {
  std::vector<double> sorted;
  std::copy_if(x, x + classes, std::back_inserter(sorted), [](double v) { return !std::isnan(v); });
  std::sort(sorted.begin(), sorted.end());
  int64_t most = 0, run = 0;
  for (size_t c = 0; c < sorted.size(); ++c) {
    run = c > 0 && sorted[c] == sorted[c - 1] ? run + 1 : 1;
    most = std::max(most, run);
  }
  return 1 + static_cast<double>(most) / LOSSGEN_EQUAL_TERMS;
}

double lse(const Kernel &k, double lse, double x_y) {
  return slack(k) * constants(k).lse * acc_ulp(k, std::max({std::fabs(lse), std::fabs(x_y), 1.0}));
}

double log_softmax(const Kernel &k, double log_prob) {
  const double bound = constants(k).log_softmax * acc_ulp(k, std::max(std::fabs(log_prob), 1.0));
  return stored(k, k.logits, slack(k) * bound, log_prob);
}

double log_softmax_backward(const Kernel &k, double g, double p, double sum_of_magnitudes, double value) {
  const double bound = constants(k).log_softmax_backward * acc_ulp(k, std::max(std::fabs(g), p * sum_of_magnitudes));
  return stored(k, k.logits, slack(k) * bound, value);
}

double entropy(const Kernel &k, double entropy) {
  return slack(k) * constants(k).entropy * acc_ulp(k, std::max(entropy, 1.0));
}

double total_weight(const Kernel &k, const std::vector<int64_t> &target, const reference::Options &o,
                    const reference::Result &expected) {
  double magnitude = 0;
  for (size_t r = 0; r < target.size(); ++r) {
    const bool kept = !(o.ignore_index && *o.ignore_index == target[r]);
    if (kept) magnitude += std::fabs(at(o.weight, target[r]) * at(o.row_weight, static_cast<int64_t>(r)));
  }
  const double rounded = o.weight.empty() || o.row_weight.empty() ? 0 : 0.5 * acc_ulp(k, magnitude);  // products in S
  return constants(k).nll * acc_ulp(k, expected.total_weight) + rounded +
         sum_error(static_cast<int64_t>(target.size())) * magnitude;
}

Loss cross_entropy(const Kernel &k, const Dtype &loss_type, int64_t rows, int64_t classes, const std::vector<double> &x,
                   const std::vector<int64_t> &target, const reference::Options &o, const reference::Result &expected) {
  const Constants &c = constants(k);
  const Rows all{k, loss_type, target, o, expected};
  const double e = o.label_smoothing, spread_share = e / static_cast<double>(classes);
  double weight_sum = 0;
  for (int64_t i = 0; i < classes; ++i) weight_sum += std::fabs(at(o.weight, i));
  const double divisor_error = all.divisor_error();
  Loss b;
  b.row_loss.assign(static_cast<size_t>(rows), 0.0);
  b.grad.assign(x.size(), 0.0);
  for (int64_t r = 0; r < rows; ++r) {
    if (!all.kept(r)) continue;
    const size_t row = static_cast<size_t>(r), first = static_cast<size_t>(r * classes);
    const double row_lse = expected.lse[row], x_y = x[first + static_cast<size_t>(target[row])];
    const double w = all.weight(r), own = std::fabs(at(o.row_weight, r)), nll = row_lse - x_y;
    const double lse_bound = lse(k, row_lse, x_y);
    const bool plain = e == 0 && o.z_loss == 0;
    bool overflows = nll > accumulator_of(k.logits).largest() && std::isfinite(x_y);
    // reference.row_loss keeps the digits of a sure row, lse - x_y does not.
    const double exact_nll = plain && w > 0 ? std::fabs(expected.row_loss[row]) / w : nll;

    const double times = long_sum(x.data() + first, classes, e == 0 ? target[row] : -1, row_lse);
    double loss = times * (1 - e) * w * nll_bound(k, row_lse, x_y, plain ? exact_nll : std::max(nll, 1.0));
    double magnitude = (1 - e) * w * std::fabs(exact_nll);
    if (e != 0) {
      double distance = 0, farthest = 0;
      for (int64_t i = 0; i < classes; ++i) {
        const double x_i = x[first + static_cast<size_t>(i)], d = std::fabs(x_i - row_lse);
        if (std::isinf(x_i)) continue;
        distance += std::fabs(at(o.weight, i)) * d;
        farthest = std::max(farthest, d);
      }
      overflows = overflows ||
                  !(distance <= accumulator_of(k.logits).largest() && farthest <= accumulator_of(k.logits).largest());
      loss += own * spread_share * weight_sum * (lse_bound + sum_error(classes) * std::log(classes));
      magnitude += own * spread_share * distance;
    }
    if (o.z_loss != 0) {
      const double z = std::fabs(o.z_loss) * w;
      loss += 2 * z * std::fabs(row_lse) * lse_bound;
      magnitude += z * row_lse * row_lse;
      overflows = overflows || std::fabs(o.z_loss) * row_lse * row_lse > accumulator_of(k.logits).largest();
    }
    if (!plain) loss += c.option * acc_ulp(k, magnitude);
    else if (!o.weight.empty() || !o.row_weight.empty()) loss += c.nll * acc_ulp(k, magnitude);
    b.row_loss[row] = overflows ? HUGE_VAL : loss;

    const double g = all.upstream(r);
    const double scale =
        g * ((1 - e) * w + spread_share * own * weight_sum + 2 * std::fabs(o.z_loss) * w * std::fabs(row_lse));
    const double ulps = slack(k) * (e == 0 && nll > c.far ? c.far_grad : c.grad) + (plain ? 0 : c.option);
    const double of_scale = times * ulps * acc_ulp(k, scale) + divisor_error * scale +
                            sum_error(classes) * g * spread_share * own * weight_sum;
    for (size_t i = first; i < first + static_cast<size_t>(classes); ++i) {
      b.grad[i] = stored(k, k.logits, of_scale, expected.grad[i]);
    }
  }
  all.finish(&b);
  return b;
}

Loss nll_loss(const Kernel &k, const Dtype &loss_type, int64_t rows, int64_t classes, const std::vector<double> &x,
              const std::vector<int64_t> &target, const reference::Options &o, const reference::Result &expected) {
  const Rows all{k, loss_type, target, o, expected};
  const bool exact = o.weight.empty() && o.row_weight.empty();
  const double divisor_error = all.divisor_error();
  Loss b;
  b.row_loss.assign(static_cast<size_t>(rows), 0.0);
  b.grad.assign(x.size(), 0.0);
  for (int64_t r = 0; r < rows; ++r) {
    if (!all.kept(r)) continue;
    const size_t row = static_cast<size_t>(r), y = static_cast<size_t>(r * classes + target[row]);
    b.row_loss[row] = exact ? 0 : constants(k).nll * acc_ulp(k, expected.row_loss[row]);
    const double grad = constants(k).nll * acc_ulp(k, expected.grad[y]) + divisor_error * std::fabs(expected.grad[y]);
    b.grad[y] = stored(k, k.logits, grad, expected.grad[y]);
  }
  all.finish(&b);
  return b;
}

double probs_lse(const Kernel &k, double row_lse, double top) { return lse(k, row_lse, std::max(std::fabs(top), 1.0)); }

Loss cross_entropy_probs(const Kernel &k, const Dtype &loss_type, int64_t rows, int64_t classes,
                         const std::vector<double> &x, const std::vector<double> &q, const reference::Options &o,
                         const reference::Result &expected) {
  const Constants &c = constants(k);
  const double e = o.label_smoothing;
  const std::vector<int64_t> nobody(static_cast<size_t>(rows), 0);
  reference::Options plain = o;
  plain.ignore_index.reset();
  if (plain.denominator == reference::Denominator::weight_sum) plain.denominator = reference::Denominator::rows;
  const Rows all{k, loss_type, nobody, plain, expected};
  const std::vector<double> log_probs = reference::log_softmax(rows, classes, x);
  const double long_sum = std::max(1.0, classes / LOSSGEN_LONG_SUM);
  Loss b;
  b.grad.assign(x.size(), 0.0);
  for (int64_t r = 0; r < rows; ++r) {
    const size_t first = static_cast<size_t>(r * classes);
    const double row_lse = expected.lse[static_cast<size_t>(r)], z = std::fabs(o.z_loss);
    const double largest = accumulator_of(k.logits).largest();
    double top = -HUGE_VAL, bottom = HUGE_VAL, mass = 0, magnitude = 0;
    for (int64_t i = 0; i < classes; ++i) {
      const size_t at_i = first + static_cast<size_t>(i);
      const double share =
          std::fabs(at(o.weight, i)) * ((1 - e) * std::fabs(q[at_i]) + e / static_cast<double>(classes));
      top = std::max(top, x[at_i]);
      bottom = std::min(bottom, x[at_i]);
      mass += share;
      magnitude += share * std::fabs(log_probs[at_i]);
    }
    const double own = std::fabs(at(o.row_weight, r)), z_part = 2 * z * std::fabs(row_lse);
    double loss = std::min(c.probs_loss * acc_ulp(k, magnitude + mass), c.loss_relative * magnitude) +
                  4 * accumulator_of(k.logits).smallest_normal();
    if (z != 0) loss += z_part * probs_lse(k, row_lse, top) + c.option * acc_ulp(k, magnitude + z * row_lse * row_lse);
    // Beyond S, where two finite logits are so far apart or terms so large: anything.
    const bool overflows = (std::isfinite(top) && std::isfinite(bottom) && !(top - bottom + magnitude <= largest)) ||
                           z * row_lse * row_lse > largest;
    b.row_loss.push_back(overflows ? std::nan("") : std::isfinite(loss) ? slack(k) * long_sum * own * loss : 0);
    const double scale = all.upstream(r) * own * (mass + z_part);
    // z-loss multiplies the softmax by lse: its error counts even where lse itself is about 0.
    const double of_lse = z != 0 ? all.upstream(r) * own * 2 * z * probs_lse(k, row_lse, top) : 0;
    for (size_t i = first; i < first + static_cast<size_t>(classes); ++i) {
      b.grad[i] = stored(k, k.logits, slack(k) * (c.probs_grad * acc_ulp(k, scale) + of_lse), expected.grad[i]);
    }
  }
  all.finish(&b);
  return b;
}

}  // namespace bounds
