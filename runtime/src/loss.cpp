#include "loss.h"

#include <math.h>
#include <string.h>

#include <algorithm>
#include <atomic>

#include "convert.h"
#include "error.h"
#include "kernel_call.h"
#include "lanes.h"
#include "loss_scratch.h"
#include "loss_unrolled.h"
#include "names.h"
#include "parallel.h"
#include "pieces.h"
#include "rows.h"
#include "stream.h"

namespace lossgen {

namespace {

template <class S>
class LossRun {
 public:
  LossRun(const LossCall &call, const LossKernels &kernels, const S *weight)
      : call_(call), p_(call.problem), k_(kernels), weight_(weight) {
    const bool per_row_gradient = p_.row[kGradLoss].defined();
    smoothing_ = call.options.label_smoothing;
    mean_ = call.options.reduction == LOSSGEN_REDUCTION_MEAN;
    weighted_ = call.weight.defined() || p_.row[kRowWeight].defined();
    uniform_ = !weighted_ && !per_row_gradient && call.options.z_loss == 0 && smoothing_ == 0;
    if (smoothing_ != 0) weight_sum_ = sum_of_many(weight_, p_.classes);
    const bool large = call.want_grad && !p_.split() && !k_.streamed && streams(p_);
    streams_ = large && fills_lines(p_);
    past_caches_ = streams_ || k_.streamed;
    fills_up_ = k_.unrolled && can_fill_up(p_, *k_.unrolled);
    const int64_t granule = k_.unrolled ? k_.unrolled->block_granule : 1;
    // Losses are added up by parts of a block: these may depend on shapes and kernels, how gradients are copied on where they lie, too.
    const bool at_once = k_.whole_rows || k_.unrolled;
    part_rows_ = call.want_grad && !at_once ? part_rows(p_, 1) : p_.block_rows;
    copied_rows_ = at_once && streams_ ? copied_rows(p_, granule) : part_rows_;
    scratch_ = scratch_shape(p_, copied_rows_);
  }

  lossgen_status run() {
    const lossgen_options &o = call_.options;
    if (p_.rows > 0 && p_.rows <= p_.block_rows && p_.outer_size == 1 && !p_.split()) return run_one_block();
    const bool check = o.bounds == LOSSGEN_BOUNDS_DEFAULT;
    Sums total{};
    if (call_.want_grad) {
      // Before the first write to a gradient: every target is checked, and the denominator known.
      if (check || (mean_ && !call_.saved_total_weight.defined())) {
        parallel_chunks(p_, o, target_bytes(), [&](int64_t first, int64_t end) { count_targets(first, end); });
        if (check && bad_) return report_bad_target(call_);
        total = add_up();
        counted_ = true;
      }
      find_scale(&total);
    }
    if (call_.want_loss || p_.classes > 0) {
      if (p_.split()) run_pieces();
      else parallel_chunks(p_, o, logit_bytes(), [&](int64_t first, int64_t end) { run_chunks(first, end); });
      if (!call_.want_grad && check && bad_) return report_bad_target(call_);
      if (call_.want_loss) take_losses(add_up(), &total);
    }
    return finish(total);
  }

 private:
  using Scratch = RowScratch<S>;
  template <int64_t Rows>
  using ScratchOf = RowScratchOf<S, Rows>;

  // The same for few rows, whose targets are read once. Not inlined, as the others that have a block's numbers: each takes 40 KB.
  __attribute__((noinline)) lossgen_status run_one_block() {
    ScratchOf<kMaxBlockRows> s;
    const Block b = block_at(p_, 0, 0, p_.rows);
    if (!load_classes(b, s.cls)) return report_bad_target(call_);
    Sums total{};
    if (call_.want_grad) {
      if (weighted_) load_weights(b, &s);
      count(s, 0, b.rows, &total);
      counted_ = true;
      find_scale(&total);
    }
    sums_[0] = {};
    Workspace workspace(call_.options);
    fill_scales(&s, b.rows);
    run_block(b, &s, &workspace);
    if (past_caches_) finish_streams();
    if (call_.want_loss) take_losses(sums_[0], &total);
    return finish(total);
  }

  // What the targets were counted to, if they were, stays.
  void take_losses(const Sums &sums, Sums *total) const {
    if (!counted_) *total = sums;
    total->loss = sums.loss;
    total->correct = sums.correct;
  }

