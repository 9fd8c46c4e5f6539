// The f64 kernels' gradients against central differences of their own losses: an error that reference and kernels had
// in common would show here.
#include <cmath>
#include <functional>

#include "layout.h"
#include "random.h"
#include "targets.h"

namespace {

constexpr int64_t kOuter = 2, kClasses = 5, kInner = 3, kRows = kOuter * kInner;
const Order kOrders[] = {Order::rows, Order::planes, Order::gaps};
constexpr double kStep = 1e-5, kTolerance = 2e-9;  // h^2 times the third derivative, and 1e-16 / h

class FiniteDifferences : public OnTarget {
 protected:
  void SetUp() override {
    OnTarget::SetUp();
    Random random(11);
    x_.resize(kRows * kClasses);
    q_.resize(x_.size());
    for (double &v : x_) v = 2 * random.normal();
    for (double &v : q_) v = random.uniform(-0.1, 0.4);  // they need not be probabilities
  }

  // d(total)/dx by differences must be gradient(), with x_ changed one by one.
  void check(const std::string &what, const std::vector<double> &gradient, const std::function<double()> &total) {
    for (size_t i = 0; i < x_.size(); ++i) {
      const double kept = x_[i];
      x_[i] = kept + kStep;
      const double up = total();
      x_[i] = kept - kStep;
      const double down = total();
      x_[i] = kept;
      EXPECT_NEAR(gradient[i], (up - down) / (2 * kStep), kTolerance) << what << ", element " << i;
    }
  }
  DLTensor *placed(GuardedTensor &tensor, const Layout &layout, const std::vector<double> &values) {
    tensor.place(layout, kF64, true);
    tensor.set(values);
    return tensor.dl();
  }

