// Every operation on every target that this machine runs and for every type of logits, against the reference, within
// the bounds of accuracy.h. What a target is forced to is compared in one go, so that the reference is computed once.
#include <cstdlib>

#include "suite.h"
#include "targets.h"

namespace {

class EveryTarget : public OnTarget {};

constexpr const char *kOps[] = {"log_softmax_forward",
                                "log_softmax_backward",
                                "nll_loss_forward",
                                "nll_loss_backward",
                                "cross_entropy_forward",
                                "cross_entropy_backward",
                                "cross_entropy_forward_backward"};

// A forced target that is not the one taken would make every other case of this file worthless.
TEST_P(EveryTarget, IsTakenWhenForced) {
  const int64_t shape[] = {8, 100};
  std::vector<double> x(800);
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.target = target();
  std::string suffix = "__" + GetParam().name;
  for (char &c : suffix) {
    if (c == '-') c = '_';
  }
  for (size_t i = 0; i < std::size(kOps) * std::size(kDtypes); ++i) {
    const char *op = kOps[i / std::size(kDtypes)];
    const Dtype &type = kDtypes[i % std::size(kDtypes)];
    const DLTensor logits = lossgen_tensor(x.data(), lossgen_dtype(type.code, type.bits), 2, shape);
    char text[4096] = "";
    ASSERT_GT(lossgen_explain(op, &logits, &o, text, sizeof(text)), 0u) << lossgen_last_error();
    const std::string explanation = text;
    EXPECT_NE(explanation.find(suffix), std::string::npos) << explanation;
    for (const HostTarget &other : host_targets()) {
      std::string wrong = "__" + other.name;
      for (char &c : wrong) {
        if (c == '-') c = '_';
      }
      if (other.name == GetParam().name) continue;
      EXPECT_EQ(explanation.find(wrong + ","), std::string::npos) << explanation;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Target, EveryTarget, testing::ValuesIn(host_targets()), target_case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryTarget);

class Numerics : public testing::TestWithParam<Dtype> {
 protected:
  void TearDown() override {
    const char *test = testing::UnitTest::GetInstance()->current_test_info()->name();
    for (const auto &[target, maxima] : suite_.maxima()) maxima.print(target + " " + test);
  }
  void run(const Shape &shape, Family family) { suite_.run(shape, family, ++seed_); }
  static bool full() { return std::getenv("LOSSGEN_TEST_FULL") != nullptr; }
  // Of many shapes that differ little the plain run takes every third, not the same for each type.
  bool skips(int64_t i) const { return !full() && (i + GetParam().mantissa) % 3 != 0; }

 private:
  static std::vector<std::string> usable_targets() {
    std::vector<std::string> names;
    for (const HostTarget &target : host_targets()) {
      if (target.usable) names.push_back(target.name);
    }
    return names;
  }
  Suite suite_{GetParam(), usable_targets()};
  uint64_t seed_ = 0;
};

constexpr int64_t kClassCounts[] = {1, 2, 3, 7, 10, 15, 16, 17, 21, 63, 64, 65, 100, 255, 256, 1000, 1023, 2048, 4096, 4099, 32768, 50257};

TEST_P(Numerics, ClassCounts) {
  for (int64_t classes : kClassCounts) {
    for (int64_t rows : {1, 2, 3, 17}) {
      if (rows * classes > (rows > 1 && !full() ? 20000 : 120000)) continue;
      for (Family family : {Family::normal, Family::mixed}) {
        if (classes > 20000 && !full() && (GetParam().bits + classes) % 2 == (family == Family::mixed)) continue;
        run({Order::rows, rows, classes, 1}, family);
        run({Order::padded_rows, rows, classes, 1}, family);
        run({Order::planes, 1, classes, rows}, family);
      }
    }
  }
}

TEST_P(Numerics, RowCounts) {
  for (int64_t rows = 1; rows <= 70; ++rows) {
    if (skips(rows)) continue;
    for (int64_t classes : {3, 21, 64}) run({Order::rows, rows, classes, 1}, Family::mixed);
  }
}

TEST_P(Numerics, InnerExtents) {
  for (int64_t inner = 1; inner <= 50; ++inner) {
    if (skips(inner)) continue;
    for (int64_t classes : {2, 21, 67}) run({Order::planes, 1 + inner % 3, classes, inner}, Family::mixed);
  }
  for (int64_t classes : {1, 2, 3, 17, 100, 300})
    run({Order::planes, 2, classes, classes < 100 ? 500 : 70}, Family::mixed);
  run({Order::planes, 2, 5, 3001}, Family::mixed);
  run({Order::planes, 1, 67, 2051}, Family::mixed);  // more planes than are followed, each longer than a page in every type
  // Tiny inner axes under many classes.
  for (int64_t inner : {1, 3, 15}) run({Order::planes, 2, 1000, inner}, Family::mixed);
}

TEST_P(Numerics, HardInputs) {
  for (Family family : kFamilies) {
    for (int64_t classes : {2, 3, 17, 64, 129, 1000}) {
      if (classes == 1000 && skips(static_cast<int64_t>(family))) continue;
      run({Order::rows, 13, classes, 1}, family);
      run({Order::planes, 2, classes, 19}, family);
    }
    // A class count with kernels of its own, which take whole vectors of rows.
    run({Order::rows, 77, 21, 1}, family);
    run({Order::planes, 2, 21, 83}, family);
  }
}

TEST_P(Numerics, OtherStrides) {
  for (int64_t classes : {1, 2, 21, 100, 1000}) {
    for (int64_t inner : {1, 2, 7, 33}) {
      if (classes * inner > 10000 && skips(0)) continue;
      run({Order::channels_last, 2, classes, inner}, Family::mixed);
      run({Order::gaps, 3, classes, inner}, Family::mixed);
    }
  }
}

TEST_P(Numerics, ManyClasses) {
  int64_t i = 0;
  for (Family family : {Family::normal, Family::equal, Family::offset_up, Family::confident}) {
    if (!skips(i++)) run({Order::rows, 1, 1 << 18, 1}, family);
    if (!skips(i++)) run({Order::planes, 1, 1 << 15, 2}, family);
    if (!skips(i++)) run({Order::gaps, 1, 1 << 15, 1}, family);
    ++i;  // another layout for the next family
  }
}

// Mean and sum over 10^7 rows: 10^5 of their own, read a hundred times along an axis of stride 0.
TEST_P(Numerics, TenMillionRows) {
  constexpr int64_t kRepeats = 100, kRows = 100000, kClasses = 3;
  const Dtype &type = GetParam(), &acc = accumulator_of(type);
  const Layout layout(Order::planes, 1, kClasses, kRows);
  Random random(1);
  std::vector<double> x(kRows * kClasses);
  for (double &v : x) v = type.round(3 * random.normal());
  std::vector<int64_t> y(kRows);
  for (int64_t &v : y) v = random.chance(0.1) ? -100 : random.below(kClasses);
  GuardedTensor tensor;
  const DLTensor *once = tensor.place(layout, type, true);
  tensor.set(x);
  const int64_t shape[] = {kRepeats, kClasses, kRows}, strides[] = {0, kRows, 1}, row_shape[] = {kRepeats, kRows},
                row_strides[] = {0, 1};
  const DLTensor logits = lossgen_tensor_strided(once->data, once->dtype, 3, shape, strides);
  const DLTensor target = lossgen_tensor_strided(y.data(), lossgen_dtype(kDLInt, 64), 2, row_shape, row_strides);
  for (auto reduction : {reference::Reduction::mean, reference::Reduction::sum}) {
    const bool mean = reduction == reference::Reduction::mean;
    reference::Options o;
    o.reduction = reduction;
    reference::Result expected = reference::cross_entropy(kRows, kClasses, x, y, o);
    const double times = mean ? 1 : kRepeats;
    for (const HostTarget &host : host_targets()) {
      if (!host.usable) continue;
      lossgen_options options = LOSSGEN_OPTIONS_INIT;
      options.target = host.name.c_str();
      options.reduction = mean ? LOSSGEN_REDUCTION_MEAN : LOSSGEN_REDUCTION_SUM;
      GuardedRows loss;
      loss.place({}, acc, true);
      ASSERT_EQ(lossgen_cross_entropy_forward(&logits, &target, &options, loss.dl(), nullptr), LOSSGEN_OK);
      const bounds::Loss bound = bounds::cross_entropy({type, host.name}, acc, kRows, kClasses, x, y, o, expected);
      EXPECT_NEAR(loss.get()[0], times * expected.loss[0], times * bound.loss) << host.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Type, Numerics, testing::ValuesIn(kDtypes), [](const auto &info) { return info.param.name; });

}  // namespace
