// The yardstick of instruction_counts.py: some of the arm64 kernels again, written by hand in NEON intrinsics. Same
// arguments, same arithmetic, same unrolling; of what a compiler cannot know (a row without a class, the step that
// holds the target) the loops are free. Rows of at least 4 classes.
#include "yardstick_neon.h"

#include <lossgen/kernel_abi.h>

#include <algorithm>
#include <cfloat>
#include <cstring>

namespace {

constexpr int kStep = 16;        // classes at a time: four vectors
constexpr int kBlockSteps = 64;  // steps to one sum, then a new one: a lane's long sum of equal terms rounds alike
constexpr int kTile = 256;       // planes: pixels that stay in L1 from class to class
constexpr int kClassBlock = 16;  // planes: classes to one sum

const lossgen_buffer &buffer(const void *argument) { return *static_cast<const lossgen_buffer *>(argument); }
template <class T>
T *data(const void *argument) {
  return reinterpret_cast<T *>(buffer(argument).host);
}

const int32_t kLanes[4] = {0, 1, 2, 3};
int32x4_t classes_from(int c) { return vaddq_s32(vld1q_s32(kLanes), vdupq_n_s32(c)); }

float upper_to_lower(Vector v) {
  const float32x2_t half = vadd_f32(vget_low_f32(v), vget_high_f32(v));
  return vget_lane_f32(half, 0) + vget_lane_f32(half, 1);
}

// By itself, so that nothing but this loop asks for registers: 4 sums, 12 constants and 4 values on their way fill
// all 32.
template <class Type, bool bounded>
[[gnu::noinline]] Four add_steps(const typename Type::Stored *p, int steps, Vector reference, Vector s0, Vector s1,
                                 Vector s2, Vector s3) {
  for (; steps > 0; --steps, p += kStep) {
    const Four x = Type::load_four(p);
    s0 = vaddq_f32(s0, exp_of_difference<bounded>(x.v[0], reference).value());
    s1 = vaddq_f32(s1, exp_of_difference<bounded>(x.v[1], reference).value());
    s2 = vaddq_f32(s2, exp_of_difference<bounded>(x.v[2], reference).value());
    s3 = vaddq_f32(s3, exp_of_difference<bounded>(x.v[3], reference).value());
  }
  return {{s0, s1, s2, s3}};
}

// The sum over a row's classes but y (none: -1) of exp(x - reference).
template <class Type, bool bounded>
float sum_of_others(const typename Type::Stored *x, int classes, int y, float ref) {
  const Vector reference = all(ref), zero = all(0);
  const int steps = classes / kStep, skipped = y < 0 || y / kStep >= steps ? steps : y / kStep;
  Four whole = {{zero, zero, zero, zero}};
  for (int block = 0; block < steps; block += kBlockSteps) {
    const int end = std::min(block + kBlockSteps, steps), before = std::min(end, skipped),
              after = std::max(block, skipped + 1);
    Four sums = add_steps<Type, bounded>(x + block * kStep, before - block, reference, zero, zero, zero, zero);
    if (after < end && before < end)
      sums = add_steps<Type, bounded>(x + after * kStep, end - after, reference, sums.v[0], sums.v[1], sums.v[2],
                                      sums.v[3]);
    for (int u = 0; u < 4; ++u) whole.v[u] = vaddq_f32(whole.v[u], sums.v[u]);
  }
  Vector lanes = vaddq_f32(vaddq_f32(vaddq_f32(whole.v[0], whole.v[1]), whole.v[2]), whole.v[3]);
  const auto add = [&](int c, uint32x4_t left_out) {
    const Vector e = exp_of_difference<bounded>(Type::load(x + c), reference).value();
    lanes = vaddq_f32(lanes, without(left_out, e));
  };
  const int32x4_t target = vdupq_n_s32(y);
  int c = steps * kStep;
  for (; c + 4 <= classes; c += 4) add(c, vceqq_s32(classes_from(c), target));
  if (c < classes)  // reaches back
    add(classes - 4,
        vorrq_u32(vceqq_s32(classes_from(classes - 4), target), vcltq_s32(classes_from(classes - 4), vdupq_n_s32(c))));
  if (skipped < steps)
    for (int u = 0; u < kStep; u += 4) add(skipped * kStep + u, vceqq_s32(classes_from(skipped * kStep + u), target));
  return upper_to_lower(lanes);
}

// nll, lse and sum of four rows from the sums over their other classes.
struct Rows {
  Vector nll, lse, sum;
};
Rows finished(Vector others, Vector picked, int32x4_t cls) {
  const uint32x4_t exponent = vdupq_n_u32(0x7f800000);
  const uint32x4_t infinite = vceqq_u32(vandq_u32(bits(picked), exponent), exponent);
  const Vector own = vbslq_f32(infinite, number(vdupq_n_u32(0x7fc00000)), all(1));
  const Vector log_sum = log1p_positive(others);
  return {without(vcltzq_s32(cls), log_sum), vaddq_f32(picked, log_sum), vaddq_f32(others, own)};
}

template <class Type>
int forward_rows(void **argv) {
  const auto &a = *reinterpret_cast<const lossgen_args_cross_entropy_forward *>(argv);
  const lossgen_dim *dim = buffer(a.logits).dim;
  const int classes = dim[0].extent, rows = dim[1].extent;
  const auto *logits = data<const typename Type::Stored>(a.logits);
  const int32_t *cls = data<const int32_t>(a.cls);
  for (int first = 0; first < rows; first += 4) {
    const int count = std::min(4, rows - first);
    float others[4] = {}, picked[4] = {}, out[3][4];
    int32_t y[4] = {};
    for (int i = 0; i < count; ++i) {
      const auto *x = logits + int64_t{first + i} * dim[1].stride;
      y[i] = cls[first + i];
      const int at = std::min(std::max(y[i], 0), classes - 1);
      picked[i] = Type::one(x + at);
      others[i] = sum_of_others<Type, false>(x, classes, at, picked[i]);
    }
    const Rows r = finished(vld1q_f32(others), vld1q_f32(picked), vld1q_s32(y));
    vst1q_f32(out[0], r.nll);
    vst1q_f32(out[1], r.lse);
    vst1q_f32(out[2], r.sum);
    const size_t size = sizeof(float) * static_cast<size_t>(count);
    memcpy(data<float>(a.nll) + first, out[0], size);
    memcpy(data<float>(a.lse) + first, out[1], size);
    memcpy(data<float>(a.ref) + first, picked, size);
    memcpy(data<float>(a.sum) + first, out[2], size);
  }
  return 0;
}

template <class Type>
int backward_rows(void **argv) {
  using Stored = typename Type::Stored;
  const auto &a = *reinterpret_cast<const lossgen_args_cross_entropy_backward *>(argv);
  const lossgen_dim *dim = buffer(a.logits).dim;
  const int classes = dim[0].extent, rows = dim[1].extent;
  for (int r = 0; r < rows; ++r) {
    const Stored *x = data<const Stored>(a.logits) + int64_t{r} * dim[1].stride;
    Stored *grad = data<Stored>(a.grad_logits) + int64_t{r} * buffer(a.grad_logits).dim[1].stride;
    const int y = data<const int32_t>(a.cls)[r];
    if (y < 0) {
      memset(grad, 0, sizeof(Stored) * static_cast<size_t>(classes));
      continue;
    }
    const Vector reference = all(data<const float>(a.ref)[r]);
    const Vector scale = all(data<const float>(a.a)[r] / data<const float>(a.sum)[r]);
    const auto softmax = [&](Vector v) {
      const Exp e = exp_of_difference<true>(v, reference);
      return e.times_power(vmulq_f32(e.power, scale));
    };
    // Before what follows, which may be in place; stored after it.
    Stored own[4], last[4];
    const int at = std::min(y, classes - 1), tail = classes / 4 * 4;
    Type::store(own, vsubq_f32(softmax(all(Type::one(x + at))), all(data<const float>(a.d)[r])));
    if (tail < classes) Type::store(last, softmax(Type::load(x + classes - 4)));
    int c = 0;
    for (; c + kStep <= classes; c += kStep) {
      const Four v = Type::load_four(x + c);
      const Four out = {{softmax(v.v[0]), softmax(v.v[1]), softmax(v.v[2]), softmax(v.v[3])}};
      for (int u = 0; u < 4; ++u) Type::store(grad + c + 4 * u, out.v[u]);
    }
    for (; c < tail; c += 4) Type::store(grad + c, softmax(Type::load(x + c)));
    if (tail < classes) memcpy(grad + classes - 4, last, sizeof last);
    grad[at] = own[0];
  }
  return 0;
}

template <class Type>
int log_softmax_rows(void **argv) {
  using Stored = typename Type::Stored;
  const auto &a = *reinterpret_cast<const lossgen_args_log_softmax_forward *>(argv);
  const lossgen_dim *dim = buffer(a.logits).dim;
  const int classes = dim[0].extent, rows = dim[1].extent, tail = classes / 4 * 4;
  for (int r = 0; r < rows; ++r) {
    const Stored *x = data<const Stored>(a.logits) + int64_t{r} * dim[1].stride;
    Stored *out = data<Stored>(a.log_probs) + int64_t{r} * buffer(a.log_probs).dim[1].stride;
    Four peaks = {{all(-FLT_MAX), all(-FLT_MAX), all(-FLT_MAX), all(-FLT_MAX)}};
    int c = 0;
    for (; c + kStep <= classes; c += kStep) {
      const Four v = Type::load_four(x + c);
      for (int u = 0; u < 4; ++u) peaks.v[u] = vmaxq_f32(peaks.v[u], v.v[u]);
    }
    for (; c < tail; c += 4) peaks.v[0] = vmaxq_f32(peaks.v[0], Type::load(x + c));
    if (tail < classes) peaks.v[0] = vmaxq_f32(peaks.v[0], Type::load(x + classes - 4));
    const float peak = vmaxvq_f32(vmaxq_f32(vmaxq_f32(peaks.v[0], peaks.v[1]), vmaxq_f32(peaks.v[2], peaks.v[3])));
    const Vector reference = all(peak), log_sum = log_positive(all(sum_of_others<Type, true>(x, classes, -1, peak)));
    const auto made = [&](Vector v) { return vsubq_f32(vsubq_f32(v, reference), log_sum); };
    Stored last[4];
    if (tail < classes) Type::store(last, made(Type::load(x + classes - 4)));
    for (c = 0; c + kStep <= classes; c += kStep) {
      const Four v = Type::load_four(x + c);
      for (int u = 0; u < 4; ++u) Type::store(out + c + 4 * u, made(v.v[u]));
    }
    for (; c < tail; c += 4) Type::store(out + c, made(Type::load(x + c)));
    if (tail < classes) memcpy(out + classes - 4, last, sizeof last);
  }
  return 0;
}

// Adds exp of `group` classes from p on, `pitch` apart, for a tile's pixels.
template <class Type, int group>
void add_classes(const typename Type::Stored *p, int64_t pitch, int c, int pixels, const float *reference,
                 const int32_t *cls, float *sums) {
  for (int i = 0; i < pixels; i += 4) {
    const Vector ref = vld1q_f32(reference + i);
    const int32x4_t y = vld1q_s32(cls + i);
    Vector sum = vld1q_f32(sums + i);
    for (int k = 0; k < group; ++k) {
      const Vector e = exp_of_difference<false>(Type::load(p + k * pitch + i), ref).value();
      sum = vaddq_f32(sum, without(vceqq_s32(vdupq_n_s32(c + k), y), e));
    }
    vst1q_f32(sums + i, sum);
  }
}

// Whole vectors of pixels.
template <class Type>
int forward_planes(void **argv) {
  const auto &a = *reinterpret_cast<const lossgen_args_cross_entropy_forward *>(argv);
  const lossgen_dim *dim = buffer(a.logits).dim;
  const int rows = dim[0].extent / 4 * 4, classes = dim[1].extent;
  const int64_t pitch = dim[1].stride;
  for (int first = 0; first < rows; first += kTile) {
    const int pixels = std::min(kTile, rows - first);
    const auto *x = data<const typename Type::Stored>(a.logits) + first;
    const int32_t *cls = data<const int32_t>(a.cls) + first;
    float picked[kTile], total[kTile] = {}, lost[kTile] = {}, block[kTile];
    int32_t y[kTile];
    for (int i = 0; i < pixels; ++i) {
      y[i] = std::min(std::max(cls[i], 0), classes - 1);
      picked[i] = Type::one(x + y[i] * pitch + i);
    }
    int c = 0;
    for (; c + kClassBlock <= classes; c += kClassBlock) {
      memset(block, 0, sizeof(float) * static_cast<size_t>(pixels));
      for (int k = c; k < c + kClassBlock; k += 4)
        add_classes<Type, 4>(x + k * pitch, pitch, k, pixels, picked, y, block);
      for (int i = 0; i < pixels; i += 4) {  // Kahan, which stops at an infinite sum
        const Vector before = vld1q_f32(total + i), term = vsubq_f32(vld1q_f32(block + i), vld1q_f32(lost + i));
        const Vector sum = vaddq_f32(before, term);
        const uint32x4_t exponent = vdupq_n_u32(0x7f800000);
        const uint32x4_t infinite = vceqq_u32(vandq_u32(bits(sum), exponent), exponent);
        vst1q_f32(total + i, sum);
        vst1q_f32(lost + i, without(infinite, vsubq_f32(vsubq_f32(sum, before), term)));
      }
    }
    for (; c + 4 <= classes; c += 4) add_classes<Type, 4>(x + c * pitch, pitch, c, pixels, picked, y, total);
    for (; c < classes; ++c) add_classes<Type, 1>(x + c * pitch, pitch, c, pixels, picked, y, total);
    for (int i = 0; i < pixels; i += 4) {
      const Rows r = finished(vld1q_f32(total + i), vld1q_f32(picked + i), vld1q_s32(cls + i));
      vst1q_f32(data<float>(a.nll) + first + i, r.nll);
      vst1q_f32(data<float>(a.lse) + first + i, r.lse);
      vst1q_f32(data<float>(a.ref) + first + i, vld1q_f32(picked + i));
      vst1q_f32(data<float>(a.sum) + first + i, r.sum);
    }
  }
  return 0;
}

// The gradient of a class for a tile's pixels.
template <class Type>
[[gnu::noinline]] void write_class(const typename Type::Stored *x, typename Type::Stored *grad, int c, int pixels,
                                   const float *ref, const float *scales, const int32_t *cls, const float *d) {
  const int32x4_t own = vdupq_n_s32(c);
  const auto made = [&](Vector v, Vector reference, Vector scale, int32x4_t y, Vector subtracted) {
    const Exp e = exp_of_difference<true>(v, reference);
    const Vector softmax = e.times_power(vmulq_f32(e.power, scale));
    return without(vcltzq_s32(y), vsubq_f32(softmax, chosen(vceqq_s32(y, own), subtracted)));
  };
  int i = 0;
  for (; i + 16 <= pixels; i += 16)
    for (int u = 0; u < 16; u += 8) {  // pairs: the operands of four vectors would not leave room for the constants
      const float *r = ref + i + u, *scale = scales + i + u, *less = d + i + u;
      const int32_t *y = cls + i + u;
      const Vector x0 = Type::load(x + i + u), x1 = Type::load(x + i + u + 4);
      const Vector g0 = made(x0, vld1q_f32(r), vld1q_f32(scale), vld1q_s32(y), vld1q_f32(less));
      const Vector g1 = made(x1, vld1q_f32(r + 4), vld1q_f32(scale + 4), vld1q_s32(y + 4), vld1q_f32(less + 4));
      Type::store(grad + i + u, g0);
      Type::store(grad + i + u + 4, g1);
    }
  for (; i < pixels; i += 4)
    Type::store(grad + i, made(Type::load(x + i), vld1q_f32(ref + i), vld1q_f32(scales + i), vld1q_s32(cls + i),
                               vld1q_f32(d + i)));
}

// Whole vectors of pixels.
template <class Type>
int backward_planes(void **argv) {
  const auto &a = *reinterpret_cast<const lossgen_args_cross_entropy_backward *>(argv);
  const lossgen_dim *dim = buffer(a.logits).dim;
  const int rows = dim[0].extent / 4 * 4, classes = dim[1].extent;
  for (int first = 0; first < rows; first += kTile) {
    const int pixels = std::min(kTile, rows - first);
    const float *sum = data<const float>(a.sum) + first, *loss_grad = data<const float>(a.a) + first;
    float scales[kTile];
    for (int i = 0; i < pixels; i += 4) vst1q_f32(scales + i, vdivq_f32(vld1q_f32(loss_grad + i), vld1q_f32(sum + i)));
    for (int c = 0; c < classes; ++c)
      write_class<Type>(
          data<const typename Type::Stored>(a.logits) + int64_t{c} * dim[1].stride + first,
          data<typename Type::Stored>(a.grad_logits) + int64_t{c} * buffer(a.grad_logits).dim[1].stride + first, c,
          pixels, data<const float>(a.ref) + first, scales, data<const int32_t>(a.cls) + first,
          data<const float>(a.d) + first);
  }
  return 0;
}

}  // namespace

extern "C" {
int yardstick_cross_entropy_forward_f32_rows(void **argv) { return forward_rows<F32>(argv); }
int yardstick_cross_entropy_forward_f16_rows(void **argv) { return forward_rows<F16>(argv); }
int yardstick_cross_entropy_forward_bf16_rows(void **argv) { return forward_rows<Bf16>(argv); }
int yardstick_cross_entropy_backward_f32_rows(void **argv) { return backward_rows<F32>(argv); }
int yardstick_cross_entropy_backward_f16_rows(void **argv) { return backward_rows<F16>(argv); }
int yardstick_cross_entropy_backward_bf16_rows(void **argv) { return backward_rows<Bf16>(argv); }
int yardstick_log_softmax_forward_f32_rows(void **argv) { return log_softmax_rows<F32>(argv); }
int yardstick_cross_entropy_forward_f32_planes(void **argv) { return forward_planes<F32>(argv); }
int yardstick_cross_entropy_backward_f32_planes(void **argv) { return backward_planes<F32>(argv); }
}
