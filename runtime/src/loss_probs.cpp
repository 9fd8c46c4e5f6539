// cross_entropy_probs, forward, backward and both at once, on the host: LossRun's walk (loss.cpp) without classes to
// look up. Every row counts, so the denominator is known beforehand.
#include "lanes.h"
#include "names.h"
#include "parallel.h"
#include "rows.h"

namespace lossgen {

namespace {

struct ProbsKernels {
  const lossgen_kernel *forward = nullptr, *backward = nullptr, *log_probs = nullptr, *stats = nullptr;
};

template <class S>
class ProbsRun {
 public:
  ProbsRun(const LossCall &call, const ProbsKernels &kernels, const S *weight)
      : call_(call), p_(call.problem), k_(kernels), weight_(weight) {
    const double smoothing = call.options.label_smoothing;
    keep_ = 1 - smoothing;
    spread_ = p_.classes ? smoothing / (double)p_.classes : 0;
    z_loss_ = p_.classes ? call.options.z_loss : 0;
    if (smoothing != 0) spread_mass_ = spread_ * sum_of_many(weight_, p_.classes);
  }

  void run() {
    const lossgen_options &o = call_.options;
    const bool mean = o.reduction == LOSSGEN_REDUCTION_MEAN;
    // Without classes there is nothing to take the mean of: PyTorch's NaN.
    const int64_t rows = p_.classes ? p_.rows : 0;
    const double denominator = o.denominator == LOSSGEN_DENOMINATOR_GIVEN ? o.denominator_value : (double)rows;
    scale_ = upstream(call_) / (mean ? denominator : 1);
    const int64_t matrices = call_.want_grad ? 3 : 2;
    parallel_chunks(p_, o, matrices * p_.rows * p_.classes * p_.matrix[kIn0].bytes(),
                    [&](int64_t first, int64_t end) { run_chunks(first, end); });
    double loss = 0;
    for (int64_t i = 0; i < p_.cut.chunks; i++) loss += sums_[i].loss;
    store_reduced(call_, loss, rows, mean ? denominator : 0);
  }

 private:
  // Per-row numbers of one block; on the stack of the task.
  struct Scratch {
    S loss[kMaxBlockRows], lse[kMaxBlockRows], ref[kMaxBlockRows], sum[kMaxBlockRows], mass[kMaxBlockRows],
        own[kMaxBlockRows], a[kMaxBlockRows], b[kMaxBlockRows];
  };

  void run_chunks(int64_t first, int64_t end) {
    Scratch s;
    std::fill(sums_ + first, sums_ + end, Sums{});
    Block b;
    for (Blocks blocks(p_, first, end); blocks.next(&b);) {
      load_block(p_, kRowWeight, b, s.own);
      if (p_.classes == 0) {
        std::fill(s.loss, s.loss + b.rows, (S)0);
        std::fill(s.lse, s.lse + b.rows, (S)-INFINITY);
      } else {
        forward(b, &s);
        int32_t argmax[kMaxBlockRows];
        store_row_outputs(p_, b, k_.log_probs, k_.stats, s.a, argmax);
      }
      if (call_.want_loss) finish_loss(b, &s);
      if (call_.want_grad && p_.classes > 0) backward(b, &s);
    }
  }

  void forward(const Block &b, Scratch *s) const {
    const Buffer2 in(p_, kIn0, b, 0, b.rows), probs(p_, kIn1, b, 0, b.rows);
    const Buffer1 weight(weight_, p_.classes), loss(s->loss, b.rows), lse(s->lse, b.rows), ref(s->ref, b.rows),
        sum(s->sum, b.rows), mass(s->mass, b.rows);
    call(k_.forward, lossgen_args_cross_entropy_probs_forward{&in, &probs, &weight, &keep_, &spread_, &spread_mass_,
                                                              &loss, &lse, &ref, &sum, &mass});
  }

