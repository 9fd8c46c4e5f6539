#include "problem.h"

#include <algorithm>

#include "error.h"
#include "names.h"
#include "registry.h"

namespace lossgen {

lossgen_status find_class_axis(const lossgen_options &options, int rank, int *axis) {
  const int given = options.class_axis_given ? options.class_axis : rank == 1 ? 0 : 1;
  *axis = given < 0 ? given + rank : given;
  if (*axis < 0 || *axis >= rank)
    return fail(LOSSGEN_BAD_ARGUMENT, "class_axis %d is outside logits of rank %d", given, rank);
  return LOSSGEN_OK;
}

namespace {

bool mergeable(const Axis &a, const Axis &b) {  // a is outside b
  for (int t = 0; t < kMatrices; t++)
    if (a.matrix[t] != b.matrix[t] * b.extent) return false;
  for (int t = 0; t < kRowTensors; t++)
    if (a.row[t] != b.row[t] * b.extent) return false;
  return true;
}

// Does every matrix step by one element along the axis?
bool contiguous(const Problem &p, const int64_t (&strides)[kMatrices]) {
  for (int t = 0; t < kMatrices; t++)
    if (p.matrix[t].defined() && strides[t] != 1) return false;
  return true;
}

lossgen_status canonicalize(Problem *problem, bool planes) {
  Problem &p = *problem;
  const Tensor &shape = p.matrix[kIn0];
  p.classes = shape.shape[p.class_axis];
  for (int t = 0; t < kMatrices; t++)
    p.class_stride[t] = p.matrix[t].defined() ? p.matrix[t].stride[p.class_axis] : 0;
  for (int t = 0; t < kMatrices; t++)
    if (p.classes > INT32_MAX || (p.classes > 1 && p.class_stride[t] > INT32_MAX / 2 / (p.classes - 1)))
      return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "%s has %lld classes %lld elements apart; a row may span 2^30 elements",
                  p.matrix[t].name, (long long)p.classes, (long long)p.class_stride[t]);

  int count = 0;
  Axis axes[kMaxRank];
  p.rows = 1;
  for (int i = 0; i < shape.rank; i++) {
    if (i == p.class_axis) continue;
    p.rows *= shape.shape[i];
    if (shape.shape[i] == 1) continue;
    Axis a{};
    a.extent = shape.shape[i];
    const int row_axis = i < p.class_axis ? i : i - 1;
    for (int t = 0; t < kMatrices; t++)
      if (p.matrix[t].defined()) a.matrix[t] = p.matrix[t].stride[i];
    for (int t = 0; t < kRowTensors; t++)
      if (p.row[t].defined() && p.row[t].rank) a.row[t] = p.row[t].stride[row_axis];
    if (count && mergeable(axes[count - 1], a)) {
      a.extent *= axes[count - 1].extent;
      axes[count - 1] = a;
    } else {
      axes[count++] = a;
    }
  }

  // The row axis: for planes the contiguous one, else the longest (the last of equals).
  int chosen = -1, dense = -1;
  for (int i = 0; i < count; i++) {
    if (chosen < 0 || axes[i].extent >= axes[chosen].extent) chosen = i;
    if (contiguous(p, axes[i].matrix)) dense = i;
  }
  if (p.classes <= 1 || contiguous(p, p.class_stride)) {
    p.layout = LOSSGEN_LAYOUT_rows;
  } else if (dense >= 0 && planes) {
    p.layout = LOSSGEN_LAYOUT_planes;
    chosen = dense;
  } else {
    p.layout = LOSSGEN_LAYOUT_strided;
  }
  p.inner = Axis{};
  p.inner.extent = 1;
  if (chosen >= 0) p.inner = axes[chosen];
  p.outer_count = 0;
  p.outer_size = 1;
  bool within = true;
  for (int i = 0; i < count; i++) {
    if (i == chosen) continue;
    p.outer[p.outer_count++] = axes[i];
    p.outer_size *= axes[i].extent;
    within = within && axes[i].matrix[kIn0] < p.inner.matrix[kIn0];
  }
  p.outer_within = within && p.layout == LOSSGEN_LAYOUT_strided;
  return LOSSGEN_OK;
}

}  // namespace

lossgen_status canonicalize(Problem *problem) { return canonicalize(problem, true); }

lossgen_status canonicalize_for(int stage, int target, bool general_only, Problem *problem) {
  Problem &p = *problem;
  const lossgen_status status = canonicalize(&p);
  const int64_t few = p.classes < 16 ? 2 : 4;
  if (stage == LOSSGEN_STAGE_nll_loss_forward || stage == LOSSGEN_STAGE_nll_loss_backward) return status;
  if (status != LOSSGEN_OK || p.layout != LOSSGEN_LAYOUT_planes || p.inner.extent > few) return status;
  const auto find = [&](int layout) {
    return find_kernel(stage, dtype_id(p.matrix[kIn0].type), layout, p.classes, target, general_only);
  };
  const lossgen_kernel *planes = find(LOSSGEN_LAYOUT_planes), *strided = find(LOSSGEN_LAYOUT_strided);
  return strided && (!planes || planes->target == strided->target) ? canonicalize(&p, false) : status;
}

}  // namespace lossgen
