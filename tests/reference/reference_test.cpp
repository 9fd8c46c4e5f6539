// The reference against finite differences and against numbers worked out by hand.
#include "reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "random.h"

namespace {

constexpr int64_t kRows = 5, kClasses = 4;

std::vector<double> random_matrix(uint64_t seed, double scale) {
  Random random(seed);
  std::vector<double> x(kRows * kClasses);
  for (double &v : x) v = scale * random.normal();
  return x;
}

// d(sum_r upstream_r * loss_r) / dx by central differences must be the gradient that the function returns.
void check_gradient(const reference::Options &o, std::vector<double> x,
                    const std::function<reference::Result(const std::vector<double> &)> &f) {
  const reference::Result at_x = f(x);
  auto total = [&] {
    const std::vector<double> loss = f(x).loss;
    double sum = 0;
    for (size_t i = 0; i < loss.size(); ++i) {
      sum += loss[i] * (o.grad_loss.empty() ? 1.0 : o.grad_loss[o.grad_loss.size() > 1 ? i : 0]);
    }
    return sum;
  };
  for (size_t i = 0; i < x.size(); ++i) {
    const double kept = x[i], h = 1e-5;
    x[i] = kept + h;
    const double up = total();
    x[i] = kept - h;
    const double down = total();
    x[i] = kept;
    EXPECT_NEAR(at_x.grad[i], (up - down) / (2 * h), 1e-8) << "element " << i;
  }
}

TEST(Reference, GradientsAreTheDerivativesOfTheLosses) {
  const std::vector<int64_t> target = {1, 0, -100, 3, 3};
  const std::vector<double> x = random_matrix(1, 2.0);
  for (auto reduction : {reference::Reduction::mean, reference::Reduction::sum, reference::Reduction::none}) {
    for (int options = 0; options < 16; ++options) {
      reference::Options o;
      o.reduction = reduction;
      if (options & 1) o.weight = {0.5, 2, 1.25, 0.75};
      if (options & 2) o.label_smoothing = 0.2;
      if (options & 4) o.z_loss = 0.01, o.row_weight = {1, 2, 3, 0.5, 0.25};
      if (options & 8) o.grad_loss = {3};
      if (options & 8 && reduction == reference::Reduction::none) o.grad_loss = {1, -2, 3, 0.5, 7};
      check_gradient(o, x, [&](const auto &v) { return reference::cross_entropy(kRows, kClasses, v, target, o); });
      check_gradient(o, x, [&](const auto &v) { return reference::nll_loss(kRows, kClasses, v, target, o); });
      const std::vector<double> q = random_matrix(7, 1.0);
      check_gradient(o, x, [&](const auto &v) { return reference::cross_entropy_probs(kRows, kClasses, v, q, o); });
    }
  }
}

TEST(Reference, LogSoftmaxBackwardIsItsJacobianTimesGrad) {
  const std::vector<double> x = random_matrix(2, 3.0), grad = random_matrix(3, 1.0);
  const std::vector<double> got =
      reference::log_softmax_backward(kRows, kClasses, grad, reference::log_softmax(kRows, kClasses, x));
  for (size_t i = 0; i < x.size(); ++i) {
    std::vector<double> up = x, down = x;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    up = reference::log_softmax(kRows, kClasses, up);
    down = reference::log_softmax(kRows, kClasses, down);
    double expected = 0;
    for (size_t k = 0; k < x.size(); ++k) expected += grad[k] * (up[k] - down[k]) / 2e-5;
    EXPECT_NEAR(got[i], expected, 1e-8);
  }
}

TEST(Reference, KnownValues) {
  // log(1 + e^-1) for two classes one apart; the confident row keeps its digits.
  reference::Options none;
  none.reduction = reference::Reduction::none;
  const reference::Result r = reference::cross_entropy(2, 2, {1, 0, 40, 0}, {0, 0}, none);
  EXPECT_NEAR(r.loss[0], 0.31326168751822286, 1e-15);
  EXPECT_NEAR(r.loss[1] / std::exp(-40.0), 1.0, 1e-14);
  EXPECT_NEAR(r.grad[2] / -std::exp(-40.0), 1.0, 1e-14);
  const reference::Result infinite = reference::cross_entropy(2, 2, {INFINITY, 0, -INFINITY, -INFINITY}, {0, 0}, none);
  EXPECT_TRUE(std::isnan(infinite.loss[0]) && std::isnan(infinite.loss[1]));
  const reference::RowStatistics s = reference::row_statistics(1, 4, {0, 0, 0, 0});
  EXPECT_EQ(s.argmax[0], 0);
  EXPECT_NEAR(s.entropy[0], std::log(4.0), 1e-15);
  EXPECT_EQ(reference::row_statistics(1, 4, {0, 7, NAN, NAN}).argmax[0], 2);
}

// From a saved lse the gradient is what its formula says, also where the lse is off by 1.
TEST(Reference, GradientFromASavedLse) {
  const std::vector<double> x = random_matrix(4, 2.0);
  const std::vector<int64_t> target = {1, 0, -100, 3, 3};
  reference::Options o;
  o.z_loss = 0.01;
  const reference::Result computed = reference::cross_entropy(kRows, kClasses, x, target, o);
  o.saved_lse = reference::lse(kRows, kClasses, x);
  const reference::Result saved = reference::cross_entropy(kRows, kClasses, x, target, o);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(saved.grad[i], computed.grad[i], 1e-15);
  o.z_loss = 0;
  for (double &lse : o.saved_lse) lse += 1;
  const reference::Result shifted = reference::cross_entropy(kRows, kClasses, x, target, o);
  EXPECT_NEAR(shifted.grad[0], std::exp(x[0] - o.saved_lse[0]) / 4, 1e-15);
  EXPECT_NEAR(shifted.grad[1], (std::exp(x[1] - o.saved_lse[0]) - 1) / 4, 1e-15);
}

}  // namespace