  // Of every kept row's gradient; total: of the targets.
  void find_scale(Sums *total) {
    const Tensor &saved = call_.saved_total_weight;
    if (mean_ && saved.defined()) load_rows(&total->weight, saved.data, saved.type, 1, 1);
    scale_ = upstream(call_) / (!mean_ ? 1 : saved.defined() ? total->weight : denominator(*total));
  }

  lossgen_status finish(const Sums &total) const {
    store_reduced(call_, total.loss, total.kept, mean_ ? denominator(total) : 0);
    if (call_.correct.defined()) *(int64_t *)call_.correct.data = total.correct;
    return LOSSGEN_OK;
  }

  int64_t target_bytes() const { return p_.rows * p_.row[kTarget].bytes(); }
  int64_t logit_bytes() const {
    const int64_t tensors = call_.want_grad && call_.want_loss ? 2 : 1;
    return tensors * p_.rows * p_.classes * p_.matrix[kIn0].bytes() + target_bytes();
  }

  Sums add_up() const {
    Sums total{};
    for (int64_t i = 0; i < p_.cut.chunks; i++) {
      total.loss += sums_[i].loss;
      total.weight += sums_[i].weight;
      total.kept += sums_[i].kept;
      total.correct += sums_[i].correct;
    }
    return total;
  }

  double denominator(const Sums &total) const {
    switch (call_.options.denominator) {
      case LOSSGEN_DENOMINATOR_VALID_ROWS: return (double)total.kept;
      case LOSSGEN_DENOMINATOR_ROWS: return (double)p_.rows;
      case LOSSGEN_DENOMINATOR_GIVEN: return call_.options.denominator_value;
      default: return total.weight;
    }
  }

  // cls of a block; false if the block holds a class out of bounds that counts as an error.
  bool load_classes(const Block &b, int32_t *cls) {
    const Tensor &target = p_.row[kTarget];
    const char *data = target.data + b.row[kTarget] * target.bytes();
    const int64_t stride = p_.inner.row[kTarget];
    alignas(8) char dense[kMaxBlockRows * 8];
    if (stride != 1 && b.rows > 1) {
      const int bytes = target.bytes();
      for (int64_t i = 0; i < b.rows; i++) memcpy(dense + i * bytes, data + i * stride * bytes, bytes);
      data = dense;
    }
    const int32_t has_ignore = call_.has_ignore, classes = (int32_t)p_.classes;
    const Buffer1 in(data, b.rows), out(cls, b.rows);
    call(k_.classes, lossgen_args_target_classes{&in, &call_.ignore_index, &has_ignore, &classes, &out});
    if (counted_ || call_.options.bounds != LOSSGEN_BOUNDS_DEFAULT) return true;
    if (lowest(cls, b.rows) >= -1) return true;
    bad_.store(true, std::memory_order_relaxed);
    return false;
  }

  // Of the next block, while this one is computed and memory rests: (4, 2, 1024, 1024) on a Xeon (family 6, model 207), forward 9.3 to 8.1 ms,
  // with the gradient 17.9 to 15.5. Into L1, or within the kernel that reads targets: no gain.
  void ask_for_targets_behind(const Block &b) const {
    const Tensor &target = p_.row[kTarget];
    if (p_.inner.row[kTarget] != 1) return;
    const char *next = target.data + (b.row[kTarget] + b.rows) * target.bytes();
    for (int64_t i = 0; i < b.rows * target.bytes(); i += kLine) __builtin_prefetch(next + i, 0, 2);
  }

  // own: the row's own weight; w: that times w[y], 0 for ignored rows.
  void load_weights(const Block &b, Scratch *s) const {
    load_block(p_, kRowWeight, b, s->own);
    for (int64_t i = 0; i < b.rows; i++)
      s->w[i] = s->cls[i] < 0 ? 0 : weight_ ? s->own[i] * weight_[s->cls[i]] : s->own[i];
  }

  // Of rows [i, i + n) of a block.
  void count(const Scratch &s, int64_t i, int64_t n, Sums *sums) const {
    const int64_t kept = count_kept(s.cls + i, n);
    sums->kept += kept;
    sums->weight += weighted_ ? sum(s.w + i, n) : (double)kept;
  }

