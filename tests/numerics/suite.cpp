#include "suite.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <sstream>

namespace {

constexpr struct {
  int code, bits;
  int64_t largest;
} kTargetTypes[] = {{kDLInt, 64, INT64_MAX},   {kDLInt, 32, INT32_MAX}, {kDLUInt, 8, 255},
                    {kDLInt, 16, 32767},       {kDLInt, 8, 127},        {kDLUInt, 16, 65535},
                    {kDLUInt, 32, UINT32_MAX}, {kDLUInt, 64, INT64_MAX}};

std::vector<double> widen(const std::vector<float> &v) { return std::vector<double>(v.begin(), v.end()); }

}  // namespace

std::ostream &operator<<(std::ostream &os, const Shape &s) {
  return os << kOrderNames[static_cast<int>(s.order)] << " " << s.outer << "x" << s.classes << "x" << s.inner;
}

double ulp(double v) {
  v = std::min(std::fabs(v), static_cast<double>(FLT_MAX));
  if (!(v >= FLT_MIN)) return FLT_MIN;
  int exponent;
  std::frexp(v, &exponent);
  return std::max(std::ldexp(1.0, exponent - 24), static_cast<double>(FLT_MIN));
}

struct Suite::Case {
  Shape shape;
  Family family;
  uint64_t seed;
  Layout layout;
  bool at_end;
  std::vector<float> x;  // dense rows
  std::vector<int64_t> y;
  reference::Options o;
  lossgen_options options;
  DLDataType target_type;

  std::vector<double> wide() const { return widen(x); }
  std::string text(int64_t row) const {
    std::ostringstream os;
    os << shape << " " << kFamilyNames[static_cast<int>(family)] << " seed " << seed << " row " << row;
    return os.str();
  }
};

double Suite::slack() const { return std::string(target_) == "x86-64-v2" ? LOSSGEN_F32_NO_FMA_FACTOR : 1.0; }

lossgen_options Suite::options() const {
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.target = target_;
  o.threads = 1;
  return o;
}

void Suite::expect(const Case &c, const char *kind, int64_t row, int64_t column, float got, double expected,
                   double bound) {
  bool good;
  if (std::isnan(expected)) {
    good = std::isnan(got);
  } else if (std::fabs(expected) > FLT_MAX) {
    good = std::isinf(got) && (got > 0) == (expected > 0);
  } else {
    const double error = std::fabs(got - expected);
    good = error <= bound || (std::isinf(got) && std::fabs(expected) + bound > FLT_MAX);
    if (error > 0 && !std::isnan(error)) maxima_.note(kind, error / bound);
  }
  if (good || ++failures_ > 20) return;
  ADD_FAILURE() << kind << ": " << c.text(row) << ", class " << column << ": " << got << " instead of " << expected
                << ", bound " << bound << ", target " << target_;
}

namespace {

// accuracy.h's bound of one row's loss.
double row_bound(double lse, double x_y, double loss) {
  if (loss < LOSSGEN_F32_LOSS_SMALL) return std::max(LOSSGEN_F32_LOSS_RELATIVE * loss, 4.0 * FLT_MIN);
  return LOSSGEN_F32_LOSS_ULP * ulp(std::max({std::fabs(lse), std::fabs(x_y), loss}));
}

}  // namespace

#define LOSSGEN_CALL(call) ASSERT_EQ(call, LOSSGEN_OK) << c.text(-1) << ": " << lossgen_last_error()

