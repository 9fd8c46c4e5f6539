// Kernels of known classes have exp without a reference: rows at the limits of its range, where a term, a sum or their quotient with an
// upstream gradient would leave the numbers that f32 has, must come out as everywhere else.
#include <lossgen/accuracy.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "layout.h"
#include "targets.h"

namespace {

struct Row {
  float own, others, upstream;  // x[y], the other classes' logits, the row's gradient
};
// A confident row's loss is far smaller than its terms; e^-87 is the smallest normal number, e^88 the largest.
const Row kRows[] = {{0, -3, 1},     {-40, -90, 1},  {-41, -98, 1},   {-41, -103, 1}, {-41.5, -41.5, 1}, {-42, -42, 1},  {-20, -100, 1},
                     {-5, -89, 1},   {41, 38, 1},    {42, 41, 1},     {0, 80, 1},     {60, -60, 1},      {-60, 60, 1},   {36, 36, 1e-30f},
                     {38, 38, 1e-28f}, {-38, -38, 1e25f}, {-30, -30, 1e28f}, {5, 4, 0}, {-38, -38, 0}};

class Limits : public OnTarget {};

TEST_P(Limits, OfTermsWithoutAReference) {
  const int64_t classes = 21, rows = 16 * std::size(kRows);
  for (const Order order : {Order::rows, Order::planes}) {
    const Layout layout(order, 1, classes, rows);
    for (const bool alike : {true, false}) {  // whole vectors of one kind of row, or all kinds in each
      const auto kind = [&](int64_t r) { return kRows[alike ? r / 16 : r % static_cast<int64_t>(std::size(kRows))]; };
      std::vector<float> x(layout.span()), gradient(x.size()), loss(rows), upstream(rows);
      std::vector<int64_t> y(rows);
      for (int64_t r = 0; r < rows; ++r) {
        y[r] = r % classes;
        upstream[r] = kind(r).upstream;
        for (int64_t c = 0; c < classes; ++c) x[layout.offset(r, c)] = c == y[r] ? kind(r).own : kind(r).others;
      }
      const int32_t rank = static_cast<int32_t>(layout.row_shape.size());
      const auto matrix = [&](std::vector<float> &data) {
        return lossgen_tensor_strided(data.data(), lossgen_dtype(kDLFloat, 32), static_cast<int32_t>(layout.shape.size()),
                                      layout.shape.data(), layout.strides.data());
      };
      const auto per_row = [&](void *data, DLDataType type) { return lossgen_tensor(data, type, rank, layout.row_shape.data()); };
      DLTensor tx = matrix(x), tg = matrix(gradient);
      const DLTensor ty = per_row(y.data(), lossgen_dtype(kDLInt, 64)), tu = per_row(upstream.data(), lossgen_dtype(kDLFloat, 32));
      DLTensor tl = per_row(loss.data(), lossgen_dtype(kDLFloat, 32));
      lossgen_options o = LOSSGEN_OPTIONS_INIT;
      o.reduction = LOSSGEN_REDUCTION_NONE;
      o.target = target();
      ASSERT_EQ(lossgen_cross_entropy_forward(&tx, &ty, &o, &tl, nullptr), LOSSGEN_OK) << lossgen_last_error();
      const std::vector<float> forward = loss;
      o.grad_loss = &tu;
      for (DLTensor *out : {&tg, &tx}) {  // in place last
        ASSERT_EQ(lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tl, out, nullptr), LOSSGEN_OK) << lossgen_last_error();
        for (int64_t r = 0; r < rows; ++r) {
          const Row row = kind(r);
          const std::string where = "row " + std::to_string(r) + ", logits " + std::to_string(row.own) + " and " + std::to_string(row.others);
          const double difference = row.others - row.own, sum = 1 + 20 * std::exp(difference);
          const double expected = std::log1p(20 * std::exp(difference)), g = std::abs(row.upstream);
          const double bound = LOSSGEN_F32_LOSS_RELATIVE * expected + std::numeric_limits<float>::min();
          EXPECT_NEAR(forward[r], expected, bound) << where;
          EXPECT_NEAR(loss[r], expected, bound) << where;
          for (int64_t c = 0; c < classes; ++c) {
            const double softmax = (c == y[r] ? 1 : std::exp(difference)) / sum;
            EXPECT_NEAR((out == &tx ? x : gradient)[layout.offset(r, c)], row.upstream * (softmax - (c == y[r])), 1e-6 * g)
                << where << ", class " << c;
          }
        }
      }
    }
  }
}

