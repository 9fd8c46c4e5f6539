// PyTorch's values and gradients in the corners, printed once by torch_values.py, through the C API.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <lossgen/lossgen.hpp>
#include <string>
#include <vector>

namespace {

struct Case {
  const char *name, *op;
  std::vector<int64_t> shape;
  std::vector<float> x;
  std::vector<int64_t> target;
  std::vector<float> weight;  // empty = none
  int64_t ignore_index;
  const char *reduction;
  float label_smoothing;
  std::vector<float> upstream;  // empty = ones
  std::vector<float> loss, grad;
  std::vector<float> probs = {};  // of cross_entropy_probs, instead of the target
};

const std::vector<Case> &cases() {
  static const std::vector<Case> list = {
#include "torch_values.inc"
  };
  return list;
}

void PrintTo(const Case &c, std::ostream *os) { *os << c.name; }

// Relative to the largest number of the result: sums of different order differ in the last bits.
void expect_close(const std::vector<float> &got, const std::vector<float> &expected, const char *what) {
  ASSERT_EQ(got.size(), expected.size());
  float scale = 1e-3f;
  for (float v : expected) scale = std::isfinite(v) ? std::fmax(scale, std::fabs(v)) : scale;
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(got[i])) << what << "[" << i << "] = " << got[i] << " instead of NaN";
    } else if (std::isinf(expected[i])) {
      EXPECT_EQ(got[i], expected[i]) << what << "[" << i << "]";
    } else {
      EXPECT_NEAR(got[i], expected[i], 1e-6f * scale) << what << "[" << i << "]";
    }
  }
}

class Torch : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const Case &c = GetParam();
    x = c.x;
    target = c.target;
    probs = c.probs;
    weight = c.weight;
    upstream = c.upstream;
    rows = c.shape;
    rows.erase(rows.begin() + (rows.size() > 1 ? 1 : 0));
    const std::string reduction = c.reduction;
    options.reduction = reduction == "mean"  ? LOSSGEN_REDUCTION_MEAN
                        : reduction == "sum" ? LOSSGEN_REDUCTION_SUM
                                             : LOSSGEN_REDUCTION_NONE;
    options.ignore_mode = LOSSGEN_IGNORE_INDEX;
    options.ignore_index = c.ignore_index;
    options.label_smoothing = c.label_smoothing;
    classes = {c.shape.size() > 1 ? c.shape[1] : c.shape[0]};
    if (!weight.empty()) {
      weight_tensor = floats(weight, classes);
      options.weight = &weight_tensor;
    }
    const bool none = options.reduction == LOSSGEN_REDUCTION_NONE;
    if (none) loss_shape = rows;
    if (!upstream.empty()) {
      upstream_tensor = floats(upstream, loss_shape);
      options.grad_loss = &upstream_tensor;
    }
    size_t count = 1;
    for (int64_t n : rows) count *= static_cast<size_t>(n);
    loss.assign(none ? count : 1, 123.0f);
    grad.assign(x.size(), 123.0f);
    expected_grad = c.grad;
    // A difference, on purpose: a NaN in an ignored row does not reach the gradient.
    if (std::strcmp(c.name, "nan_in_ignored_row") == 0) {
      for (float &v : expected_grad) v = std::isnan(v) ? 0.0f : v;
    }
  }

  static DLTensor floats(std::vector<float> &v, const std::vector<int64_t> &shape) {
    return lossgen_tensor(v.data(), lossgen_dtype(kDLFloat, 32), static_cast<int32_t>(shape.size()), shape.data());
  }
  DLTensor target_tensor() {
    return lossgen_tensor(target.data(), lossgen_dtype(kDLInt, 64), static_cast<int32_t>(rows.size()), rows.data());
  }

  void run_nll_loss() {
    const DLTensor input = floats(x, GetParam().shape), y = target_tensor();
    DLTensor out = floats(loss, loss_shape), g = floats(grad, GetParam().shape);
    ASSERT_EQ(lossgen_nll_loss_forward(&input, &y, &options, &out, nullptr), LOSSGEN_OK) << lossgen_last_error();
    expect_close(loss, GetParam().loss, "loss");
    ASSERT_EQ(lossgen_nll_loss_backward(&y, &options, nullptr, &g), LOSSGEN_OK) << lossgen_last_error();
    expect_close(grad, expected_grad, "gradient");
  }

  void run_cross_entropy() {
    const DLTensor y = target_tensor();
    DLTensor input = floats(x, GetParam().shape), out = floats(loss, loss_shape), g = floats(grad, GetParam().shape);
    const lossgen_status status = lossgen_cross_entropy_forward(&input, &y, &options, &out, nullptr);
    if (status == LOSSGEN_UNSUPPORTED_BY_BUILD) {
      GTEST_SKIP() << std::string(lossgen_last_error()).substr(std::string("cross_entropy_forward: ").size());
    }
    ASSERT_EQ(status, LOSSGEN_OK) << lossgen_last_error();
    expect_close(loss, GetParam().loss, "loss");
    ASSERT_EQ(lossgen_cross_entropy_backward(&input, &y, &options, nullptr, &g), LOSSGEN_OK) << lossgen_last_error();
    expect_close(grad, expected_grad, "gradient of backward");
    loss.assign(loss.size(), 123.0f);
    ASSERT_EQ(lossgen_cross_entropy_forward_backward(&input, &y, &options, &out, &input, nullptr), LOSSGEN_OK)
        << lossgen_last_error();
    expect_close(loss, GetParam().loss, "loss of forward_backward");
    expect_close(x, expected_grad, "gradient of forward_backward, in place");
  }

  // Through the C++ wrapper, which takes what PyTorch takes: a negative ignore_index means nothing here.
  void run_cross_entropy_probs() {
    const Case &c = GetParam();
    std::optional<lossgen::View> w, g;
    if (!weight.empty()) w = lossgen::View(weight.data(), classes);
    if (!upstream.empty()) g = lossgen::View(upstream.data(), loss_shape);
    const lossgen::CrossEntropyLoss criterion(w, std::nullopt, c.ignore_index, std::nullopt,
                                              lossgen::reduction_from_string(c.reduction), c.label_smoothing);
    const lossgen::MutableView input(x.data(), c.shape), q(probs.data(), c.shape), out(loss.data(), loss_shape),
        gradient(grad.data(), c.shape);
    criterion.forward(input, q, out);
    expect_close(loss, c.loss, "loss");
    criterion.backward(input, q, gradient, g);
    expect_close(grad, expected_grad, "gradient of backward");
    loss.assign(loss.size(), 123.0f);
    criterion.forward_backward(input, q, out, input, g);
    expect_close(loss, c.loss, "loss of forward_backward");
    expect_close(x, expected_grad, "gradient of forward_backward, in place");
    x = c.x;
    criterion.forward_backward(input, q, out, q, g);
    expect_close(probs, expected_grad, "gradient of forward_backward, in place of the probabilities");
  }

  std::vector<float> x, probs, weight, upstream, loss, grad, expected_grad;
  std::vector<int64_t> target, rows, loss_shape, classes;
  DLTensor weight_tensor, upstream_tensor;
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
};

