#include "loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>

#include "convert.h"
#include "error.h"
#include "kernel_call.h"
#include "names.h"
#include "parallel.h"
#include "registry.h"

namespace lossgen {

namespace {

struct Kernels {
  const lossgen_kernel *classes = nullptr, *forward = nullptr, *exact = nullptr, *backward = nullptr;
  const lossgen_kernel *log_probs = nullptr, *stats = nullptr;
};

// What a chunk of blocks adds up to. Chunks are summed in order.
struct Sums {
  double loss, weight;
  int64_t kept, correct;
};

template <class S>
class LossRun {
 public:
  LossRun(const LossCall &call, const Kernels &kernels, const S *weight)
      : call_(call), p_(call.problem), k_(kernels), weight_(weight) {
    const bool per_row_gradient = p_.row[kGradLoss].defined();
    smoothing_ = call.options.label_smoothing;
    weighted_ = call.weight.defined() || p_.row[kRowWeight].defined();
    uniform_ = !weighted_ && !per_row_gradient && call.options.z_loss == 0 && smoothing_ == 0;
    if (smoothing_ != 0)
      for (int64_t c = 0; c < p_.classes; c++) weight_sum_ += weight_[c];
  }

  lossgen_status run() {
    const lossgen_options &o = call_.options;
    const bool mean = o.reduction == LOSSGEN_REDUCTION_MEAN;
    const bool check = o.bounds == LOSSGEN_BOUNDS_DEFAULT;
    Sums total{};
    if (call_.want_grad) {
      // Before the first write to a gradient: every target is checked, and the denominator known.
      const bool saved = call_.saved_total_weight.defined();
      if (check || (mean && !saved)) {
        parallel_chunks(target_bytes(), [&](int64_t chunk) { sums_[chunk] = count_targets(chunk); });
        if (check && bad_block_ != kNone) return report_bad_target();
        total = add_up();
      }
      if (mean && saved) load_rows(&total.weight, call_.saved_total_weight.data, call_.saved_total_weight.type, 1, 1);
      double upstream = 1;
      if (call_.grad_scalar.defined()) load_rows(&upstream, call_.grad_scalar.data, call_.grad_scalar.type, 1, 1);
      scale_ = mean ? upstream / (saved ? total.weight : denominator(total)) : upstream;
    }
    if (call_.want_loss || p_.classes > 0) {
      parallel_chunks(logit_bytes(), [&](int64_t chunk) { sums_[chunk] = run_chunk(chunk); });
      if (!call_.want_grad && check && bad_block_ != kNone) return report_bad_target();
      if (call_.want_loss) total = add_up();
    }
    if (call_.want_loss && o.reduction != LOSSGEN_REDUCTION_NONE) {
      double loss = total.loss;
      if (mean) loss = total.kept == 0 && o.empty_mean_is_zero ? 0.0 : loss / denominator(total);
      store_rows(call_.loss.data, call_.loss.type, 1, &loss, 1);
    }
    if (call_.total_weight.defined()) {
      const double weight = mean ? denominator(total) : 0.0;
      store_rows(call_.total_weight.data, call_.total_weight.type, 1, &weight, 1);
    }
    if (call_.correct.defined()) *(int64_t *)call_.correct.data = total.correct;
    return LOSSGEN_OK;
  }

 private:
  static constexpr int64_t kNone = INT64_MAX;

  // Per-row numbers of one block; on the stack of the task.
  struct Scratch {
    int32_t cls[kMaxBlockRows];
    S w[kMaxBlockRows], own[kMaxBlockRows], a[kMaxBlockRows], b[kMaxBlockRows], nll[kMaxBlockRows],
        lse[kMaxBlockRows], ref[kMaxBlockRows], sum[kMaxBlockRows], dot[kMaxBlockRows];
  };

