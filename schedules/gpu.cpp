// GPU schedules: a block of threads per row (layout rows), or a thread per row (layout planes). Reductions go through
// shared memory, without gpu_lanes, so that CUDA and OpenCL run the same tree of sums; no atomics, so every run gives
// the same bits.
#include "schedule.h"

namespace lossgen {
using namespace Halide;

namespace {

// 128 bits of f32, 64 of 16-bit types: LLVM splits longer ones.
int elements_per_load(const KernelKey &key) { return is_aligned(key.layout) ? 4 : 1; }

// A block's threads: x along the classes, y along the rows that share the block. Halide does not see that a block's rows are
// no more than that; the outer loop runs once.
template <class FuncOrStage>
FuncOrStage &along_y(FuncOrStage &&f, const Algorithm &s, const Params &p) {
  Var once("once");
  f.split(s.r, once, s.r, p.tile, TailStrategy::GuardWithIf);
  return f;
}
template <class FuncOrStage>
void one_thread_per_row(FuncOrStage &&f, const Algorithm &s, const Params &p) {
  Var one("one");
  along_y(f, s, p).split(s.r, s.r, one, 1).gpu_threads(one, s.r);
}
void reduce_in_block(Algorithm &s, Reduction &reduction, const Params &p, LoopLevel block, int vector) {
  Func whole = reduction.whole, each = reduction.lanes, few = reduction.few, f = reduction.func;
  const Var t = each.args()[0], l = few.args()[0];
  // The wrapper carries a thread's result to shared memory; until then it stays in a register.
  Func shared = each.in(few);
  shared.compute_at(block);
  along_y(shared, s, p).gpu_threads(t, s.r);
  each.compute_at(shared, t);
  whole.compute_at(shared, t);
  const auto walk = [&](Func &sum) {
    const std::vector<RVar> k = sum.rvars(0);
    sum.update().unroll(k[0]).unroll(k[1]);
    if (vector == 1) return;
    Func loaded = s.streamed.in(sum);
    loaded.compute_at(sum, k[1]).bound_extent(loaded.args()[0], vector).vectorize(loaded.args()[0]);
  };
  walk(whole);
  walk(each);
  few.compute_at(block);
  along_y(few, s, p).gpu_threads(l, s.r);
  along_y(few.update(), s, p).reorder(few.rvars(0)[0], l, s.r).gpu_threads(l, s.r);
  f.compute_at(block);
  one_thread_per_row(f, s, p);
  one_thread_per_row(f.update(), s, p);
}

void schedule_rows(Algorithm &s, const KernelKey &key, const Params &p) {
  Var group("group"), thread("thread"), step("step"), element("element"), chunk("chunk");
  const int vector = elements_per_load(key);
  const bool has_rows = s.per_row.defined();
  if (has_rows) {
    s.per_row.split(s.r, group, s.r, p.tile, TailStrategy::GuardWithIf);
    if (key.stage == LOSSGEN_STAGE_cross_entropy_forward_parts) s.per_row.gpu_blocks(group, s.part);
    else s.per_row.gpu_blocks(group);
    Var one("one");
    s.per_row.split(s.r, s.r, one, 1).gpu_threads(one, s.r);
  }
  if (s.per_logit.defined()) {
    Var c = s.c;
    s.per_logit.split(s.r, group, s.r, p.tile, TailStrategy::GuardWithIf);
    if (vector > 1) s.per_logit.split(c, c, element, vector).vectorize(element);
    // Without a reduction over the whole row, blocks share a row: few long rows fill the device too.
    if (s.reductions.empty()) s.per_logit.split(c, chunk, c, p.threads * p.unroll, TailStrategy::GuardWithIf);
    s.per_logit.split(c, step, thread, p.threads, TailStrategy::GuardWithIf);
    if (s.reductions.empty()) s.per_logit.reorder(step, thread, s.r, group, chunk).unroll(step).gpu_blocks(group, chunk);
    else s.per_logit.reorder(step, thread, s.r, group).gpu_blocks(group);
    if (vector > 1) s.per_logit.reorder(element, step);
    s.per_logit.gpu_threads(thread, s.r);
    if (has_rows) s.per_logit.compute_with(s.per_row, group);
  }
  const LoopLevel block(has_rows ? s.per_row : s.per_logit, group);
  for (Func &f : s.row_values) {
    f.compute_at(block);
    one_thread_per_row(f, s, p);
  }
  for (Reduction &reduction : s.reductions) reduce_in_block(s, reduction, p, block, vector);
}

// Reductions stay in a register; several loads of one go out together.
void reduce_in_thread(Algorithm &s, LoopLevel level, const Params &p) {
  // One row: of two outputs walked together Halide sees only that they need rows from this one on.
  const auto keep = [&](Func f) {
    f.compute_at(level);
    for (const Var &v : f.args()) f.bound_extent(v, 1);
  };
  for (Func &f : s.row_values) keep(f);
  for (Reduction &reduction : s.reductions) {
    Func f = reduction.func;
    keep(f);
    if (p.class_group == 1) continue;
    f.update(0).unroll(f.rvars(0)[0]);
    f.update(1).unscheduled();
  }
}

void in_class_groups(Algorithm &s, const Params &p, const Var &thread, const Var &block) {
  Var group("group"), one("one");
  s.per_logit.split(s.c, group, one, p.class_group, TailStrategy::GuardWithIf).reorder(one, group, thread, block).unroll(one);
}

void schedule_thread_per_row(Algorithm &s, const Params &p) {
  Var r = s.r, block("block"), thread("thread");
  Func main = s.per_logit.defined() ? s.per_logit : s.per_row;
  if (s.per_logit.defined()) main.fuse(s.x, s.o, r);
  main.split(r, block, thread, p.threads, TailStrategy::GuardWithIf);
  if (s.per_logit.defined()) in_class_groups(s, p, thread, block);
  main.gpu_blocks(block).gpu_threads(thread);
  reduce_in_thread(s, LoopLevel(main, thread), p);
}

// Both outputs, walked together.
void schedule_fused_thread_per_row(Algorithm &s, const Params &p) {
  Var block("block"), thread("thread");
  const auto spread = [&](Func &f) {
    f.split(s.x, block, thread, p.threads, TailStrategy::GuardWithIf);
    if (f.dimensions() == 3) in_class_groups(s, p, thread, block);
    f.gpu_blocks(block, s.o).gpu_threads(thread);
  };
  spread(s.per_row);
  spread(s.per_logit);
  s.per_logit.compute_with(s.per_row, thread);
  reduce_in_thread(s, LoopLevel(s.per_row, thread), p);
}

}  // namespace

// Measured on an H200 where a number is said; see docs/targets.md.
Params gpu_defaults(const KernelKey &key) {
  Params p;
  p.vector = 1;
  p.class_group = 8;
  p.threads = 256;
  p.tile = 1;
  p.unroll = is_aligned(key.layout) ? 4 : 8;
  const bool is_short = key.layout == LOSSGEN_LAYOUT_short || key.layout == LOSSGEN_LAYOUT_short4;
  if (is_short || key.stage == LOSSGEN_STAGE_cross_entropy_forward_join) {
    p.threads = 32;
    p.tile = 8;
    p.unroll = 2;
  }
  return p;
}

void schedule_gpu(Algorithm &algorithm, const KernelKey &key, const Params &params) {
  // Numbers per row alone need no second thread for a row.
  const bool rows = key.layout != LOSSGEN_LAYOUT_planes;
  const bool block_per_row = rows && (!algorithm.reductions.empty() || algorithm.per_logit.defined());
  if (block_per_row) schedule_rows(algorithm, key, params);
  else if (algorithm.per_row.defined() && algorithm.per_logit.defined()) schedule_fused_thread_per_row(algorithm, params);
  else schedule_thread_per_row(algorithm, params);
}

}  // namespace lossgen
