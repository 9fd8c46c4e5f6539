// The forms a loss takes, as expressions: each file beside this one matches one family.
#ifndef LOSSGEN_MLIR_RAISE_FORMS_H
#define LOSSGEN_MLIR_RAISE_FORMS_H

#include <optional>
#include <string>

#include "Values.h"
#include "lossgen-mlir/Lossgen.h"

namespace mlir::lossgen {

/// log_softmax over the variable of one maximum: x(c) - top - log(sum).
struct Softmax {
  Expr maximum = nullptr; // max over c of x(c)
  Expr top = nullptr;     // it, or with a guard against infinities
  Expr sum = nullptr;     // over c of exp(x(c) - top)
  Expr logSum = nullptr;

  Expr logit(Algebra &a, Expr c) const { return a.open(maximum, c); }
  Expr logProb(Algebra &a, Expr c) const { return a.sub(a.sub(logit(a, c), top), logSum); }
  Expr lse(Algebra &a) const { return a.add(top, logSum); }
  int64_t classes() const { return maximum->extent; }
};

/// The softmaxes that occur in an expression.
std::vector<Softmax> findSoftmaxes(Algebra &a, Expr e);

/// What a bad label means in the source, and so how it is kept.
enum class Labels {
  Checked,  // it traps, or is undefined
  Wrapped,  // negative ones count from the end, the rest gives NaN: JAX's take
  Clamped,  // it reads the nearest class: StableHLO's gather
  OneHot,   // it selects no class: loss and gradient 0
};

/// The loss of a row, with everything that was found in it.
struct RowLoss {
  std::optional<Softmax> softmax; // without: nll_loss of an input
  Expr source = nullptr;          // the logit or log-prob at `index`
  Expr index = nullptr;           // the class that is read
  Expr label = nullptr;
  Labels labels = Labels::Checked;
  std::optional<int64_t> ignore;
  Expr mask = nullptr;     // label != ignore
  Value weight;            // rank 1
  Expr weightAt = nullptr; // weight[index]
  Expr value = nullptr;    // the whole
  Value logProbs;          // of nll_loss
  int64_t classAxis = -1;  // of it
};

/// The row losses that may be what `e` is made of: labels, weights and masks that occur in it.
std::vector<RowLoss> findRowLosses(Values &values, Algebra &a, Expr e);

/// A tensor that the pass can replace, and by what.
struct Match {
  enum What { Loss, Lse, LogSoftmax, LogSoftmaxBackward, Gradient } what = Loss;
  Value root;
  RowLoss row;
  Reduction reduction = Reduction::None;
  double smoothing = 0.0;
  bool negated = false; // the root is minus the loss
  SmallVector<Expr> rows; // the variables that stand for the row's axes, outermost first
  SmallVector<int64_t> rowExtents; // where the source sums over them; else empty
  int64_t classAxis = -1; // among the axes that have a variable, for tensors of the logits' shape
  Expr scale = nullptr;   // upstream gradient
  Expr logProbs = nullptr, grad = nullptr; // of LogSoftmaxBackward, with v as axes
};

/// Loss.cpp: mean, sum or none of row losses, with smoothing.
std::optional<Match> matchLoss(Values &values, Algebra &a, Value root);
/// Gradient.cpp: log_softmax, its backward, and the gradient of a one-hot cross entropy.
std::optional<Match> matchClassShaped(Values &values, Algebra &a, Value root);

/// A row expression with the row's variables as v0, v1, ...: as the tensors of rows have it.
Expr inRowAxes(Algebra &a, const Match &match, Expr e);

/// The tensors of a match: what the new op reads.
struct Tensors {
  Value logits; // or log-probs
  int64_t dim = 0;
  Value target, weight, scale;
  std::optional<double> constantScale;
};

/// Bind.cpp: finds them. Nothing when all are there; "" when the form is not one that the op has, or else why the op
/// cannot take it.
std::optional<std::string> bindTensors(const Values &values, Algebra &a, Match &match, Tensors &tensors);

/// Replace.cpp: puts the op in the root's place. Returns the op's lse where it has one.
Value replace(Block &block, const Match &match, const Tensors &tensors);
/// The same values with axes of extent 1 added or removed.
Value reshapeTo(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> shape);
Value reshapeLike(OpBuilder &b, Location loc, Value value, Value like);

} // namespace mlir::lossgen

#endif // LOSSGEN_MLIR_RAISE_FORMS_H
