#include "tensor.h"

#include <stdio.h>
#include <string.h>

#include <algorithm>

#include "error.h"
#include "names.h"

namespace lossgen {

namespace {

char *text_slot() {
  static thread_local char slots[8][160];
  static thread_local int next = 0;
  return slots[next++ % 8];
}

bool allowed(DLDataType t, unsigned types) {
  const bool integer = (t.code == kDLInt || t.code == kDLUInt) && (t.bits == 8 || t.bits == 16 || t.bits == 32 || t.bits == 64);
  if ((types & kFloats) && t.code == kDLFloat && (t.bits == 16 || t.bits == 32 || t.bits == 64)) return true;
  if ((types & kFloats) && t.code == kDLBfloat && t.bits == 16) return true;
  if ((types & kIntegers) && integer) return true;
  if ((types & (kI32OrI64 | kI64Only)) && t.code == kDLInt && t.bits == 64) return true;
  return (types & (kI32OrI64 | kI32Only)) && t.code == kDLInt && t.bits == 32;
}

const char *allowed_text(unsigned types) {
  if (types & kFloats) return "f32, f64, f16 or bf16";
  if (types & kIntegers) return "an integer type of 8 to 64 bits";
  if (types & kI32OrI64) return "i32 or i64";
  return types & kI64Only ? "i64" : "i32";
}

// Axes with more than one element, by ascending stride.
struct Axes {
  int count = 0;
  struct {
    int64_t extent, stride;
  } axis[kMaxRank];

