// Tensors of the logits' shape: log_softmax, its backward, and the gradient of a one-hot cross entropy.
#include "Forms.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

// e = grad(c) - exp(logProbs(c)) * sum over k of grad(k), for the class axis v.
bool matchBackward(Algebra &a, Expr e, Expr v, Match &match) {
  if (!e->is(Kind::Linear))
    return false;
  for (Expr term : e->children) {
    if (!term->is(Kind::Product))
      continue;
    for (Expr sum : term->children) {
      if (!sum->is(Kind::Sum) || Algebra::contains(sum, v))
        continue;
      Expr grad = a.open(sum, v);
      SmallVector<Expr> rest;
      for (Expr factor : term->children)
        if (factor != sum)
          rest.push_back(factor);
      // Log-probabilities from outside are one exponential; those computed here are exp / sum.
      if (rest.size() == 1 && rest[0]->is(Kind::Exp)) {
        Expr logProbs = rest[0]->children[0];
        if (logProbs->is(Kind::Load) && e == a.sub(grad, a.mul(rest[0], sum))) {
          match.logProbs = logProbs;
          match.grad = grad;
          return true;
        }
      }
      for (const Softmax &softmax : findSoftmaxes(a, e)) {
        Expr logProbs = softmax.logProb(a, v);
        if (e == a.sub(grad, a.mul(a.exp(logProbs), sum))) {
          match.logProbs = logProbs;
          match.grad = grad;
          match.row.softmax = softmax;
          return true;
        }
      }
    }
  }
  return false;
}

// e = g * (softmax(c) * sum over k of (label == k) - (label == c)).
bool matchOneHot(Algebra &a, Expr e, Expr v, const Softmax &softmax, Match &match) {
  if (!e->is(Kind::Linear) || e->children.size() != 2)
    return false;
  for (size_t i = 0; i < 2; ++i) {
    Expr term = e->children[i];
    SmallVector<Expr> factors(term->is(Kind::Product) ? ArrayRef<Expr>(term->children) : ArrayRef<Expr>(term));
    for (Expr hit : factors) {
      if (!hit->is(Kind::Compare) || hit->number != IntEq || (hit->children[0] != v && hit->children[1] != v))
        continue;
      Expr label = hit->children[hit->children[0] == v ? 1 : 0];
      std::vector<Expr> rest{a.real(-e->coefficients[i])};
      for (Expr factor : factors)
        if (factor != hit)
          rest.push_back(factor);
      Expr scale = a.product(rest), k = a.fresh();
      Expr hits = a.reduce(Kind::Sum, k, softmax.classes(), a.compare(IntEq, label, k));
      Expr whole = a.product({scale, a.exp(softmax.logProb(a, v)), hits});
      if (Algebra::contains(scale, v) || Algebra::contains(label, v) || e != a.sub(whole, a.mul(scale, hit)))
        continue;
      match.scale = scale;
      match.row.softmax = softmax;
      match.row.label = label;
      match.row.labels = Labels::OneHot;
      return true;
    }
  }
  return false;
}

} // namespace

std::optional<Match> mlir::lossgen::matchClassShaped(Values &values, Algebra &a, Value root) {
  auto type = cast<RankedTensorType>(root.getType());
  Expr e = values.element(root);
  int64_t rank = Values::axes(type.getShape()).size();
  std::vector<Softmax> softmaxes = findSoftmaxes(a, e);
  for (int64_t axis = rank; axis-- > 0;) {
    Match match;
    match.root = root;
    match.classAxis = axis;
    Expr v = a.var(axis);
    for (int64_t i = 0; i < rank; ++i)
      if (i != axis)
        match.rows.push_back(a.var(i));
    for (const Softmax &softmax : softmaxes) {
      if (softmax.logProb(a, v) == e && !Algebra::contains(softmax.maximum, v)) {
        match.what = Match::LogSoftmax;
        match.row.softmax = softmax;
        return match;
      }
      if (!Algebra::contains(softmax.maximum, v) && matchOneHot(a, e, v, softmax, match)) {
        match.what = Match::Gradient;
        return match;
      }
    }
    if (matchBackward(a, e, v, match)) {
      match.what = Match::LogSoftmaxBackward;
      return match;
    }
  }
  return std::nullopt;
}
