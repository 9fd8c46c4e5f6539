// The ops on device tensors against the f64 reference, through the whole host side: on the stand-in the PTX that a GPU
// would get, run on the CPU, every access to memory checked for bounds, shared memory for races; or on a GPU; or on an OpenCL device.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "../reference/random.h"
#include "memory.h"
#include "problem.h"

namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

struct Shape {
  const char *name;
  std::vector<int64_t> shape;
  std::vector<int> order;
  int64_t pad;
  size_t offset;
};
// Which kernels: few, short, middle and rows need a contiguous class axis, of 4 to 40 classes, of 41 and of 256 or more, of more
// than 4 KiB; those named 4 C % 4 == 0 and alignment; planes takes all.
const Shape kShapes[] = {
    {"rows4", {5, 1028}, {}, 0, 0},
    {"rows4_one_row", {2056}, {}, 0, 0},
    {"rows_odd", {4, 1301}, {}, 0, 0},
    {"rows_pitch", {3, 257}, {}, 3, 0},
    {"rows_unaligned", {3, 256}, {}, 0, 4},
    {"rows_long", {24, 9001}, {}, 0, 0},
    {"few_classes", {300, 10}, {}, 0, 0},
    {"two_classes", {515, 2}, {}, 0, 0},
    {"one_class", {7, 1}, {}, 0, 0},
    {"planes", {3, 21, 7, 9}, {}, 0, 0},
    {"planes_pitch", {2, 5, 6, 8}, {}, 3, 0},
    {"channels_last", {2, 96, 5, 3}, {0, 2, 3, 1}, 0, 0},
    {"channels_last_pitch", {2, 96, 5, 3}, {0, 2, 3, 1}, 5, 0},
    {"class_axis_outermost", {6, 70, 4}, {1, 0, 2}, 0, 0},
    {"axes_shuffled", {3, 6, 4, 5}, {3, 1, 0, 2}, 1, 0},
    {"short4", {37, 96}, {}, 0, 0},
    {"short_odd", {35, 67}, {}, 0, 0},
    {"middle_pitch", {9, 1000}, {}, 3, 0},
    {"middle4", {11, 1000}, {}, 0, 0},
    {"rows4_long", {20, 20004}, {}, 0, 0},
    {"few_pitch", {259, 21}, {}, 3, 0},
    {"few_most", {300, 40}, {}, 0, 0},
    {"short_least", {130, 41}, {}, 0, 0},
    {"planes_wide", {3, 11, 10, 15}, {}, 0, 0},
    {"planes_wide_pitch", {2, 19, 4, 64}, {}, 2, 0},
};

std::vector<int64_t> row_shape(const Shape &s) {
  std::vector<int64_t> shape = s.shape;
  shape.erase(shape.begin() + (shape.size() == 1 ? 0 : 1));
  return shape;
}

struct Case {
  Shape shape;
  int64_t rows = 1, classes;
  std::vector<double> x;
  std::vector<int64_t> y;
  Tensor logits, target, grad;
  lossgen_options options = LOSSGEN_OPTIONS_INIT, defaults = LOSSGEN_OPTIONS_INIT;
  reference::Options expected;

  explicit Case(const Shape &s, uint64_t seed = 1, double low = -100, DLDataType type = f32())
      : shape(s),
        classes(s.shape[s.shape.size() == 1 ? 0 : 1]),
        logits(type, s.shape, s.order, s.pad, s.offset),
        target(i64(), row_shape(s)),
        grad(type, s.shape, s.order, s.pad, s.offset) {
    options.stream = defaults.stream = memory::stream();
    Random random(seed);
    for (const int64_t e : target.shape) rows *= e;
    for (int64_t k = 0; k < rows * classes; k++) x.push_back((float)(random.normal() * 4));
    for (int64_t r = 0; r < rows; r++) y.push_back(random.chance(0.1) ? (int64_t)low : random.below(classes));
    from_rows(logits, x);
    x = to_rows(logits);  // as the type rounds it
    target.fill({y.begin(), y.end()});
  }
  std::vector<double> weights(uint64_t seed) const {
    Random random(seed);
    std::vector<double> w;
    for (int64_t c = 0; c < classes; c++) w.push_back((float)random.uniform(0.2, 2));
    return w;
  }
};

void expect_close(const std::vector<double> &got, const std::vector<double> &want, double scale, const char *what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  int shown = 0;
  for (size_t i = 0; i < got.size() && shown < 5; i++) {
    if (std::isnan(want[i]) ? std::isnan(got[i]) : std::fabs(got[i] - want[i]) <= scale * (1 + std::fabs(want[i]))) continue;
    if (!std::isnan(want[i]) && std::isinf(want[i]) && got[i] == want[i]) continue;
    ADD_FAILURE() << what << "[" << i << "] = " << got[i] << ", expected " << want[i];
    shown++;
  }
}

