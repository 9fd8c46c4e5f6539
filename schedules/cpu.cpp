// The CPU schedules, shared by x86 and ARM: serial loops over one block of rows. Everything a row needs between its
// passes stays in registers or on the stack; nothing here may allocate (a test checks that the objects call nothing).
#include <algorithm>

#include "schedule.h"
#include "storage.h"

namespace lossgen {
using namespace Halide;

namespace {

void keep_on_stack(Func &f, LoopLevel level) { f.compute_at(level).store_in(MemoryType::Stack); }

// Vectors along the classes of a row, in the algorithm's Lanes.
void reduce_along_classes(Algorithm &s, Reduction &reduction, const Params &p, LoopLevel level) {
  Var l("l"), group("group");
  Func f = reduction.func, whole = reduction.whole, lanes = reduction.lanes;
  keep_on_stack(f, level);
  for (Func &value : s.walk_values) keep_on_stack(value, LoopLevel(f, s.r));
  const Var lane = lanes.args()[0];
  int width = p.vector;
  for (Func &half : reduction.halves) {
    keep_on_stack(half, LoopLevel(f, s.r));
    half.bound_extent(lane, width /= 2).vectorize(lane);
  }
  keep_on_stack(lanes, LoopLevel(f, s.r));
  lanes.bound_extent(lane, p.vector).vectorize(lane);
  for (int i = 0; i < lanes.num_update_definitions(); i++)
    lanes.update(i).reorder(lane, lanes.rvars(i)[0]).vectorize(lane);
  // At the unrolled loop one prefetch goes out per vector; at k Halide would touch one cache line in four.
  const bool prefetch = p.prefetch && reduction.walked.defined();
  const RVar t = lanes.rvars(0)[0];
  if (prefetch) lanes.update(0).prefetch(reduction.walked, t, t, p.prefetch, PrefetchBoundStrategy::NonFaulting);
  keep_on_stack(whole, LoopLevel(f, s.r));
  whole.bound_extent(lane, p.vector * p.unroll).split(lane, group, l, p.vector).vectorize(l).unroll(group);
  auto walk = [&](Halide::Stage sum, const std::vector<VarOrRVar> &loops, int distance) {
    std::vector<VarOrRVar> order = {l, group};
    order.insert(order.end(), loops.begin(), loops.end());
    sum.split(lane, group, l, p.vector).reorder(order).vectorize(l).unroll(group);
    if (distance && prefetch) sum.prefetch(reduction.walked, group, group, distance, PrefetchBoundStrategy::NonFaulting);
  };
  int update = 0;
  if (Func together = reduction.together; together.defined()) {
    const RVar of_part = whole.rvars(0)[0], q = whole.rvars(0)[1];
    const Var part = together.args()[2];
    keep_on_stack(together, LoopLevel(whole, q));
    together.bound_extent(lane, p.vector * p.unroll).bound_extent(part, p.class_group);
    together.split(lane, group, l, p.vector).vectorize(l).unroll(group).unroll(part);
    walk(together.update(), {part, together.rvars(0)[0]}, p.prefetch / p.class_group);
    together.update().unroll(part);
    walk(whole.update(update++), {of_part, q}, 0);
  }
  if (Func block = reduction.block; block.defined()) {
    const RVar q = whole.rvars(update)[0];
    keep_on_stack(block, LoopLevel(whole, q));
    block.bound_extent(lane, p.vector * p.unroll).split(lane, group, l, p.vector).vectorize(l).unroll(group);
    walk(block.update(), {block.rvars(0)[0]}, p.prefetch);
    walk(whole.update(update++), {q}, 0);
  }
  walk(whole.update(update), {whole.rvars(update)[0]}, p.prefetch);
}

// One row after the other, from its logits to its gradient.
void schedule_whole_rows(Algorithm &s, const KernelKey &key, const Params &p) {
  RVar group("group"), lane("lane");
  const std::vector<RVar> vars = s.per_logit.rvars(0);
  s.per_logit.update(0)
      .allow_race_conditions()
      .split(vars[0], group, lane, p.vector)
      .reorder(lane, group, vars[1], vars[2], s.r)
      .vectorize(lane)
      .unroll(group)
      .unroll(vars[2]);
  s.per_logit.update(0).compute_with(s.per_row, s.r);
  const LoopLevel level(s.per_row, s.r);
  // Halide does not see that the two have the same rows.
  const auto keep_row = [&](Func f) {
    keep_on_stack(f, level);
    f.bound_storage(s.r, 1);
  };
  for (Func &f : s.row_values) keep_row(f);
  keep_row(s.kept);
  s.kept.bound_storage(s.c, LOSSGEN_MOST_WHOLE_ROW_BYTES / accumulator_type(key.dtype).bytes());
  for (Reduction &reduction : s.reductions) {
    reduce_along_classes(s, reduction, p, level);
    reduction.func.bound_storage(s.r, 1);
  }
}

// log_softmax of rows up to so many classes takes maxima and logarithms for a vector of rows before their logits are written: one after the
// other, each row waits for its own. In cache, a Xeon (family 6, model 207), ns a row of 10, 21, 64 classes: 84 to 44, 76 to 33, 79 to 46;
// x86-64-v3 42 to 26, 32 to 28, 54 to 52, but 126 to 137 of 256. Without masked loads fewer rows than a vector would go lane by lane.
constexpr int kShortRow = 128;

void schedule_rows(Algorithm &s, const KernelKey &key, const Params &p) {
  Var ro("ro"), co("co"), ci("ci"), cv("cv");
  LoopLevel level;
  const bool masks = key.target == LOSSGEN_TARGET_x86_64_v3 || key.target == LOSSGEN_TARGET_x86_64_v4;
  const bool several = masks && s.per_logit.defined() && !s.reductions.empty() && !s.row_values.empty();
  if (s.per_logit.defined()) {
    const auto walk = [&](Halide::Stage logits, int rows) {
      logits.split(s.c, co, ci, p.vector * p.unroll, TailStrategy::GuardWithIf)
          .split(ci, ci, cv, p.vector, TailStrategy::GuardWithIf)
          .split(s.r, ro, s.r, rows, TailStrategy::GuardWithIf)
          .reorder(cv, ci, co, s.r, ro)
          .vectorize(cv)
          .unroll(ci);
      if (rows > 1) logits.never_partition(ro);
    };
    if (several) walk(s.per_logit.specialize(s.class_count <= kShortRow), p.vector);
    walk(s.per_logit, 1);
    level = LoopLevel(s.per_logit, ro);
    for (Func &f : s.row_values) {
      keep_on_stack(f, level);
      if (several) f.bound_storage(s.r, p.vector).vectorize(s.r, p.vector, TailStrategy::GuardWithIf);
    }
    if (s.of_target.defined()) {  // scalar: one element per row
      s.of_target.compute_root().store_in(MemoryType::Stack).bound_storage(s.r, LOSSGEN_MOST_BLOCK_ROWS);
      s.per_logit.update().unscheduled();
    }
  } else if (s.reductions.empty()) {
    s.per_row.vectorize(s.r, p.vector, TailStrategy::GuardWithIf);
    return;
  } else {
    // The epilogue (logarithms) runs on a vector of rows at once.
    // One body for whole and partial vectors of rows: partitioned, every reduction would be there twice.
    s.per_row.split(s.r, ro, s.r, p.vector, TailStrategy::GuardWithIf).vectorize(s.r).never_partition(ro);
    level = LoopLevel(s.per_row, ro);
    for (Func &f : s.row_values) keep_on_stack(f, level);
  }
  for (Reduction &reduction : s.reductions) {
    reduce_along_classes(s, reduction, p, level);
    if (several) reduction.func.bound_storage(s.r, p.vector);
  }
}

// A walk over planes asks for what comes, so many steps of `step` ahead. A loop of its own: deciding it with each vector costs 2 to 5 %
// where nothing is to be asked for.
void ask_ahead(Halide::Stage walk, const Algorithm &s, const KernelKey &key, const VarOrRVar &step, int distance) {
  if (!asks_ahead(key.stage) || distance == 0 || (key.classes && key.classes <= kFollowedPlanes)) return;
  Expr scattered = s.walked.dim(1).stride() >= kPageBytes / s.walked.type().bytes();
  if (!key.classes) scattered = scattered && s.walked.dim(1).extent() > kFollowedPlanes;
  walk.specialize(scattered).prefetch(s.walked, s.r, step, distance, PrefetchBoundStrategy::GuardWithIf);
}

// Vectors along the rows (pixels). Sums live in a tile-sized stack array; class_group classes are added to a pixel's
// sum while it is in a register. A step of a loop over logits takes one vector of pixels, on arm64 `unroll`.
void schedule_planes(Algorithm &s, const KernelKey &key, const Params &p) {
  const int at_once = key.target == LOSSGEN_TARGET_arm64 ? p.unroll : 1;
  Var tile("tile"), v("v");
  Func main = s.per_logit.defined() ? s.per_logit : s.per_row;
  // Vectors first, then tiles of them: of a short tile Halide leaves out the missing vectors, but would compute and mask
  // them if pixels were counted (7 pixels then cost as much as 256).
  const auto tile_rows = [&](Func f) {
    f.split(s.r, s.r, v, p.vector, TailStrategy::GuardWithIf).split(s.r, tile, s.r, std::max(1, p.tile / p.vector), TailStrategy::GuardWithIf);
    if (f.dimensions() > 1 && at_once > 1) {
      Var group("group");
      f.split(s.r, s.r, group, at_once, TailStrategy::GuardWithIf).reorder(v, group, s.r, s.c, tile).unroll(group);
    } else if (f.dimensions() > 1) {
      f.reorder(v, s.r, s.c, tile);
    }
    f.vectorize(v).never_partition(tile);
  };
  tile_rows(main);
  LoopLevel level(main, tile);
  // Bounds inference does not see that a tile's rows are at most p.tile; a vector more for what guarded tails round up.
  const int room = p.tile + p.vector;
  if (asks_with_loads(key.stage)) s.ahead = p.prefetch * p.vector;
  for (Func &f : s.row_values) {
    keep_on_stack(f, level);
    f.bound_storage(s.r, room);
    f.vectorize(s.r, p.vector, TailStrategy::GuardWithIf);
  }
  for (Reduction &reduction : s.reductions) {
    Func f = reduction.func;
    keep_on_stack(f, level);
    f.bound_storage(s.r, room);
    f.vectorize(s.r, p.vector, TailStrategy::GuardWithIf);
    auto walk_classes = [&](Halide::Stage sum, const RVar &k, int together) {
      RVar ko("ko"), ki("ki");
      sum.split(k, ko, ki, together, TailStrategy::GuardWithIf)
          .split(s.r, s.r, v, p.vector, TailStrategy::GuardWithIf)
          .reorder(v, ki, s.r, ko)
          .vectorize(v)
          .unroll(ki);
      return ko;
    };
    if (!reduction.block.defined()) {
      walk_classes(f.update(), f.rvars(0)[0], p.class_group);
      continue;
    }
    const RVar q = f.rvars(0)[0];
    // What is left over comes class by class: several together save no time and make kernels a tenth larger.
    for (const int i : {0, 1}) f.update(i).split(s.r, s.r, v, p.vector, TailStrategy::GuardWithIf).reorder(v, s.r, f.rvars(i)[0]).vectorize(v);
    keep_on_stack(reduction.block, LoopLevel(f, q));
    reduction.block.bound_storage(s.r, room);
    reduction.block.vectorize(s.r, p.vector, TailStrategy::GuardWithIf);
    const RVar ko = walk_classes(reduction.block.update(), reduction.block.rvars(0)[0], std::max(1, p.class_group / 2));  // pairs
    ask_ahead(reduction.block.update(), s, key, ko, (p.prefetch + p.class_group - 1) / p.class_group);
  }
}

// The lines that a tile of few classes asks for: three eighths to a half of them while exp is taken, the others in the loops after it.
// (1048576, 21) on a Xeon (family 6, model 207), ns a row: forward 12.0 to 10.9, loss and gradient 23.0 to 21.2, in place 17.7 to 15.4. Other
// shares, and 5 to 16 KiB ahead, are as good.
Spread over_a_tile(const Algorithm &s, const KernelKey &key, const Params &p, int rows_at_once) {
  Spread spread;
  spread.elements = p.tile * (int)key.classes;
  spread.ahead = p.prefetch * (int)key.classes;
  spread.elements_per_line = 64 / s.walked.type().bytes();
  const int lines = spread.lines(), vectors = p.tile / p.vector;
  for (const Func &f : s.flat_terms) spread.add(f.name(), spread.elements / p.vector, lines * 3 / 8);
  for (const RowSums &sums : s.row_sums) spread.add(sums.parts.name(), p.tile / rows_at_once, lines / 4 / (int)s.row_sums.size());
  for (const Func &f : s.row_values) spread.add(f.name(), vectors, lines / 8 / (int)s.row_values.size());
  spread.add(s.per_row.name(), vectors, lines - spread.asked);
  return spread;
}

// Few classes, vectors along them: every step is taken for a tile of rows before the next one, so that no row waits for its
// own lanes, and the rows' numbers are whole vectors.
void schedule_few_classes(Algorithm &s, const KernelKey &key, const Params &p, int along) {
  Var tile("tile"), v("v");
  const auto tile_rows = [&](Func f) {
    f.split(s.r, s.r, v, p.vector, TailStrategy::RoundUp)
        .split(s.r, tile, s.r, p.tile / p.vector, TailStrategy::GuardWithIf)
        .never_partition(tile);
  };
  // The last vector reaches back.
  const auto in_vectors = [&](Func f) {
    Var lane("lane");
    f.bound(s.c, 0, (int)key.classes).split(s.c, s.c, lane, along, TailStrategy::ShiftInwards).vectorize(lane).unroll(s.c);
  };
  tile_rows(s.per_row);
  s.per_row.vectorize(v);
  if (s.per_logit.defined()) {
    in_vectors(s.per_logit);
    tile_rows(s.per_logit);
    s.per_logit.compute_with(s.per_row, tile);
  }
  const LoopLevel level(s.per_row, tile);
  for (Func &f : s.row_values) {
    keep_on_stack(f, level);
    f.bound_storage(s.r, p.tile).vectorize(s.r, p.vector, TailStrategy::RoundUp);
  }
  const int at_once = std::min(p.unroll, p.vector);
  const auto prefetch = [&](Func f, int rows_of_a_step) {
    if (p.prefetch) f.prefetch(s.walked, s.r, s.r, std::max(1, p.prefetch / rows_of_a_step), PrefetchBoundStrategy::NonFaulting);
  };
  for (Func &f : s.terms) {
    keep_on_stack(f, level);
    in_vectors(f);
    f.bound_storage(s.r, p.tile).align_storage(s.c, along);
    prefetch(f, 1);  // of rows with gaps: where the exponentials are made, there is time to ask for what comes
  }
  for (Func &f : s.flat_terms) {
    const Var i = f.args()[0], lane("lane");
    keep_on_stack(f, level);
    f.bound_storage(i, p.tile * (int)key.classes).split(i, i, lane, p.vector, TailStrategy::RoundUp).vectorize(lane);
    // One with each vector, which s.spread hands out: the lines of 16 rows asked for together come in too late.
    if (p.prefetch) f.prefetch(s.walked, i, i, p.prefetch * (int)key.classes / p.vector, PrefetchBoundStrategy::NonFaulting);
  }
  // Of a tile of one vector Halide makes no loops over its rows.
  if (p.prefetch && !s.flat_terms.empty() && p.tile > p.vector) s.spread = over_a_tile(s, key, p, at_once);
  for (RowSums &sums : s.row_sums) {
    keep_on_stack(sums.parts, level);
    const Var lane = sums.parts.args()[0];
    sums.parts.bound_extent(lane, along).bound_storage(s.r, p.tile).vectorize(lane);
    if (s.terms.empty() && s.flat_terms.empty() && &sums == &s.row_sums.back()) prefetch(sums.parts, at_once);
    sums.parts.unroll(s.r, at_once, TailStrategy::RoundUp);
    int width = along;
    for (Func &f : sums.pairs) {
      keep_on_stack(f, level);
      const Var i = f.args()[0];
      f.bound_storage(i, p.tile * (width /= 2)).vectorize(i, p.vector, TailStrategy::RoundUp);
    }
  }
}

// Whole vectors of rows; every class of one is in registers (or L1) from its load to its gradient's store.
void schedule_unrolled(Algorithm &s, const KernelKey &key, const Params &p) {
  Var block("block");
  s.per_row.split(s.r, block, s.r, p.vector, TailStrategy::RoundUp).vectorize(s.r);
  if (s.per_logit.defined())
    s.per_logit.bound(s.c, 0, (int)key.classes)
        .split(s.r, block, s.r, p.vector, TailStrategy::RoundUp)
        .reorder(s.r, s.c, block)
        .vectorize(s.r)
        .unroll(s.c)
        .compute_with(s.per_row, block);
  if (s.layout == LOSSGEN_LAYOUT_planes) s.ahead = p.prefetch * p.vector;
  if (s.per_row.has_update_definition()) s.per_row.update().vectorize(s.r, p.vector, TailStrategy::GuardWithIf);
  const LoopLevel level(s.per_row, block);
  for (Func &f : s.row_values) {
    keep_on_stack(f, level);
    f.bound_storage(s.r, p.vector).vectorize(s.r);
  }
  for (Func &f : s.terms) {
    keep_on_stack(f, level);
    f.bound(s.c, 0, (int)key.classes).bound_storage(s.r, p.vector).vectorize(s.r).unroll(s.c);
  }
}

}  // namespace

void schedule_cpu(Algorithm &algorithm, const KernelKey &key, const Params &params) {
  const int along = lanes_of(key, params).along_classes;
  if (along) schedule_few_classes(algorithm, key, params, along);
  else if (is_unrolled(key.stage)) schedule_unrolled(algorithm, key, params);
  else if (is_whole_row(key)) schedule_whole_rows(algorithm, key, params);
  else if (algorithm.layout == LOSSGEN_LAYOUT_planes) schedule_planes(algorithm, key, params);
  else schedule_rows(algorithm, key, params);
}

}  // namespace lossgen