  __attribute__((noinline)) void count_targets(int64_t first, int64_t end) {
    ScratchOf<kMaxBlockRows> s;
    std::fill(sums_ + first, sums_ + end, Sums{});
    Block b;
    for (Blocks blocks(p_, first, end); blocks.next(&b);) {
      if (!load_classes(b, s.cls)) return;
      ask_for_targets_behind(b);
      if (weighted_) load_weights(b, &s);
      each_chunk(p_, b, [&](int64_t chunk, int64_t i, int64_t n) { count(s, i, n, &sums_[chunk]); });
    }
  }

  __attribute__((noinline)) void run_chunks(int64_t first, int64_t end) {
    ScratchOf<kMaxBlockRows> s;
    std::fill(sums_ + first, sums_ + end, Sums{});
    Workspace workspace(call_.options);
    fill_scales(&s, p_.block_rows);
    Block b;
    for (Blocks blocks(p_, first, end); blocks.next(&b);) {
      if (!load_classes(b, s.cls) && !call_.want_grad) break;
      ask_for_targets_behind(b);
      run_block(b, &s, &workspace);
    }
    if (past_caches_) finish_streams();
  }

  // For the terms, and for the gradient on its way out: in their place where it is as wide. Where there is no memory: a
  // second exp, ordinary stores.
  void take(Workspace *workspace, Scratch *s) const {
    const size_t terms = k_.forward_terms ? (size_t)scratch_.elements * sizeof(S) : 0;
    const bool apart = streams_ && (!terms || p_.matrix[kOut].bytes() != (int)sizeof(S));
    char *memory = workspace->take(terms + (apart ? (size_t)(scratch_.elements * p_.matrix[kOut].bytes()) : 0));
    if (!memory) return;
    if (terms) s->terms = (S *)memory;
    if (streams_) s->gradient = apart ? memory + terms : memory;
  }

  int64_t unrolled_rows(const Block &b) const {
    if (!k_.unrolled) return 0;
    return fills_up_ ? b.rows : b.rows - b.rows % k_.unrolled->block_granule;
  }

  void run_block(const Block &b, Scratch *s, Workspace *workspace) {
    const int64_t unrolled = unrolled_rows(b);
    if (!workspace->taken() && (streams_ || (k_.forward_terms && unrolled < b.rows))) take(workspace, s);
    if (b.rows <= part_rows_ && unrolled == 0) return run_rows(b, s);
    if (b.rows <= part_rows_ && unrolled == b.rows) return run_unrolled(b, s);
    for (int64_t i = 0, n; i < b.rows; i += n) {
      Block rest = part_of(p_, b, i, (i < unrolled ? unrolled : b.rows) - i);
      n = rest.rows = next_part(p_, rest, part_rows_);
      Scratch part = s->from(i);
      if (i < unrolled) run_unrolled(rest, &part);
      else run_rows(rest, &part);
    }
  }

  void run_rows(const Block &b, Scratch *s) {
    if (k_.whole_rows) return run_whole_rows(b, s);
    s->any_redone = false;
    if (p_.classes == 0) {
      std::fill(s->nll, s->nll + b.rows, (S)0);
      std::fill(s->lse, s->lse + b.rows, (S)-INFINITY);
    } else if (call_.want_loss || !call_.from_log_probs) {
      forward(b, s);
    }
    if (weighted_ || smoothing_ != 0) load_weights(b, s);
    if (p_.classes > 0) extras(b, s);
    if (call_.want_loss) finish_loss(b, s);
    if (call_.want_grad && p_.classes > 0) backward(b, s);
  }

  // The same where one kernel reads each logit once and, if there is a gradient, writes it.
  void run_unrolled(const Block &b, Scratch *s) {
    const Unrolled<S> few{p_, k_, call_.want_grad};
    if (weighted_) load_weights(b, s);
    extras(b, s);
    if (call_.want_grad) gradient_scales(b, s);
    Block whole = b;
    const int64_t rest = b.rows % k_.unrolled->block_granule;
    whole.rows -= rest;
    if (whole.rows > 0) {
      if (k_.streamed && on_lines(p_, whole.matrix[kOut]))
        few.run(k_.streamed, whole, *s, &Buffer2(p_, kOut, whole, 0, whole.rows));
      else if (call_.want_grad)
        each_copied(whole, *s, [&](const Block &part, const Scratch &of_part, const lossgen_buffer *out) { few.run(k_.unrolled, part, of_part, out); });
      else
        few.run(k_.unrolled, whole, *s, nullptr);
      if (k_.unrolled_exact && any_nan(s->lse, whole.rows)) few.run_exact(whole, *s);
    }
    if (rest > 0) few.run_few(part_of(p_, b, whole.rows, rest), s->from(whole.rows));
    if (call_.want_loss) finish_loss(b, s);
  }

