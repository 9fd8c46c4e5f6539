// Cross entropy of few classes known at compile time, each logit read once, and rows that the fast kernel could not do.
#ifndef LOSSGEN_RUNTIME_LOSS_UNROLLED_H
#define LOSSGEN_RUNTIME_LOSS_UNROLLED_H

#include <algorithm>

#include "kernel_call.h"
#include "loss.h"
#include "loss_scratch.h"

namespace lossgen {

constexpr int64_t kMostAgainRows = kMostAgainBytes / (LOSSGEN_FEWEST_EXACT * 4);

template <class S>
struct Unrolled {
  const Problem &p;
  const Substitutes &k;
  bool want_grad;

  // The kernel on the rows of a block; out: their gradient, where it is wanted.
  void run(const lossgen_kernel *kernel, const Block &b, const RowScratch<S> &s, const lossgen_buffer *out) const {
    const Buffer2 in(p, kIn0, b, 0, b.rows);
    const Buffer1 cls(s.cls, b.rows), nll(s.nll, b.rows), lse(s.lse, b.rows), a(s.a, b.rows);
    if (out) call(kernel, lossgen_args_cross_entropy_forward_backward_unrolled{&in, &cls, &a, &nll, &lse, out});
    else call(kernel, lossgen_args_cross_entropy_forward_unrolled{&in, &cls, &nll, &lse});
  }

  // Rows whose lse is NaN are done again. The kernel takes whole vectors of rows: what it makes of the others among them goes nowhere,
  // for a row's bits must not depend on its neighbours.
  __attribute__((noinline)) void run_exact(const Block &b, const RowScratch<S> &s) const {
    const int64_t granule = k.unrolled_exact->block_granule;
    enum Left { kNone, kSome, kAll };
    const auto left_of = [&](int64_t i) {
      const int64_t count = std::count_if(s.lse + i, s.lse + i + granule, [](S x) { return x != x; });
      return count == 0 ? kNone : count < granule ? kSome : kAll;
    };
    const int64_t room = std::max(granule, kMostAgainBytes / (p.classes * (int64_t)sizeof(S)) / granule * granule);
    for (int64_t i = 0, n; i < b.rows; i += n) {
      const Left left = left_of(i);
      const int64_t most = left == kSome ? std::min(room, b.rows - i) : b.rows - i;
      for (n = granule; n < most && left_of(i + n) == left;) n += granule;
      if (left == kNone) continue;
      const Block again = part_of(p, b, i, n);
      if (left == kAll) run(k.unrolled_exact, again, s.from(i), want_grad ? &Buffer2(p, kOut, again, 0, n) : nullptr);
      else run_some(again, s.from(i));
    }
  }

 private:
  void run_some(const Block &b, const RowScratch<S> &s) const {
    alignas(64) char gradient[kMostAgainBytes];
    S nll[kMostAgainRows], lse[kMostAgainRows];
    RowScratch<S> again = s;
    again.nll = nll, again.lse = lse;
    const bool planes = p.layout == LOSSGEN_LAYOUT_planes;
    const int64_t pitch = planes ? b.rows : p.classes;
    run(k.unrolled_exact, b, again, want_grad ? &Buffer2(p, gradient, b.rows, pitch) : nullptr);
    int32_t left[kMostAgainRows];
    int64_t count = 0;
    for (int64_t i = 0; i < b.rows; i++) {
      if (s.lse[i] == s.lse[i]) continue;
      left[count++] = (int32_t)i;
      s.nll[i] = nll[i];
      s.lse[i] = lse[i];
    }
    const auto copy = [&](auto element) {
      using T = decltype(element);
      T *out = (T *)p.matrix[kOut].data + b.matrix[kOut];
      const int64_t step = p.class_stride[kOut], rows = p.inner.matrix[kOut];
      for (int64_t c = 0; planes && c < p.classes; c++)
        for (int64_t i = 0; i < count; i++) out[c * step + left[i] * rows] = ((const T *)gradient)[c * pitch + left[i]];
      for (int64_t i = 0; !planes && i < count; i++)
        for (int64_t c = 0; c < p.classes; c++) out[c * step + left[i] * rows] = ((const T *)gradient)[left[i] * pitch + c];
    };
    if (!want_grad) return;
    switch (p.matrix[kOut].bytes()) {
      case 2: return copy(uint16_t());
      case 4: return copy(float());
      default: return copy(double());
    }
  }
};

}  // namespace lossgen
#endif
