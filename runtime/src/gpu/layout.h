// How a device call is laid out: the numbers per row in the caller's workspace, and the launches that one matrix needs.
#ifndef LOSSGEN_RUNTIME_GPU_LAYOUT_H
#define LOSSGEN_RUNTIME_GPU_LAYOUT_H

#include <stddef.h>

#include "../problem.h"

namespace lossgen {

// Offsets in bytes. One element per row where no count is given; rows are numbered as in Slab.
struct WorkspaceLayout {
  size_t cls, nll, w, ref, sum, lse;
  size_t peaks, others;  // parts elements per row
  size_t partial;        // four arrays of blocks elements, f64
  size_t divisor, one, scale, flag, loss, total_weight;
  size_t bytes;
  int64_t blocks;
};
WorkspaceLayout lay_out_workspace(int64_t rows, int64_t parts);

// How many parts of LOSSGEN_DEVICE_PART classes the forward pass reads a row of contiguous classes in, each by a block of
// threads: 0 where it is short enough to stay in a multiprocessor's cache from one pass to the next.
int64_t parts_of_rows(int64_t classes, int bytes_per_class);

// A run of rows that one launch takes: rows first_row + o * x_extent + x, all o < o_extent, x < x_extent.
struct Slab {
  int64_t first_row, x_extent, o_extent;
  int64_t matrix[kMatrices], row[kRowTensors];  // element offsets
  int64_t rows() const { return x_extent * o_extent; }
};

// The slabs of a problem. x is the problem's inner axis, o its last outer one; other axes are walked here. Kernels count
// elements in 32 bits, so no slab spans more than kMaxSpan of them.
class Slabs {
 public:
  static constexpr int64_t kMaxSpan = LOSSGEN_DEVICE_MOST_ELEMENTS;

  // flat_matrices: rows of a slab must have one stride in every matrix, as they do in every per-row tensor.
  lossgen_status cut(const Problem &problem, bool flat_matrices);
  bool suits_blocks_along_x() const { return lossgen_device_fuses_planes(x_step_, o_step_); }
  int64_t count() const { return walked_ * o_pieces_ * x_pieces_; }
  Slab at(int64_t index) const;

 private:
  const Problem *problem_ = nullptr;
  Axis o_{};
  int64_t walked_ = 0, o_pieces_ = 0, x_pieces_ = 0, o_step_ = 0, x_step_ = 0;
};

// The layout of the kernels for a problem.
lossgen_layout_id device_layout(const Problem &problem);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_GPU_LAYOUT_H
