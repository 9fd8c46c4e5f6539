// Softmaxes, and the loss of one row: labels with and without ignore_index, wrapped as JAX does, or one-hot; weights.
#include <cmath>

#include "Forms.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::lossgen;

std::vector<Softmax> mlir::lossgen::findSoftmaxes(Algebra &a, Expr e) {
  llvm::SetVector<Expr> maxima;
  Algebra::walk(e, [&](Expr node) {
    if (node->is(Kind::MaximumOf))
      maxima.insert(node);
    return true;
  });
  std::vector<Softmax> found;
  Expr infinity = a.real(INFINITY), zero = a.real(0.0);
  for (Expr maximum : maxima) {
    Expr absolute = a.abs(maximum);
    // The maximum as it is; torch's logsumexp puts 0 where it is infinite, JAX where it is not finite.
    int64_t one = FloatOther + 6; // arith.cmpf one
    for (Expr top : {maximum, a.select(a.compare(FloatEq, absolute, infinity), zero, maximum),
                     a.select(a.compare(one, absolute, infinity), maximum, zero)}) {
      Expr c = a.fresh();
      Expr sum = a.reduce(Kind::Sum, c, maximum->extent, a.exp(a.sub(a.open(maximum, c), top)));
      if (Algebra::contains(e, sum))
        found.push_back({maximum, top, sum, a.log(sum)});
    }
  }
  return found;
}

