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

void cut_into_blocks(Problem *problem, const lossgen_kernel &kernel) {
  Problem &p = *problem;
  const int64_t row_bytes = std::max<int64_t>(1, p.classes * p.matrix[kIn0].bytes());
  const int64_t granule = std::max<int64_t>(1, kernel.block_granule);
  int64_t rows = std::max<int64_t>(1, kernel.block_bytes / row_bytes);
  // Kernels index with 32 bits: a block may not span more than 2^31 - 1 elements along the rows.
  for (int t = 0; t < kMatrices; t++)
    if (p.inner.matrix[t] > 0) rows = std::min(rows, std::max<int64_t>(1, (INT64_C(1) << 29) / p.inner.matrix[t]));
  if (p.layout == LOSSGEN_LAYOUT_planes) rows = std::max(rows, granule);
  if (rows > granule) rows -= rows % granule;
  p.block_rows = std::min({rows, kMaxBlockRows, p.inner.extent});
  p.blocks_per_outer = p.inner.extent ? (p.inner.extent + p.block_rows - 1) / p.block_rows : 0;
  p.blocks = p.blocks_per_outer * p.outer_size;
  p.chunks = std::min(p.blocks, kMaxChunks);
}

int64_t part_rows(const Problem &p, int64_t granule) {
  if (p.layout != LOSSGEN_LAYOUT_rows && granule == 1) return p.block_rows;
  const int64_t acc_bytes = std::max(4, p.matrix[kIn0].bytes());
  const int64_t rows = kPartBytes / std::max<int64_t>(1, p.classes * acc_bytes);
  return std::max(granule, rows - rows % granule);
}

void split_long_rows(Problem *problem) {
  Problem &p = *problem;
  // A piece is worth waking a thread for, half an L1 cache of f32.
  constexpr int64_t kPiece = 8192;
  if (p.rows == 0 || p.rows > kMaxSplitRows || p.classes < 2 * kPiece) return;
  const int64_t most = kMaxPieces / p.rows;
  p.piece_classes = std::max(kPiece, ((p.classes + most - 1) / most + 1023) / 1024 * 1024);
  p.pieces = (p.classes + p.piece_classes - 1) / p.piece_classes;
  p.block_rows = 1;
  p.blocks_per_outer = p.inner.extent;
  p.blocks = p.chunks = p.rows;
}

Block block_at(const Problem &p, int64_t index) {
  Block b{};
  int64_t outer = p.outer_within ? index % p.outer_size : index / p.blocks_per_outer;
  b.first_row = (p.outer_within ? index / p.outer_size : index % p.blocks_per_outer) * p.block_rows;
  b.rows = std::min(p.block_rows, p.inner.extent - b.first_row);
  for (int t = 0; t < kMatrices; t++) b.matrix[t] = b.first_row * p.inner.matrix[t];
  for (int t = 0; t < kRowTensors; t++) b.row[t] = b.first_row * p.inner.row[t];
  for (int i = p.outer_count - 1; i >= 0; i--) {
    const int64_t at = outer % p.outer[i].extent;
    outer /= p.outer[i].extent;
    for (int t = 0; t < kMatrices; t++) b.matrix[t] += at * p.outer[i].matrix[t];
    for (int t = 0; t < kRowTensors; t++) b.row[t] += at * p.outer[i].row[t];
  }
  return b;
}

Block part_of(const Problem &p, const Block &block, int64_t first, int64_t rows) {
  Block part = block;
  part.first_row += first;
  part.rows = rows;
  for (int t = 0; t < kMatrices; t++) part.matrix[t] += first * p.inner.matrix[t];
  for (int t = 0; t < kRowTensors; t++) part.row[t] += first * p.inner.row[t];
  return part;
}

}  // namespace lossgen