TEST_P(Torch, ValueAndGradient) {
  if (std::strcmp(GetParam().op, "nll_loss") == 0)
    run_nll_loss();
  else if (!std::strcmp(GetParam().op, "cross_entropy_probs"))
    run_cross_entropy_probs();
  else
    run_cross_entropy();
}

INSTANTIATE_TEST_SUITE_P(Corners, Torch, testing::ValuesIn(cases()),
                         [](const auto &info) { return std::string(info.param.op) + "_" + info.param.name; });

const Case &find(const std::string &op, const std::string &name) {
  for (const Case &c : cases()) {
    if (c.op == op && c.name == name) return c;
  }
  throw std::out_of_range(name);
}

// size_average, reduce and reduction as torch.nn.functional.nll_loss takes them, all 27: the value and the shape.
TEST(TorchLegacy, NllLossAll27Combinations) {
  const Case &mean = find("nll_loss", "weight_mean"), &sum = find("nll_loss", "weight_sum"),
             &none = find("nll_loss", "weight_none");
  const lossgen::View input(mean.x.data(), mean.shape), target(mean.target.data(), {4}),
      weight(mean.weight.data(), {3});
  const std::optional<bool> flags[] = {std::nullopt, false, true};
  for (std::optional<bool> size_average : flags) {
    for (std::optional<bool> reduce : flags) {
      for (auto reduction : {lossgen::Reduction::mean, lossgen::Reduction::sum, lossgen::Reduction::none}) {
        const lossgen::Loss loss = lossgen::nll_loss(input, target, weight, size_average, -100, reduce, reduction);
        // Measured in PyTorch: (any, False) none; (False, True | None) sum; (True | None, True), (True, None) mean.
        const Case *expected = reduction == lossgen::Reduction::mean  ? &mean
                               : reduction == lossgen::Reduction::sum ? &sum
                                                                      : &none;
        if (reduce == false)
          expected = &none;
        else if (size_average == false)
          expected = &sum;
        else if (size_average == true || reduce == true)
          expected = &mean;
        ASSERT_EQ(loss.size(), expected->loss.size());
        for (size_t i = 0; i < loss.size(); ++i) EXPECT_NEAR(loss[i], expected->loss[i], 1e-5);
      }
    }
  }
}

