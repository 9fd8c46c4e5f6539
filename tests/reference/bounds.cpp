#include "bounds.h"

#include <lossgen/accuracy.h>

#include <algorithm>
#include <cmath>

namespace bounds {
namespace {

struct Constants {
  double loss, loss_relative, lse, grad, far_grad, far, option, no_fma, log_softmax, log_softmax_backward, nll, entropy;
};

#define LOSSGEN_BOUNDS(T)                                                                                          \
  {LOSSGEN_##T##_LOSS_ULP,    LOSSGEN_##T##_LOSS_RELATIVE, LOSSGEN_##T##_LSE_ULP,                                  \
   LOSSGEN_##T##_GRAD_ULP,    LOSSGEN_##T##_FAR_GRAD_ULP,  LOSSGEN_##T##_FAR,                                      \
   LOSSGEN_##T##_OPTION_ULP,  LOSSGEN_##T##_NO_FMA_FACTOR, LOSSGEN_##T##_LOG_SOFTMAX_ULP,                          \
   LOSSGEN_##T##_LOG_SOFTMAX_BACKWARD_ULP, LOSSGEN_##T##_NLL_ULP, LOSSGEN_##T##_ENTROPY_ULP}
const Constants kF32Constants = LOSSGEN_BOUNDS(F32), kF64Constants = LOSSGEN_BOUNDS(F64);
#undef LOSSGEN_BOUNDS

const Constants &constants(const Kernel &k) { return k.logits == kF64 ? kF64Constants : kF32Constants; }
double slack(const Kernel &k) { return k.target == "x86-64-v2" ? constants(k).no_fma : 1; }
double acc_ulp(const Kernel &k, double v) { return ulp(accumulator_of(k.logits), v); }

double at(const std::vector<double> &v, int64_t i) { return v.empty() ? 1.0 : v[static_cast<size_t>(i)]; }

// lse - x_y of a row, before options; in the accumulator.
double nll_bound(const Kernel &k, double lse, double x_y, double nll) {
  const Constants &c = constants(k);
  const double scale = std::max(std::fabs(lse), std::fabs(x_y));
  double bound = c.loss * acc_ulp(k, scale);
  // The stricter of the two where both are promised; the relative one alone in rows surer than that.
  if (nll < LOSSGEN_LOSS_RELATIVE_FROM) bound = c.loss_relative * nll;
  else bound = std::min(bound, c.loss_relative * nll);
  return slack(k) * std::max(bound, 4 * accumulator_of(k.logits).smallest_normal());
}

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

  // From the rows' bounds in the accumulator, before the rounding to loss_type.
  void finish(Loss *b) const {
    const Dtype &acc = accumulator_of(k.logits);
    const bool mean = o.reduction == reference::Reduction::mean;
    double sum = 0, magnitude = 0;
    bool overflows = false;
    for (size_t r = 0; r < b->row_loss.size(); ++r) {
      if (!kept(static_cast<int64_t>(r))) continue;
      const double loss = expected.row_loss[r];
      sum += b->row_loss[r];
      magnitude += std::fabs(loss);
      overflows = overflows || (std::isfinite(loss) && std::fabs(loss) + b->row_loss[r] > acc.largest());
      b->row_loss[r] = stored(k, loss_type, b->row_loss[r], loss);
    }
    if (o.reduction == reference::Reduction::none) return;
    const double loss = expected.loss[0], divisor = mean ? std::fabs(expected.total_weight) : 1;
    b->loss = (sum + LOSSGEN_SUM_RELATIVE * magnitude) / divisor + ulp(acc, loss) +
              (mean ? total_weight(k, expected.total_weight) / divisor * std::fabs(loss) : 0);
    b->loss = overflows ? HUGE_VAL : stored(k, loss_type, b->loss, loss);
  }
};

}  // namespace

double ulp(const Dtype &type, double v) {
  const double least = type == kF16 ? 0 : type.smallest_normal();
  return std::max(type.spacing(v), least);
}

bool agree(const Dtype &type, double got, double expected, double bound) {
  if (std::isnan(expected)) return std::isnan(got);
  const bool infinite = std::isinf(got) && (got > 0) == (expected > 0);
  if (std::isinf(bound) && std::isfinite(expected)) return !std::isfinite(got);
  if (std::fabs(expected) > type.largest() + bound) return infinite;
  return std::fabs(got - expected) <= bound || (infinite && std::fabs(expected) + bound > type.largest());
}

double stored(const Kernel &k, const Dtype &stored, double bound, double value) {
  return stored.bits < accumulator_of(k.logits).bits ? bound + LOSSGEN_STORAGE_ULP * ulp(stored, value) : bound;
}

double lse(const Kernel &k, double lse, double x_y) {
  return slack(k) * constants(k).lse * acc_ulp(k, std::max(std::fabs(lse), std::fabs(x_y)));
}

double log_softmax(const Kernel &k, double log_prob) {
  const double bound = constants(k).log_softmax * acc_ulp(k, std::max(std::fabs(log_prob), 1.0));
  return stored(k, k.logits, slack(k) * bound, log_prob);
}

double log_softmax_backward(const Kernel &k, double g, double p, double sum_of_magnitudes, double value) {
  const double bound =
      constants(k).log_softmax_backward * acc_ulp(k, std::max(std::fabs(g), p * sum_of_magnitudes));
  return stored(k, k.logits, slack(k) * bound, value);
}

double entropy(const Kernel &k, double entropy) {
  return slack(k) * constants(k).entropy * acc_ulp(k, std::max(entropy, 1.0));
}

double total_weight(const Kernel &k, double total_weight) {
  return constants(k).nll * acc_ulp(k, total_weight);
}

Loss cross_entropy(const Kernel &k, const Dtype &loss_type, int64_t rows, int64_t classes, const std::vector<double> &x,
                   const std::vector<int64_t> &target, const reference::Options &o, const reference::Result &expected) {
  const Constants &c = constants(k);
  const Rows all{k, loss_type, target, o, expected};
  const double e = o.label_smoothing, spread_share = e / static_cast<double>(classes);
  double weight_sum = 0;
  for (int64_t i = 0; i < classes; ++i) weight_sum += std::fabs(at(o.weight, i));
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
    // reference.row_loss keeps the digits of a sure row, lse - x_y does not.
    const double exact_nll = plain && w > 0 ? std::fabs(expected.row_loss[row]) / w : nll;

    double loss = (1 - e) * w * nll_bound(k, row_lse, x_y, plain ? exact_nll : std::max(nll, 1.0));
    double magnitude = (1 - e) * w * std::fabs(exact_nll);
    if (e != 0) {
      double distance = 0;
      for (int64_t i = 0; i < classes; ++i) {
        const double d = std::fabs(x[first + static_cast<size_t>(i)] - row_lse);
        distance += std::fabs(at(o.weight, i)) * d;
      }
      loss += own * spread_share * weight_sum * lse_bound;
      magnitude += own * spread_share * distance;
    }
    if (o.z_loss != 0) {
      const double z = std::fabs(o.z_loss) * w;
      loss += 2 * z * std::fabs(row_lse) * lse_bound;
      magnitude += z * row_lse * row_lse;
    }
    if (!plain) loss += c.option * acc_ulp(k, magnitude);
    else if (!o.weight.empty() || !o.row_weight.empty()) loss += c.nll * acc_ulp(k, magnitude);
    b.row_loss[row] = loss;

    const double g = all.upstream(r);
    const double scale = g * ((1 - e) * w + spread_share * own * weight_sum +
                              2 * std::fabs(o.z_loss) * w * std::fabs(row_lse));
    const double ulps = slack(k) * (e == 0 && nll > c.far ? c.far_grad : c.grad) + (plain ? 0 : c.option);
    for (size_t i = first; i < first + static_cast<size_t>(classes); ++i) {
      b.grad[i] = stored(k, k.logits, ulps * acc_ulp(k, scale), expected.grad[i]);
    }
  }
  all.finish(&b);
  return b;
}

Loss nll_loss(const Kernel &k, const Dtype &loss_type, int64_t rows, int64_t classes, const std::vector<double> &x,
              const std::vector<int64_t> &target, const reference::Options &o, const reference::Result &expected) {
  const Rows all{k, loss_type, target, o, expected};
  const bool exact = o.weight.empty() && o.row_weight.empty();
  Loss b;
  b.row_loss.assign(static_cast<size_t>(rows), 0.0);
  b.grad.assign(x.size(), 0.0);
  for (int64_t r = 0; r < rows; ++r) {
    if (!all.kept(r)) continue;
    const size_t row = static_cast<size_t>(r), y = static_cast<size_t>(r * classes + target[row]);
    b.row_loss[row] = exact ? 0 : constants(k).nll * acc_ulp(k, expected.row_loss[row]);
    b.grad[y] = stored(k, k.logits, constants(k).nll * acc_ulp(k, expected.grad[y]), expected.grad[y]);
  }
  all.finish(&b);
  return b;
}

}  // namespace bounds
