// A row whose classes were cut into pieces: what the forward kernel says of each, put together.
#ifndef LOSSGEN_RUNTIME_PIECES_H
#define LOSSGEN_RUNTIME_PIECES_H

#include <math.h>

#include "partition.h"

namespace lossgen {

struct PieceRange {
  Block block;  // of the row alone
  int64_t from, classes;
};

// Of the piece's own classes: sum of exp(x - ref); nll where the target is among them.
template <class S>
struct Piece {
  S nll, ref, sum;
};

struct MergedRow {
  double nll, lse;  // nll is 0 without a target
  double ref, sum;  // of the whole row
};

// pieces: `count` of them, `step` apart, merged in order. target: the piece that holds it, -1 for ignored rows; x_y: its logit.
template <class S>
MergedRow merge(const Piece<S> *pieces, int64_t count, int64_t step, int64_t target, double x_y) {
  double top = -HUGE_VAL;
  for (int64_t i = 0; i < count; i++)
    if (!(pieces[i * step].ref <= top)) top = pieces[i * step].ref;  // NaN stays
  double sum = 0, others = 0;
  for (int64_t i = 0; i < count; i++) {
    const Piece<S> &piece = pieces[i * step];
    sum += piece.sum * exp(piece.ref - top);
    // Relative to x_y, without its own 1: a confident row keeps its digits.
    if (i != target) others += piece.sum * exp(piece.ref - x_y);
  }
  MergedRow row = {0, top + log(sum), top, sum};
  if (target < 0) return row;
  others += expm1((double)pieces[target * step].nll);
  row.nll = others < 1e300 ? log1p(others) : (top - x_y) + log(sum);
  return row;
}

}  // namespace lossgen
#endif
