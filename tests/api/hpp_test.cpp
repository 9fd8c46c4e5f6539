// lossgen.hpp: PyTorch's argument order and defaults, views, exceptions.
#include <gtest/gtest.h>

#include <cmath>
#include <lossgen/lossgen.hpp>
#include <utility>

namespace {

using lossgen::MutableView;
using lossgen::Reduction;
using lossgen::View;

struct Sample {
  std::vector<float> x = {0.5f, -1, 2, 0, 0.25f, 1, -2, 3, 0.75f, 1, 1, 1};
  std::vector<int64_t> y = {2, 0, -100, 1};
  View logits() const { return {x.data(), {4, 3}}; }
  View target() const { return {y.data(), {4}}; }
  double nll(int r) const {
    double sum = 0;
    for (int c = 0; c < 3; ++c) sum += std::exp(x[3 * r + c]);
    return std::log(sum) - x[3 * r + static_cast<int>(y[r])];
  }
};

TEST(Hpp, CrossEntropyDefaultsArePyTorchs) {
  const Sample s;
  const double sum = s.nll(0) + s.nll(1) + s.nll(3);
  EXPECT_NEAR(lossgen::cross_entropy(s.logits(), s.target()).item(), sum / 3, 1e-6);
  EXPECT_NEAR(lossgen::CrossEntropyLoss()(s.logits(), s.target()).item(), sum / 3, 1e-6);
  const lossgen::Loss none = lossgen::cross_entropy(s.logits(), s.target(), {}, {}, -100, {}, Reduction::none);
  ASSERT_EQ(none.shape(), lossgen::Shape{4});
  EXPECT_NEAR(none[1], s.nll(1), 1e-6);
  EXPECT_EQ(none[2], 0.0);
  EXPECT_THROW((void)none.item(), lossgen::Error);
}

TEST(Hpp, NllLossTakesPyTorchsSevenArgumentsInOrder) {
  const Sample s;
  std::vector<float> log_probs(s.x.size());
  lossgen::log_softmax(s.logits(), -1, MutableView(log_probs.data(), {4, 3}));
  const View input(log_probs.data(), {4, 3});
  const std::vector<float> w = {1, 2, 0.5f};
  const double weighted = 0.5 * s.nll(0) + 1 * s.nll(1) + 2 * s.nll(3);
  const std::optional<View> weight = View(w.data(), {3});
  EXPECT_NEAR(lossgen::nll_loss(input, s.target(), weight).item(), weighted / 3.5, 1e-6);
  EXPECT_NEAR(lossgen::nll_loss(input, s.target(), weight, false).item(), weighted, 1e-5);
  EXPECT_NEAR(lossgen::nll_loss(input, s.target(), weight, {}, -100, {}, Reduction::sum).item(), weighted, 1e-5);
  EXPECT_EQ(lossgen::nll_loss(input, s.target(), weight, {}, -100, false).shape(), lossgen::Shape{4});
  // reduction is overridden by the deprecated pair
  EXPECT_NEAR(lossgen::nll_loss(input, s.target(), weight, true, -100, true, Reduction::none).item(), weighted / 3.5,
              1e-6);
  // ignore_index 0 leaves -100 out of bounds
  EXPECT_THROW(lossgen::nll_loss(input, s.target(), weight, {}, 0), lossgen::Error);
  lossgen::NLLLoss criterion(weight, std::nullopt, -100, std::nullopt, Reduction::sum);
  EXPECT_NEAR(criterion(input, s.target()).item(), weighted, 1e-5);
}

TEST(Hpp, BackwardAndForwardBackwardAgree) {
  Sample s;
  const std::vector<float> w = {1, 2, 0.5f}, upstream = {3};
  const lossgen::CrossEntropyLoss criterion(View(w.data(), {3}));
  std::vector<float> a(12), b(12);
  criterion.backward(s.logits(), s.target(), MutableView(a.data(), {4, 3}), View(upstream.data(), {}));
  float loss = 0;
  criterion.forward_backward(s.logits(), s.target(), MutableView(&loss, {}), MutableView(b.data(), {4, 3}),
                             View(upstream.data(), {}));
  EXPECT_NEAR(loss, criterion(s.logits(), s.target()).item(), 1e-6);
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(a[i], b[i], 1e-6);
  // by hand: d/dx[0][2] = 3 * w/W * (p - 1)
  EXPECT_NEAR(a[2], 3 * 0.5 / 3.5 * (std::exp(-s.nll(0)) - 1), 1e-6);
  // The chain NLLLoss(LogSoftmax) gives the same.
  std::vector<float> lp(12), g(12), c(12);
  const lossgen::LogSoftmax log_softmax(1);
  log_softmax.forward(s.logits(), MutableView(lp.data(), {4, 3}));
  lossgen::NLLLoss(View(w.data(), {3})).backward(s.target(), MutableView(g.data(), {4, 3}), View(upstream.data(), {}));
  log_softmax.backward(View(g.data(), {4, 3}), View(lp.data(), {4, 3}), MutableView(c.data(), {4, 3}));
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(a[i], c[i], 1e-6);
  // In place.
  MutableView logits(s.x.data(), {4, 3});
  criterion.forward_backward(logits, s.target(), MutableView(&loss, {}), logits, View(upstream.data(), {}));
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(a[i], s.x[i], 1e-6);
}

TEST(Hpp, FloatingTargetsAreClassProbabilities) {
  const Sample s;
  std::vector<float> q(12);
  for (int r : {0, 1, 3}) q[3 * r + static_cast<int>(s.y[r])] = 1;  // row 2: nothing, loss 0
  const View probs(q.data(), {4, 3});
  const double sum = s.nll(0) + s.nll(1) + s.nll(3);
  EXPECT_NEAR(lossgen::cross_entropy(s.logits(), probs).item(), sum / 4, 1e-6);
  const lossgen::Loss none = lossgen::cross_entropy(s.logits(), probs, {}, {}, -100, {}, Reduction::none);
  ASSERT_EQ(none.shape(), lossgen::Shape{4});
  EXPECT_NEAR(none[1], s.nll(1), 1e-6);
  EXPECT_EQ(none[2], 0.0);
  // The class axis in front: the transpose of both.
  lossgen::CrossEntropyLoss front({}, {}, -100, {}, Reduction::none);
  front.options.class_axis_given = 1;
  EXPECT_EQ(front(View(s.x.data(), {3, 4}, {1, 3}), View(q.data(), {3, 4}, {1, 3})).shape(), lossgen::Shape{4});
  // As PyTorch: an ignore_index is an error from 0 on.
  EXPECT_NEAR(lossgen::cross_entropy(s.logits(), probs, {}, {}, -1).item(), sum / 4, 1e-6);
  EXPECT_THROW(lossgen::cross_entropy(s.logits(), probs, {}, {}, 1), lossgen::Error);
  EXPECT_THROW(lossgen::nll_loss(s.logits(), probs), lossgen::Error);
  // Forward, backward and both at once, in place of the probabilities too.
  const std::vector<float> w = {1, 2, 0.5f};
  const lossgen::CrossEntropyLoss criterion(View(w.data(), {3}), {}, -100, {}, Reduction::mean, 0.1);
  std::vector<float> a(12), b = q;
  criterion.backward(s.logits(), probs, MutableView(a.data(), {4, 3}));
  const MutableView in_place(b.data(), {4, 3});
  EXPECT_NEAR(criterion.forward_backward(s.logits(), in_place, in_place).item(), criterion(s.logits(), probs).item(),
              1e-6);
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(a[i], b[i], 1e-6);
}

TEST(Hpp, ErrorsCarryStatusAndMessage) {
  Sample s;
  s.y[1] = 3;
  try {
    lossgen::cross_entropy(s.logits(), s.target());
    FAIL() << "no exception";
  } catch (const lossgen::Error &e) {
    EXPECT_EQ(e.status(), LOSSGEN_TARGET_OUT_OF_BOUNDS);
    EXPECT_STREQ(e.what(), "cross_entropy_forward: target[1] = 3 is out of bounds for 3 classes (ignore_index = -100)");
  }
  EXPECT_THROW(lossgen::reduction_from_string("foo"), lossgen::Error);
  EXPECT_EQ(lossgen::reduction_from_string("none"), Reduction::none);
  EXPECT_THROW(View(s.x.data(), {4, 3}, {1}), lossgen::Error);
}

TEST(Hpp, ViewsOwnTheirShapesAndTakeAnyDLTensor) {
  const Sample s;
  View strided(s.x.data(), {3, 4}, {1, 3});  // the transpose
  View copy = strided;
  strided = View(s.x.data(), {12});
  EXPECT_EQ(copy.shape(), (lossgen::Shape{3, 4}));
  EXPECT_EQ(copy.dl().strides[1], 3);
  const DLTensor t = copy.dl();
  EXPECT_EQ(View(t).dl().shape[1], 4);
  // class axis 0 of the transpose: the same loss
  lossgen::CrossEntropyLoss criterion;
  criterion.options.class_axis_given = 1;
  EXPECT_NEAR(criterion(copy, s.target()).item(), lossgen::cross_entropy(s.logits(), s.target()).item(), 1e-6);
  EXPECT_EQ(lossgen::dtype_of<uint8_t>().code, kDLUInt);
  EXPECT_EQ(lossgen::dtype_of<double>().bits, 64);
  static_assert(!std::is_convertible_v<View, MutableView>, "a read-only view must not become writable");
}

}  // namespace