#define ASSERT_OK(call) \
  ASSERT_EQ(LOSSGEN_OK, call) << lossgen_last_error() << " / " << memory::last_problem()

class Ops : public testing::TestWithParam<int> {
 protected:
  void TearDown() override { memory::free_all(); }
};

TEST_P(Ops, ForwardBackward) {
  for (const int reduction : {LOSSGEN_REDUCTION_MEAN, LOSSGEN_REDUCTION_SUM, LOSSGEN_REDUCTION_NONE}) {
    Case c(kShapes[GetParam()]);
    const bool none = reduction == LOSSGEN_REDUCTION_NONE;
    c.options.reduction = (lossgen_reduction)reduction;
    c.expected.reduction = (reference::Reduction)reduction;
    Tensor weight(f32(), {c.classes}), row_weight(f32(), c.target.shape), upstream(f32(), none ? c.target.shape : std::vector<int64_t>{});
    c.expected.weight = c.weights(7);
    weight.fill(c.expected.weight);
    for (int64_t r = 0; r < c.rows; r++) c.expected.row_weight.push_back(1 + 0.25 * (double)(r % 3));
    row_weight.fill(c.expected.row_weight);
    for (int64_t k = 0; k < upstream.size(); k++) c.expected.grad_loss.push_back(0.5 + 0.125 * (double)(k % 5));
    upstream.fill(c.expected.grad_loss);
    c.options.weight = &weight.view;
    c.options.row_weight = &row_weight.view;
    c.options.grad_loss = &upstream.view;
    give_workspace("cross_entropy_forward_backward", c.logits, &c.options);
    Tensor loss(f32(), none ? c.target.shape : std::vector<int64_t>{}), lse(f32(), c.target.shape), total(f32(), {}),
        bad(lossgen_dtype(kDLInt, 32), {});
    bad.fill({0});
    lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
    extras.lse = &lse.view;
    extras.total_weight = &total.view;
    extras.bad_targets = &bad.view;
    ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &c.target.view, &c.options, &loss.view,
                                                     &c.grad.view, &extras));
    const reference::Result want = reference::cross_entropy(c.rows, c.classes, c.x, c.y, c.expected);
    expect_close(loss.read(), want.loss, 2e-6, "loss");
    expect_close(lse.read(), want.lse, 2e-6, "lse");
    expect_close(to_rows(c.grad), want.grad, 1e-6, "grad");
    expect_close(bad.read(), {0}, 0, "bad_targets");
    if (!none && reduction == LOSSGEN_REDUCTION_MEAN) expect_close(total.read(), {want.total_weight}, 1e-6, "total_weight");

    // In place, and again: the same bits.
    const std::vector<double> grad = c.grad.read(), losses = loss.read();
    ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &c.target.view, &c.options, &loss.view,
                                                     &c.logits.view, nullptr));
    EXPECT_EQ(grad, c.logits.read());
    EXPECT_EQ(losses, loss.read());
  }
}

TEST_P(Ops, ForwardThenBackward) {
  Case c(kShapes[GetParam()]);
  give_workspace("cross_entropy_forward", c.logits, &c.options);
  Tensor loss(f32(), {}), lse(f32(), c.target.shape), total(f32(), {});
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  extras.lse = &lse.view;
  extras.total_weight = &total.view;
  ASSERT_OK(lossgen_cross_entropy_forward(&c.logits.view, &c.target.view, &c.options, &loss.view, &extras));
  const reference::Result want = reference::cross_entropy(c.rows, c.classes, c.x, c.y, c.expected);
  expect_close(loss.read(), want.loss, 2e-6, "loss");
  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  for (const bool with : {false, true}) {
    saved.lse = with ? &lse.view : nullptr;
    saved.total_weight = with ? &total.view : nullptr;
    ASSERT_OK(lossgen_cross_entropy_backward(&c.logits.view, &c.target.view, &c.options, &saved, &c.grad.view));
    expect_close(to_rows(c.grad), want.grad, with ? 4e-6 : 1e-6, "grad");
  }
}