void Suite::run(const Shape &shape, Family family, uint64_t seed) {
  Random random(seed * 1000003 + static_cast<uint64_t>(family));
  Case c{shape, family,    seed, Layout(shape.order, shape.outer, shape.classes, shape.inner), seed % 2 == 0, {}, {},
         {},    options(), {}};
  const int64_t rows = c.layout.rows, classes = shape.classes;
  for (size_t i = 0;; ++i) {
    const auto &type = kTargetTypes[(seed + i) % std::size(kTargetTypes)];
    if (type.largest < classes) continue;
    c.target_type = lossgen_dtype(type.code, type.bits);
    break;
  }
  // Ignored: -100 where the type has it, else the class 0.
  const bool is_signed = c.target_type.code == kDLInt;
  const int64_t ignored = is_signed ? -100 : 0;
  const bool ignores = seed % 3 == 0;
  c.o.ignore_index = ignored;
  c.options.ignore_mode = LOSSGEN_IGNORE_INDEX;
  c.options.ignore_index = ignored;
  if (!is_signed && !ignores) {
    c.o.ignore_index.reset();
    c.options.ignore_mode = LOSSGEN_IGNORE_NONE;
  }
  c.x.resize(static_cast<size_t>(rows * classes));
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t y = random.below(classes);
    fill_row(family, random, &c.x[static_cast<size_t>(r * classes)], classes, y);
    c.y.push_back(ignores && random.chance(0.25) ? ignored : y);
  }
  logits_.place(c.layout, c.at_end);
  logits_.set(c.x);
  classes_.place(c.layout.row_shape, c.target_type, c.at_end);
  for (size_t r = 0; r < c.y.size(); ++r) classes_.set_integer(r, c.y[r]);

  check_cross_entropy(c);
  check_cross_entropy_reduced(c);
  check_nll_loss(c);
  check_log_softmax(c);
  EXPECT_TRUE(out_.surroundings_intact() && grad_.surroundings_intact() && logits_.surroundings_intact())
      << c.text(-1) << ": wrote outside a tensor";
  EXPECT_TRUE(loss_.surroundings_intact() && lse_.surroundings_intact() && scalar_.surroundings_intact())
      << c.text(-1) << ": wrote outside a row tensor";
}

// Reduction none: every row's loss, lse and gradient; forward, backward and both at once, in place and not.
void Suite::check_cross_entropy(Case &c) {
  const int64_t rows = c.layout.rows, classes = c.shape.classes;
  c.o.reduction = reference::Reduction::none;
  c.options.reduction = LOSSGEN_REDUCTION_NONE;
  upstream_.floats(c.layout.row_shape, c.at_end);
  c.o.grad_loss.clear();
  Random random(c.seed);
  for (int64_t r = 0; r < rows; ++r) {
    const float g = static_cast<float>(random.uniform(-2, 2));
    upstream_.set(static_cast<size_t>(r), g);
    c.o.grad_loss.push_back(g);
  }
  const bool with_upstream = c.seed % 2 == 1;
  if (!with_upstream) c.o.grad_loss.clear();
  if (with_upstream && rows == 1) c.o.grad_loss = {c.o.grad_loss[0]};
  c.options.grad_loss = with_upstream ? upstream_.dl() : nullptr;
  const reference::Result expected = reference::cross_entropy(rows, classes, c.wide(), c.y, c.o);

  auto grad_ulps = [&](int64_t r) {
    const bool far = expected.row_loss[static_cast<size_t>(r)] > LOSSGEN_F32_FAR;
    return slack() * (far ? LOSSGEN_F32_FAR_GRAD_ULP : LOSSGEN_F32_GRAD_ULP);
  };
  auto check_loss = [&] {
    for (int64_t r = 0; r < rows; ++r) {
      const size_t i = static_cast<size_t>(r);
      const bool kept = !(c.o.ignore_index && *c.o.ignore_index == c.y[i]);
      const double loss = expected.row_loss[i];
      const double x_y = kept ? c.x[static_cast<size_t>(r * classes + c.y[i])] : 0;
      expect(c, "loss", r, c.y[i], loss_.at(i), loss, kept ? slack() * row_bound(expected.lse[i], x_y, loss) : 0);
      if (kept && loss >= LOSSGEN_F32_LOSS_RELATIVE_FROM && loss <= FLT_MAX) {
        expect(c, "loss_relative", r, c.y[i], loss_.at(i), loss, LOSSGEN_F32_LOSS_RELATIVE * loss);
      }
    }
  };
  auto check_grad = [&](const char *kind, const GuardedTensor &grad) {
    for (int64_t r = 0; r < rows; ++r) {
      const double scale = expected.grad_scale[static_cast<size_t>(r)];
      const bool kept = !(c.o.ignore_index && *c.o.ignore_index == c.y[static_cast<size_t>(r)]);
      for (int64_t k = 0; k < classes; ++k) {
        expect(c, kind, r, k, grad.at(r, k), expected.grad[static_cast<size_t>(r * classes + k)],
               kept ? grad_ulps(r) * ulp(scale) : 0);
      }
    }
  };

  loss_.floats(c.layout.row_shape, c.at_end);
  lse_.floats(c.layout.row_shape, c.at_end);
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  extras.lse = lse_.dl();
  LOSSGEN_CALL(lossgen_cross_entropy_forward(logits_.dl(), classes_.dl(), &c.options, loss_.dl(), &extras));
  check_loss();
  for (int64_t r = 0; r < rows; ++r) {
    const size_t i = static_cast<size_t>(r);
    const double lse = expected.lse[i];
    const int64_t y = c.o.ignore_index && *c.o.ignore_index == c.y[i] ? 0 : c.y[i];
    // Of rows whose loss is NaN the logarithm may be an infinity (all -inf, a +inf) or NaN.
    if (std::isnan(lse) && std::isinf(lse_.at(i))) continue;
    expect(c, "lse", r, -1, lse_.at(i), lse,
           slack() * LOSSGEN_F32_LSE_ULP *
               ulp(std::max(std::fabs(lse), std::fabs(static_cast<double>(c.x[i * classes + y])))));
  }

  out_.place(c.layout, c.at_end);
  LOSSGEN_CALL(lossgen_cross_entropy_backward(logits_.dl(), classes_.dl(), &c.options, nullptr, out_.dl()));
  check_grad("grad", out_);

  loss_.floats(c.layout.row_shape, c.at_end);
  out_.place(c.layout, c.at_end);
  LOSSGEN_CALL(
      lossgen_cross_entropy_forward_backward(logits_.dl(), classes_.dl(), &c.options, loss_.dl(), out_.dl(), nullptr));
  check_loss();
  check_grad("grad", out_);

  loss_.floats(c.layout.row_shape, c.at_end);
  grad_.place(c.layout, c.at_end);
  grad_.set(c.x);
  LOSSGEN_CALL(
      lossgen_cross_entropy_forward_backward(grad_.dl(), classes_.dl(), &c.options, loss_.dl(), grad_.dl(), nullptr));
  check_loss();
  check_grad("grad", grad_);

  grad_.place(c.layout, c.at_end);
  grad_.set(c.x);
  LOSSGEN_CALL(lossgen_cross_entropy_backward(grad_.dl(), classes_.dl(), &c.options, nullptr, grad_.dl()));
  check_grad("grad", grad_);
  c.options.grad_loss = nullptr;
  c.o.grad_loss.clear();
}

