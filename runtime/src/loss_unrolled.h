// Cross entropy of few classes known at compile time, each logit read once: whole vectors of rows where they are; fewer rows than a vector
// by way of the stack; and again what the fast kernel could not do.
#ifndef LOSSGEN_RUNTIME_LOSS_UNROLLED_H
#define LOSSGEN_RUNTIME_LOSS_UNROLLED_H

#include <string.h>

#include <algorithm>

#include "kernel_call.h"
#include "lanes.h"
#include "loss.h"
#include "loss_scratch.h"

namespace lossgen {

template <class S>
struct Unrolled {
  const Problem &p;
  const Substitutes &k;
  bool want_grad;

  // The kernel on the rows of a block; out: their gradient, where it is wanted.
  void run(const lossgen_kernel *kernel, const Block &b, const RowScratch<S> &s, const lossgen_buffer *out) const {
    run(kernel, &Buffer2(p, kIn0, b, 0, b.rows), b.rows, s, out);
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
    const int64_t room = room_for(granule);
    for (int64_t i = 0, n; i < b.rows; i += n) {
      const Left left = left_of(i);
      const int64_t most = left == kSome ? std::min(room, b.rows - i) : b.rows - i;
      for (n = granule; n < most && left_of(i + n) == left;) n += granule;
      if (left == kNone) continue;
      const Block again = part_of(p, b, i, n);
      if (left == kAll) run(k.unrolled_exact, again, s.from(i), want_grad ? &Buffer2(p, kOut, again, 0, n) : nullptr);
      else run_left(again, s.from(i));
    }
  }

  // Fewer rows than a vector: a copy of them, filled up with ignored ones. See can_fill_up.
  __attribute__((noinline)) void run_few(const Block &b, const RowScratch<S> &s) const {
    const int64_t rows = k.unrolled->block_granule;
    alignas(64) char logits[kFilledBytes];
    int32_t cls[kFilledRows];
    S a[kFilledRows], nll[kFilledRows], lse[kFilledRows];
    memset(logits, 0, (size_t)(rows * p.classes * p.matrix[kIn0].bytes()));
    copy_rows(elements_of(kIn0, b), dense(logits, rows), nullptr, b.rows);
    std::fill(std::copy(s.cls, s.cls + b.rows, cls), cls + rows, -1);
    if (want_grad) std::fill(std::copy(s.a, s.a + b.rows, a), a + rows, (S)0);
    RowScratch<S> filled = s;
    filled.cls = cls, filled.a = a, filled.nll = nll, filled.lse = lse;
    alignas(64) char gradient[kFilledBytes];
    const Elements in = dense(logits, rows), out = dense(gradient, rows);
    run(k.unrolled, &buffer_of(in, rows), rows, filled, want_grad ? &buffer_of(out, rows) : nullptr);
    if (k.unrolled_exact && any_nan(lse, b.rows)) finish_exact(in, rows, b, filled, out);
    else if (want_grad) copy_rows(out, elements_of(kOut, b), nullptr, b.rows);
    std::copy(nll, nll + b.rows, s.nll);
    std::copy(lse, lse + b.rows, s.lse);
  }

 private:
  void run(const lossgen_kernel *kernel, const lossgen_buffer *in, int64_t rows, const RowScratch<S> &s, const lossgen_buffer *out) const {
    const Buffer1 cls(s.cls, rows), nll(s.nll, rows), lse(s.lse, rows), a(s.a, rows);
    if (out) call(kernel, lossgen_args_cross_entropy_forward_backward_unrolled{in, &cls, &a, &nll, &lse, out});
    else call(kernel, lossgen_args_cross_entropy_forward_unrolled{in, &cls, &nll, &lse});
  }

  bool planes() const { return p.layout == LOSSGEN_LAYOUT_planes; }
  // So many rows have their gradients in kMostAgainBytes. Doubled vectors, as the tiles of the kernels are.
  int64_t room_for(int64_t granule) const {
    int64_t rows = granule;
    while (2 * rows <= kMostAgainRows && 2 * rows * p.classes * (int64_t)sizeof(S) <= kMostAgainBytes) rows *= 2;
    return rows;
  }