  // The same where one kernel makes a row's gradient before it reads the next one.
  void run_whole_rows(const Block &b, Scratch *s) {
    if (weighted_) load_weights(b, s);
    extras(b, s);
    gradient_scales(b, s);
    each_copied(b, *s, [&](const Block &part, const Scratch &of_part, const lossgen_buffer *out) { make_whole_rows(part, of_part, out); });
    if (call_.want_loss) finish_loss(b, s);
  }

  // make(part of the rows, their numbers, their gradient): there, or on its way.
  template <class Make>
  void each_copied(const Block &b, const Scratch &s, Make &&make) const {
    for (int64_t i = 0, n; i < b.rows; i += n) {
      n = std::min(copied_rows_, b.rows - i);
      const Block part = part_of(p_, b, i, n);
      write_out(p_, part, s.gradient, scratch_.pitch, [&](const lossgen_buffer *out) { make(part, s.from(i), out); });
    }
  }

  // Rows whose lse is NaN the kernel leaves: they are done again, neighbours together.
  void make_whole_rows(const Block &b, const Scratch &s, const lossgen_buffer *out) const {
    const Buffer1 cls(s.cls, b.rows), a(s.a, b.rows), nll(s.nll, b.rows), lse(s.lse, b.rows);
    call(k_.whole_rows, lossgen_args_cross_entropy_forward_backward{&Buffer2(p_, kIn0, b, 0, b.rows), &cls, &a, &nll, &lse, out});
    if (!any_nan(s.lse, b.rows)) return;
    each_run(b.rows, [&](int64_t i) { return s.lse[i] != s.lse[i]; }, [&](int64_t i, int64_t n, bool left) {
      if (left) run_exact(part_of(p_, b, i, n), s.from(i), Buffer2(*out, i, n, p_.matrix[kOut].bytes()));
    });
  }

  void run_exact(const Block &b, const Scratch &s, const Buffer2 &out) const {
    forward_exact(b, s);
    const Buffer2 in(p_, kIn0, b, 0, b.rows);
    const Buffer1 cls(s.cls, b.rows), a(s.a, b.rows), ref(s.ref, b.rows), sum(s.sum, b.rows);
    call(k_.backward, lossgen_args_cross_entropy_backward{&in, &cls, &a, &a, &ref, &sum, &out});
  }

  // Rows split into pieces (split_long_rows): the forward kernel on each piece, the rows' numbers merged in the order of
  // the pieces, then the gradient piece by piece. Not inlined: the pieces' 24 KB are no part of other calls' stack.
  __attribute__((noinline)) void run_pieces() {
    Piece<S> pieces[kMaxPieces];
    ScratchOf<kMaxSplitRows> rows;
    const int64_t count = p_.rows * p_.pieces.chunks;
    sums_[0] = {};
    const auto row = [&](int64_t r) { return block_at(p_, r / p_.inner.extent, r % p_.inner.extent, 1); };
    for (int64_t r = 0; r < p_.rows; r++)
      if (!load_classes(row(r), rows.cls + r) && !call_.want_grad) return;
    // Piece after piece of all rows: the smallest ones come last.
    const auto range = [&](int64_t i) {
      const int64_t piece = i / p_.rows, from = piece_begin(p_, piece);
      return PieceRange{row(i % p_.rows), from, piece_begin(p_, piece + 1) - from};
    };
    const bool forward = !call_.lse_is_input;
    if (forward)
      parallel_for(&call_.options, count, logit_bytes(),
                   [&](int64_t i) { pieces[i] = forward_piece(range(i), rows.cls[i % p_.rows]); });
    for (int64_t r = 0; r < p_.rows; r++) {
      const Block b = row(r);
      ScratchOf<1> one;
      fill_scales(&one, 1);
      one.cls[0] = rows.cls[r];
      if (forward) merge_pieces(b, pieces + r, &one);
      else saved_lse(b, &one);
      if (weighted_) load_weights(b, &one);
      if (call_.want_loss) finish_loss(b, &one);
      if (!call_.want_grad) continue;
      rows.b[r] = *gradient_scales(b, &one);
      rows.a[r] = one.a[0], rows.ref[r] = one.ref[0], rows.sum[r] = one.sum[0];
    }
    if (call_.want_grad)
      parallel_for(&call_.options, count, logit_bytes(), [&](int64_t i) { backward_piece(range(i), rows, i % p_.rows); });
  }

