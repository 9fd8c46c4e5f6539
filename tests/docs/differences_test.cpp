// Rows of docs/differences.md that no other test covers.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <lossgen/lossgen.hpp>
#include <vector>

#include "reference.h"

namespace {

constexpr int64_t kRows = 4, kClasses = 3;
const std::vector<float> kLogits = {1, 2, 3, 6, 5, 4, 0.5f, -1, 0.25f, 2, 2, 7};
const std::vector<int64_t> kTargets = {2, 1, 0, 1};

lossgen::View logits() { return lossgen::View(kLogits.data(), {kRows, kClasses}); }
lossgen::View targets() { return lossgen::View(kTargets.data(), {kRows}); }

reference::Result expected(const reference::Options &options = {}, std::vector<int64_t> y = kTargets) {
  return reference::cross_entropy(kRows, kClasses, {kLogits.begin(), kLogits.end()}, y, options);
}

// The logits as bf16; they are short enough to stay what they are.
std::vector<uint16_t> halves(const std::vector<float> &x) {
  std::vector<uint16_t> h(x.size());
  for (size_t i = 0; i < x.size(); i++) {
    uint32_t bits;
    std::memcpy(&bits, &x[i], 4);
    h[i] = static_cast<uint16_t>(bits >> 16);
  }
  return h;
}

DLTensor half_tensor(std::vector<uint16_t> &h, const int64_t *shape) {
  return lossgen_tensor(h.data(), lossgen_dtype(kDLBfloat, 16), 2, shape);
}

TEST(Differences, LossOfHalfLogitsInFloat) {
  std::vector<uint16_t> x = halves(kLogits);
  const int64_t shape[] = {kRows, kClasses};
  const lossgen::View view = targets();
  const DLTensor input = half_tensor(x, shape), y = view.dl();
  float wide;
  uint16_t narrow;
  DLTensor f32 = lossgen_tensor(&wide, lossgen_dtype(kDLFloat, 32), 0, nullptr),
           bf16 = lossgen_tensor(&narrow, lossgen_dtype(kDLBfloat, 16), 0, nullptr);
  ASSERT_EQ(lossgen_cross_entropy_forward(&input, &y, nullptr, &f32, nullptr), LOSSGEN_OK) << lossgen_last_error();
  ASSERT_EQ(lossgen_cross_entropy_forward(&input, &y, nullptr, &bf16, nullptr), LOSSGEN_OK) << lossgen_last_error();
  EXPECT_NEAR(wide, expected().loss[0], 1e-6);
  const uint32_t bits = static_cast<uint32_t>(narrow) << 16;
  float rounded;
  std::memcpy(&rounded, &bits, 4);
  EXPECT_NEAR(rounded, expected().loss[0], 0.01);
}

TEST(Differences, FloatWeightsWithHalfLogits) {
  std::vector<uint16_t> x = halves(kLogits);
  const int64_t shape[] = {kRows, kClasses};
  const std::vector<float> w = {0.1f, 2, 3};  // 0.1 is no bf16
  const lossgen::View view = targets(), weights(w.data(), {kClasses});
  const DLTensor input = half_tensor(x, shape), target = view.dl(), weight = weights.dl();
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  options.weight = &weight;
  float loss;
  DLTensor out = lossgen_tensor(&loss, lossgen_dtype(kDLFloat, 32), 0, nullptr);
  ASSERT_EQ(lossgen_cross_entropy_forward(&input, &target, &options, &out, nullptr), LOSSGEN_OK)
      << lossgen_last_error();
  reference::Options o;
  o.weight = {w[0], w[1], w[2]};
  EXPECT_NEAR(loss, expected(o).loss[0], 1e-6);
}

TEST(Differences, ProbabilitiesHaveTheLogitsType) {
  const std::vector<double> q(kLogits.size(), 1.0 / 3);
  const std::vector<float> y = {0, 1, 2, 0};
  try {
    lossgen::cross_entropy(logits(), lossgen::View(q.data(), {kRows, kClasses}));
    ADD_FAILURE() << "probabilities in f64";
  } catch (const lossgen::Error &e) {
    EXPECT_EQ(e.status(), LOSSGEN_BAD_ARGUMENT) << e.what();
  }
  EXPECT_THROW(lossgen::cross_entropy(logits(), lossgen::View(y.data(), {kRows})), lossgen::Error) << "classes in f32";
}

TEST(Differences, RowWeightsAndZLoss) {
  const std::vector<float> row_weight = {1, 0.5f, 2, 0};
  const lossgen::View view(row_weight.data(), {kRows});
  const DLTensor per_row = view.dl();
  lossgen::CrossEntropyLoss criterion;
  criterion.options.row_weight = &per_row;
  criterion.options.z_loss = 0.25;
  std::vector<float> grad(kLogits.size());
  const lossgen::Loss loss =
      criterion.forward_backward(logits(), targets(), lossgen::MutableView(grad.data(), {kRows, kClasses}));
  reference::Options o;
  o.row_weight = {1, 0.5, 2, 0};
  o.z_loss = 0.25;
  const reference::Result result = expected(o);
  EXPECT_NEAR(loss.item(), result.loss[0], 1e-5);
  for (size_t i = 0; i < grad.size(); i++) EXPECT_NEAR(grad[i], result.grad[i], 1e-6) << i;
}

TEST(Differences, RowsOutOfBoundsMayCountAsIgnored) {
  const std::vector<int64_t> y = {2, 3, 0, -7};
  lossgen::CrossEntropyLoss criterion;
  criterion.options.bounds = LOSSGEN_BOUNDS_IGNORE;
  std::vector<float> grad(kLogits.size(), 7);
  const lossgen::Loss loss = criterion.forward_backward(logits(), lossgen::View(y.data(), {kRows}),
                                                        lossgen::MutableView(grad.data(), {kRows, kClasses}));
  const reference::Result result = expected({}, {2, -100, 0, -100});
  EXPECT_NEAR(loss.item(), result.loss[0], 1e-6);
  for (size_t i = 0; i < grad.size(); i++) EXPECT_NEAR(grad[i], result.grad[i], 1e-6) << i;
}

TEST(Differences, OutputsBesideTheLoss) {
  const std::vector<double> x(kLogits.begin(), kLogits.end());
  std::vector<int64_t> argmax(kRows);
  std::vector<float> entropy(kRows), log_probs(kLogits.size()), row = kLogits;
  int64_t correct = -1;
  float loss;
  lossgen::MutableView in(row.data(), {kRows, kClasses}), a(argmax.data(), {kRows}), e(entropy.data(), {kRows}),
      lp(log_probs.data(), {kRows, kClasses}), n(&correct, {}), l(&loss, {});
  const lossgen::View y_view = targets();
  DLTensor logits = in.dl(), target = y_view.dl(), out = l.dl(), first = a.dl(), h = e.dl(), p = lp.dl(), hits = n.dl();
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  extras.argmax = &first;
  extras.entropy = &h;
  extras.log_probs = &p;
  extras.correct = &hits;
  ASSERT_EQ(lossgen_cross_entropy_forward_backward(&logits, &target, nullptr, &out, &logits, &extras), LOSSGEN_OK)
      << lossgen_last_error();
  const reference::RowStatistics statistics = reference::row_statistics(kRows, kClasses, x);
  const std::vector<double> expected_log_probs = reference::log_softmax(kRows, kClasses, x);
  EXPECT_EQ(argmax, statistics.argmax);
  EXPECT_EQ(correct, 2);
  for (int64_t r = 0; r < kRows; r++) EXPECT_NEAR(entropy[r], statistics.entropy[r], 1e-5);
  for (size_t i = 0; i < log_probs.size(); i++) EXPECT_NEAR(log_probs[i], expected_log_probs[i], 1e-5);
}

}  // namespace