TEST_P(Ops, LogSoftmaxAndNllLoss) {
  Case c(kShapes[GetParam()]);
  Tensor log_probs(f32(), c.shape.shape, c.shape.order, c.shape.pad, c.shape.offset);
  ASSERT_OK(lossgen_log_softmax_forward(&c.logits.view, &c.defaults, &log_probs.view));
  const std::vector<double> want = reference::log_softmax(c.rows, c.classes, c.x);
  expect_close(to_rows(log_probs), want, 1e-6, "log_probs");

  give_workspace("nll_loss_forward", log_probs, &c.options);
  Tensor loss(f32(), {}), total(f32(), {});
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  extras.total_weight = &total.view;
  ASSERT_OK(lossgen_nll_loss_forward(&log_probs.view, &c.target.view, &c.options, &loss.view, &extras));
  const reference::Result nll = reference::nll_loss(c.rows, c.classes, to_rows(log_probs), c.y, c.expected);
  expect_close(loss.read(), nll.loss, 2e-6, "loss");
  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  saved.total_weight = &total.view;
  Tensor grad(f32(), c.shape.shape, c.shape.order, c.shape.pad, c.shape.offset);
  ASSERT_OK(lossgen_nll_loss_backward(&c.target.view, &c.options, &saved, &grad.view));
  expect_close(to_rows(grad), nll.grad, 1e-6, "grad of nll_loss");
  ASSERT_OK(lossgen_log_softmax_backward(&grad.view, &log_probs.view, &c.defaults, &c.grad.view));
  const std::vector<double> chained = reference::log_softmax_backward(c.rows, c.classes, to_rows(grad), to_rows(log_probs));
  expect_close(to_rows(c.grad), chained, 1e-6, "grad of log_softmax");
  // In place, over the gradient.
  ASSERT_OK(lossgen_log_softmax_backward(&grad.view, &log_probs.view, &c.defaults, &grad.view));
  EXPECT_EQ(c.grad.read(), grad.read());
  ASSERT_OK(lossgen_log_softmax_forward(&c.logits.view, &c.defaults, &c.logits.view));
  EXPECT_EQ(log_probs.read(), c.logits.read());
}

// 16 bits: sums in f32, each gradient rounded once.
TEST_P(Ops, HalfPrecision) {
  const DLDataType types[] = {lossgen_dtype(kDLFloat, 16), lossgen_dtype(kDLBfloat, 16)};
  for (const DLDataType &type : types) {
    const double rounding = type.code == kDLBfloat ? 0x1p-8 : 0x1p-11;
    SCOPED_TRACE(type.code == kDLBfloat ? "bf16" : "f16");
    const Shape &s = kShapes[GetParam()];
    Case c(s, 4, -100, type);
    c.options.reduction = LOSSGEN_REDUCTION_SUM;
    c.expected.reduction = reference::Reduction::sum;
    give_workspace("cross_entropy_forward_backward", c.logits, &c.options);
    Tensor loss(f32(), {}), log_probs(type, s.shape, s.order, s.pad, s.offset);
    ASSERT_OK(lossgen_log_softmax_forward(&c.logits.view, &c.defaults, &log_probs.view));
    expect_close(to_rows(log_probs), reference::log_softmax(c.rows, c.classes, c.x), rounding, "log_probs");
    ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &c.target.view, &c.options, &loss.view,
                                                     &c.logits.view, nullptr));
    const reference::Result want = reference::cross_entropy(c.rows, c.classes, c.x, c.y, c.expected);
    expect_close(loss.read(), want.loss, 2e-6, "loss");
    const std::vector<double> grad = to_rows(c.logits);
    size_t wrong = 0;
    for (size_t i = 0; i < grad.size(); i++)
      wrong += !(std::fabs(grad[i] - want.grad[i]) <= std::fabs(want.grad[i]) * rounding + 1e-6);
    EXPECT_EQ(0u, wrong);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Ops, testing::Range(0, (int)(sizeof(kShapes) / sizeof(kShapes[0]))),
                         [](const auto &info) { return std::string(kShapes[info.param].name); });

class Rules : public testing::Test {
 protected:
  void TearDown() override { memory::free_all(); }
};

