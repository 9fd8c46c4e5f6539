// The tensors of a match: what the new op reads, and whether it can.
#include "Forms.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

using Obstacle = std::optional<std::string>;
const char *const otherForm = "";

ArrayRef<int64_t> shapeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

// "logits 'tensor<4x8xf8E5M2>' are not supported"
template <class... Parts>
std::string sentence(const Parts &...parts) {
  std::string text;
  llvm::raw_string_ostream out(text);
  (out << ... << parts);
  return text;
}

// Equal up to axes of extent 1.
bool sameRows(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  auto wide = [](ArrayRef<int64_t> shape) {
    SmallVector<int64_t> kept;
    llvm::copy_if(shape, std::back_inserter(kept), [](int64_t extent) { return extent != 1; });
    return kept;
  };
  return wide(a) == wide(b);
}

class Binder {
public:
  Binder(const Values &values, Algebra &a, Match &match, Tensors &t) : values(values), a(a), match(match), t(t) {}

  Obstacle run() {
    if (match.what == Match::LogSoftmaxBackward)
      return backward();
    if (!match.row.softmax) {
      t.logits = match.row.logProbs;
      t.dim = match.row.classAxis;
    } else if (!logits()) {
      return otherForm;
    }
    element = getElementTypeOrSelf(t.logits);
    if (!isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(element))
      return sentence("logits '", t.logits.getType(), "' are not supported");
    if (match.what == Match::LogSoftmax)
      return shapeOf(t.logits) == shapeOf(match.root) ? Obstacle() : Obstacle(otherForm);
    rowShape = withoutDim(shapeOf(t.logits), t.dim);
    if (!target())
      return otherForm;
    return match.what == Match::Gradient ? scale() : loss();
  }

private:
  // The narrowest tensor with these values; of the result's own type where the op asks for it.
  bool logits() {
    bool shaped = match.what != Match::Loss;
    Expr c = a.fresh(), logit = match.row.softmax->logit(a, c);
    int64_t axes = match.rows.size() + 1;
    for (int64_t axis = axes; axis-- > 0;) {
      if (shaped && axis != match.classAxis)
        continue;
      for (Value candidate : withClassAxis(logit, c, axis)) {
        if (candidate == match.root ||
            (shaped && getElementTypeOrSelf(candidate) != getElementTypeOrSelf(match.root)))
          continue;
        t.dim = Values::axes(shapeOf(candidate))[axis];
        t.logits = candidate;
        return shapeOf(candidate)[t.dim] == match.row.softmax->classes();
      }
    }
    return false;
  }

  // The tensors with the class axis `axis`, from their element at class `c`.
  ArrayRef<Value> withClassAxis(Expr e, Expr c, int64_t axis) {
    Algebra::Substitution map;
    for (auto [i, variable] : llvm::enumerate(match.rows))
      map[variable] = a.var(static_cast<int64_t>(i) < axis ? i : i + 1);
    map[c] = a.var(axis);
    return values.find(a.substitute(e, map));
  }

  bool target() {
    for (Value candidate : values.find(inRowAxes(a, match, match.row.label)))
      if (!t.target || shapeOf(candidate) == ArrayRef<int64_t>(rowShape))
        t.target = candidate;
    return t.target && sameRows(rowShape, shapeOf(t.target)) &&
           (match.rowExtents.empty() || sameRows(rowShape, match.rowExtents));
  }

  Obstacle loss() {
    Type own = getElementTypeOrSelf(match.root), wide = accumulationType(element);
    if (own != element && own != wide)
      return sentence("a loss '", match.root.getType(), "' is not supported for logits '", t.logits.getType(), "'");
    if (match.reduction == Reduction::None && !sameRows(rowShape, shapeOf(match.root)))
      return otherForm;
    if (!match.row.softmax && match.smoothing != 0.0)
      return otherForm;
    if (Value weight = match.row.weight) {
      auto type = dyn_cast<RankedTensorType>(weight.getType());
      if (!type || type.getRank() != 1 || type.getDimSize(0) != shapeOf(t.logits)[t.dim])
        return otherForm;
      if (type.getElementType() != element && type.getElementType() != wide)
        return sentence("a weight '", type, "' is not supported for logits '", t.logits.getType(), "'");
      t.weight = weight;
    }
    return std::nullopt;
  }

  // The upstream gradient, one for each row or one for all.
  Obstacle scale() {
    match.reduction = Reduction::Sum;
    if (match.scale->is(Kind::Float)) {
      t.constantScale = match.scale->value;
      return std::nullopt;
    }
    for (Value candidate : values.find(inRowAxes(a, match, match.scale))) {
      auto type = cast<RankedTensorType>(candidate.getType());
      if (type.getElementType() != accumulationType(element) ||
          (type.getRank() != 0 && !sameRows(type.getShape(), rowShape)))
        continue;
      match.reduction = type.getRank() == 0 ? Reduction::Sum : Reduction::None;
      t.scale = candidate;
      return std::nullopt;
    }
    return otherForm;
  }

  Obstacle backward() {
    auto pick = [&](Expr e) -> Value {
      for (Value candidate : values.find(e))
        if (candidate.getType() == match.root.getType() && candidate != match.root)
          return candidate;
      return {};
    };
    t.dim = Values::axes(shapeOf(match.root))[match.classAxis];
    t.scale = pick(match.grad);
    t.logits = pick(match.logProbs);
    if (t.logits)
      match.row.softmax.reset();
    // Without a tensor of log-probabilities they are made from the logits.
    bool found = t.logits || (match.row.softmax && logits() && t.logits.getType() == match.root.getType());
    return t.scale && found ? Obstacle() : Obstacle(otherForm);
  }

  const Values &values;
  Algebra &a;
  Match &match;
  Tensors &t;
  Type element;
  SmallVector<int64_t> rowShape;
};

} // namespace

Expr mlir::lossgen::inRowAxes(Algebra &a, const Match &match, Expr e) {
  Algebra::Substitution map;
  for (auto [i, variable] : llvm::enumerate(match.rows))
    map[variable] = a.var(i);
  return a.substitute(e, map);
}

std::optional<std::string> mlir::lossgen::bindTensors(const Values &values, Algebra &a, Match &match, Tensors &tensors) {
  return Binder(values, a, match, tensors).run();
}
