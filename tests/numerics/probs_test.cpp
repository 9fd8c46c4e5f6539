// cross_entropy_probs on every target, type and memory order, against the reference.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "bounds.h"
#include "inputs.h"
#include "layout.h"
#include "reference.h"
#include "targets.h"

namespace {

class Probs : public testing::TestWithParam<std::tuple<HostTarget, Dtype>> {
 protected:
  void SetUp() override {
    const HostTarget &target = std::get<HostTarget>(GetParam());
    if (!target.usable) GTEST_SKIP() << target.name << ": assembled, not run (" << target.reason << ")";
    kernel_ = {std::get<Dtype>(GetParam()), target.name};
  }
  void TearDown() override {
    std::printf("%s %s: largest errors as shares of their bounds: loss %.3f lse %.3f grad %.3f\n",
                kernel_.target.c_str(), kernel_.logits.name, largest_[0], largest_[1], largest_[2]);
  }

  // Options follow from the seed: reduction, weights, smoothing, z-loss, upstream gradient; probabilities that add up
  // to 1, one-hot ones, or any positive numbers.
  void run(Order order, int64_t outer, int64_t classes, int64_t inner, Family family) {
    const uint64_t seed = ++seed_;
    const Dtype &type = kernel_.logits;
    const Layout layout(order, outer, classes, inner);
    const int64_t rows = layout.rows;
    const bool at_end = seed % 2 == 0;
    const uint64_t kind = seed / 3 % 3;  // of probabilities
    Random random(seed);
    std::ostringstream text;
    text << kOrderNames[static_cast<int>(order)] << " " << outer << "x" << classes << "x" << inner << " "
         << kFamilyNames[static_cast<int>(family)] << " seed " << seed;
    SCOPED_TRACE(text.str());

    std::vector<double> x(static_cast<size_t>(rows * classes)), q(x.size());
    for (int64_t r = 0; r < rows; ++r) {
      double *row = &x[static_cast<size_t>(r * classes)], *p = &q[static_cast<size_t>(r * classes)];
      const int64_t y = random.below(classes);
      fill_row(type, family, random, row, classes, y);
      double sum = 0;
      for (int64_t c = 0; c < classes; ++c) sum += p[c] = random.uniform(0.01, 1);
      for (int64_t c = 0; c < classes; ++c) p[c] = type.round(kind == 0 ? p[c] : p[c] / sum);
      if (kind != 1) continue;
      std::fill(p, p + classes, 0.0);
      p[y] = 1;
    }
    reference::Options o;
    lossgen_options options = LOSSGEN_OPTIONS_INIT;
    options.target = kernel_.target.c_str();
    options.threads = 1;
    options.reduction = static_cast<lossgen_reduction>(seed % 3);
    o.reduction = static_cast<reference::Reduction>(seed % 3);
    const bool none = o.reduction == reference::Reduction::none;
    if (seed % 5 < 2) o.label_smoothing = options.label_smoothing = random.uniform(0.01, 0.99);
    if (seed % 7 < 2) o.z_loss = options.z_loss = random.uniform(1e-4, 1e-1);
    auto numbers = [&](GuardedRows &tensor, const std::vector<int64_t> &shape, int64_t count, double low, double high) {
      std::vector<double> values(static_cast<size_t>(count));
      tensor.place(shape, seed % 4 < 2 ? accumulator_of(type) : type, at_end);
      for (double &value : values) value = tensor.type().round(random.uniform(low, high));
      tensor.set(values);
      return values;
    };
    if (seed % 4 == 1) o.weight = numbers(weight_, {classes}, classes, 0.25, 2);
    if (seed % 4 == 2) o.row_weight = numbers(row_weight_, layout.row_shape, rows, 0.25, 2);
    if (seed % 2 == 1)
      o.grad_loss = numbers(upstream_, none ? layout.row_shape : std::vector<int64_t>{}, none ? rows : 1, -2, 2);
    if (!o.weight.empty()) options.weight = weight_.dl();
    if (!o.row_weight.empty()) options.row_weight = row_weight_.dl();
    if (!o.grad_loss.empty()) options.grad_loss = upstream_.dl();

    const reference::Result expected = reference::cross_entropy_probs(rows, classes, x, q, o);
    const Dtype &loss_type = seed / 9 % 2 == 1 ? type : accumulator_of(type), &acc = accumulator_of(type);
    const bounds::Loss bound = bounds::cross_entropy_probs(kernel_, loss_type, rows, classes, x, q, o, expected);
    auto check_loss = [&] {
      if (none) expect(0, "loss", loss_type, loss_.get(), expected.loss, bound.row_loss);
      else expect(0, "loss", loss_type, loss_.get(), expected.loss, {bound.loss});
    };
    auto place_loss = [&] { return loss_.place(none ? layout.row_shape : std::vector<int64_t>{}, loss_type, at_end); };
    const DLTensor *logits = logits_.place(layout, type, at_end), *probs = probs_.place(layout, type, at_end);
    logits_.set(x);
    probs_.set(q);

    lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
    extras.lse = lse_.place(layout.row_shape, acc, at_end);
    ASSERT_EQ(lossgen_cross_entropy_probs_forward(logits, probs, &options, place_loss(), &extras), LOSSGEN_OK)
        << lossgen_last_error();
    check_loss();
    std::vector<double> lse_bound, lse = expected.lse, got = lse_.get();
    for (size_t r = 0; r < lse.size(); ++r) {
      const double *row = &x[r * static_cast<size_t>(classes)];
      // Of rows whose loss is NaN the logarithm may be an infinity (all -inf, a +inf) or NaN.
      if (std::isnan(lse[r]) && std::isinf(got[r])) lse[r] = got[r];
      lse_bound.push_back(bounds::probs_lse(kernel_, lse[r], *std::max_element(row, row + classes)));
    }
    expect(1, "lse", acc, got, lse, lse_bound);

    DLTensor *out = out_.place(layout, type, at_end);
    ASSERT_EQ(lossgen_cross_entropy_probs_backward(logits, probs, &options, out), LOSSGEN_OK) << lossgen_last_error();
    expect(2, "gradient", type, out_.get(), expected.grad, bound.grad);
    // Both at once, over the logits and over the probabilities.
    for (GuardedTensor *in_place : {&logits_, &probs_}) {
      ASSERT_EQ(
          lossgen_cross_entropy_probs_forward_backward(logits, probs, &options, place_loss(), in_place->dl(), nullptr),
          LOSSGEN_OK)
          << lossgen_last_error();
      check_loss();
      expect(2, "gradient", type, in_place->get(), expected.grad, bound.grad);
      logits_.set(x);
    }
    EXPECT_TRUE(out_.surroundings_intact() && logits_.surroundings_intact() && probs_.surroundings_intact());
    EXPECT_TRUE(loss_.surroundings_intact() && lse_.surroundings_intact());
  }