// mean and sum with class weights, scalar upstream gradient, total_weight, backward from what forward saved.
void Suite::check_cross_entropy_reduced(Case &c) {
  const int64_t rows = c.layout.rows, classes = c.shape.classes;
  const bool mean = c.seed % 2 == 0;
  c.o.reduction = mean ? reference::Reduction::mean : reference::Reduction::sum;
  c.options.reduction = mean ? LOSSGEN_REDUCTION_MEAN : LOSSGEN_REDUCTION_SUM;
  c.o.weight.clear();
  c.options.weight = nullptr;
  Random random(c.seed + 17);
  if (c.seed % 4 < 2) {
    weight_.floats({classes}, c.at_end);
    for (int64_t k = 0; k < classes; ++k) {
      const float w = static_cast<float>(random.uniform(0.25, 2));
      weight_.set(static_cast<size_t>(k), w);
      c.o.weight.push_back(w);
    }
    c.options.weight = weight_.dl();
  }
  c.o.grad_loss = {2.5};
  upstream_.floats({}, c.at_end);
  upstream_.set(0, 2.5f);
  c.options.grad_loss = upstream_.dl();
  const reference::Result expected = reference::cross_entropy(rows, classes, c.wide(), c.y, c.o);

  auto unweighted = [&](int64_t r) {
    const size_t i = static_cast<size_t>(r);
    const bool weighted = !c.o.weight.empty() && !(c.o.ignore_index && *c.o.ignore_index == c.y[i]);
    return weighted ? expected.row_loss[i] / c.o.weight[static_cast<size_t>(c.y[i])] : expected.row_loss[i];
  };
  auto grad_ulps = [&](int64_t r) {
    return slack() * (unweighted(r) > LOSSGEN_F32_FAR ? LOSSGEN_F32_FAR_GRAD_ULP : LOSSGEN_F32_GRAD_ULP);
  };

  double bound = 0, weights = 0;
  bool overflows = false;  // a row that f32 cannot hold makes the sum infinite
  for (int64_t r = 0; r < rows; ++r) {
    const size_t i = static_cast<size_t>(r);
    if (c.o.ignore_index && *c.o.ignore_index == c.y[i]) continue;
    const double w = c.o.weight.empty() ? 1 : c.o.weight[static_cast<size_t>(c.y[i])];
    const double x_y = c.x[static_cast<size_t>(r * classes + c.y[i])];
    const double row_loss = expected.row_loss[i];
    bound += slack() * w * row_bound(expected.lse[i], x_y, row_loss / w) + ulp(row_loss);
    overflows = overflows || (unweighted(r) > FLT_MAX && std::isfinite(row_loss));
    weights += w;
  }
  if (mean && weights > 0) bound /= weights;
  const double loss = overflows && !std::isnan(expected.loss[0]) ? HUGE_VAL : expected.loss[0];
  bound += ulp(loss);
  if (!(std::fabs(loss) <= FLT_MAX)) bound = 0;

  auto check_grad = [&](const GuardedTensor &grad) {
    for (int64_t r = 0; r < rows; ++r) {
      const bool kept = !(c.o.ignore_index && *c.o.ignore_index == c.y[static_cast<size_t>(r)]);
      const double scale = expected.grad_scale[static_cast<size_t>(r)];
      for (int64_t k = 0; k < classes; ++k) {
        expect(c, "grad_reduced", r, k, grad.at(r, k), expected.grad[static_cast<size_t>(r * classes + k)],
               kept ? grad_ulps(r) * ulp(scale) : 0);
      }
    }
  };

  scalar_.floats({}, c.at_end);
  total_weight_.floats({}, c.at_end);
  lse_.floats(c.layout.row_shape, c.at_end);
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  extras.lse = lse_.dl();
  extras.total_weight = total_weight_.dl();
  LOSSGEN_CALL(lossgen_cross_entropy_forward(logits_.dl(), classes_.dl(), &c.options, scalar_.dl(), &extras));
  expect(c, "loss_reduced", -1, -1, scalar_.at(0), loss, bound);
  expect(c, "total_weight", -1, -1, total_weight_.at(0), expected.total_weight, ulp(expected.total_weight));

  scalar_.floats({}, c.at_end);
  grad_.place(c.layout, c.at_end);
  grad_.set(c.x);
  LOSSGEN_CALL(
      lossgen_cross_entropy_forward_backward(grad_.dl(), classes_.dl(), &c.options, scalar_.dl(), grad_.dl(), nullptr));
  expect(c, "loss_reduced", -1, -1, scalar_.at(0), loss, bound);
  check_grad(grad_);

  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  saved.total_weight = total_weight_.dl();
  out_.place(c.layout, c.at_end);
  LOSSGEN_CALL(
      lossgen_cross_entropy_backward(logits_.dl(), classes_.dl(), &c.options, mean ? &saved : nullptr, out_.dl()));
  check_grad(out_);
  c.options.grad_loss = nullptr;
  c.options.weight = nullptr;
  c.o.weight.clear();
  c.o.grad_loss.clear();
}

