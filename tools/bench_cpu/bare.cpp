// The kernels without the library around them: a caller that knows all options are off. Mean loss, checked targets, f32, one thread.
// What the library takes longer is what options, checks of arguments, dispatch and determinism over threads cost.
#include <lossgen/kernel_abi.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "contenders.h"
#include "kernel_call.h"
#include "lossgen_bench_kernels_kernels.h"
#include "lossgen_kernels.h"
#include "names.h"

namespace bench {
namespace {

using lossgen::Buffer1;
using lossgen::call;
using lossgen::kMaxBlockRows;

const lossgen_kernel *find(int stage, int dtype, int layout, int64_t classes, const std::string &target) {
  const lossgen_kernel *found = nullptr;
  for (const lossgen_kernel_table *table : {&lossgen_kernels, &lossgen_bench_kernels_kernels}) {
    for (uint32_t i = 0; i < table->count; i++) {
      const lossgen_kernel &k = table->kernels[i];
      if (k.stage != stage || k.dtype != dtype || k.layout != layout || lossgen::kTargetNames[k.target] != target) continue;
      if (k.classes == classes || (k.classes == 0 && found == nullptr)) found = &k;
    }
  }
  return found;
}

class Bare {
 public:
  Bare(const Batches &b, const std::string &target, bool gradient)
      : b_(b), gradient_(gradient), planes_(b.shape.inner() > 1), rows_(planes_ ? b.shape.inner() : b.shape.rows()),
        x_(b.logits.as<float>()), g_(b.gradient.as<float>()) {
    const int layout = planes_ ? LOSSGEN_LAYOUT_planes : LOSSGEN_LAYOUT_rows;
    const auto stage = [&](int s) { return find(s, LOSSGEN_DTYPE_f32, layout, b.shape.classes(), target); };
    classes_ = find(LOSSGEN_STAGE_target_classes, LOSSGEN_DTYPE_i64, LOSSGEN_LAYOUT_any, 0, target);
    forward_ = stage(LOSSGEN_STAGE_cross_entropy_forward);
    exact_ = stage(LOSSGEN_STAGE_cross_entropy_forward_exact);
    backward_ = stage(LOSSGEN_STAGE_cross_entropy_backward);
    unrolled_ = stage(gradient ? LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled : LOSSGEN_STAGE_cross_entropy_forward_unrolled);
    if (classes_ == nullptr || forward_ == nullptr || exact_ == nullptr || backward_ == nullptr)
      throw std::runtime_error("no kernels for " + target);
    const lossgen_kernel *kernel = unrolled_ != nullptr ? unrolled_ : forward_;
    const int64_t granule = std::max(1, kernel->block_granule);
    block_ = std::max<int64_t>(granule, kernel->block_bytes / (4 * b.shape.classes()) / granule * granule);
    block_ = std::min({block_, rows_, kMaxBlockRows});
  }

  double run() {
    kept_ = 0;
    const int64_t outer = b_.shape.rows() / rows_;
    if (gradient_) each_block(outer, [&](int64_t first, int64_t, int64_t n) { kept_ += load_classes(first, n); });
    const double all = gradient_ ? kept_ : 0;
    double loss = 0;
    kept_ = 0;
    each_block(outer, [&](int64_t first, int64_t at, int64_t n) {
      kept_ += load_classes(first, n);
      if (gradient_) std::fill(scale_, scale_ + n, static_cast<float>(1 / all));
      block(at, n);
      for (int64_t i = 0; i < n; i++) loss += nll_[i];
    });
    return loss / kept_;
  }

 private:
  template <class Body>
  void each_block(int64_t outer, Body body) {
    const int64_t classes = b_.shape.classes();
    for (int64_t o = 0; o < outer; o++) {
      for (int64_t r = 0; r < rows_; r += block_) {
        const int64_t at = o * classes * rows_ + r * (planes_ ? 1 : classes);
        body(o * rows_ + r, at, std::min(block_, rows_ - r));
      }
    }
  }