  explicit Axes(const Tensor &t) {
    for (int i = 0; i < t.rank; i++)
      if (t.shape[i] > 1) axis[count++] = {t.shape[i], t.stride[i]};
    std::sort(axis, axis + count, [](const auto &a, const auto &b) { return a.stride < b.stride; });
  }
  // Each stride steps over everything the smaller ones reach.
  bool nested() const {
    int64_t reach = 0;
    for (int i = 0; i < count; i++) {
      if (axis[i].stride <= reach) return false;
      reach += (axis[i].extent - 1) * axis[i].stride;
    }
    return true;
  }
  // Is delta the difference of two elements' positions? Exact for nested axes: three candidates per axis.
  bool reaches(int64_t delta, int i) const {
    if (i < 0) return delta == 0;
    const int64_t s = axis[i].stride, q = delta / s;
    for (int64_t k = q - 1; k <= q + 1; k++)
      if (k > -axis[i].extent && k < axis[i].extent && reaches(delta - k * s, i - 1)) return true;
    return false;
  }
};

// nested() of axes that come in descending order, as they mostly do: without sorting them.
bool descending(const Tensor &t) {
  int64_t reach = 0;
  for (int i = t.rank - 1; i >= 0; i--) {
    if (t.shape[i] <= 1) continue;
    if (t.stride[i] <= reach) return false;
    reach += (t.shape[i] - 1) * t.stride[i];
  }
  return true;
}

bool same_layout(const Tensor &a, const Tensor &b) {
  if (a.rank != b.rank || a.bytes() != b.bytes()) return false;
  for (int i = 0; i < a.rank; i++)
    if (a.shape[i] != b.shape[i] || (a.shape[i] > 1 && a.stride[i] != b.stride[i])) return false;
  return true;
}

}  // namespace

const char *shape_text(const int64_t *shape, int rank) {
  char *text = text_slot();
  int used = snprintf(text, 160, "[");
  for (int i = 0; i < rank && used < 140; i++)
    used += snprintf(text + used, 160 - used, i ? ", %lld" : "%lld", (long long)shape[i]);
  if (used >= 0 && used < 158) snprintf(text + used, 160 - used, "]");
  return text;
}

const char *shape_text(const Tensor &t) { return shape_text(t.shape, t.rank); }

lossgen_status check_extents(const char *name, const DLTensor *t) {
  if (!t) return fail(LOSSGEN_BAD_ARGUMENT, "%s is NULL, expected a tensor", name);
  if (t->ndim < 0 || t->ndim > kMaxRank)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s has rank %d, expected 0 to %d", name, (int)t->ndim, kMaxRank);
  if (t->ndim > 0 && !t->shape) return fail(LOSSGEN_BAD_ARGUMENT, "%s has rank %d but no shape", name, (int)t->ndim);
  for (int i = 0; i < t->ndim; i++)
    if (t->shape[i] < 0)
      return fail(LOSSGEN_BAD_ARGUMENT, "%s has a negative extent: shape %s", name, shape_text(t->shape, t->ndim));
  return LOSSGEN_OK;
}

lossgen_status read_tensor(const char *name, const DLTensor *t, unsigned types, Tensor *out) {
  out->name = name;
  const lossgen_status status = check_extents(name, t);
  if (status != LOSSGEN_OK) return status;
  if (t->dtype.lanes != 1)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s has %d lanes per element, expected 1", name, (int)t->dtype.lanes);
  if (!allowed(t->dtype, types))
    return fail(LOSSGEN_BAD_ARGUMENT, "%s is %s, expected %s", name, dtype_text(t->dtype), allowed_text(types));
  out->device = t->device;
  out->type = t->dtype;
  out->rank = t->ndim;
  int64_t compact = 1, largest = 1;
  bool empty = false;
  for (int i = t->ndim - 1; i >= 0; i--) {
    const int64_t n = t->shape[i];
    out->shape[i] = n;
    out->stride[i] = t->strides ? t->strides[i] : compact;
    if (out->stride[i] < 0)
      return fail(LOSSGEN_BAD_ARGUMENT, "%s has a negative stride: strides %s", name, shape_text(t->strides, t->ndim));
    empty = empty || n == 0;
    int64_t reach;
    if (n > 0 && (__builtin_mul_overflow(compact, n, &compact) || __builtin_mul_overflow(out->stride[i], n, &reach) ||
                  reach > INT64_MAX / 16 || __builtin_add_overflow(largest, reach, &largest)))
      return fail(LOSSGEN_BAD_ARGUMENT, "%s has more elements than fit in memory: shape %s, stride %lld in dimension %d",
                  name, shape_text(t->shape, t->ndim), (long long)out->stride[i], i);
  }
  if (!t->data && !empty) return fail(LOSSGEN_BAD_ARGUMENT, "%s has no data: its data pointer is NULL", name);
  const bool opaque = t->device.device_type == kDLOpenCL;
  out->memory = opaque ? t->data : nullptr;
  out->data = opaque ? (char *)t->byte_offset : t->data ? (char *)t->data + t->byte_offset : nullptr;
  if (((uintptr_t)out->data & (uintptr_t)(t->dtype.bits / 8 - 1)) != 0 && !empty)  // element sizes are powers of two
    return fail(LOSSGEN_BAD_ARGUMENT, "%s is at %s %p, not a multiple of its element size %d", name,
                opaque ? "byte_offset" : "address", (void *)out->data, t->dtype.bits / 8);
  return LOSSGEN_OK;
}

Span span_of(const Tensor &t) {
  int64_t last = 0;
  for (int i = 0; i < t.rank; i++) {
    if (t.shape[i] == 0) return {t.data, t.data};
    last += (t.shape[i] - 1) * t.stride[i];
  }
  return {t.data, t.data + (last + 1) * t.bytes()};
}

lossgen_status check_no_self_overlap(const Tensor &t) {
  if (descending(t) || t.size() == 0 || Axes(t).nested()) return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "output %s overlaps itself: shape %s, strides %s", t.name, shape_text(t),
              shape_text(t.stride, t.rank));
}

bool same_elements(const Tensor &a, const Tensor &b) { return a.data == b.data && a.memory == b.memory && same_layout(a, b); }

lossgen_status check_no_overlap(const Tensor &output, const Tensor &other, bool in_place_ok) {
  if (!output.defined() || !other.defined() || output.size() == 0 || other.size() == 0) return LOSSGEN_OK;
  if (in_place_ok && same_elements(output, other)) return LOSSGEN_OK;
  if (output.memory != other.memory) return LOSSGEN_OK;  // of sub-buffers of one cl_mem only the caller knows
  if (span_of(output).apart(span_of(other))) return LOSSGEN_OK;
  // Interleaved views of one buffer (columns beside columns) share a range but no element.
  if (same_layout(output, other)) {
    const int64_t bytes = output.data - other.data;
    const Axes axes(output);
    if (bytes % output.bytes() == 0 && axes.nested() && !axes.reaches(bytes / output.bytes(), axes.count - 1))
      return LOSSGEN_OK;
  }
  return fail(LOSSGEN_BAD_ARGUMENT, "output %s overlaps %s%s", output.name, other.name,
              in_place_ok ? "; in place takes the same data pointer, shape and strides" : "");
}

}  // namespace lossgen