void Suite::check_nll_loss(Case &c) {
  const int64_t rows = c.layout.rows, classes = c.shape.classes;
  c.o.reduction = reference::Reduction::none;
  c.options.reduction = LOSSGEN_REDUCTION_NONE;
  const reference::Result none = reference::nll_loss(rows, classes, c.wide(), c.y, c.o);
  loss_.floats(c.layout.row_shape, c.at_end);
  LOSSGEN_CALL(lossgen_nll_loss_forward(logits_.dl(), classes_.dl(), &c.options, loss_.dl(), nullptr));
  for (int64_t r = 0; r < rows; ++r) {
    expect(c, "nll", r, -1, loss_.at(static_cast<size_t>(r)), none.row_loss[static_cast<size_t>(r)], 0);
  }

  c.o.reduction = reference::Reduction::mean;
  c.options.reduction = LOSSGEN_REDUCTION_MEAN;
  c.o.grad_loss = {2.5};
  upstream_.floats({}, c.at_end);
  upstream_.set(0, 2.5f);
  c.options.grad_loss = upstream_.dl();
  const reference::Result mean = reference::nll_loss(rows, classes, c.wide(), c.y, c.o);
  scalar_.floats({}, c.at_end);
  LOSSGEN_CALL(lossgen_nll_loss_forward(logits_.dl(), classes_.dl(), &c.options, scalar_.dl(), nullptr));
  double largest = 0;
  for (double loss : mean.row_loss) {
    if (std::isfinite(loss)) largest = std::max(largest, std::fabs(loss));
  }
  // Sums of rows are kept in f64: what is left is one rounding, and f64's own where +- 1e30 cancel.
  expect(c, "nll_mean", -1, -1, scalar_.at(0), mean.loss[0], ulp(mean.loss[0]) + 1e-12 * largest);
  out_.place(c.layout, c.at_end);
  LOSSGEN_CALL(lossgen_nll_loss_backward(classes_.dl(), &c.options, nullptr, out_.dl()));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t k = 0; k < classes; ++k) {
      const double grad = mean.grad[static_cast<size_t>(r * classes + k)];
      expect(c, "nll_grad", r, k, out_.at(r, k), grad, grad == 0 ? 0 : LOSSGEN_F32_NLL_ULP * ulp(grad));
    }
  }
  c.options.grad_loss = nullptr;
  c.o.grad_loss.clear();
}