// Rows at the limits among ordinary ones, some with NaN or -inf. finite: those are ignored, and so not part of the loss.
int16_t mixed_target(int64_t r, int64_t classes, bool finite) {
  return static_cast<int16_t>(r % 11 == 0 || (finite && (r % 5003 == 0 || r % 2003 == 0)) ? -100 : r % classes);
}
float mixed_logit(int64_t r, int64_t c, int16_t y) {
  const Row row = r % 1000 < 200 ? kRows[r % std::size(kRows)] : Row{1, static_cast<float>(r % 7), 1};
  return r % 5003 == 0 ? NAN : r % 2003 == 0 && c == 3 ? -INFINITY : c == y ? row.own : row.others;
}

// Large planes whose classes begin at cache lines have their gradient written past the caches by a kernel of its own (x86-64-v4), and rows at the
// limits are done again behind it: the same bits as where they begin elsewhere.
TEST_P(Limits, PastTheCaches) {
  struct Planes {
    int64_t pixels, pitch, gap;  // of a class; from a class to the next; behind each image
  };
  const int64_t classes = 21, images = 2;
  const DLDataType f32 = lossgen_dtype(kDLFloat, 32);
  for (const Planes &p : {Planes{104000, 104000, 0}, Planes{103997, 104000, 16}, Planes{104000, 104000, 4}, Planes{104000, 104004, 0}}) {
    SCOPED_TRACE(testing::Message() << p.pixels << " pixels, " << p.pitch << " apart, " << p.gap);
    const bool finite = p.gap == 0;  // NaN hides differences between losses: half the cases have a finite one
    const int64_t rows = images * p.pixels, image_pitch = classes * p.pitch + p.gap;
    const int64_t shape[] = {images, classes, p.pixels}, strides[] = {image_pitch, p.pitch, 1}, per_row[] = {images, p.pixels};
    ASSERT_GE(rows * classes * 4, int64_t{16} << 20);
    std::vector<float> x(images * image_pitch), apart(x.size() + 48);
    std::vector<int16_t> y(rows);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = r / p.pixels * image_pitch + r % p.pixels;
      y[r] = mixed_target(r, classes, finite);
      for (int64_t c = 0; c < classes; ++c) x[at + c * p.pitch] = mixed_logit(r, c, y[r]);
    }
    const DLTensor tx = lossgen_tensor_strided(x.data(), f32, 3, shape, strides), ty = lossgen_tensor(y.data(), lossgen_dtype(kDLInt, 16), 2, per_row);
    lossgen_options o = LOSSGEN_OPTIONS_INIT;
    o.target = target();
    if (p.pitch % 16 == 0 && p.gap == 0) {
      char text[4096];
      ASSERT_GT(lossgen_explain("cross_entropy_forward_backward", &tx, &o, text, sizeof text), 0u) << lossgen_last_error();
      EXPECT_EQ(std::string(text).find("past the caches, kernel") != std::string::npos, o.target == std::string("x86-64-v4")) << text;
    }
    const size_t line = 16 - reinterpret_cast<uintptr_t>(apart.data()) / 4 % 16;
    std::vector<float> gradient;
    float loss = 0;
    for (const auto &[off_line, threads] : {std::pair<int, int>{4, 1}, {0, 1}, {0, 3}}) {
      std::fill(apart.begin(), apart.end(), 0.25f);
      float *const out = apart.data() + line + off_line;
      float l;
      DLTensor tg = lossgen_tensor_strided(out, f32, 3, shape, strides), tl = lossgen_tensor(&l, f32, 0, nullptr);
      o.threads = threads;
      ASSERT_EQ(lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tl, &tg, nullptr), LOSSGEN_OK) << lossgen_last_error();
      if (off_line != 0) {
        gradient.assign(out, out + x.size());
        loss = l;
      }
      EXPECT_EQ(std::isfinite(l), finite);
      EXPECT_EQ(memcmp(&l, &loss, sizeof l), 0);
      EXPECT_EQ(memcmp(out, gradient.data(), x.size() * sizeof(float)), 0) << threads << " threads";  // what lies between the classes too
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; y[r] < 0 && c < classes; ++c) ASSERT_EQ(out[r / p.pixels * image_pitch + r % p.pixels + c * p.pitch], 0) << "pixel " << r;
      EXPECT_EQ(out[-1], 0.25f);
      EXPECT_EQ(out[x.size()], 0.25f);
    }
    if (target() != std::string("x86-64-v4")) continue;
    // In place too: rows at the limits, and they alone, are done again where they are. (Other targets are exact there for all rows.)
    std::vector<float> place = x;
    DLTensor tp = lossgen_tensor_strided(place.data(), f32, 3, shape, strides), tl = lossgen_tensor(&loss, f32, 0, nullptr);
    ASSERT_EQ(lossgen_cross_entropy_forward_backward(&tp, &ty, &o, &tl, &tp, nullptr), LOSSGEN_OK) << lossgen_last_error();
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < classes; ++c) {
        const int64_t at = r / p.pixels * image_pitch + r % p.pixels + c * p.pitch;
        ASSERT_EQ(memcmp(&place[at], &gradient[at], sizeof(float)), 0) << "pixel " << r << ", class " << c;
      }
  }
}

