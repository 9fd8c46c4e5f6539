// The canonical form of a call: logits as (classes, rows). partition.h cuts the rows.
#ifndef LOSSGEN_RUNTIME_PROBLEM_H
#define LOSSGEN_RUNTIME_PROBLEM_H

#include "cut.h"
#include "tensor.h"

namespace lossgen {

// Tensors of a problem that have the class axis, and those with one element per row.
enum Matrix { kIn0, kIn1, kOut, kLogProbs, kMatrices };
enum RowTensor { kTarget, kLoss, kGradLoss, kRowWeight, kLse, kArgmax, kEntropy, kRowTensors };

// Per-row scratch of a block lives on the stack: about ten arrays of this many rows, 40 KB for f64. With the sums of the
// chunks a call takes less than the 128 KB that lossgen.h states.
constexpr int64_t kMaxBlockRows = LOSSGEN_MOST_BLOCK_ROWS;

struct Axis {
  int64_t extent;
  int64_t matrix[kMatrices];  // strides in elements, 0 for tensors that are not there
  int64_t row[kRowTensors];
};

struct Problem {
  Tensor matrix[kMatrices];  // kIn0 is always there
  Tensor row[kRowTensors];

  int class_axis = 0;
  int64_t classes = 0, rows = 0;
  int64_t class_stride[kMatrices] = {};
  lossgen_layout_id layout = LOSSGEN_LAYOUT_rows;
  int outer_count = 0;
  Axis outer[kMaxRank];  // walked one index at a time
  Axis inner;            // walked in blocks of rows: the row axis that kernels see
  int64_t outer_size = 1;
  bool outer_within = false;  // the outer axes lie within one step of inner: together they fill its cache lines

  // Set by cut_into_blocks (partition.h).
  int64_t block_rows = 0, unit_rows = 1, units_per_outer = 0;
  int64_t most_threads = 1;
  Cut cut;
  // Set by split_long_rows: each row in so many pieces.
  Cut pieces;
  bool split() const { return pieces.chunks > 0; }
};

// From options and the logits' rank: the class axis.
lossgen_status find_class_axis(const lossgen_options &options, int rank, int *axis);

// Fills in everything above but the blocks, from matrix[] and row[] and class_axis; merges axes where all strides allow.
// Kernels index one row with 32 bits: a row that spans more elements is not supported.
lossgen_status canonicalize(Problem *problem);
// For a host kernel of this stage. Planes of few pixels fill little of a vector: strided kernels, which have vectors along
// the classes, are faster (docs/performance.md) and taken where they are linked; not for nll_loss, which sums no classes.
lossgen_status canonicalize_for(int stage, int target, bool general_only, Problem *problem);

// Gradients out of place, by ordinary stores, keep exp in scratch too where all logits together take at most this: (1024, 1024) f32, before whole rows
// had a kernel, 0.41 to 0.35 ms, (256, 1024) 0.10 to 0.08, at 16 MB no difference (EPYC 9004). What limits it for every gradient is in kernel_abi.h.
constexpr int64_t kMostCachedBytes = 4 << 20;

}  // namespace lossgen
#endif
