// GPU schedules: a block of threads per row or per part of one (layout rows), rows that share a block (middle, short), a
// thread per row (planes), that of a copy in shared memory (few). Reductions go through
// shared memory, without gpu_lanes, so that CUDA and OpenCL run the same tree of sums; no atomics, so every run gives
// the same bits. In place, a kernel that takes both passes reads each logit for the last time before it is written.
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
  Func whole = reduction.whole, each = reduction.lanes, folded = reduction.folded, f = reduction.func;
  const Var t = each.args()[0];
  // The wrapper carries a thread's result to shared memory; until then it stays in a register.
  Func shared = each.in(folded.defined() ? folded : f);
  shared.compute_at(block);
  along_y(shared, s, p).gpu_threads(t, s.r);
  each.compute_at(shared, t);
  whole.compute_at(shared, t);
  const auto walk = [&](Func &sum) {
    const std::vector<RVar> k = sum.rvars(0);
    sum.update().unroll(k[0]).unroll(k[1]);
    if (vector == 1) return;
    Func loaded = s.walked.in(sum);
    loaded.compute_at(sum, k[1]).bound_extent(loaded.args()[0], vector).vectorize(loaded.args()[0]);
  };
  walk(whole);
  walk(each);
  if (folded.defined()) {
    const Var l = folded.args()[0];
    folded.compute_at(block);
    along_y(folded, s, p).gpu_threads(l, s.r);
    along_y(folded.update(), s, p).reorder(folded.rvars(0)[0], l, s.r).unroll(folded.rvars(0)[0]).gpu_threads(l, s.r);
  }
  f.compute_at(block);
  f.update().unroll(f.rvars(0)[0]);
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
    // The gradients first: they wait for no logarithm.
    if (has_rows) s.per_row.compute_with(s.per_logit, group);
  }
  const LoopLevel block(s.per_logit.defined() ? s.per_logit : s.per_row, group);
  for (Func &f : s.row_values) {
    f.compute_at(block);
    one_thread_per_row(f, s, p);
  }
  for (Reduction &reduction : s.reductions) reduce_in_block(s, reduction, p, block, vector);
}

// Several loads of a sum or maximum in one thread go out together.
void load_in_groups(Func f, const Params &p) {
  if (p.class_group == 1) return;
  f.update(0).unroll(f.rvars(0)[0]);
  f.update(1).unscheduled();
}

// Reductions stay in a register.
void reduce_in_thread(Algorithm &s, LoopLevel level, const Params &p) {
  // One row: of two outputs walked together Halide sees only that they need rows from this one on.
  const auto keep = [&](Func f) {
    f.compute_at(level);
    for (const Var &v : f.args()) f.bound_extent(v, 1);
  };
  for (Func &f : s.row_values) keep(f);
  for (Reduction &reduction : s.reductions) {
    keep(reduction.func);
    load_in_groups(reduction.func, p);
  }
}

void in_class_groups(Algorithm &s, const Params &p, const Var &thread, const Var &block) {
  Var group("group"), one("one");
  s.per_logit.split(s.c, group, one, p.class_group, TailStrategy::GuardWithIf).reorder(one, group, thread, block).unroll(one);
}