// The same of rows: what goes through scratch holds nothing of rows to be done again, and in place these are still there.
TEST_P(Limits, RowsPastTheCaches) {
  const int64_t classes = 21, rows = 200003, shape[] = {rows, classes};
  const DLDataType f32 = lossgen_dtype(kDLFloat, 32);
  ASSERT_GE(rows * classes * 4, int64_t{16} << 20);
  std::vector<float> x(rows * classes), apart(x.size(), 0.25f);
  std::vector<int16_t> y(rows);
  for (int64_t r = 0; r < rows; ++r) {
    y[r] = mixed_target(r, classes, true);
    for (int64_t c = 0; c < classes; ++c) x[r * classes + c] = mixed_logit(r, c, y[r]);
  }
  std::vector<float> place = x;
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.target = target();
  float losses[2];
  for (const bool in_place : {false, true}) {
    const DLTensor tx = lossgen_tensor(in_place ? place.data() : x.data(), f32, 2, shape), ty = lossgen_tensor(y.data(), lossgen_dtype(kDLInt, 16), 1, shape);
    DLTensor tg = lossgen_tensor(in_place ? place.data() : apart.data(), f32, 2, shape), tl = lossgen_tensor(&losses[in_place], f32, 0, nullptr);
    ASSERT_EQ(lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tl, &tg, nullptr), LOSSGEN_OK) << lossgen_last_error();
  }
  EXPECT_TRUE(std::isfinite(losses[0]));
  EXPECT_EQ(memcmp(&losses[0], &losses[1], sizeof(float)), 0) << losses[0] << " and " << losses[1];
  for (int64_t i = 0; i < rows * classes; ++i) {
    ASSERT_EQ(memcmp(&place[i], &apart[i], sizeof(float)), 0) << "row " << i / classes << ", class " << i % classes << ": " << place[i] << " and " << apart[i];
    if (y[i / classes] < 0) {
      ASSERT_EQ(apart[i], 0) << "row " << i / classes;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Target, Limits, testing::ValuesIn(host_targets()), target_case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Limits);

}  // namespace