  // The row's class as a piece knows it: `elsewhere` in pieces that do not hold it.
  static int32_t class_in(const PieceRange &piece, int32_t cls, int32_t elsewhere) {
    return cls < 0 ? -1 : cls >= piece.from && cls < piece.from + piece.classes ? (int32_t)(cls - piece.from) : elsewhere;
  }

  Piece<S> forward_piece(const PieceRange &piece, int32_t row_class) const {
    const int32_t y = class_in(piece, row_class, -1);
    Piece<S> out;
    S lse;
    const Buffer2 in(p_, kIn0, piece.block, 0, 1, piece.from, piece.classes);
    const Buffer1 cls(&y, 1), nll(&out.nll, 1), e(&lse, 1), ref(&out.ref, 1), sum(&out.sum, 1);
    call(k_.forward, lossgen_args_cross_entropy_forward{&in, &cls, &nll, &e, &ref, &sum});
    if (!(out.sum <= (S)LOSSGEN_SUM_LIMIT))
      call(k_.exact, lossgen_args_cross_entropy_forward_exact{&in, &cls, &nll, &e, &ref, &sum});
    return out;
  }

  void merge_pieces(const Block &b, const Piece<S> *pieces, Scratch *one) const {
    const int32_t y = one->cls[0];
    S x_y = 0;
    const Tensor &logits = p_.matrix[kIn0];
    if (y >= 0)
      load_rows(&x_y, logits.data + (b.matrix[kIn0] + y * p_.class_stride[kIn0]) * logits.bytes(), logits.type, 1, 1);
    int64_t target = -1;
    while (y >= 0 && piece_begin(p_, target + 1) <= y) target++;
    const MergedRow row = merge(pieces, p_.pieces.chunks, p_.rows, target, x_y);
    one->nll[0] = (S)row.nll;
    one->lse[0] = (S)row.lse;
    one->ref[0] = (S)row.ref;
    one->sum[0] = (S)row.sum;
  }

  void backward_piece(const PieceRange &piece, const Scratch &rows, int64_t r) const {
    const int32_t y = class_in(piece, rows.cls[r], INT32_MAX);
    const Buffer2 in(p_, kIn0, piece.block, 0, 1, piece.from, piece.classes);
    const Buffer2 out(p_, kOut, piece.block, 0, 1, piece.from, piece.classes);
    const Buffer1 cls(&y, 1), a(rows.a + r, 1), d(rows.b + r, 1), ref(rows.ref + r, 1), sum(rows.sum + r, 1);
    call(k_.backward, lossgen_args_cross_entropy_backward{&in, &cls, &a, &d, &ref, &sum, &out});
  }

  void saved_lse(const Block &b, Scratch *s) const {
    load_block(p_, kLse, b, s->ref);
    std::copy(s->ref, s->ref + b.rows, s->lse);
    std::fill(s->sum, s->sum + b.rows, (S)1);
  }

  void forward(const Block &b, Scratch *s) const {
    if (call_.lse_is_input) return saved_lse(b, s);
    const Buffer2 in(p_, kIn0, b, 0, b.rows);
    const Buffer1 cls(s->cls, b.rows), nll(s->nll, b.rows);
    if (call_.from_log_probs) {
      call(k_.forward, lossgen_args_nll_loss_forward{&in, &cls, &nll});
      return;
    }
    const Buffer1 lse(s->lse, b.rows), ref(s->ref, b.rows), sum(s->sum, b.rows);
    if (smoothing_ != 0) {
      const Buffer1 weight(weight_, p_.classes), dot(s->dot, b.rows);
      call(k_.forward, lossgen_args_cross_entropy_forward_general{&in, &cls, &weight, &nll, &lse, &ref, &sum, &dot});
      return;
    }
    if (s->terms) {
      const Buffer2 terms(p_, s->terms, b.rows, scratch_.pitch);
      call(k_.forward_terms, lossgen_args_cross_entropy_forward_terms{&in, &cls, &nll, &lse, &ref, &sum, &terms});
    } else {
      call(k_.forward, lossgen_args_cross_entropy_forward{&in, &cls, &nll, &lse, &ref, &sum});
    }
    // Rows whose cheap reference did not hold (overflow, infinities, NaN) are done again, neighbours together.
    if (all_within(s->sum, b.rows, (S)LOSSGEN_SUM_LIMIT)) return;
    each_run(b.rows, [&](int64_t i) { return !(s->sum[i] <= (S)LOSSGEN_SUM_LIMIT); }, [&](int64_t i, int64_t n, bool again) {
      if (!again) return;
      forward_exact(part_of(p_, b, i, n), s->from(i));
      if (!s->any_redone) std::fill(s->redone, s->redone + b.rows, false);
      s->any_redone = true;
      std::fill(s->redone + i, s->redone + i + n, true);
    });
  }