  void finish_loss(const Block &b, Scratch *s) {
    const S z = (S)z_loss_;
    for (int64_t i = 0; i < b.rows; i++)
      s->loss[i] = s->own[i] * (s->loss[i] + (z != 0 ? z * s->lse[i] * s->lse[i] : 0));
    store_block(p_, kLse, b, s->lse);
    store_block(p_, kLoss, b, s->loss);
    if (p_.row[kLoss].defined()) return;
    each_chunk(p_, b, [&](int64_t chunk, int64_t i, int64_t n) { sums_[chunk].loss += sum(s->loss + i, n); });
  }

  void backward(const Block &b, Scratch *s) const {
    S *g = s->loss;  // no longer needed
    load_block(p_, kGradLoss, b, g);
    const double z = 2 * z_loss_;
    for (int64_t i = 0; i < b.rows; i++) {
      // In f64: the scale alone may leave the range of f32.
      const double scale = scale_ * g[i] * s->own[i];
      s->b[i] = (S)scale;
      s->a[i] = (S)(scale * (s->mass[i] + (z != 0 ? z * s->lse[i] : 0)));
    }
    const Buffer2 in(p_, kIn0, b, 0, b.rows), probs(p_, kIn1, b, 0, b.rows), out(p_, kOut, b, 0, b.rows);
    const Buffer1 weight(weight_, p_.classes), a(s->a, b.rows), shares(s->b, b.rows), ref(s->ref, b.rows),
        sum(s->sum, b.rows);
    call(k_.backward, lossgen_args_cross_entropy_probs_backward{&in, &probs, &weight, &keep_, &spread_, &a, &shares,
                                                                &ref, &sum, &out});
  }

  const LossCall &call_;
  const Problem &p_;
  ProbsKernels k_;
  const S *weight_;
  double keep_, spread_, spread_mass_ = 0;  // q' = keep q + spread; sum of w spread
  double z_loss_, scale_ = 1;
  struct alignas(64) Sums {  // as in loss.cpp
    double loss;
  };
  Sums sums_[kMaxChunks];
};

template <class S>
lossgen_status run_typed(const LossCall &call, const ProbsKernels &kernels) {
  S *owned;
  const S *weights;
  const lossgen_status status = dense_weights(call, true, &owned, &weights);
  if (status != LOSSGEN_OK) return status;
  ProbsRun<S>(call, kernels, weights).run();
  if (owned) release(call.options, owned);
  return LOSSGEN_OK;
}

}  // namespace

lossgen_status run_loss_probs(LossCall *call) {
  Problem &p = call->problem;
  lossgen_status status = canonicalize_for(LOSSGEN_STAGE_cross_entropy_probs_forward, call->forced_target,
                                           call->options.general_kernels_only, &p);
  if (status == LOSSGEN_OK) status = check_row_outputs(*call);
  if (status != LOSSGEN_OK) return status;
  const int dtype = dtype_id(p.matrix[kIn0].type);
  ProbsKernels k;
  KernelsFor kernels = kernels_for(*call, dtype, p.layout);
  status = kernels.need(LOSSGEN_STAGE_cross_entropy_probs_forward, &k.forward);
  const auto need = [&](bool wanted, lossgen_stage_id stage, const lossgen_kernel **kernel) {
    if (wanted && status == LOSSGEN_OK) status = kernels.need(stage, kernel);
  };
  need(call->want_grad, LOSSGEN_STAGE_cross_entropy_probs_backward, &k.backward);
  need(p.matrix[kLogProbs].defined(), LOSSGEN_STAGE_log_softmax_forward, &k.log_probs);
  need(wants_stats(*call), LOSSGEN_STAGE_row_stats, &k.stats);
  if (status != LOSSGEN_OK) return status;
  cut_into_blocks(&p, *k.forward);
  return p.matrix[kIn0].type.bits == 64 ? run_typed<double>(*call, k) : run_typed<float>(*call, k);
}

}  // namespace lossgen
