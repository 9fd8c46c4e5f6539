// GPU schedules: a block of threads per row (layout rows), or a thread per row (layout planes). Reductions go through
// shared memory, without gpu_lanes, so that CUDA and OpenCL run the same tree of sums; no atomics, so every run gives
// the same bits.
#include "schedule.h"

namespace lossgen {
using namespace Halide;

namespace {

// Loads or stores of 128 bits.
constexpr int kQuad = 4;

// One value per row, computed once by the first thread, seen by all through shared memory.
void once_per_block(Func &f, const Var &r, LoopLevel block) { f.compute_at(block).gpu_threads(r); }

// Thread t sums classes t, t + threads, ... in a register; then two steps of a tree over shared memory: fan threads
// add up every fan-th partial sum, and one thread adds theirs. Three barriers; a binary tree needs one per halving.
void reduce_in_block(Algorithm &s, Reduction &reduction, const Params &p, LoopLevel block) {
  const bool quads = s.layout == LOSSGEN_LAYOUT_rows4 && s.streamed.defined();
  const int fan = 16;
  RVar k = reduction.func.rvars(0)[0], step("step"), thread("thread"), group("group"), lane("lane"), four("four");
  Var t("t"), l("l");
  Func total = reduction.func;
  if (quads) total.update().split(k, k, four, kQuad);
  total.update().split(k, step, thread, p.threads, TailStrategy::GuardWithIf);
  Func partial = total.update().rfactor(thread, t);
  total.update().split(thread, group, lane, fan);
  Func few = total.update().rfactor(lane, l);

  once_per_block(total, s.r, block);
  total.update().gpu_threads(s.r);
  few.compute_at(block).gpu_threads(l);
  few.update().gpu_threads(l);
  // The wrapper carries the finished partial sums to shared memory; the sums themselves stay in registers.
  Func shared = partial.in();
  shared.compute_at(block).gpu_threads(t);
  partial.compute_at(shared, t);
  if (quads) {
    partial.update().reorder(four, step, t).unroll(four);
    Func loaded = s.streamed.in(partial);
    loaded.compute_at(partial, step).bound_extent(loaded.args()[0], kQuad).vectorize(loaded.args()[0]);
  } else if (p.unroll > 1) {
    RVar so("so"), si("si");
    partial.update().split(step, so, si, p.unroll, TailStrategy::GuardWithIf).unroll(si);
  }
}

void schedule_rows(Algorithm &s, const Params &p) {
  Var group("group"), thread("thread"), step("step"), four("four"), chunk("chunk");
  const bool quads = s.layout == LOSSGEN_LAYOUT_rows4;
  LoopLevel block;
  if (!s.per_logit.defined()) {
    s.per_row.split(s.r, group, s.r, 1).gpu_blocks(group).gpu_threads(s.r);
    block = LoopLevel(s.per_row, group);
  } else {
    Var c = s.c;
    if (quads) s.per_logit.split(c, c, four, kQuad).vectorize(four);
    // Without a reduction over the whole row, blocks share a row: few long rows fill the device too.
    if (s.reductions.empty()) s.per_logit.split(c, chunk, c, p.threads * p.unroll, TailStrategy::GuardWithIf);
    s.per_logit.split(c, step, thread, p.threads, TailStrategy::GuardWithIf);
    if (s.reductions.empty()) s.per_logit.reorder(step, thread, s.r, chunk).unroll(step).gpu_blocks(s.r, chunk);
    else s.per_logit.reorder(step, thread, s.r).gpu_blocks(s.r);
    if (quads) s.per_logit.reorder(four, step);
    s.per_logit.gpu_threads(thread);
    block = LoopLevel(s.per_logit, s.r);
  }
  for (Func &f : s.row_values) once_per_block(f, s.r, block);
  for (Reduction &reduction : s.reductions) reduce_in_block(s, reduction, p, block);
}

void schedule_thread_per_row(Algorithm &s, const Params &p) {
  Var r = s.r, block("block"), thread("thread");
  Func main = s.per_logit.defined() ? s.per_logit : s.per_row;
  if (s.per_logit.defined()) {
    main.fuse(s.x, s.o, r).split(r, block, thread, p.threads, TailStrategy::GuardWithIf);
    Var co("co"), ci("ci");
    main.split(s.c, co, ci, p.class_group, TailStrategy::GuardWithIf).reorder(ci, co, thread, block).unroll(ci);
  } else {
    main.split(r, block, thread, p.threads, TailStrategy::GuardWithIf);
  }
  main.gpu_blocks(block).gpu_threads(thread);
  LoopLevel level(main, thread);
  for (Func &f : s.row_values) f.compute_at(level);
  for (Reduction &reduction : s.reductions) {
    Func f = reduction.func;
    f.compute_at(level);
    RVar k = f.rvars(0)[0], ko("ko"), ki("ki");
    f.update().split(k, ko, ki, p.class_group, TailStrategy::GuardWithIf).unroll(ki);
  }
}

}  // namespace

Params gpu_defaults(const KernelKey &key) {
  Params p;
  p.vector = 1;
  p.threads = 256;
  p.unroll = 4;       // loads in flight per thread; not measured, no GPU was at hand
  p.class_group = 8;
  if (key.stage == LOSSGEN_STAGE_device_total) p.threads = 512;
  return p;
}

void schedule_gpu(Algorithm &algorithm, const KernelKey &key, const Params &params) {
  // Numbers per row alone need no second thread for a row.
  const bool rows = key.layout != LOSSGEN_LAYOUT_planes;
  const bool block_per_row = rows && (!algorithm.reductions.empty() || algorithm.per_logit.defined());
  if (block_per_row) schedule_rows(algorithm, params);
  else schedule_thread_per_row(algorithm, params);
}

}  // namespace lossgen