  void forward_exact(const Block &b, const Scratch &s) const {
    const Buffer2 in(p_, kIn0, b, 0, b.rows);
    const Buffer1 cls(s.cls, b.rows), nll(s.nll, b.rows), lse(s.lse, b.rows), ref(s.ref, b.rows), sum(s.sum, b.rows);
    call(k_.exact, lossgen_args_cross_entropy_forward_exact{&in, &cls, &nll, &lse, &ref, &sum});
  }

  // From nll: smoothing, z-loss and weights of a kept row.
  S row_loss(const Scratch &s, int64_t i) const {
    const S z = (S)call_.options.z_loss, z_part = z != 0 ? z * s.lse[i] * s.lse[i] : 0;
    if (smoothing_ == 0) return weighted_ ? s.w[i] * (s.nll[i] + z_part) : s.nll[i] + z_part;
    // (1 - e) w_y nll + e / C sum_c w_c (lse - x_c), the latter relative to ref. 1 - e = 0 still spreads inf and NaN,
    // as PyTorch's formula does.
    const double spread = weight_sum_ * log((double)s.sum[i]) - s.dot[i];
    return (S)((1 - smoothing_) * s.w[i] * s.nll[i] + s.own[i] * smoothing_ / p_.classes * spread + s.w[i] * z_part);
  }

  // Outputs beside the loss that need the block's logits before the gradient replaces them.
  void extras(const Block &b, Scratch *s) {
    if (!k_.log_probs && !k_.stats) return;
    int32_t argmax[kMaxBlockRows];
    store_row_outputs(p_, b, k_.log_probs, k_.stats, s->b, argmax);
    if (!k_.stats) return;
    for (int64_t i = 0; i < b.rows; i++) sums_[b.chunk].correct += s->cls[i] >= 0 && s->cls[i] == argmax[i];
  }

  void finish_loss(const Block &b, Scratch *s) {
    if (!uniform_)
      for (int64_t i = 0; i < b.rows; i++)
        if (s->cls[i] >= 0) s->nll[i] = row_loss(*s, i);
    if (!call_.lse_is_input) store_block(p_, kLse, b, s->lse);
    const bool reduced = !p_.row[kLoss].defined();
    if (!reduced) store_block(p_, kLoss, b, s->nll);
    each_chunk(p_, b, [&](int64_t chunk, int64_t i, int64_t n) {
      if (!counted_) count(*s, i, n, &sums_[chunk]);
      if (reduced) sums_[chunk].loss += sum(s->nll + i, n);
    });
  }

  // Once for all blocks: of two classes, block by block it is 6 % of loss and gradient.
  void fill_scales(Scratch *s, int64_t rows) const {
    if (call_.want_grad && uniform_) std::fill(s->a, s->a + rows, (S)scale_);
  }

  // a, b and d of lossgen.h's gradient; returns where d stands.
  S *gradient_scales(const Block &b, Scratch *s) const {
    if (uniform_) return s->a;  // fill_scales
    S *d = s->nll;  // no longer needed
    load_block(p_, kGradLoss, b, d);
    const double z = 2 * call_.options.z_loss;
    for (int64_t i = 0; i < b.rows; i++) {
      // In f64: the scale alone may leave the range of f32 (weights of 1e-39 have a sum of that size).
      const double g = scale_ * d[i], gw = weighted_ || smoothing_ != 0 ? g * s->w[i] : g;
      s->a[i] = d[i] = (S)gw;
      if (smoothing_ != 0) {
        const double b = smoothing_ / (double)p_.classes * g * s->own[i];
        s->b[i] = (S)b;
        d[i] = (S)((1 - smoothing_) * gw);
        s->a[i] = (S)((1 - smoothing_) * gw + b * weight_sum_);
      }
      if (z != 0) s->a[i] += (S)(gw * z * s->lse[i]);
    }
    return d;
  }