  void expect(int kind, const char *name, const Dtype &type, const std::vector<double> &got,
              const std::vector<double> &expected, const std::vector<double> &bound) {
    ASSERT_TRUE(got.size() == expected.size() && got.size() == bound.size()) << name;
    for (size_t i = 0; i < got.size(); ++i) {
      const double share = std::fabs(got[i] - expected[i]) / bound[i];
      if (std::isfinite(share)) largest_[kind] = std::max(largest_[kind], share);
      if (share <= 1 || bounds::agree(type, got[i], expected[i], bound[i]) || ++failures_ > 20) continue;
      ADD_FAILURE() << name << "[" << i << "] = " << got[i] << " instead of " << expected[i] << ", bound " << bound[i];
    }
  }

  bounds::Kernel kernel_;
  uint64_t seed_ = 0;
  int failures_ = 0;
  double largest_[3] = {};
  GuardedTensor logits_, probs_, out_;
  GuardedRows loss_, lse_, weight_, row_weight_, upstream_;
};

TEST_P(Probs, ShapesAndInputs) {
  for (int64_t classes : {1, 2, 3, 16, 21, 33, 100, 257}) {
    for (int64_t rows : {1, 5, 35}) {
      for (Order order : {Order::rows, Order::padded_rows}) run(order, rows, classes, 1, Family::normal);
      for (Order order : {Order::planes, Order::channels_last, Order::gaps})
        run(order, 2, classes, rows, Family::normal);
    }
  }
  for (int64_t classes : {2, 17, 100}) {
    for (Family family : kFamilies) {
      // type_max: the difference of two logits is beyond the type.
      if (family == Family::type_max || family == Family::mixed) continue;
      for (Order order : {Order::rows, Order::planes, Order::gaps}) run(order, 3, classes, 7, family);
    }
  }
  run(Order::planes, 1, 5, 3001, Family::normal);
  for (Family family : {Family::normal, Family::equal, Family::offset_up, Family::confident}) {
    for (Order order : {Order::rows, Order::planes, Order::gaps}) run(order, 2, 1 << 14, 1, family);
    run(Order::rows, 1, 1 << 17, 1, family);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Probs,
                         testing::Combine(testing::ValuesIn(host_targets()), testing::ValuesIn(kDtypes)),
                         target_type_case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Probs);

}  // namespace
