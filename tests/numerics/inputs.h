// Rows of logits chosen to break naive formulas.
#ifndef LOSSGEN_TESTS_INPUTS_H
#define LOSSGEN_TESTS_INPUTS_H

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "dtype.h"
#include "random.h"

enum class Family {
  normal,         // N(0, 3)
  offset_up,      // the same + 1e4
  offset_down,    // the same - 1e4
  exp_limit,      // around +-88.72284 = log(FLT_MAX), or f64's: exp(x) overflows, exp(x - max) does not
  wide,           // +-200: x[y] as reference overflows, the exact pass has to run
  equal,          // all the same
  one_hot,        // +-1e30 in one place
  type_max,       // +- the largest number among ordinary ones
  masked,         // -inf in a third of the places, not at the target
  target_masked,  // -inf at the target: loss +inf
  all_masked,     // nothing but -inf: NaN
  plus_inf,       // a +inf: NaN
  not_a_number,   // a NaN: NaN
  tiny,           // around the smallest normal number, half of them subnormal
  confident,      // x[y] far above the others: losses from 1e-3 down to 1e-30
  lost,           // x[y] far below: large losses
  mixed,          // each row another of the above
};
constexpr Family kFamilies[] = {Family::normal,       Family::offset_up,     Family::offset_down, Family::exp_limit,
                                Family::wide,         Family::equal,         Family::one_hot,     Family::type_max,
                                Family::masked,       Family::target_masked, Family::all_masked,  Family::plus_inf,
                                Family::not_a_number, Family::tiny,          Family::confident,   Family::lost,
                                Family::mixed};
constexpr const char *kFamilyNames[] = {
    "normal",        "offset_up",  "offset_down", "exp_limit",    "wide", "equal",     "one_hot", "type_max", "masked",
    "target_masked", "all_masked", "plus_inf",    "not_a_number", "tiny", "confident", "lost",    "mixed"};

// Numbers of `type`, as doubles.
inline void fill_row(const Dtype &type, Family family, Random &random, double *x, int64_t classes, int64_t y) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  if (family == Family::mixed) family = kFamilies[random.below(static_cast<int64_t>(Family::mixed))];
  for (int64_t c = 0; c < classes; ++c) x[c] = 3 * random.normal();
  const int64_t place = random.below(classes);
  const double sign = random.chance(0.5) ? 1 : -1;
  switch (family) {
    case Family::normal:
    case Family::mixed:
      break;
    case Family::offset_up:
      for (int64_t c = 0; c < classes; ++c) x[c] += 1e4;
      break;
    case Family::offset_down:
      for (int64_t c = 0; c < classes; ++c) x[c] -= 1e4;
      break;
    case Family::exp_limit: {
      const double limit = type == kF64 ? 709.78271 : 88.72284;
      for (int64_t c = 0; c < classes; ++c) x[c] = (random.chance(0.5) ? limit : -limit) + x[c] * 1e-3;
      break;
    }
    case Family::wide:
      for (int64_t c = 0; c < classes; ++c) x[c] = random.uniform(-200, 200);
      break;
    case Family::equal:
      for (int64_t c = 0; c < classes; ++c) x[c] = x[0];
      break;
    case Family::one_hot:
      for (int64_t c = 0; c < classes; ++c) x[c] = 0;
      x[place] = sign * std::fmin(1e30, type.largest() / 2);
      break;
    case Family::type_max:
      x[place] = sign * type.largest();
      x[random.below(classes)] = type.largest();
      break;
    case Family::masked:
      for (int64_t c = 0; c < classes; ++c) {
        if (c != y && random.chance(0.33)) x[c] = -inf;
      }
      break;
    case Family::target_masked:
      x[y] = -inf;
      break;
    case Family::all_masked:
      for (int64_t c = 0; c < classes; ++c) x[c] = -inf;
      break;
    case Family::plus_inf:
      x[place] = inf;
      break;
    case Family::not_a_number:
      x[place] = std::nan("");
      break;
    case Family::tiny:
      for (int64_t c = 0; c < classes; ++c) x[c] *= type.smallest_normal();
      break;
    case Family::confident: {
      double top = x[0];
      for (int64_t c = 1; c < classes; ++c) top = x[c] > top ? x[c] : top;
      x[y] = top + random.uniform(7, 70);
      break;
    }
    case Family::lost:
      x[y] = -random.uniform(20, 300);
      break;
  }
  for (int64_t c = 0; c < classes; ++c) x[c] = type.round(x[c]);
}

#endif  // LOSSGEN_TESTS_INPUTS_H