  std::vector<double> x_, q_;
};

#define LOSSGEN_CALL(call) ASSERT_EQ(call, LOSSGEN_OK) << lossgen_last_error()

// All combinations of the options, for each reduction.
TEST_P(FiniteDifferences, Losses) {
  double weight[] = {0.5, 2, 1.25, 0.75, 1.5}, row_weight[] = {1, 2, 3, 0.5, 0.25, 1},
         upstream[] = {1, -2, 3, 0.5, 7, 2};
  int64_t classes[] = {1, 0, 4, 3, 3, 2};
  const int64_t weights = kClasses;
  const DLDataType f64 = lossgen_dtype(kDLFloat, 64);
  for (Order order : kOrders) {
    const Layout layout(order, kOuter, kClasses, kInner);
    const int32_t rank = static_cast<int32_t>(layout.row_shape.size());
    const DLTensor target = lossgen_tensor(classes, lossgen_dtype(kDLInt, 64), rank, layout.row_shape.data());
    const DLTensor w = lossgen_tensor(weight, f64, 1, &weights);
    const DLTensor own = lossgen_tensor(row_weight, f64, rank, layout.row_shape.data());
    for (int options = 0; options < 3 * 32; ++options) {
      lossgen_options o = LOSSGEN_OPTIONS_INIT;
      o.target = this->target();
      o.threads = 1;
      o.reduction = static_cast<lossgen_reduction>(options / 32);
      const bool none = o.reduction == LOSSGEN_REDUCTION_NONE;
      if (options & 1) o.weight = &w;
      if (options & 2) o.row_weight = &own;
      if (options & 4) o.ignore_mode = LOSSGEN_IGNORE_INDEX, o.ignore_index = 3;
      if (options & 8) o.label_smoothing = 0.2;
      if (options & 16) o.z_loss = 0.01;
      const DLTensor g = lossgen_tensor(upstream, f64, none ? rank : 0, layout.row_shape.data());
      o.grad_loss = &g;
      const std::string what =
          std::string(kOrderNames[static_cast<int>(order)]) + " options " + std::to_string(options);

      GuardedTensor logits, grad;
      double loss[kRows];
      DLTensor out = lossgen_tensor(loss, f64, none ? rank : 0, layout.row_shape.data());
      auto sum = [&] {
        double total = 0;
        for (int i = 0; i < (none ? kRows : 1); ++i) total += upstream[i] * loss[i];
        return total;
      };
      grad.place(layout, kF64, true);
      LOSSGEN_CALL(lossgen_cross_entropy_backward(placed(logits, layout, x_), &target, &o, nullptr, grad.dl()));
      const std::vector<double> backward = grad.get();
      check("cross_entropy " + what, backward, [&] {
        const DLTensor *x = placed(logits, layout, x_);
        EXPECT_EQ(lossgen_cross_entropy_forward(x, &target, &o, &out, nullptr), LOSSGEN_OK) << lossgen_last_error();
        return sum();
      });
      LOSSGEN_CALL(
          lossgen_cross_entropy_forward_backward(placed(logits, layout, x_), &target, &o, &out, grad.dl(), nullptr));
      const std::vector<double> fused = grad.get();
      for (size_t i = 0; i < x_.size(); ++i) EXPECT_NEAR(fused[i], backward[i], kTolerance) << what;
      if (o.ignore_mode == LOSSGEN_IGNORE_DEFAULT) {
        GuardedTensor probs;
        const DLTensor *q = placed(probs, layout, q_);
        LOSSGEN_CALL(lossgen_cross_entropy_probs_backward(placed(logits, layout, x_), q, &o, grad.dl()));
        const std::vector<double> of_probs = grad.get();
        check("cross_entropy_probs " + what, of_probs, [&] {
          const DLTensor *x = placed(logits, layout, x_);
          EXPECT_EQ(lossgen_cross_entropy_probs_forward(x, q, &o, &out, nullptr), LOSSGEN_OK) << lossgen_last_error();
          return sum();
        });
        LOSSGEN_CALL(
            lossgen_cross_entropy_probs_forward_backward(placed(logits, layout, x_), q, &o, &out, grad.dl(), nullptr));
        const std::vector<double> both = grad.get();
        for (size_t i = 0; i < x_.size(); ++i) EXPECT_NEAR(both[i], of_probs[i], kTolerance) << what;
      }
      if (o.label_smoothing != 0 || o.z_loss != 0) continue;
      LOSSGEN_CALL(lossgen_nll_loss_backward(&target, &o, nullptr, grad.dl()));
      check("nll_loss " + what, grad.get(), [&] {
        const DLTensor *x = placed(logits, layout, x_);
        EXPECT_EQ(lossgen_nll_loss_forward(x, &target, &o, &out, nullptr), LOSSGEN_OK) << lossgen_last_error();
        return sum();
      });
    }
  }
}

// sum g * log_softmax(x), whose gradient is log_softmax_backward(g).
TEST_P(FiniteDifferences, LogSoftmax) {
  Random random(12);
  std::vector<double> g(x_.size());
  for (double &v : g) v = random.normal();
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.target = target();
  for (Order order : kOrders) {
    const Layout layout(order, kOuter, kClasses, kInner);
    GuardedTensor logits, log_probs, grad;
    log_probs.place(layout, kF64, true);
    LOSSGEN_CALL(lossgen_log_softmax_forward(placed(logits, layout, x_), &o, log_probs.dl()));
    LOSSGEN_CALL(lossgen_log_softmax_backward(placed(grad, layout, g), log_probs.dl(), &o, grad.dl()));
    check(kOrderNames[static_cast<int>(order)], grad.get(), [&] {
      const DLTensor *x = placed(logits, layout, x_);
      EXPECT_EQ(lossgen_log_softmax_forward(x, &o, log_probs.dl()), LOSSGEN_OK) << lossgen_last_error();
      const std::vector<double> lp = log_probs.get();
      double total = 0;
      for (size_t i = 0; i < lp.size(); ++i) total += g[i] * lp[i];
      return total;
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Target, FiniteDifferences, testing::ValuesIn(host_targets()), target_case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FiniteDifferences);

}  // namespace
