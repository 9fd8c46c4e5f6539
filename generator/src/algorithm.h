// A stage: one algorithm, without any schedule. Every stage has the same shape,
//   reductions over the classes of a row -> numbers per row -> one number per logit,
// each part optional, so that one schedule per target family serves all of them.
#pragma once
#include <Halide.h>

#include <string>
#include <vector>

#include "lossgen/kernel_abi.h"
#include "lossgen/kernel_names.h"
#include "spread_prefetch.h"

namespace lossgen {

inline bool is_device(lossgen_target_id target) { return is_device_machine(kTargetMachines[target]); }
// Stages named after the type of the target.
inline bool is_of_targets(lossgen_stage_id stage) {
  return stage == LOSSGEN_STAGE_target_classes || stage == LOSSGEN_STAGE_device_targets;
}
// Stages over numbers per row, which exist once, for layout "any".
inline bool is_row_stage(lossgen_stage_id stage) {
  return is_of_targets(stage) || stage >= LOSSGEN_STAGE_device_losses;
}

// Layouts whose rows are multiples of 4 elements.
inline bool is_aligned(lossgen_layout_id layout) {
  return layout == LOSSGEN_LAYOUT_rows4 || layout == LOSSGEN_LAYOUT_middle4 || layout == LOSSGEN_LAYOUT_short4;
}

struct KernelKey {
  lossgen_stage_id stage;
  lossgen_dtype_id dtype;
  lossgen_layout_id layout;
  lossgen_target_id target;
  int64_t classes = 0;  // 0: any
};

inline bool has_terms(lossgen_stage_id stage) {
  return stage == LOSSGEN_STAGE_cross_entropy_forward_terms || stage == LOSSGEN_STAGE_cross_entropy_backward_terms;
}
inline bool is_exact_unrolled(lossgen_stage_id stage) { return lossgen_is_exact_unrolled(stage); }
inline bool is_unrolled(lossgen_stage_id stage) { return lossgen_is_unrolled(stage); }
inline bool is_forward_unrolled(lossgen_stage_id stage) {
  return stage == LOSSGEN_STAGE_cross_entropy_forward_unrolled || stage == LOSSGEN_STAGE_cross_entropy_forward_unrolled_exact;
}
// Whether the unrolled stages do without a reference, and have exact ones beside them. exp(x) is off by 1e-8 |x| because log2(e) is,
// but by the same power in all terms of a row if the product with it is not rounded, which x86-64-v2 does. Below 8 classes a maximum
// costs next to nothing: 2 classes, 8.8 ms with and without, before they had an algorithm of their own.
inline bool does_without_reference(const KernelKey &key) {
  return is_unrolled(key.stage) && key.target != LOSSGEN_TARGET_x86_64_v2 && key.classes >= LOSSGEN_FEWEST_EXACT;
}
// The gradient by vectors of whole cache lines: see kernel_abi.h.
inline bool can_stream(const KernelKey &key) {
  return does_without_reference(key) && key.target == LOSSGEN_TARGET_x86_64_v4 && key.layout == LOSSGEN_LAYOUT_planes && key.dtype == LOSSGEN_DTYPE_f32;
}
inline bool has_reference(const KernelKey &key) { return !does_without_reference(key) || is_exact_unrolled(key.stage); }

// Host: a row's loss and its gradient before the next row's.
inline bool is_whole_row(const KernelKey &key) {
  return key.stage == LOSSGEN_STAGE_cross_entropy_forward_backward && !is_device(key.target);
}

// How a sum over the classes is cut for vectors that run along them: it belongs to the algorithm, because it decides
// the order of the additions. vector, unroll: lanes along the classes (rows). block: sums of so many classes
// (rows: steps of all lanes), summed again, so that the rounding error grows with the block and the number of blocks, not with
// their product; planes add up the blocks with compensation, so that it grows with the block alone. parts (rows): what comes from memory in so
// many parts of a row, which are walked together, so that the hardware follows as many streams; what is left over, block by block.
// unrolled: a class count known at compile time, written out as one expression; vectors run along the rows, whole ones,
// and a row's terms stay in registers; with along_classes, in vectors of so many classes of one row (where they
// need not be, of all logits: flat_terms), and `vector` rows' sums are brought together. threads, vector, unroll: devices,
// threads that walk along a row, each loading unroll times `vector` elements at a time. None of them: one sum from the first
// class to the last, planes `unroll` classes at a time.
struct Lanes {
  int vector = 0, unroll = 1, block = 0;
  bool unrolled = false;
  int along_classes = 0;
  int threads = 0;
  int parts = 1;
};

struct Reduction {
  Halide::Func func;  // f(r) = identity; f(r) = combine(f(r), term(c, r)); planes: behind the sums what each of them lost
  Halide::RDom classes;
  Halide::Func whole, lanes;  // Lanes.vector: whole(l, r) over unroll * vector lanes, lanes(l, r) over vector of them
  Halide::Func block;         // Lanes.block: block(r, q), added to func in update 0 (rows: to whole, behind together); what is left over in the next one
  Halide::Func folded;        // Lanes.threads: whole(t, r) in whole steps, lanes(t, r) with what is left, folded(l, r) sums of many of those
  std::vector<Halide::Func> halves;  // Lanes.vector: sums of half as many lanes each, down to one; func takes that
  Halide::ImageParam walked;      // what the walk brings in from memory, to prefetch
  Halide::Func together;      // Lanes.parts: together(l, r, part, q), added to whole in update 0
};

// Lanes.along_classes
struct RowSums {
  Halide::Func parts;               // f(l, r): a row's terms, so many of them side by side
  std::vector<Halide::Func> pairs;  // f(i): neighbours added up; in the last one, i is the row
};

struct Algorithm {
  std::vector<Halide::Argument> inputs;
  Halide::Var r{"r"}, c{"c"};
  Halide::Var x{"x"}, o{"o"};  // device planes: r = o * extent of x + x
  Halide::Var part{"part"};    // devices, long rows: what is f(r) elsewhere is f(r, part)
  std::vector<Halide::Func> row_values;  // f(r): read once per logit or reduction, computed once per row
  std::vector<Halide::Func> walk_values;  // f(r): the same, but for one reduction alone, and computed as it comes to the row
  std::vector<Halide::Func> terms;       // Lanes.unrolled: f(r, c), along the classes f(c, r), computed once per logit, in order with row_values
  std::vector<Halide::Func> flat_terms;  // f(i): the same of dense rows, i counts all their logits
  std::vector<RowSums> row_sums;
  std::vector<Reduction> reductions;  // in order; later ones may read earlier ones
  Halide::Func per_row;               // f(r), one value or a Tuple; undefined if the stage has none
  Halide::Func per_logit;  // f(c, r), planes f(r, c), device planes f(x, c, o); undefined if the stage has none
  Halide::Func of_target;  // f(r): per_logit's element at the row's class, in an update; made before all others
  Halide::Func scratch;    // f(c, r), planes f(r, c): an output that only store_left of memory_passes.h writes
  Halide::Func kept;  // the same on the stack, of one row, which per_logit reads
  Halide::ImageParam walked;        // the first input read from memory; undefined if there is none
  Halide::Expr class_count;
  lossgen_layout_id layout;
  bool keeps_logits = false;          // per_logit is select(..., what is there): store_where_selected of memory_passes.h
  Spread spread;                      // set by the schedule
  int ahead = 0;                      // likewise: elements from a vector of `walked` to the one that is asked for with it

  // a(c, r) in the layout's order of dimensions
  std::vector<Halide::Expr> at(const Halide::Expr &c, const Halide::Expr &r) const {
    return layout == LOSSGEN_LAYOUT_planes ? std::vector<Halide::Expr>{r, c} : std::vector<Halide::Expr>{c, r};
  }
};

// The algorithm of key.stage for key.dtype and key.layout. Throws Halide::Error on a key that no stage takes.
Algorithm build_algorithm(const KernelKey &key, const Lanes &lanes = {});
Algorithm build_device_algorithm(const KernelKey &key, const Lanes &lanes);  // the stages named device_*

}  // namespace lossgen
