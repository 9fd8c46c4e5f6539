// The yardsticks for any vector width. A file per instruction set defines, in an unnamed namespace, the struct F
// (a vector of floats: see yardstick_avx2.cpp) and includes this. Nothing of the standard library's templates here: these
// files are compiled with flags of their own, and the linker must not take their copies for others.
#include <math.h>

#include "yardstick.h"

namespace {

constexpr float kLog2e = 1.4426950408889634f;
constexpr int64_t kIgnored = -100;
constexpr double kHuge = 0x1p60, kTiny = 0x1p-60;

inline bool sum_fits(float sum) {
  return sum >= static_cast<float>(kTiny) && sum <= static_cast<float>(kHuge);  // false for NaN
}

// One row or pixel in f64, with the maximum as the reference: what the fast path must not do wrong.
double slow_row(const float *x, float *g, int64_t stride, int64_t classes, int32_t cls, float scale) {
  if (cls < 0) {
    if (g != nullptr) {
      for (int64_t c = 0; c < classes; c++) g[c * stride] = 0;
    }
    return 0;
  }
  double reference = -INFINITY, sum = 0;
  for (int64_t c = 0; c < classes; c++) reference = fmax(reference, static_cast<double>(x[c * stride]));
  for (int64_t c = 0; c < classes; c++) sum += exp(x[c * stride] - reference);
  const double lse = reference + log(sum), loss = lse - x[cls * stride];
  if (g != nullptr) {
    for (int64_t c = 0; c < classes; c++) {
      g[c * stride] = static_cast<float>(scale * (exp(x[c * stride] - lse) - (c == cls ? 1 : 0)));
    }
  }
  return loss;
}

int64_t classes_of(const int64_t *target, int64_t rows, int64_t classes, int32_t *cls, bool *bad) {
  int64_t kept = 0, outside = 0;
  for (int64_t r = 0; r < rows; r++) {
    const int64_t y = target[r];
    const bool ignored = y == kIgnored;
    kept += !ignored;
    outside |= !ignored & (static_cast<uint64_t>(y) >= static_cast<uint64_t>(classes));
    if (cls != nullptr) cls[r] = ignored ? -1 : static_cast<int32_t>(y);
  }
  if (outside) *bad = true;
  return kept;
}

// Sum of exp(x) of a row; the terms go to `terms` when the gradient will want them.
template <bool Keep>
inline float sum_of_row(const float *x, int64_t n, float *terms, int prefetch) {
  constexpr int W = F::kLanes, U = 4;
  const F scale = F::all(kLog2e);
  F sums[U] = {F::all(0), F::all(0), F::all(0), F::all(0)};
  int64_t i = 0;
  for (; i + U * W <= n; i += U * W) {
    for (int u = 0; u < U * W * 4; u += 64) __builtin_prefetch(reinterpret_cast<const char *>(x + i) + u + prefetch, 0, 3);
    for (int u = 0; u < U; u++) {
      const F e = exp2_of(F::load(x + i + u * W) * scale);
      if (Keep) e.store(terms + i + u * W);
      sums[u] = sums[u] + e;
    }
  }
  for (; i < n; i += W) {
    const int rest = n - i < W ? static_cast<int>(n - i) : W;
    const F e = first_lanes(exp2_of(F::load_some(x + i, rest) * scale), rest);
    if (Keep) e.store(terms + i);  // scratch has room for a whole vector
    sums[0] = sums[0] + e;
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum();
}

inline void scaled_row(float *g, const float *terms, int64_t n, float factor, bool stream) {
  constexpr int W = F::kLanes;
  const F f = F::all(factor);
  int64_t i = 0;
  if (stream) {
    const int64_t head = static_cast<int64_t>((0 - reinterpret_cast<uintptr_t>(g)) % (W * 4) / 4);
    for (; i < head && i < n; i++) g[i] = factor * terms[i];
    for (; i + W <= n; i += W) (F::load(terms + i) * f).stream(g + i);
  } else {
    for (; i + 2 * W <= n; i += 2 * W) {
      (F::load(terms + i) * f).store(g + i);
      (F::load(terms + i + W) * f).store(g + i + W);
    }
  }
  for (; i < n; i += W) {
    const int rest = n - i < W ? static_cast<int>(n - i) : W;
    (F::load_some(terms + i, rest) * f).store_some(g + i, rest);
  }
}

// Log of sixteen sums at a time: rows are too short for a call of logf each.
double rows_any(const float *x, float *g, const int32_t *cls, int64_t rows, int64_t classes, float scale,
                const bench::Batch &batch, float *scratch) {
  double total = 0;
  alignas(64) float sums[16], targets[16];
  for (int64_t first = 0; first < rows; first += 16) {
    const int n = rows - first < 16 ? static_cast<int>(rows - first) : 16;
    for (int k = 0; k < 16; k++) sums[k] = 1, targets[k] = 0;
    for (int k = 0; k < n; k++) {
      const int64_t r = first + k;
      const float *p = x + r * classes;
      float *q = g != nullptr ? g + r * classes : nullptr;
      const int32_t y = cls[r];
      const float target = y >= 0 ? p[y] : 0;  // before the gradient may overwrite it
      const float sum = g != nullptr ? sum_of_row<true>(p, classes, scratch, batch.prefetch)
                                     : sum_of_row<false>(p, classes, scratch, batch.prefetch);
      if (y < 0 || !sum_fits(sum)) {
        total += slow_row(p, q, 1, classes, y, scale);
        continue;
      }
      sums[k] = sum;
      targets[k] = target;
      if (g != nullptr) {
        scratch[y] -= sum;
        scaled_row(q, scratch, classes, scale / sum, batch.stream);
      }
    }
    F loss = F::all(0);
    for (int k = 0; k < 16; k += F::kLanes) loss = loss + (log_of(F::load(sums + k)) - F::load(targets + k));
    total += loss.sum();
  }
  return total;
}

// One group of up to 8 classes over a tile: sums of exp into `sums`, one per pixel.
template <int Group>
inline void add_classes(const float *x, int64_t stride, int64_t pixels, bool first, const float *next, float *sums) {
  constexpr int W = F::kLanes;
  const F scale = F::all(kLog2e);
  int64_t i = 0;
  for (; i + W <= pixels; i += W) {
    F even = first ? F::all(0) : F::load(sums + i), odd = F::all(0);
    for (int c = 0; c < Group; c++) {
      __builtin_prefetch(next + c * stride + i, 0, 3);
      const F e = exp2_of(F::load(x + c * stride + i) * scale);
      if (c % 2 == 0) even = even + e;
      else odd = odd + e;
    }
    (even + odd).store(sums + i);
  }
  if (i < pixels) {
    const int rest = static_cast<int>(pixels - i);
    F sum = first ? F::all(0) : F::load(sums + i);
    for (int c = 0; c < Group; c++) sum = sum + exp2_of(F::load_some(x + c * stride + i, rest) * scale);
    sum.store(sums + i);
  }
}

template <int Group>
inline void gradient_of_classes(const float *x, float *g, const int32_t *cls, int first_class, int64_t stride,
                                int64_t pixels, const float *factors, F at_target, bool stream) {
  constexpr int W = F::kLanes;
  const F scale = F::all(kLog2e);
  int64_t i = 0;
  for (; i + W <= pixels; i += W) {
    const F f = F::load(factors + i);
    for (int c = 0; c < Group; c++) {
      const F e = exp2_of(F::load(x + c * stride + i) * scale) * f;
      const F d = minus_where(e, cls + i, first_class + c, at_target);
      if (stream) d.stream(g + c * stride + i);
      else d.store(g + c * stride + i);
    }
  }
  if (i < pixels) {
    const int rest = static_cast<int>(pixels - i);
    const F f = F::load(factors + i);
    for (int c = 0; c < Group; c++) {
      const F e = exp2_of(F::load_some(x + c * stride + i, rest) * scale) * f;
      minus_where(e, cls + i, first_class + c, at_target).store_some(g + c * stride + i, rest);
    }
  }
}

// Calls visit(group size as a constant, first class) for groups of 8 and one smaller.
template <int N>
struct Count {
  static constexpr int value = N;
};
template <class Visit>
inline void each_group(int64_t classes, Visit visit) {
  int64_t c = 0;
  for (; c + 8 <= classes; c += 8) visit(Count<8>(), c);
  switch (classes - c) {
    case 1: visit(Count<1>(), c); break;
    case 2: visit(Count<2>(), c); break;
    case 3: visit(Count<3>(), c); break;
    case 4: visit(Count<4>(), c); break;
    case 5: visit(Count<5>(), c); break;
    case 6: visit(Count<6>(), c); break;
    case 7: visit(Count<7>(), c); break;
    default: break;
  }
}

// Tile by tile, so that the second pass over the logits finds them in L2. `cls` can be read to a whole vector's end.
double planes_any(const float *x, float *g, const int32_t *cls, int64_t pixels, int64_t stride, int64_t classes,
                  float scale, const bench::Batch &batch, float *scratch) {
  constexpr int W = F::kLanes;
  float *sums = scratch, *targets = scratch + (pixels + W - 1) / W * W;
  each_group(classes, [&](auto group, int64_t c) {
    constexpr int kGroup = decltype(group)::value;
    const float *here = x + c * stride;
    // The next group's lines, or those of the next tile.
    const float *next = c + 8 < classes ? here + 8 * stride : x + pixels;
    if (c + 8 < classes && c + 8 + kGroup > classes) next = here;
    add_classes<kGroup>(here, stride, pixels, c == 0, next, sums);
  });
  bool redo = false;
  for (int64_t i = 0; i < pixels; i++) {
    redo |= cls[i] < 0 || !sum_fits(sums[i]);
    targets[i] = x[(cls[i] < 0 ? 0 : cls[i]) * stride + i];
  }
  double total = 0;
  if (redo) {
    for (int64_t i = 0; i < pixels; i++) {
      total += slow_row(x + i, g != nullptr ? g + i : nullptr, stride, classes, cls[i], scale);
    }
    return total;
  }
  for (int64_t i = 0; i < pixels; i += W) {
    const int rest = pixels - i < W ? static_cast<int>(pixels - i) : W;
    total += first_lanes(log_of(F::load(sums + i)) - F::load_some(targets + i, rest), rest).sum();
    (F::all(scale) / F::load(sums + i)).store(sums + i);
  }
  if (g == nullptr) return total;
  const bool stream = batch.stream && stride % W == 0 && reinterpret_cast<uintptr_t>(g) % (W * 4) == 0;
  each_group(classes, [&](auto group, int64_t c) {
    gradient_of_classes<decltype(group)::value>(x + c * stride, g + c * stride, cls, static_cast<int>(c), stride, pixels,
                                                sums, F::all(scale), stream);
  });
  return total;
}

}  // namespace