void Suite::check_log_softmax(Case &c) {
  const int64_t rows = c.layout.rows, classes = c.shape.classes;
  lossgen_options o = options();
  const std::vector<double> expected = reference::log_softmax(rows, classes, c.wide());
  auto check = [&](const GuardedTensor &got) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < classes; ++k) {
        const double lp = expected[static_cast<size_t>(r * classes + k)];
        expect(c, "log_softmax", r, k, got.at(r, k), lp,
               LOSSGEN_F32_LOG_SOFTMAX_ULP * ulp(std::max(std::fabs(lp), 1.0)));
      }
    }
  };
  out_.place(c.layout, c.at_end);
  LOSSGEN_CALL(lossgen_log_softmax_forward(logits_.dl(), &o, out_.dl()));
  check(out_);
  grad_.place(c.layout, c.at_end);
  grad_.set(c.x);
  LOSSGEN_CALL(lossgen_log_softmax_forward(grad_.dl(), &o, grad_.dl()));
  check(grad_);

  // Backward from f32 log-probabilities, as a caller has them.
  std::vector<float> log_probs(c.x.size()), g(c.x.size());
  Random random(c.seed + 5);
  for (size_t i = 0; i < g.size(); ++i) {
    log_probs[i] = static_cast<float>(expected[i]);
    g[i] = static_cast<float>(random.normal());
  }
  const std::vector<double> grads = reference::log_softmax_backward(rows, classes, widen(g), widen(log_probs));
  auto check_backward = [&](const GuardedTensor &got) {
    for (int64_t r = 0; r < rows; ++r) {
      double magnitude = 0;
      for (int64_t k = 0; k < classes; ++k) magnitude += std::fabs(g[static_cast<size_t>(r * classes + k)]);
      for (int64_t k = 0; k < classes; ++k) {
        const size_t i = static_cast<size_t>(r * classes + k);
        const double scale =
            std::max(static_cast<double>(std::fabs(g[i])), std::exp(static_cast<double>(log_probs[i])) * magnitude);
        expect(c, "log_softmax_backward", r, k, got.at(r, k), grads[i],
               LOSSGEN_F32_LOG_SOFTMAX_BACKWARD_ULP * ulp(scale));
      }
    }
  };
  GuardedTensor lp;
  lp.place(c.layout, c.at_end);
  lp.set(log_probs);
  grad_.place(c.layout, c.at_end);
  grad_.set(g);
  out_.place(c.layout, c.at_end);
  LOSSGEN_CALL(lossgen_log_softmax_backward(grad_.dl(), lp.dl(), &o, out_.dl()));
  check_backward(out_);
  LOSSGEN_CALL(lossgen_log_softmax_backward(grad_.dl(), lp.dl(), &o, lp.dl()));  // over log_probs
  check_backward(lp);
  lp.set(log_probs);
  LOSSGEN_CALL(lossgen_log_softmax_backward(grad_.dl(), lp.dl(), &o, grad_.dl()));  // over grad
  check_backward(grad_);
}
