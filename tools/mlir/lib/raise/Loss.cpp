// The loss itself: row losses as they are, summed, or averaged, with label smoothing.
#include <cmath>

#include "Forms.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

// Sums over the rows of one candidate, in the order in which the source nests them.
struct Rows {
  SmallVector<Expr> variables;
  SmallVector<int64_t> extents;

  Expr sum(Algebra &a, Expr body) const {
    for (size_t i = variables.size(); i-- > 0;)
      body = a.reduce(Kind::Sum, variables[i], extents[i], body);
    return body;
  }
  std::optional<double> count() const {
    double n = 1.0;
    for (int64_t extent : extents) {
      if (ShapedType::isDynamic(extent))
        return std::nullopt;
      n *= static_cast<double>(extent);
    }
    return n;
  }
};

// Factors x, y with e = x * first + y * second.
std::optional<std::pair<double, double>> split(Expr e, Expr first, Expr second) {
  auto unit = [](Expr part) -> std::pair<double, Expr> {
    if (part->is(Kind::Linear) && part->children.size() == 1 && part->value == 0.0)
      return {part->coefficients[0], part->children[0]};
    return {1.0, part};
  };
  auto [x, a] = unit(first);
  auto [y, b] = unit(second);
  if (a == b || !e->is(Kind::Linear) || e->children.size() != 2 || e->value != 0.0)
    return std::nullopt;
  if (e->children[0] == a && e->children[1] == b)
    return std::make_pair(e->coefficients[0] / x, e->coefficients[1] / y);
  if (e->children[0] == b && e->children[1] == a)
    return std::make_pair(e->coefficients[1] / x, e->coefficients[0] / y);
  return std::nullopt;
}

// e = (1 - s) * plain + s / classes * spread, with the constants as the program rounded them.
std::optional<double> smoothingOf(Expr e, Expr plain, Expr spread, int64_t classes) {
  auto factors = split(e, plain, spread);
  if (!factors || ShapedType::isDynamic(classes))
    return std::nullopt;
  double smoothing = 1.0 - factors->first, share = factors->second * static_cast<double>(classes);
  if (smoothing <= 0.0 || smoothing > 1.0 || std::abs(share - smoothing) > 1e-5)
    return std::nullopt;
  // Of the two constants the share has lost fewer digits.
  return std::min(share, 1.0);
}

// sum over c of weight[c] * -logProb(c), masked as the row is.
Expr spreadLoss(Algebra &a, const RowLoss &row) {
  Expr c = a.fresh(), loss = a.neg(row.softmax->logProb(a, c));
  if (row.weight)
    loss = a.mul(a.load(row.weight, {c}), loss);
  Expr sum = a.reduce(Kind::Sum, c, row.softmax->classes(), loss);
  return row.mask ? a.select(row.mask, sum, a.real(0.0)) : sum;
}

// The denominators of mean that say the same: the weights of the rows kept, or their number.
Expr denominator(Algebra &a, const RowLoss &row, const Rows &rows) {
  Expr one = a.real(1.0), zero = a.real(0.0), share = row.weightAt ? row.weightAt : one;
  if (row.mask)
    share = a.select(row.mask, share, zero);
  if (share == one) {
    std::optional<double> count = rows.count();
    return count ? a.real(*count) : nullptr;
  }
  return rows.sum(a, share);
}

std::optional<Match> matchRows(Values &values, Algebra &a, Expr e, Expr body, const Rows &rows, bool summed) {
  for (const RowLoss &row : findRowLosses(values, a, body)) {
    Match match;
    match.row = row;
    match.rows = rows.variables;
    match.rowExtents = summed ? rows.extents : SmallVector<int64_t>();
    // Row by row only what no tensor of losses can say is left to the program: NaN for a wrapped label.
    if (!summed && row.value == e) {
      match.reduction = Reduction::None;
      return match;
    }
    bool everyRowCounts = row.labels == Labels::Checked || row.labels == Labels::Clamped;
    bool smooths = row.softmax && everyRowCounts;
    if (!summed && smooths) {
      if (auto smoothing = smoothingOf(e, row.value, spreadLoss(a, row), row.softmax->classes())) {
        match.reduction = Reduction::None;
        match.smoothing = *smoothing;
        return match;
      }
    }
    // A rank-0 loss is its own sum.
    if (row.labels == Labels::Wrapped || (!summed && !rows.variables.empty()))
      continue;
    Expr sum = rows.sum(a, row.value);
    if (sum == e) {
      match.reduction = Reduction::Sum;
      return match;
    }
    Expr spread = smooths ? rows.sum(a, spreadLoss(a, row)) : nullptr;
    if (spread) {
      if (auto smoothing = smoothingOf(e, sum, spread, row.softmax->classes())) {
        match.reduction = Reduction::Sum;
        match.smoothing = *smoothing;
        return match;
      }
    }
    Expr over = everyRowCounts ? denominator(a, row, rows) : nullptr;
    if (!over)
      continue;
    match.reduction = Reduction::Mean;
    if (a.div(sum, over) == e)
      return match;
    if (spread) {
      if (auto smoothing = smoothingOf(e, a.div(sum, over), a.div(spread, over), row.softmax->classes())) {
        match.smoothing = *smoothing;
        return match;
      }
    }
  }
  return std::nullopt;
}

} // namespace

// The loss, or with a minus before it: means are often negated last.
static std::optional<Match> matchSigned(Values &values, Algebra &a, Expr e, Expr body, const Rows &rows, bool summed) {
  if (auto match = matchRows(values, a, e, body, rows, summed))
    return match;
  auto match = matchRows(values, a, a.neg(e), summed ? body : a.neg(e), rows, summed);
  if (match)
    match->negated = true;
  return match;
}

std::optional<Match> mlir::lossgen::matchLoss(Values &values, Algebra &a, Value root) {
  auto type = cast<RankedTensorType>(root.getType());
  Expr e = values.element(root);
  size_t rank = Values::axes(type.getShape()).size();

  // As it is: the row's axes are the tensor's.
  Rows own;
  for (size_t i = 0; i < rank; ++i) {
    own.variables.push_back(a.var(i));
    own.extents.push_back(type.getDimSize(Values::axes(type.getShape())[i]));
  }
  if (auto match = matchSigned(values, a, e, e, own, false)) {
    match->root = root;
    return match;
  }
  if (rank != 0)
    return std::nullopt;

  // Summed: open the sums of the formula one by one, and look for the loss of a row in each.
  SmallVector<Expr> sums;
  Algebra::walk(e, [&](Expr node) {
    if (node->is(Kind::Sum)) {
      sums.push_back(node);
      return false;
    }
    return true;
  });
  for (Expr sum : sums) {
    Rows rows;
    Expr body = sum;
    while (body->is(Kind::Sum)) {
      rows.variables.push_back(a.fresh());
      rows.extents.push_back(body->extent);
      body = a.open(body, rows.variables.back());
      // A constant factor hides the next sum.
      Expr next = body;
      if (next->is(Kind::Linear) && next->children.size() == 1 && next->value == 0.0)
        next = next->children[0];
      if (auto match = matchSigned(values, a, e, body, rows, true)) {
        match->root = root;
        return match;
      }
      body = next;
    }
  }
  return std::nullopt;
}
