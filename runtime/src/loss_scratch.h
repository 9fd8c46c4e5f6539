// What a loss keeps of its rows: sums per chunk, numbers per row of a block.
#ifndef LOSSGEN_RUNTIME_LOSS_SCRATCH_H
#define LOSSGEN_RUNTIME_LOSS_SCRATCH_H

#include <stdint.h>

#include <initializer_list>

namespace lossgen {

// What a chunk of rows adds up to. Chunks are summed in order. A cache line each: neighbours belong to different threads.
struct alignas(64) Sums {
  double loss, weight;
  int64_t kept, correct;
};

// Per-row numbers of one block.
template <class S>
struct RowScratch {
  int32_t *cls;
  S *w, *own, *a, *b, *nll, *lse, *ref, *sum, *dot;
  S *terms = nullptr;        // exp of the logits, where the kernels keep it
  bool *redone;              // rows whose terms mean nothing; read where any_redone
  bool any_redone = false;
  char *gradient = nullptr;  // on its way past the caches

  RowScratch from(int64_t row) const {
    RowScratch part = *this;
    part.cls += row;
    part.redone += row;
    for (S **field : {&part.w, &part.own, &part.a, &part.b, &part.nll, &part.lse, &part.ref, &part.sum, &part.dot}) *field += row;
    return part;
  }
};

// With room for so many rows; on the stack of the task.
template <class S, int64_t Rows>
struct RowScratchOf : RowScratch<S> {
  RowScratchOf() {
    this->cls = classes;
    this->redone = marks;
    S *next = numbers;
    for (S **field : {&this->w, &this->own, &this->a, &this->b, &this->nll, &this->lse, &this->ref, &this->sum, &this->dot}) {
      *field = next;
      next += Rows;
    }
  }
  RowScratchOf(const RowScratchOf &) = delete;
  int32_t classes[Rows];
  S numbers[9 * Rows];
  bool marks[Rows];
};

}  // namespace lossgen
#endif