// Few classes: a block copies its rows to shared memory, where a thread each walks along them; gradients are made by threads
// along the classes again, so that memory is read and written in one piece.
void schedule_few_classes(Algorithm &s, const Params &p) {
  Var group("group"), once("once"), x("x"), y("y"), step("step"), turn("turn");
  const int rows = p.threads * p.tile;
  const auto thread_per_row = [&](auto &&f) { f.split(s.r, s.r, x, p.threads).gpu_threads(x, s.r); };
  const LoopLevel level(s.per_logit.defined() ? s.per_logit : s.per_row, group);
  const auto of_block = [&](Func f) {
    f.compute_at(level);
    f.split(s.r, once, s.r, rows, TailStrategy::GuardWithIf);
    return f;
  };
  const auto along_classes = [&](Func &f, const Var &c, const Var &r) {
    f.split(c, step, x, p.threads, TailStrategy::GuardWithIf).split(r, turn, y, p.tile, TailStrategy::GuardWithIf);
    f.reorder(step, turn, x, y).gpu_threads(x, y);
  };
  if (s.per_row.defined()) {
    s.per_row.split(s.r, group, s.r, rows, TailStrategy::GuardWithIf).gpu_blocks(group);
    thread_per_row(s.per_row);
  }
  if (s.per_logit.defined()) {
    s.per_logit.split(s.r, group, s.r, rows, TailStrategy::GuardWithIf);
    along_classes(s.per_logit, s.c, s.r);
    s.per_logit.gpu_blocks(group);
    if (s.per_row.defined()) s.per_row.compute_with(s.per_logit, group);
  }
  // An odd pitch: neither along the classes nor along the rows do threads meet in one bank.
  if (!s.reductions.empty()) {
    Var some("some");
    Func cached = s.walked.in();
    const Var c = cached.args()[0], r = cached.args()[1];
    cached.compute_at(level);
    cached.split(r, once, r, rows, TailStrategy::GuardWithIf);
    along_classes(cached, c, r);
    cached.split(turn, turn, some, 4).reorder(some, step, turn, x, y).unroll(some);
    cached.reorder_storage(r, c).bound_storage(r, rows + 1);
  }
  for (Func &f : s.row_values) thread_per_row(of_block(f));
  for (Reduction &reduction : s.reductions) {
    Func f = reduction.func, shared = f.in();
    thread_per_row(of_block(shared));
    f.compute_at(shared, x);
    load_in_groups(f, p);
  }
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

// Threads along the classes and rows that share a block, in turn on an H200: (65536, 1000) f32 loss and gradient, 16 x 16 285 us,
// 32 x 8 201, 64 x 4 218; 524288 rows of 96 classes 8 x 32 189, 16 x 16 283, 32 x 8 523; (1048576, 21) 16 x 16 189, 8 x 16 226.
Params gpu_defaults(const KernelKey &key) {
  Params p;
  p.vector = 1;
  p.class_group = 4;  // planes of 150 classes: 381 us with 8, 368 with 4
  p.threads = 256;
  p.tile = 1;
  p.unroll = is_aligned(key.layout) ? 4 : 8;
  const auto share = [&p](int threads, int rows) {
    p.threads = threads;
    p.tile = rows;
    p.unroll = 2;
  };
  const bool fused = key.stage == LOSSGEN_STAGE_cross_entropy_forward_backward;
  if (fused && key.layout == LOSSGEN_LAYOUT_rows4 && key.dtype != LOSSGEN_DTYPE_f32) p.unroll = 2;  // 48 registers with 4
  switch (key.layout) {
    case LOSSGEN_LAYOUT_middle:
    case LOSSGEN_LAYOUT_middle4: share(32, 8); break;
    case LOSSGEN_LAYOUT_short:
    case LOSSGEN_LAYOUT_short4: share(8, 32); break;
    case LOSSGEN_LAYOUT_few: fused ? share(16, 16) : share(8, 16); break;
    default: break;
  }
  if (key.stage == LOSSGEN_STAGE_nll_loss_forward) share(256, 1);  // a thread per row in every layout
  if (key.stage == LOSSGEN_STAGE_cross_entropy_forward_join) share(8, 32);
  return p;
}

void schedule_gpu(Algorithm &algorithm, const KernelKey &key, const Params &params) {
  // Numbers per row alone need no second thread for a row.
  const bool rows = key.layout != LOSSGEN_LAYOUT_planes && (!algorithm.reductions.empty() || algorithm.per_logit.defined());
  if (rows && key.layout == LOSSGEN_LAYOUT_few) schedule_few_classes(algorithm, params);
  else if (rows) schedule_rows(algorithm, key, params);
  else if (algorithm.per_row.defined() && algorithm.per_logit.defined()) schedule_fused_thread_per_row(algorithm, params);
  else schedule_thread_per_row(algorithm, params);
}

}  // namespace lossgen