// Rows that hold NaN and infinities, in each layout.
TEST_F(Rules, SpecialValues) {
  for (const Shape &s : kShapes) {
    if (s.shape.size() == 1 || s.shape[1] < 7 || s.shape[0] < 2) continue;
    SCOPED_TRACE(s.name);
    Case c(s, 3, 0);
    if (c.rows < 4) continue;
    auto row = [&](int64_t r) { return &c.x[r * c.classes]; };
    row(0)[3] = kNaN;
    row(1)[c.y[1] == 1 ? 2 : 1] = kInf;
    row(2)[c.y[2] == 5 ? 6 : 5] = -kInf;
    row(3)[c.y[3]] = -kInf;
    for (int64_t k = 0; k < c.classes; k++) row(3)[k] += 1e4;
    from_rows(c.logits, c.x);
    c.options.reduction = LOSSGEN_REDUCTION_NONE;
    c.expected.reduction = reference::Reduction::none;
    give_workspace("cross_entropy_forward_backward", c.logits, &c.options);
    Tensor loss(f32(), c.target.shape);
    ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &c.target.view, &c.options, &loss.view,
                                                     &c.grad.view, nullptr));
    for (double &v : c.x) v = (float)v;
    const reference::Result want = reference::cross_entropy(c.rows, c.classes, c.x, c.y, c.expected);
    expect_close(loss.read(), want.loss, 2e-6, "loss");
    const std::vector<double> got = loss.read();
    EXPECT_TRUE(std::isnan(got[0]));
    EXPECT_TRUE(std::isnan(got[1]));
    EXPECT_FALSE(std::isnan(got[2]));
    const std::vector<double> grad = to_rows(c.grad);
    for (int64_t k = 0; k < c.classes; k++) {
      EXPECT_TRUE(std::isnan(grad[k])) << k;
      EXPECT_FALSE(std::isnan(grad[2 * c.classes + k])) << k;
    }
  }
}

// Confident rows keep relative accuracy; an offset costs nothing.
TEST_F(Rules, SmallLosses) {
  Case c(kShapes[0]);
  for (int64_t r = 0; r < c.rows; r++) {
    c.y[r] = r + 2;
    for (int64_t k = 0; k < c.classes; k++) c.x[r * c.classes + k] = k == c.y[r] ? 1e4 : 1e4 - 22 - (double)(k % 3);
  }
  from_rows(c.logits, c.x);
  c.target.fill({c.y.begin(), c.y.end()});
  c.options.reduction = LOSSGEN_REDUCTION_NONE;
  c.expected.reduction = reference::Reduction::none;
  give_workspace("cross_entropy_forward", c.logits, &c.options);
  Tensor loss(f32(), c.target.shape);
  ASSERT_OK(lossgen_cross_entropy_forward(&c.logits.view, &c.target.view, &c.options, &loss.view, nullptr));
  const reference::Result want = reference::cross_entropy(c.rows, c.classes, c.x, c.y, c.expected);
  for (int64_t r = 0; r < c.rows; r++) EXPECT_NEAR(loss.read()[r] / want.loss[r], 1, 2e-6);
}

TEST_F(Rules, TargetsOutOfBounds) {
  for (const Shape &s : {kShapes[0], kShapes[9]}) {
    Case c(s, 5, 0);
    c.y[1] = c.classes;
    c.y[3] = -1;
    c.target.fill({c.y.begin(), c.y.end()});
    give_workspace("cross_entropy_forward_backward", c.logits, &c.options);
    Tensor loss(f32(), {}), bad(lossgen_dtype(kDLInt, 32), {});
    bad.fill({0});
    lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
    extras.bad_targets = &bad.view;
    ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &c.target.view, &c.options, &loss.view,
                                                     &c.grad.view, &extras));
    EXPECT_TRUE(std::isnan(loss.read()[0]));
    EXPECT_EQ(1, bad.read()[0]);
    const std::vector<double> grad = to_rows(c.grad);
    for (int64_t k = 0; k < c.classes; k++) {
      EXPECT_EQ(0, grad[c.classes + k]);
      EXPECT_EQ(0, grad[3 * c.classes + k]);
    }
    // As ignored rows: the reference with such rows ignored.
    c.options.bounds = LOSSGEN_BOUNDS_IGNORE;
    bad.fill({0});
    ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &c.target.view, &c.options, &loss.view,
                                                     &c.grad.view, &extras));
    c.y[1] = c.y[3] = -100;
    const reference::Result want = reference::cross_entropy(c.rows, c.classes, c.x, c.y, c.expected);
    expect_close(loss.read(), want.loss, 2e-6, "loss");
    expect_close(to_rows(c.grad), want.grad, 1e-6, "grad");
    EXPECT_EQ(0, bad.read()[0]);
  }
}