  template <class Body>
  void parallel_chunks(int64_t bytes, Body &&body) {
    parallel_for(&call_.options, p_.chunks, bytes, body);
  }
  int64_t target_bytes() const { return p_.rows * p_.row[kTarget].bytes(); }
  int64_t logit_bytes() const {
    const int64_t tensors = call_.want_grad && call_.want_loss ? 2 : 1;
    return tensors * p_.rows * p_.classes * p_.matrix[kIn0].bytes() + target_bytes();
  }

  Sums add_up() const {
    Sums total{};
    for (int64_t i = 0; i < p_.chunks; i++) {
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
  bool load_classes(const Block &b, int64_t index, int32_t *cls) {
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
    if (call_.options.bounds != LOSSGEN_BOUNDS_DEFAULT) return true;
    int32_t lowest = 0;
    for (int64_t i = 0; i < b.rows; i++) lowest = std::min(lowest, cls[i]);
    if (lowest >= -1) return true;
    int64_t seen = bad_block_.load(std::memory_order_relaxed);
    while (index < seen && !bad_block_.compare_exchange_weak(seen, index, std::memory_order_relaxed)) {
    }
    return false;
  }

  // own: the row's own weight; w: that times w[y], 0 for ignored rows.
  void load_weights(const Block &b, Scratch *s) const {
    const Tensor &own = p_.row[kRowWeight];
    if (own.defined())
      load_rows(s->own, own.data + b.row[kRowWeight] * own.bytes(), own.type, p_.inner.row[kRowWeight], b.rows);
    else
      std::fill(s->own, s->own + b.rows, (S)1);
    for (int64_t i = 0; i < b.rows; i++)
      s->w[i] = s->cls[i] < 0 ? 0 : weight_ ? s->own[i] * weight_[s->cls[i]] : s->own[i];
  }

  void count(const Block &b, const int32_t *cls, const S *w, Sums *sums) const {
    int64_t kept = 0;
    for (int64_t i = 0; i < b.rows; i++) kept += cls[i] >= 0;
    double weight = (double)kept;
    if (weighted_) {
      weight = 0;
      for (int64_t i = 0; i < b.rows; i++) weight += w[i];
    }
    sums->kept += kept;
    sums->weight += weight;
  }

  Sums count_targets(int64_t chunk) {
    Scratch s;
    Sums sums{};
    for (int64_t i = chunk_begin(p_, chunk), end = chunk_begin(p_, chunk + 1); i < end; i++) {
      const Block b = block_at(p_, i);
      if (!load_classes(b, i, s.cls)) break;
      if (weighted_) load_weights(b, &s);
      count(b, s.cls, s.w, &sums);
    }
    return sums;
  }

  Sums run_chunk(int64_t chunk) {
    Scratch s;
    Sums sums{};
    if (uniform_) std::fill(s.a, s.a + p_.block_rows, (S)scale_);
    for (int64_t i = chunk_begin(p_, chunk), end = chunk_begin(p_, chunk + 1); i < end; i++) {
      const Block b = block_at(p_, i);
      if (!load_classes(b, i, s.cls) && !call_.want_grad) break;
      if (p_.classes == 0) {
        std::fill(s.nll, s.nll + b.rows, (S)0);
        std::fill(s.lse, s.lse + b.rows, (S)-INFINITY);
      } else if (call_.want_loss || !call_.from_log_probs) {
        forward(b, &s);
      }
      if (weighted_ || smoothing_ != 0) load_weights(b, &s);
      if (p_.classes > 0) extras(b, &s, &sums);
      if (call_.want_loss) finish_loss(b, &s, &sums);
      if (call_.want_grad && p_.classes > 0) backward(b, &s);
    }
    return sums;
  }

  void forward(const Block &b, Scratch *s) const {
    if (call_.lse_is_input) {
      const Tensor &lse = p_.row[kLse];
      load_rows(s->ref, lse.data + b.row[kLse] * lse.bytes(), lse.type, p_.inner.row[kLse], b.rows);
      std::copy(s->ref, s->ref + b.rows, s->lse);
      std::fill(s->sum, s->sum + b.rows, (S)1);
      return;
    }
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
    call(k_.forward, lossgen_args_cross_entropy_forward{&in, &cls, &nll, &lse, &ref, &sum});
    // Rows whose cheap reference did not hold (overflow, infinities, NaN) are done again, neighbours together.
    for (int64_t i = 0; i < b.rows; i++) {
      if (s->sum[i] <= (S)LOSSGEN_SUM_LIMIT) continue;
      int64_t n = 1;
      while (i + n < b.rows && !(s->sum[i + n] <= (S)LOSSGEN_SUM_LIMIT)) n++;
      const Buffer2 again(p_, kIn0, b, i, n);
      const Buffer1 c(s->cls + i, n), l(s->nll + i, n), e(s->lse + i, n), r(s->ref + i, n), m(s->sum + i, n);
      call(k_.exact, lossgen_args_cross_entropy_forward_exact{&again, &c, &l, &e, &r, &m});
      i += n;
    }
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
  void extras(const Block &b, Scratch *s, Sums *sums) const {
    const Buffer2 in(p_, kIn0, b, 0, b.rows);
    if (k_.log_probs) {
      const Buffer2 out(p_, kLogProbs, b, 0, b.rows);
      call(k_.log_probs, lossgen_args_log_softmax_forward{&in, &out});
    }
    if (!k_.stats) return;
    int32_t argmax[kMaxBlockRows];
    const Buffer1 first(argmax, b.rows), entropy_rows(s->b, b.rows);
    call(k_.stats, lossgen_args_row_stats{&in, &first, &entropy_rows});
    for (int64_t i = 0; i < b.rows; i++) sums->correct += s->cls[i] >= 0 && s->cls[i] == argmax[i];
    const Tensor &entropy = p_.row[kEntropy], &best = p_.row[kArgmax];
    if (entropy.defined())
      store_rows(entropy.data + b.row[kEntropy] * entropy.bytes(), entropy.type, p_.inner.row[kEntropy], s->b, b.rows);
    if (!best.defined()) return;
    const int64_t stride = p_.inner.row[kArgmax];
    for (int64_t i = 0; i < b.rows; i++) {
      if (best.bytes() == 8) ((int64_t *)best.data)[b.row[kArgmax] + i * stride] = argmax[i];
      else ((int32_t *)best.data)[b.row[kArgmax] + i * stride] = argmax[i];
    }
  }

  void finish_loss(const Block &b, Scratch *s, Sums *sums) const {
    if (!uniform_)
      for (int64_t i = 0; i < b.rows; i++)
        if (s->cls[i] >= 0) s->nll[i] = row_loss(*s, i);
    count(b, s->cls, s->w, sums);
    const Tensor &lse = p_.row[kLse], &loss = p_.row[kLoss];
    if (lse.defined() && !call_.lse_is_input)
      store_rows(lse.data + b.row[kLse] * lse.bytes(), lse.type, p_.inner.row[kLse], s->lse, b.rows);
    if (loss.defined()) {
      store_rows(loss.data + b.row[kLoss] * loss.bytes(), loss.type, p_.inner.row[kLoss], s->nll, b.rows);
      return;
    }
    // Four sums side by side: a fixed order that does not wait for one addition after the other.
    double part[4] = {0, 0, 0, 0};
    int64_t i = 0;
    for (; i + 4 <= b.rows; i += 4)
      for (int j = 0; j < 4; j++) part[j] += s->nll[i + j];
    for (; i < b.rows; i++) part[0] += s->nll[i];
    sums->loss += (part[0] + part[1]) + (part[2] + part[3]);
  }

  void backward(const Block &b, Scratch *s) const {
    S *d = s->nll;  // no longer needed
    if (uniform_) {
      d = s->a;
    } else {
      const Tensor &g = p_.row[kGradLoss];
      if (g.defined()) load_rows(d, g.data + b.row[kGradLoss] * g.bytes(), g.type, p_.inner.row[kGradLoss], b.rows);
      else std::fill(d, d + b.rows, (S)1);
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
    }
    const Buffer2 out(p_, kOut, b, 0, b.rows);
    const Buffer1 cls(s->cls, b.rows), d_rows(d, b.rows);
    if (call_.from_log_probs) {
      call(k_.backward, lossgen_args_nll_loss_backward{&cls, &d_rows, &out});
      return;
    }
    const Buffer2 in(p_, kIn0, b, 0, b.rows);
    const Buffer1 a(s->a, b.rows), ref(s->ref, b.rows), sum(s->sum, b.rows);
    if (smoothing_ != 0) {
      const Buffer1 weight(weight_, p_.classes), smooth(s->b, b.rows);
      call(k_.backward, lossgen_args_cross_entropy_backward_general{&in, &cls, &weight, &a, &smooth, &d_rows, &ref, &sum, &out});
      return;
    }
    call(k_.backward, lossgen_args_cross_entropy_backward{&in, &cls, &a, &d_rows, &ref, &sum, &out});
  }

  // The first bad target in the tensor's own order, by a plain walk: rare, and the message wants its index.
  lossgen_status report_bad_target() const {
    const Tensor &t = p_.row[kTarget];
    int64_t index[kMaxRank] = {};
    for (int64_t left = t.size(); left > 0; left--) {
      int64_t offset = 0;
      for (int i = 0; i < t.rank; i++) offset += index[i] * t.stride[i];
      const int64_t y = load_integer(t.data + offset * t.bytes(), t.type);
      const bool huge = t.type.code == kDLUInt && y < 0;  // u64 beyond i64
      if ((y < 0 || y >= p_.classes) && (huge || !(call_.has_ignore && y == call_.ignore_index))) {
        char value[32], ignore[48];
        snprintf(value, sizeof value, huge ? "%llu" : "%lld", (long long)y);
        if (call_.has_ignore) snprintf(ignore, sizeof ignore, "ignore_index = %lld", (long long)call_.ignore_index);
        else snprintf(ignore, sizeof ignore, "no ignore_index");
        char at[160] = "";
        for (int i = 0, used = 0; i < t.rank && used < 140; i++)
          used += snprintf(at + used, sizeof at - used, "%s%lld", i ? "," : "[", (long long)index[i]);
        return fail(LOSSGEN_TARGET_OUT_OF_BOUNDS, "target%s%s = %s is out of bounds for %lld classes (%s)", at,
                    t.rank ? "]" : "", value, (long long)p_.classes, ignore);
      }
      for (int i = t.rank - 1; i >= 0; i--) {
        if (++index[i] < t.shape[i]) break;
        index[i] = 0;
      }
    }
    return fail(LOSSGEN_TARGET_OUT_OF_BOUNDS, "a target changed while the call read it");
  }

  const LossCall &call_;
  const Problem &p_;
  Kernels k_;
  const S *weight_;
  bool weighted_, uniform_;  // any weights; nothing that differs between kept rows
  double smoothing_ = 0, weight_sum_ = 0, scale_ = 1;
  std::atomic<int64_t> bad_block_{kNone};
  Sums sums_[kMaxChunks];  // left as it is until a chunk is done: clearing 32 KB costs more than a small call
};

lossgen_status find(const LossCall &call, lossgen_stage_id stage, int dtype, int layout, const lossgen_kernel **kernel) {
  const bool general = call.options.general_kernels_only;
  *kernel = find_kernel(stage, dtype, layout, call.problem.classes, call.forced_target, general);
  return *kernel ? LOSSGEN_OK : explain_missing(stage, dtype, layout, call.problem.classes, call.forced_target, general);
}

// Class weights as one dense array of S: the tensor itself where it already is one. Label smoothing wants ones where
// there are none.
template <class S>
lossgen_status dense_weights(const LossCall &call, S **owned, const S **weights) {
  const Tensor &w = call.weight;
  const int64_t classes = call.problem.classes;
  *owned = nullptr;
  *weights = nullptr;
  if (classes == 0 || (!w.defined() && call.options.label_smoothing == 0)) return LOSSGEN_OK;
  if (w.defined() && w.bytes() == sizeof(S) && (w.stride[0] == 1 || classes == 1)) {
    *weights = (const S *)w.data;
    return LOSSGEN_OK;
  }
  const size_t bytes = (size_t)classes * sizeof(S);
  const lossgen_options &o = call.options;
  *owned = (S *)(o.allocate ? o.allocate(o.allocator_user, bytes) : malloc(bytes));
  if (!*owned) return fail(LOSSGEN_OUT_OF_MEMORY, "no memory for %zu bytes of class weights", bytes);
  if (w.defined()) load_rows(*owned, w.data, w.type, w.stride[0], classes);
  else std::fill(*owned, *owned + classes, (S)1);
  *weights = *owned;
  return LOSSGEN_OK;
}

template <class S>
lossgen_status run_typed(const LossCall &call, const Kernels &kernels) {
  S *owned;
  const S *weights;
  lossgen_status status = dense_weights(call, &owned, &weights);
  if (status != LOSSGEN_OK) return status;
  status = LossRun<S>(call, kernels, weights).run();
  if (owned) call.options.release ? call.options.release(call.options.allocator_user, owned) : free(owned);
  return status;
}

}  // namespace

lossgen_status run_loss(LossCall *call) {
  Problem &p = call->problem;
  lossgen_status status = canonicalize(&p);
  if (status != LOSSGEN_OK) return status;
  const int dtype = dtype_id(p.matrix[kIn0].type);
  const bool nll = call->from_log_probs, general = call->options.label_smoothing != 0;
  const bool stats = p.row[kArgmax].defined() || p.row[kEntropy].defined() || call->correct.defined();
  if (p.classes == 0 && p.rows > 0 && (p.row[kArgmax].defined() || p.row[kEntropy].defined()))
    return fail(LOSSGEN_BAD_ARGUMENT, "extras.argmax and extras.entropy need at least one class");
  Kernels k;
  const struct {
    bool wanted;
    lossgen_stage_id stage;
    const lossgen_kernel **kernel;
  } wanted[] = {
      {nll && call->want_loss, LOSSGEN_STAGE_nll_loss_forward, &k.forward},
      {nll && call->want_grad, LOSSGEN_STAGE_nll_loss_backward, &k.backward},
      {!nll && !general, LOSSGEN_STAGE_cross_entropy_forward, &k.forward},
      {!nll && !general, LOSSGEN_STAGE_cross_entropy_forward_exact, &k.exact},
      {!nll && general, LOSSGEN_STAGE_cross_entropy_forward_general, &k.forward},
      {!nll && !general && call->want_grad, LOSSGEN_STAGE_cross_entropy_backward, &k.backward},
      {!nll && general && call->want_grad, LOSSGEN_STAGE_cross_entropy_backward_general, &k.backward},
      {p.matrix[kLogProbs].defined(), LOSSGEN_STAGE_log_softmax_forward, &k.log_probs},
      {stats, LOSSGEN_STAGE_row_stats, &k.stats},
  };
  status = find(*call, LOSSGEN_STAGE_target_classes, dtype_id(p.row[kTarget].type), LOSSGEN_LAYOUT_any, &k.classes);
  for (const auto &w : wanted)
    if (status == LOSSGEN_OK && w.wanted) status = find(*call, w.stage, dtype, p.layout, w.kernel);
  if (status != LOSSGEN_OK) return status;
  // One cut for both passes: a block's logits are still in cache when its gradient is made.
  cut_into_blocks(&p, *(k.forward ? k.forward : k.backward));
  const bool wide = p.matrix[kIn0].type.bits == 64;
  return wide ? run_typed<double>(*call, k) : run_typed<float>(*call, k);
}

}  // namespace lossgen