template <class T>
std::vector<double> losses_with(const Case &c, lossgen::Reduction reduction) {
  const std::vector<T> target(c.target.begin(), c.target.end());
  lossgen::Shape rows = c.shape;
  rows.erase(rows.begin() + 1);
  const lossgen::Loss loss =
      lossgen::cross_entropy(lossgen::View(c.x.data(), c.shape), lossgen::View(target.data(), rows), std::nullopt,
                             std::nullopt, -100, std::nullopt, reduction);
  std::vector<double> values(loss.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = loss[i];
  return values;
}

// PyTorch: int64, and uint8 at rank 2 only. Here every integer type at every rank means the same.
TEST(TorchTargets, EveryIntegerTypeIsTheSame) {
  for (const char *name : {"rank6", "rank3", "plain_none"}) {
    const Case &c = find("cross_entropy", name);
    for (auto reduction : {lossgen::Reduction::mean, lossgen::Reduction::none}) {
      const std::vector<double> expected = losses_with<int64_t>(c, reduction);
      EXPECT_EQ(losses_with<int32_t>(c, reduction), expected);
      EXPECT_EQ(losses_with<int16_t>(c, reduction), expected);
      EXPECT_EQ(losses_with<int8_t>(c, reduction), expected);
      EXPECT_EQ(losses_with<uint64_t>(c, reduction), expected);
      EXPECT_EQ(losses_with<uint32_t>(c, reduction), expected);
      EXPECT_EQ(losses_with<uint16_t>(c, reduction), expected);
      EXPECT_EQ(losses_with<uint8_t>(c, reduction), expected);
    }
  }
}

// mean of an empty or fully ignored batch is NaN as in PyTorch, or 0 by option; the other denominators.
TEST(TorchDifferences, DenominatorsAndEmptyMeans) {
  const std::vector<float> x = {1, 2, 3, 4, 0, -1, 0.5f, 0.25f, 2};
  const std::vector<float> w = {0.5f, 2, 3};
  const std::vector<int64_t> some = {2, -100, 1}, none = {-100, -100, -100};
  const lossgen::View input(x.data(), {3, 3}), weight(w.data(), {3});
  lossgen::CrossEntropyLoss criterion(weight), sum(weight, std::nullopt, -100, std::nullopt, lossgen::Reduction::sum);
  const double total = sum(input, {some.data(), {3}}).item();
  EXPECT_NEAR(criterion(input, {some.data(), {3}}).item(), total / 5.0, 1e-6);
  criterion.options.denominator = LOSSGEN_DENOMINATOR_VALID_ROWS;
  EXPECT_NEAR(criterion(input, {some.data(), {3}}).item(), total / 2.0, 1e-6);
  EXPECT_TRUE(std::isnan(criterion(input, {none.data(), {3}}).item()));
  criterion.options.denominator = LOSSGEN_DENOMINATOR_ROWS;  // "the number of elements in the output"
  EXPECT_NEAR(criterion(input, {some.data(), {3}}).item(), total / 3.0, 1e-6);
  criterion.options.denominator = LOSSGEN_DENOMINATOR_GIVEN;
  criterion.options.denominator_value = 8;
  EXPECT_NEAR(criterion(input, {some.data(), {3}}).item(), total / 8.0, 1e-6);
  criterion.options.denominator = LOSSGEN_DENOMINATOR_WEIGHT_SUM;
  EXPECT_TRUE(std::isnan(criterion(input, {none.data(), {3}}).item()));
  criterion.options.empty_mean_is_zero = 1;
  EXPECT_EQ(criterion(input, {none.data(), {3}}).item(), 0.0);
  EXPECT_EQ(criterion(lossgen::View(x.data(), {0, 3}), {some.data(), {0}}).item(), 0.0);
  // Weights that sum to 0 are another matter: NaN as in PyTorch.
  const std::vector<float> zeros = {0, 0, 0};
  lossgen::CrossEntropyLoss nothing(lossgen::View(zeros.data(), {3}));
  nothing.options.empty_mean_is_zero = 1;
  EXPECT_TRUE(std::isnan(nothing(input, {some.data(), {3}}).item()));
}

TEST(TorchErrors, ClassesOutOfBounds) {
  for (const char *name : {"plain_mean", "plain_none", "spatial_mean", "rank1_mean"}) {
    for (const char *op : {"cross_entropy", "nll_loss"}) {
      Case c = find(op, name);
      for (int64_t bad : {int64_t{3}, int64_t{-1}}) {
        c.target.back() = bad;
        lossgen::Shape rows = c.shape;
        rows.erase(rows.begin() + (rows.size() > 1 ? 1 : 0));
        const lossgen::View input(c.x.data(), c.shape), target(c.target.data(), rows);
        try {
          if (std::strcmp(op, "nll_loss") == 0)
            lossgen::nll_loss(input, target);
          else
            lossgen::cross_entropy(input, target);
          ADD_FAILURE() << "no error";
        } catch (const lossgen::Error &e) {
          EXPECT_EQ(e.status(), LOSSGEN_TARGET_OUT_OF_BOUNDS) << e.what();
        }
      }
    }
  }
}

}  // namespace
