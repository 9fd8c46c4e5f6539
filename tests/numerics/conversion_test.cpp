// The 16-bit storage types of kernels and runtime, over all of their numbers: NaN, infinities, subnormals, ties to
// even.
#include <cmath>
#include <cstring>

#include "convert.h"
#include "layout.h"
#include "targets.h"

namespace {

const Dtype kTypes[] = {kF16, kBf16};
constexpr size_t kWords = 65536;

double number(const Dtype &type, size_t word) { return type.from_word(static_cast<uint16_t>(word)); }

// Every number of the type; the midpoint between it and the next one, away from zero; and the floats beside that.
std::vector<float> floats_to_round(const Dtype &type) {
  std::vector<float> list;
  for (size_t word = 0; word < kWords; ++word) {
    const double v = number(type, word), half = std::copysign(type.spacing(v) / 2, v);
    const float tie = static_cast<float>(v + half);
    for (float f : {static_cast<float>(v), tie, std::nextafter(tie, 0.0f), std::nextafter(tie, tie * 2)})
      list.push_back(f);
  }
  return list;
}

// Words of equal meaning: any NaN for a NaN, either zero for a zero (kernels compute -0 as 0 - 0).
void expect_word(const Dtype &type, uint16_t got, double value, const std::string &what) {
  const uint16_t expected = type.to_word(value);
  if (got == expected || (std::isnan(value) && std::isnan(number(type, got)))) return;
  if (number(type, expected) == 0 && number(type, got) == 0) return;
  ADD_FAILURE() << what << ": " << value << " became " << std::hex << got << " instead of " << expected;
}

TEST(Conversion, OfTheRuntime) {
  for (const Dtype &type : kTypes) {
    const bool half = type == kF16;
    for (size_t word = 0; word < kWords; ++word) {
      const uint16_t w = static_cast<uint16_t>(word);
      const double got = half ? lossgen::f16_to_float(w) : lossgen::bf16_to_float(w), expected = number(type, word);
      ASSERT_TRUE(std::isnan(expected) ? std::isnan(got)
                                       : got == expected && std::signbit(got) == std::signbit(expected))
          << type.name << " " << word;
    }
    for (float f : floats_to_round(type)) {
      expect_word(type, half ? lossgen::float_to_f16(f) : lossgen::float_to_bf16(f), f, type.name);
    }
  }
}

class KernelConversion : public OnTarget {
 protected:
  lossgen_options options() const {
    lossgen_options o = LOSSGEN_OPTIONS_INIT;
    o.target = target();
    o.reduction = LOSSGEN_REDUCTION_NONE;
    return o;
  }
};

constexpr Order kOrders[] = {Order::rows, Order::planes, Order::gaps};

// nll_loss of one class is minus the number itself, in f32.
TEST_P(KernelConversion, WidensEveryNumber) {
  for (const Dtype &type : kTypes) {
    for (Order order : kOrders) {
      const Layout layout(order, 1, 1, kWords);
      std::vector<double> all(kWords);
      for (size_t word = 0; word < kWords; ++word) all[word] = number(type, word);
      GuardedTensor log_probs;
      log_probs.place(layout, type, true);
      log_probs.set(all);
      std::vector<uint8_t> zeros(kWords);
      std::vector<float> loss(kWords);
      const int32_t rank = static_cast<int32_t>(layout.row_shape.size());
      const DLTensor target = lossgen_tensor(zeros.data(), lossgen_dtype(kDLUInt, 8), rank, layout.row_shape.data());
      DLTensor out = lossgen_tensor(loss.data(), lossgen_dtype(kDLFloat, 32), rank, layout.row_shape.data());
      const lossgen_options o = options();
      ASSERT_EQ(lossgen_nll_loss_forward(log_probs.dl(), &target, &o, &out, nullptr), LOSSGEN_OK)
          << lossgen_last_error();
      for (size_t word = 0; word < kWords; ++word) {
        const float expected = static_cast<float>(-all[word]);
        ASSERT_TRUE(std::isnan(expected) ? std::isnan(loss[word]) : memcmp(&loss[word], &expected, 4) == 0)
            << type.name << " " << kOrderNames[static_cast<int>(order)] << " " << all[word] << ": " << loss[word];
      }
    }
  }
}

// nll_loss's gradient is minus the upstream gradient, rounded.
TEST_P(KernelConversion, RoundsToNearestEven) {
  for (const Dtype &type : kTypes) {
    std::vector<float> upstream = floats_to_round(type);
    for (Order order : kOrders) {
      const int64_t count = static_cast<int64_t>(upstream.size());
      const Layout layout(order, 1, 1, count);
      GuardedTensor grad;
      grad.place(layout, type, true);
      std::vector<uint8_t> zeros(upstream.size());
      const int32_t rank = static_cast<int32_t>(layout.row_shape.size());
      const DLTensor target = lossgen_tensor(zeros.data(), lossgen_dtype(kDLUInt, 8), rank, layout.row_shape.data());
      const DLTensor g = lossgen_tensor(upstream.data(), lossgen_dtype(kDLFloat, 32), rank, layout.row_shape.data());
      lossgen_options o = options();
      o.grad_loss = &g;
      ASSERT_EQ(lossgen_nll_loss_backward(&target, &o, nullptr, grad.dl()), LOSSGEN_OK) << lossgen_last_error();
      const std::string what = std::string(type.name) + " " + kOrderNames[static_cast<int>(order)];
      for (int64_t r = 0; r < count; ++r) {
        uint16_t word;
        memcpy(&word, static_cast<char *>(grad.dl()->data) + 2 * layout.offset(r, 0), 2);
        expect_word(type, word, -upstream[static_cast<size_t>(r)], what);
        if (HasFailure()) return;
      }
    }
  }
}

// A row whose upstream gradient is NaN, of whatever bits, has NaN for a gradient, rounded with a carry or not; its neighbours have numbers.
TEST_P(KernelConversion, KeepsNaN) {
  constexpr uint32_t kBits[] = {0x3f800000, 0x7fffffff, 0xffffffff, 0x3f800000, 0x7f800001, 0xff800001, 0x7fc00000};
  float upstream[std::size(kBits)];
  memcpy(upstream, kBits, sizeof kBits);
  for (const Dtype &type : kTypes) {
    for (Order order : kOrders) {
      for (int64_t classes : {21, 100, 1000}) {
        const Layout layout(order, 1, classes, std::size(kBits));
        GuardedTensor logits;
        logits.place(layout, type, true);
        logits.set(std::vector<double>(static_cast<size_t>(layout.rows * classes), 0.5));
        uint8_t classes_of_rows[std::size(kBits)] = {};
        const int32_t rank = static_cast<int32_t>(layout.row_shape.size());
        const DLTensor target = lossgen_tensor(classes_of_rows, lossgen_dtype(kDLUInt, 8), rank, layout.row_shape.data());
        const DLTensor g = lossgen_tensor(upstream, lossgen_dtype(kDLFloat, 32), rank, layout.row_shape.data());
        lossgen_options o = options();
        o.grad_loss = &g;
        ASSERT_EQ(lossgen_cross_entropy_backward(logits.dl(), &target, &o, nullptr, logits.dl()), LOSSGEN_OK) << lossgen_last_error();
        for (int64_t r = 0; r < layout.rows; ++r) {
          for (int64_t c = 0; c < classes; ++c) {
            uint16_t word;
            memcpy(&word, static_cast<char *>(logits.dl()->data) + 2 * layout.offset(r, c), 2);
            ASSERT_EQ(std::isnan(number(type, word)), std::isnan(upstream[r]))
                << type.name << " " << kOrderNames[static_cast<int>(order)] << " " << classes << " classes, row " << r << ", class " << c;
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Target, KernelConversion, testing::ValuesIn(host_targets()), target_case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KernelConversion);

}  // namespace