  double load_classes(int64_t first, int64_t n) {
    const Buffer1 target(b_.target.as<int64_t>() + first, n), cls(cls_, n);
    const int64_t ignored = -100;
    const int32_t ignores = 1, classes = static_cast<int32_t>(b_.shape.classes());
    call(classes_, lossgen_args_target_classes{&target, &ignored, &ignores, &classes, &cls});
    int32_t kept = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) kept += cls_[i] >= 0, worst = std::min(worst, cls_[i]);
    if (worst < -1) throw std::runtime_error("a target is out of bounds");
    return kept;
  }

  lossgen_buffer matrix(float *data, lossgen_dim *dim, int64_t n) const {
    const int64_t classes = b_.shape.classes();
    dim[planes_ ? 1 : 0] = {0, static_cast<int32_t>(classes), static_cast<int32_t>(planes_ ? rows_ : 1), 0};
    dim[planes_ ? 0 : 1] = {0, static_cast<int32_t>(n), static_cast<int32_t>(planes_ ? 1 : classes), 0};
    lossgen_buffer buffer = {};
    buffer.host = reinterpret_cast<uint8_t *>(data);
    buffer.dimensions = 2;
    buffer.dim = dim;
    return buffer;
  }

  void block(int64_t at, int64_t n) {
    lossgen_dim in_dim[2], out_dim[2];
    const lossgen_buffer in = matrix(x_ + at, in_dim, n), out = matrix(gradient_ ? g_ + at : nullptr, out_dim, n);
    const Buffer1 cls(cls_, n), nll(nll_, n), lse(lse_, n), ref(ref_, n), sum(sum_, n), scale(scale_, n);
    if (unrolled_ != nullptr && n % std::max(1, unrolled_->block_granule) == 0) {
      if (gradient_)
        call(unrolled_, lossgen_args_cross_entropy_forward_backward_unrolled{&in, &cls, &scale, &nll,
                                                                             &lse, &out});
      else call(unrolled_, lossgen_args_cross_entropy_forward_unrolled{&in, &cls, &nll, &lse});
      if (std::any_of(lse_, lse_ + n, [](float x) { return std::isnan(x); })) throw std::runtime_error("logits that need the exact kernel");
      return;
    }
    call(forward_, lossgen_args_cross_entropy_forward{&in, &cls, &nll, &lse, &ref, &sum});
    if (!std::all_of(sum_, sum_ + n, [](float s) { return s <= static_cast<float>(LOSSGEN_SUM_LIMIT); }))
      call(exact_, lossgen_args_cross_entropy_forward_exact{&in, &cls, &nll, &lse, &ref, &sum});
    if (gradient_)
      call(backward_, lossgen_args_cross_entropy_backward{&in, &cls, &scale, &scale, &ref,
                                                          &sum, &out});
  }

  const Batches &b_;
  const bool gradient_, planes_;
  const int64_t rows_;  // that lie one after another
  float *const x_, *const g_;
  const lossgen_kernel *classes_, *forward_, *exact_, *backward_, *unrolled_;
  int64_t block_;
  double kept_ = 0;
  int32_t cls_[kMaxBlockRows];
  float nll_[kMaxBlockRows], lse_[kMaxBlockRows], ref_[kMaxBlockRows], sum_[kMaxBlockRows], scale_[kMaxBlockRows];
};

}  // namespace

void add_bare(const Batches &b, int threads, const Wanted &wanted, std::vector<Contender> *list) {
  const bool asked = std::find(wanted.impls.begin(), wanted.impls.end(), "kernels") != wanted.impls.end();
  if (!asked || b.dtype != Dtype::f32 || threads != 1) return;
  const std::string target = usable_targets().back();
  const auto add = [&](const std::string &op, Roofline roofline, double factor, const Buffer *gradient) {
    if (!wanted.op(op)) return;
    const auto bare = std::make_shared<Bare>(b, target, gradient != nullptr);
    const auto loss = std::make_shared<double>();
    Contender c{op, "kernels", target, factor * b.bytes, roofline, false, {}, {}, {}};
    c.call = [bare, loss] { *loss = bare->run(); };
    const Batches *batches = &b;
    c.check = [=] { check_result(*batches, *loss, gradient, "the kernels alone"); };
    list->push_back(std::move(c));
  };
  add("cross_entropy_forward", Roofline::read, 1, nullptr);
  if (b.gradient.bytes() > 0) add("cross_entropy_forward_backward", Roofline::copy, 2, &b.gradient);
}

}  // namespace bench