  void backward(const Block &b, Scratch *s) const {
    S *d = gradient_scales(b, s);
    if (!s->terms || !s->any_redone) return write_gradient(b, *s, d, s->terms);
    // Those with terms and those without in turns: a row's bits are its own, whatever its neighbours hold.
    const int64_t step = p_.layout == LOSSGEN_LAYOUT_planes ? 1 : scratch_.pitch;
    each_run(b.rows, [&](int64_t i) { return s->redone[i]; }, [&](int64_t i, int64_t n, bool redone) {
      Scratch part = s->from(i);
      part.terms += i * step;
      if (part.gradient) part.gradient += i * step * p_.matrix[kOut].bytes();  // perhaps in the terms' place
      write_gradient(part_of(p_, b, i, n), part, d + i, !redone);
    });
  }

  void write_gradient(const Block &b, const Scratch &s, const S *d, bool from_terms) const {
    const Buffer1 cls(s.cls, b.rows), d_rows(d, b.rows), a(s.a, b.rows), ref(s.ref, b.rows), sum(s.sum, b.rows);
    write_out(p_, b, s.gradient, scratch_.pitch, [&](const lossgen_buffer *out) {
      if (call_.from_log_probs) {
        call(k_.backward, lossgen_args_nll_loss_backward{&cls, &d_rows, out});
        return;
      }
      const Buffer2 in(p_, kIn0, b, 0, b.rows);
      if (smoothing_ != 0) {
        const Buffer1 weight(weight_, p_.classes), smooth(s.b, b.rows);
        call(k_.backward, lossgen_args_cross_entropy_backward_general{&in, &cls, &weight, &a, &smooth, &d_rows, &ref, &sum, out});
      } else if (from_terms) {
        const Buffer2 terms(p_, s.terms, b.rows, scratch_.pitch);
        call(k_.backward_terms, lossgen_args_cross_entropy_backward_terms{&terms, &cls, &a, &d_rows, &sum, out});
      } else {
        call(k_.backward, lossgen_args_cross_entropy_backward{&in, &cls, &a, &d_rows, &ref, &sum, out});
      }
    });
  }

  const LossCall &call_;
  const Problem &p_;
  LossKernels k_;
  const S *weight_;
  bool mean_, weighted_, uniform_;  // any weights; nothing that differs between kept rows
  double smoothing_ = 0, weight_sum_ = 0, scale_ = 1;
  bool past_caches_;        // the gradient is written past the caches
  bool streams_;            // it goes there through scratch
  bool fills_up_;           // the unrolled kernel takes rows that are no whole vector, too
  int64_t part_rows_;       // so many of a block's rows go through forward and backward together
  int64_t copied_rows_;     // so many of their gradients are in scratch at a time
  ScratchShape scratch_{};  // of their terms, and of their gradient
  std::atomic<bool> bad_{false};
  bool counted_ = false;    // targets were checked and counted before, for the gradient
  Sums sums_[kMaxChunks];  // cleared by the run that a chunk is in: all of them are 40 KB, more than a small call
};

template <class S>
lossgen_status run_typed(const LossCall &call, const LossKernels &kernels) {
  S *owned;
  const S *weights;
  // Label smoothing wants ones where there are no weights.
  lossgen_status status = dense_weights(call, call.options.label_smoothing != 0, &owned, &weights);
  if (status != LOSSGEN_OK) return status;
  status = LossRun<S>(call, kernels, weights).run();
  if (owned) release(call.options, owned);
  return status;
}

}  // namespace

lossgen_status run_loss(LossCall *call) {
  LossKernels kernels;
  const lossgen_status status = choose_kernels(call, &kernels);
  if (status != LOSSGEN_OK) return status;
  return call->problem.matrix[kIn0].type.bits == 64 ? run_typed<double>(*call, kernels) : run_typed<float>(*call, kernels);
}

}  // namespace lossgen
