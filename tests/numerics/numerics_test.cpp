// Every operation on every target that this machine runs, against the reference, within the bounds of accuracy.h.
#include <memory>

#include "suite.h"
#include "targets.h"

namespace {

class Numerics : public OnTarget {
 protected:
  void TearDown() override {
    if (suite_)
      suite_->maxima().print(
          (GetParam().name + " " + testing::UnitTest::GetInstance()->current_test_info()->name()).c_str());
  }
  void run(const Shape &shape, Family family) {
    if (!suite_) suite_ = std::make_unique<Suite>(target());
    suite_->run(shape, family, ++seed_);
  }
  std::unique_ptr<Suite> suite_;
  uint64_t seed_ = 0;
};

constexpr int64_t kClassCounts[] = {1, 2, 3, 7, 15, 16, 17, 21, 63, 64, 65, 100, 1000, 1023, 4099, 32768, 50257};

// A forced target that is not the one taken would make every other case of this file worthless.
TEST_P(Numerics, ForcedTargetIsTaken) {
  const int64_t shape[] = {8, 100};
  std::vector<float> x(800);
  const DLTensor logits = lossgen_tensor(x.data(), lossgen_dtype(kDLFloat, 32), 2, shape);
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.target = target();
  std::string suffix = "__" + GetParam().name;
  for (char &c : suffix) {
    if (c == '-') c = '_';
  }
  for (const char *op : {"log_softmax_forward", "log_softmax_backward", "nll_loss_forward", "nll_loss_backward",
                         "cross_entropy_forward", "cross_entropy_backward", "cross_entropy_forward_backward"}) {
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

TEST_P(Numerics, ClassCounts) {
  for (int64_t classes : kClassCounts) {
    for (int64_t rows : {1, 2, 3, 17}) {
      if (rows * classes > 120000) continue;
      for (Family family : {Family::normal, Family::mixed}) {
        run({Order::rows, rows, classes, 1}, family);
        run({Order::padded_rows, rows, classes, 1}, family);
        run({Order::planes, 1, classes, rows}, family);
      }
    }
  }
}

TEST_P(Numerics, RowCounts) {
  for (int64_t rows = 1; rows <= 70; ++rows) {
    for (int64_t classes : {3, 21, 64}) run({Order::rows, rows, classes, 1}, Family::mixed);
  }
}

TEST_P(Numerics, InnerExtents) {
  for (int64_t inner = 1; inner <= 50; ++inner) {
    for (int64_t classes : {2, 21, 67}) run({Order::planes, 1 + inner % 3, classes, inner}, Family::mixed);
  }
  for (int64_t classes : {1, 2, 3, 17, 100, 300}) run({Order::planes, 2, classes, 500}, Family::mixed);
  run({Order::planes, 2, 5, 3001}, Family::mixed);
}

TEST_P(Numerics, HardInputs) {
  for (Family family : kFamilies) {
    for (int64_t classes : {2, 3, 17, 64, 129, 1000}) {
      run({Order::rows, 13, classes, 1}, family);
      run({Order::planes, 2, classes, 19}, family);
    }
  }
}

TEST_P(Numerics, OtherStrides) {
  for (int64_t classes : {1, 2, 21, 100, 1000}) {
    for (int64_t inner : {1, 2, 7, 33}) {
      run({Order::channels_last, 2, classes, inner}, Family::mixed);
      run({Order::gaps, 3, classes, inner}, Family::mixed);
    }
  }
}

TEST_P(Numerics, ManyClasses) {
  for (Family family : {Family::normal, Family::equal, Family::offset_up, Family::confident}) {
    run({Order::rows, 2, 1 << 17, 1}, family);
    run({Order::planes, 1, 1 << 15, 3}, family);
  }
}

INSTANTIATE_TEST_SUITE_P(Target, Numerics, testing::ValuesIn(host_targets()), target_case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Numerics);

}  // namespace