  // A matrix of a block's rows: its elements, `step` apart along the classes, `next` along the rows.
  struct Elements {
    char *data;
    int64_t step, next;
  };
  Elements elements_of(Matrix t, const Block &b) const {
    return {p.matrix[t].data + b.matrix[t] * p.matrix[t].bytes(), p.class_stride[t], p.inner.matrix[t]};
  }
  Elements dense(char *scratch, int64_t rows) const { return planes() ? Elements{scratch, rows, 1} : Elements{scratch, 1, p.classes}; }

  // The kernels' form of it.
  Buffer2 buffer_of(const Elements &m, int64_t rows) const { return Buffer2(p, m.data, m.step, m.next, rows); }

  // `in` is a copy of b's rows and more, which the exact kernel's gradient replaces; those whose lse is NaN take that, the others `gradient`.
  __attribute__((noinline)) void finish_exact(const Elements &in, int64_t rows, const Block &b, const RowScratch<S> &s,
                                              const Elements &gradient) const {
    int32_t left[kMostAgainRows], done[kMostAgainRows];
    int64_t others = 0;
    for (int64_t i = 0; i < b.rows; i++)
      if (s.lse[i] == s.lse[i]) done[others++] = (int32_t)i;
    const int64_t n = take_left(&buffer_of(in, rows), rows, b.rows, s, want_grad ? &buffer_of(in, rows) : nullptr, left);
    if (!want_grad) return;
    const Elements out = elements_of(kOut, b);
    copy_rows(in, out, left, n);
    copy_rows(gradient, out, done, others);
  }

  // The exact kernel on rows of a block that stay: their gradient on the stack, until those left are taken.
  __attribute__((noinline)) void run_left(const Block &b, const RowScratch<S> &s) const {
    alignas(64) char gradient[kMostAgainBytes];
    int32_t left[kMostAgainRows];
    const int64_t n = take_left(&Buffer2(p, kIn0, b, 0, b.rows), b.rows, b.rows, s,
                                want_grad ? &buffer_of(dense(gradient, b.rows), b.rows) : nullptr, left);
    if (want_grad) copy_rows(dense(gradient, b.rows), elements_of(kOut, b), left, n);
  }

  // The exact kernel on so many rows: nll and lse are taken of those whose lse is NaN, among the first `count`. Returns how many, and which.
  __attribute__((noinline)) int64_t take_left(const lossgen_buffer *in, int64_t rows, int64_t count, const RowScratch<S> &s,
                                              const lossgen_buffer *out, int32_t *left) const {
    S nll[kMostAgainRows], lse[kMostAgainRows];
    RowScratch<S> again = s;
    again.nll = nll, again.lse = lse;
    run(k.unrolled_exact, in, rows, again, out);
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
      if (s.lse[i] == s.lse[i]) continue;
      left[n++] = (int32_t)i;
      s.nll[i] = nll[i];
      s.lse[i] = lse[i];
    }
    return n;
  }

  // The rows of that number, or the first ones.
  void copy_rows(const Elements &from, const Elements &to, const int32_t *which, int64_t count) const {
    const int bytes = p.matrix[kIn0].bytes();
    if (!which && !planes() && from.next == p.classes && to.next == p.classes) {
      memcpy(to.data, from.data, (size_t)(count * p.classes * bytes));
      return;
    }
    const auto walk = [&](auto element) {
      using T = decltype(element);
      const auto copy = [&](int64_t c, int64_t row) {
        ((T *)to.data)[c * to.step + row * to.next] = ((const T *)from.data)[c * from.step + row * from.next];
      };
      for (int64_t c = 0; planes() && c < p.classes; c++)
        for (int64_t i = 0; i < count; i++) copy(c, which ? which[i] : i);
      for (int64_t i = 0; !planes() && i < count; i++)
        for (int64_t c = 0; c < p.classes; c++) copy(c, which ? which[i] : i);
    };
    switch (bytes) {
      case 2: return walk(uint16_t());
      case 4: return walk(float());
      default: return walk(double());
    }
  }
};

}  // namespace lossgen
#endif
