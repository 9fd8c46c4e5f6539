// The canonical form of a call: logits as (classes, rows), rows cut into blocks that one kernel call takes.
#ifndef LOSSGEN_RUNTIME_PROBLEM_H
#define LOSSGEN_RUNTIME_PROBLEM_H

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

  // Set by cut_into_blocks.
  int64_t block_rows = 0, blocks_per_outer = 0, blocks = 0, chunks = 0;
  // Set by split_long_rows: each row in so many pieces of piece_classes classes (the last one may be shorter).
  int64_t pieces = 1, piece_classes = 0;
};

// From options and the logits' rank: the class axis.
lossgen_status find_class_axis(const lossgen_options &options, int rank, int *axis);

// Fills in everything above but the blocks, from matrix[] and row[] and class_axis; merges axes where all strides allow.
// Kernels index one row with 32 bits: a row that spans more elements is not supported.
lossgen_status canonicalize(Problem *problem);
// For a host kernel of this stage. Planes of few pixels fill little of a vector: strided kernels, which have vectors along
// the classes, are faster (docs/performance.md) and taken where they are linked; not for nll_loss, which sums no classes.
lossgen_status canonicalize_for(int stage, int target, bool general_only, Problem *problem);

// Blocks of about kernel.block_bytes. They depend on the shape and the kernel's schedule, on nothing else, and so do
// the chunks: runs of blocks whose sums are taken in order, at most kMaxChunks of them.
constexpr int64_t kMaxChunks = 1024;
void cut_into_blocks(Problem *problem, const lossgen_kernel &kernel);

// So many rows of a block go through all passes before the next ones do: what one pass leaves for the next is then in the
// L1 cache, and memory has time to take what was written (gradient of (65536, 1000) in place: 27.7 to 21.9 ms, with 4 or 32
// KiB 26.5). Planes only by whole vectors (granule) of the kernels for known class counts: others want long runs.
constexpr int64_t kPartBytes = 16 << 10;
int64_t part_rows(const Problem &problem, int64_t granule);

// Few long rows: pieces of a row are tasks of their own, so that one row keeps many threads busy. Blocks then are single
// rows. Depends on the shape alone, as the blocks do.
constexpr int64_t kMaxSplitRows = 16, kMaxPieces = 1024;  // pieces: of all rows together
void split_long_rows(Problem *problem);

// Gradients out of place, by ordinary stores, keep exp in scratch too where all logits together take at most this: (1024, 1024) f32 0.41 to
// 0.35 ms, (256, 1024) 0.10 to 0.08, at 16 MB no difference (EPYC 9004). What limits it for every gradient is in kernel_abi.h.
constexpr int64_t kMostCachedBytes = 4 << 20;

struct Block {
  int64_t first_row, rows;  // along inner
  int64_t matrix[kMatrices], row[kRowTensors];  // element offsets
};
Block block_at(const Problem &problem, int64_t index);
// Its rows [first, first + rows).
Block part_of(const Problem &problem, const Block &block, int64_t first, int64_t rows);

// First block of a chunk; chunk == chunks gives the end.
inline int64_t chunk_begin(const Problem &p, int64_t chunk) {
  const int64_t base = p.blocks / p.chunks, extra = p.blocks % p.chunks;
  return chunk * base + (chunk < extra ? chunk : extra);
}

}  // namespace lossgen
#endif