namespace {

bool isLabel(Expr e) {
  auto type = e->is(Kind::Load) ? dyn_cast<RankedTensorType>(e->base.getType()) : RankedTensorType();
  return type && (type.getElementType().isInteger(32) || type.getElementType().isInteger(64));
}

// Everything of one kind in an expression, in a fixed order.
llvm::SetVector<Expr> collect(Expr e, llvm::function_ref<bool(Expr)> wanted) {
  llvm::SetVector<Expr> found;
  Algebra::walk(e, [&](Expr node) {
    if (wanted(node))
      found.insert(node);
    return true;
  });
  return found;
}

// The indices with which `e` reads, along axis `position`, the tensors that x(c) reads at c.
llvm::SetVector<Expr> classIndices(Algebra &a, Expr e, const Softmax &softmax) {
  Expr c = a.fresh();
  llvm::SetVector<Expr> found;
  for (Expr logit : collect(softmax.logit(a, c), [](Expr node) { return node->is(Kind::Load); }))
    for (size_t p = 0; p < logit->children.size(); ++p)
      if (logit->children[p] == c)
        for (Expr load : collect(e, [&](Expr node) { return node->is(Kind::Load) && node->base == logit->base; }))
          if (load->children[p]->is(Kind::Load) || load->children[p]->is(Kind::Select) ||
              load->children[p]->is(Kind::MinInt) || load->children[p]->is(Kind::MaxInt))
            found.insert(load->children[p]);
  return found;
}

// Whether `mask` says label != constant; then which.
std::optional<int64_t> ignored(Expr mask, Expr label) {
  if (!mask->is(Kind::Compare) || mask->number != IntNe)
    return std::nullopt;
  Expr x = mask->children[0], y = mask->children[1];
  if (x == label && y->is(Kind::Int))
    return y->number;
  if (y == label && x->is(Kind::Int))
    return x->number;
  return std::nullopt;
}

// Fills label, mask and ignore for an index that is a label, or a label with 0 in place of the ignored one.
std::vector<RowLoss> checkedLabels(Algebra &a, Expr e, Expr index) {
  std::vector<RowLoss> found;
  auto masks = collect(e, [](Expr node) { return node->is(Kind::Compare) && node->number == IntNe; });
  RowLoss row;
  row.index = index;
  if (isLabel(index)) {
    row.label = index;
    found.push_back(row);
    for (Expr mask : masks)
      if ((row.ignore = ignored(mask, index))) {
        row.mask = mask;
        found.push_back(row);
      }
  } else if (index->is(Kind::Select) && index->children[2]->isInt(0) && isLabel(index->children[1])) {
    row.label = index->children[1];
    row.mask = index->children[0];
    if ((row.ignore = ignored(row.mask, row.label)))
      found.push_back(row);
  }
  return found;
}

// The same for an index that is clamped to the classes. Labels are clamped before the op too, and must not become the
// ignored one by that.
std::vector<RowLoss> clampedLabels(Algebra &a, Expr e, Expr index, int64_t classes) {
  std::vector<RowLoss> found;
  if (ShapedType::isDynamic(classes))
    return found;
  Expr zero = a.integer(0), last = a.integer(classes - 1);
  for (Expr inner : collect(index, [](Expr node) { return node->is(Kind::Select) || isLabel(node); })) {
    if (a.minMaxInt(Kind::MinInt, a.minMaxInt(Kind::MaxInt, inner, zero), last) != index)
      continue;
    for (RowLoss row : checkedLabels(a, e, inner)) {
      if (row.ignore == 0 || row.ignore == classes - 1)
        continue;
      row.index = index;
      row.labels = Labels::Clamped;
      found.push_back(row);
    }
  }
  return found;
}

// With and without each weight that is read at the row's class; masked at the end.
void addWeightsAndMask(Algebra &a, Expr e, RowLoss row, Expr loss, std::vector<RowLoss> &found) {
  auto add = [&](Expr value) {
    row.value = row.mask ? a.select(row.mask, value, a.real(0.0)) : value;
    found.push_back(row);
  };
  add(loss);
  for (Expr load : collect(e, [&](Expr node) {
         return node->is(Kind::Load) && node->children.size() == 1 && node->children[0] == row.index;
       }))
    if (load != row.source) {
      row.weight = load->base;
      row.weightAt = load;
      add(a.mul(load, loss));
    }
}

// take(x, label) as JAX means it: a negative label counts from the end, one out of range reads NaN.
void addWrapped(Algebra &a, Expr e, const Softmax &softmax, Expr index, std::vector<RowLoss> &found) {
  int64_t classes = softmax.classes();
  if (ShapedType::isDynamic(classes))
    return;
  Expr zero = a.integer(0), last = a.integer(classes - 1);
  for (Expr label : collect(index, isLabel)) {
    Expr wrapped = a.select(a.compare(IntLt, label, zero), a.addInt(label, a.integer(classes)), label);
    if (a.minMaxInt(Kind::MinInt, a.minMaxInt(Kind::MaxInt, wrapped, zero), last) != index)
      continue;
    Expr inside = a.both(a.compare(IntLe, zero, wrapped), a.compare(IntLe, wrapped, last));
    for (Expr nan : collect(e, [](Expr node) { return node->is(Kind::Float) && std::isnan(node->value); })) {
      RowLoss row;
      row.softmax = softmax;
      row.index = index;
      row.label = label;
      row.labels = Labels::Wrapped;
      row.value = a.sub(softmax.lse(a), a.select(inside, softmax.logit(a, index), nan));
      found.push_back(row);
      row.value = a.neg(a.select(inside, softmax.logProb(a, index), nan));
      found.push_back(row);
    }
  }
}

// -sum over c of (label == c) * logProb(c), by a product or by a select.
void addOneHot(Algebra &a, Expr e, const Softmax &softmax, std::vector<RowLoss> &found) {
  llvm::SetVector<Expr> labels;
  for (Expr compare : collect(e, [](Expr node) {
         return node->is(Kind::Compare) && (node->number == IntEq || node->number == IntNe);
       }))
    for (Expr side : compare->children)
      if (isLabel(side))
        labels.insert(side);
  for (Expr label : labels) {
    RowLoss row;
    row.softmax = softmax;
    row.label = label;
    row.labels = Labels::OneHot;
    auto sumOf = [&](llvm::function_ref<Expr(Expr)> body) {
      Expr c = a.fresh();
      row.value = a.neg(a.reduce(Kind::Sum, c, softmax.classes(), body(c)));
      found.push_back(row);
    };
    sumOf([&](Expr c) { return a.mul(a.compare(IntEq, label, c), softmax.logProb(a, c)); });
    sumOf([&](Expr c) { return a.select(a.compare(IntEq, label, c), softmax.logProb(a, c), a.real(0.0)); });
  }
}

// nll_loss of log-probabilities that come from outside. Only with an ignored label, which nothing but a loss has.
void addInputs(Algebra &a, Expr e, std::vector<RowLoss> &found) {
  for (Expr load : collect(e, [](Expr node) {
         return node->is(Kind::Load) && isa<RankedTensorType>(node->base.getType()) &&
                isa<FloatType>(cast<RankedTensorType>(node->base.getType()).getElementType());
       }))
    for (size_t p = 0; p < load->children.size(); ++p) {
      std::vector<RowLoss> rows = checkedLabels(a, e, load->children[p]);
      int64_t classes = cast<RankedTensorType>(load->base.getType()).getDimSize(p);
      llvm::append_range(rows, clampedLabels(a, e, load->children[p], classes));
      for (RowLoss row : rows) {
        if (!row.mask)
          continue;
        row.source = load;
        row.logProbs = load->base;
        row.classAxis = p;
        addWeightsAndMask(a, e, row, a.neg(load), found);
      }
    }
}

} // namespace

std::vector<RowLoss> mlir::lossgen::findRowLosses(Values &values, Algebra &a, Expr e) {
  std::vector<RowLoss> found;
  for (const Softmax &softmax : findSoftmaxes(a, e)) {
    for (Expr index : classIndices(a, e, softmax)) {
      std::vector<RowLoss> rows = checkedLabels(a, e, index);
      llvm::append_range(rows, clampedLabels(a, e, index, softmax.classes()));
      for (RowLoss row : rows) {
        row.softmax = softmax;
        row.source = softmax.logit(a, index);
        addWeightsAndMask(a, e, row, a.neg(softmax.logProb(a, index)), found);
      }
      addWrapped(a, e, softmax, index, found);
    }
    addOneHot(a, e, softmax, found);
  }
  addInputs(a, e, found);
  return found;
}
