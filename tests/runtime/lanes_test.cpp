// The forms of the sums over rows, of which a machine takes one: all that this CPU has, beside plain loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "lanes.cpp"  // the forms are nobody else's business

namespace lossgen {
namespace {

std::vector<const Functions *> forms() {
  std::vector<const Functions *> found = {&Any::all};
#if defined(__x86_64__)
  if (!cpu_lacks(LOSSGEN_TARGET_x86_64_v3)) found.push_back(&Avx2::all);
  if (!cpu_lacks(LOSSGEN_TARGET_x86_64_v4)) found.push_back(&Avx512::all);
#endif
  return found;
}

constexpr int kMost = 200;

template <class S>
std::vector<S> some_numbers() {
  std::vector<S> values(kMost);
  for (int i = 0; i < kMost; i++) values[i] = static_cast<S>(std::sin(i) * std::pow(10, i % 7));
  return values;
}

TEST(Lanes, CountsClasses) {
  std::vector<int32_t> cls(kMost);
  for (int i = 0; i < kMost; i++) cls[i] = i % 5 == 0 ? -1 : i % 17 == 0 ? -2 : i;
  for (int count = 0; count <= kMost; count++) {
    int32_t least = 0;
    int64_t kept = 0;
    for (int i = 0; i < count; i++) {
      least = std::min(least, cls[i]);
      kept += cls[i] >= 0;
    }
    for (const Functions *form : forms()) {
      EXPECT_EQ(form->lowest(cls.data(), count), least) << count;
      EXPECT_EQ(form->count_kept(cls.data(), count), kept) << count;
    }
  }
}

template <class S, class Within>
void finds_each_outside(Within within) {
  const S nan = std::numeric_limits<S>::quiet_NaN(), infinity = std::numeric_limits<S>::infinity();
  for (const int count : {0, 1, 7, 8, 15, 16, 17, 31, 64, 65, kMost}) {
    std::vector<S> values(count, 3);
    EXPECT_TRUE(within(values.data(), count, static_cast<S>(3))) << count;
    for (int i = 0; i < count; i++) {
      values[i] = nan;
      EXPECT_FALSE(within(values.data(), count, infinity)) << i << " of " << count;
      values[i] = std::nextafter(static_cast<S>(3), infinity);
      EXPECT_FALSE(within(values.data(), count, static_cast<S>(3))) << i << " of " << count;
      values[i] = -infinity;
      EXPECT_TRUE(within(values.data(), count, static_cast<S>(3))) << i << " of " << count;
      values[i] = 3;
    }
  }
}

TEST(Lanes, FindsWhatIsBeyondALimit) {
  for (const Functions *form : forms()) {
    finds_each_outside<float>(form->all_within_f32);
    finds_each_outside<double>(form->all_within_f64);
  }
}

template <class S, class Sum>
void adds_up_alike(Sum of_form) {
  const std::vector<S> values = some_numbers<S>();
  for (int count = 0; count <= kMost; count++) {
    const double first = of_form(*forms()[0], values.data(), count);
    double plain = 0, magnitude = 0;
    for (int i = 0; i < count; i++) {
      plain += values[i];
      magnitude += std::abs(static_cast<double>(values[i]));
    }
    EXPECT_NEAR(first, plain, 1e-14 * magnitude) << count;
    for (const Functions *form : forms()) {
      const double sum = of_form(*form, values.data(), count);
      EXPECT_EQ(std::memcmp(&sum, &first, sizeof sum), 0) << count << " numbers: " << sum << " and " << first;
    }
  }
}

TEST(Lanes, AddsUpInOneOrder) {
  adds_up_alike<float>([](const Functions &form, const float *values, int64_t count) { return form.sum_f32(values, count); });
  adds_up_alike<double>([](const Functions &form, const double *values, int64_t count) { return form.sum_f64(values, count); });
}

}  // namespace
}  // namespace lossgen