TEST_F(Rules, AllRowsIgnoredOrNone) {
  Case c(kShapes[0]);
  for (int64_t &y : c.y) y = -100;
  c.x[5] = kNaN;
  from_rows(c.logits, c.x);
  c.target.fill({c.y.begin(), c.y.end()});
  give_workspace("cross_entropy_forward_backward", c.logits, &c.options);
  Tensor loss(f32(), {});
  for (const int zero : {0, 1}) {
    c.options.empty_mean_is_zero = zero;
    ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &c.target.view, &c.options, &loss.view,
                                                     &c.grad.view, nullptr));
    EXPECT_TRUE(zero ? loss.read()[0] == 0 : std::isnan(loss.read()[0]));
    for (const double g : c.grad.read()) EXPECT_EQ(0, g);
  }
  Tensor none(f32(), {0, 12}), no_targets(i64(), {0}), no_grad(f32(), {0, 12});
  c.options.empty_mean_is_zero = 0;
  ASSERT_OK(lossgen_cross_entropy_forward_backward(&none.view, &no_targets.view, &c.options, &loss.view, &no_grad.view,
                                                   nullptr));
  EXPECT_TRUE(std::isnan(loss.read()[0]));
  c.options.reduction = LOSSGEN_REDUCTION_SUM;
  ASSERT_OK(lossgen_cross_entropy_forward(&none.view, &no_targets.view, &c.options, &loss.view, nullptr));
  EXPECT_EQ(0, loss.read()[0]);
}

TEST_F(Rules, Denominators) {
  for (const auto d : {LOSSGEN_DENOMINATOR_WEIGHT_SUM, LOSSGEN_DENOMINATOR_VALID_ROWS, LOSSGEN_DENOMINATOR_ROWS,
                       LOSSGEN_DENOMINATOR_GIVEN}) {
    Case c(kShapes[6]);
    Tensor weight(f32(), {c.classes}), loss(f32(), {});
    c.expected.weight = c.weights(2);
    weight.fill(c.expected.weight);
    c.options.weight = &weight.view;
    c.options.denominator = d;
    c.options.denominator_value = c.expected.denominator_value = 12.5;
    c.expected.denominator = (reference::Denominator)d;
    give_workspace("cross_entropy_forward_backward", c.logits, &c.options);
    ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &c.target.view, &c.options, &loss.view,
                                                     &c.grad.view, nullptr));
    const reference::Result want = reference::cross_entropy(c.rows, c.classes, c.x, c.y, c.expected);
    expect_close(loss.read(), want.loss, 2e-6, "loss");
    expect_close(to_rows(c.grad), want.grad, 1e-6, "grad");
  }
}

// More than one block of sums, and row tensors whose axes do not merge.
TEST_F(Rules, StridedRowTensors) {
  Case c(kShapes[9]);
  Tensor target(i64(), c.target.shape, {0, 2, 1}, 2), loss(f32(), c.target.shape, {2, 1, 0}), lse(f32(), c.target.shape, {1, 0, 2}, 1);
  target.fill({c.y.begin(), c.y.end()});
  c.options.reduction = LOSSGEN_REDUCTION_NONE;
  c.expected.reduction = reference::Reduction::none;
  give_workspace("cross_entropy_forward_backward", c.logits, &c.options);
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  extras.lse = &lse.view;
  ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &target.view, &c.options, &loss.view, &c.grad.view,
                                                   &extras));
  const reference::Result want = reference::cross_entropy(c.rows, c.classes, c.x, c.y, c.expected);
  expect_close(loss.read(), want.loss, 2e-6, "loss");
  expect_close(lse.read(), want.lse, 2e-6, "lse");
  expect_close(to_rows(c.grad), want.grad, 1e-6, "grad");
  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  saved.lse = &lse.view;
  ASSERT_OK(lossgen_cross_entropy_backward(&c.logits.view, &target.view, &c.options, &saved, &c.grad.view));
  expect_close(to_rows(c.grad), want.grad, 4e-6, "grad from lse");
}

TEST_F(Rules, ManyRows) {
  Case c({"", {9000, 3}, {}, 0, 0});
  Tensor loss(f32(), {}), bytes(lossgen_dtype(kDLUInt, 8), c.target.shape);
  for (int64_t &y : c.y) y = y < 0 ? 255 : y;
  bytes.fill({c.y.begin(), c.y.end()});
  c.options.ignore_mode = LOSSGEN_IGNORE_INDEX;
  c.options.ignore_index = 255;
  c.expected.ignore_index = 255;
  give_workspace("cross_entropy_forward_backward", c.logits, &c.options);
  ASSERT_OK(lossgen_cross_entropy_forward_backward(&c.logits.view, &bytes.view, &c.options, &loss.view, &c.grad.view,
                                                   nullptr));
  const reference::Result want = reference::cross_entropy(c.rows, c.classes, c.x, c.y, c.expected);
  expect_close(loss.read(), want.loss, 2e-7, "loss");
  expect_close(to_rows(c.grad), want.grad, 1e-7, "grad");
}

}  // namespace
