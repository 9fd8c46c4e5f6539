// Puts the op of a match in the place of its root, with what it needs before and after it.
#include "Forms.h"
#include "lossgen-mlir/Compat.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

// The axes of `full`, each with the axes of extent 1 after it, one group for an axis of the shape without these.
SmallVector<ReassociationIndices> wideAxes(ArrayRef<int64_t> full) {
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices open;
  for (auto [i, extent] : llvm::enumerate(full)) {
    open.push_back(i);
    if (extent != 1) {
      groups.push_back(open);
      open.clear();
    }
  }
  if (!open.empty() && !groups.empty())
    groups.back().append(open.begin(), open.end());
  return groups;
}

class Replacer {
public:
  Replacer(Block &block, const Match &match, const Tensors &t)
      : b(block.getParentOp()->getContext()), loc(match.root.getLoc()), match(match), t(t) {
    placeAfterInputs(block);
    auto type = cast<RankedTensorType>(t.logits.getType());
    element = type.getElementType();
    wide = accumulationType(element);
    classes = type.getDimSize(t.dim);
    rowShape = withoutDim(type.getShape(), t.dim);
    if (t.dim != classDim(type.getRank(), std::nullopt))
      axis = b.getI64IntegerAttr(t.dim);
    reduction = ReductionAttr::get(b.getContext(), match.reduction);
    if (match.row.ignore)
      ignore = b.getI64IntegerAttr(*match.row.ignore);
    if (match.row.labels == Labels::Wrapped || match.row.labels == Labels::OneHot)
      bounds = BoundsAttr::get(b.getContext(), Bounds::Ignore);
    if (match.smoothing != 0.0)
      smoothing = b.getF64FloatAttr(match.smoothing);
  }

  Value run() {
    switch (match.what) {
    case Match::LogSoftmax:
      replaceRoot(logProbs());
      return {};
    case Match::LogSoftmaxBackward: {
      Value probs = match.row.softmax ? logProbs() : t.logits;
      replaceRoot(make<LogSoftmaxBackwardOp>(b, loc, t.scale, probs, emptyLogits(), axis)->getResult(0));
      return {};
    }
    default:
      break;
    }
    Value target = opTarget();
    if (!match.row.softmax) {
      Value loss = emptyLoss(getElementTypeOrSelf(match.root));
      replaceLoss(make<NllLossForwardOp>(b, loc, t.logits, target, t.weight, loss, emptyScalar(wide), reduction, ignore,
                                         axis, bounds)
                      ->getResult(0),
                  target);
      return {};
    }
    Value loss = emptyLoss(match.what == Match::Gradient ? wide : getElementTypeOrSelf(match.root));
    auto forward = make<CrossEntropyForwardOp>(b, loc, t.logits, target, t.weight, loss, emptyRows(wide),
                                               emptyScalar(wide), reduction, ignore, axis, bounds, smoothing);
    if (match.what == Match::Gradient) {
      auto backward = make<CrossEntropyBackwardOp>(b, loc, gradLoss(), t.logits, target, forward->getResult(1),
                                                   forward->getResult(2), Value(), emptyLogits(), reduction, ignore,
                                                   axis, bounds, smoothing);
      replaceRoot(reshapeLike(b, loc, backward->getResult(0), match.root));
      return {};
    }
    replaceLoss(forward->getResult(0), target);
    return forward->getResult(1);
  }

private:
  void placeAfterInputs(Block &block) {
    Operation *last = nullptr;
    for (Value input : {t.logits, t.target, t.weight, t.scale}) {
      Operation *op = input ? input.getDefiningOp() : nullptr;
      if (op && op->getBlock() == &block && (!last || last->isBeforeInBlock(op)))
        last = op;
    }
    if (last)
      b.setInsertionPointAfter(last);
    else
      b.setInsertionPointToStart(&block);
  }

  // ---- Destinations ------------------------------------------------------------------------------------------------

  Value empty(Value like, std::optional<int64_t> without, Type type) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, like);
    if (without)
      sizes.erase(sizes.begin() + *without);
    return make<tensor::EmptyOp>(b, loc, sizes, type);
  }
  Value emptyLogits() { return empty(t.logits, std::nullopt, element); }
  Value emptyRows(Type type) { return empty(t.logits, t.dim, type); }
  Value emptyScalar(Type type) { return make<tensor::EmptyOp>(b, loc, ArrayRef<int64_t>(), type); }
  Value emptyLoss(Type type) { return match.reduction == Reduction::None ? emptyRows(type) : emptyScalar(type); }

  // ---- Before the op -----------------------------------------------------------------------------------------------

  Value logProbs() { return make<LogSoftmaxForwardOp>(b, loc, t.logits, emptyLogits(), axis)->getResult(0); }

  // The labels as the op has to see them for the source's meaning of bad ones.
  Value opTarget() {
    Value target = reshapeTo(b, loc, t.target, rowShape);
    Type type = getElementTypeOrSelf(target);
    auto number = [&](OpBuilder &in, int64_t value) -> Value {
      return make<arith::ConstantOp>(in, loc, in.getIntegerAttr(type, value));
    };
    if (match.row.labels == Labels::Wrapped)
      return overRows(target, type, [&](OpBuilder &in, ValueRange v) -> Value {
        Value fromEnd = make<arith::AddIOp>(in, loc, v[0], number(in, classes));
        Value negative = make<arith::CmpIOp>(in, loc, arith::CmpIPredicate::slt, v[0], number(in, 0));
        return make<arith::SelectOp>(in, loc, negative, fromEnd, v[0]);
      });
    if (match.row.labels == Labels::Clamped)
      return overRows(target, type, [&](OpBuilder &in, ValueRange v) -> Value {
        Value low = make<arith::MaxSIOp>(in, loc, v[0], number(in, 0));
        Value clamped = make<arith::MinSIOp>(in, loc, low, number(in, classes - 1));
        if (!match.row.ignore)
          return clamped;
        Value ignored = make<arith::CmpIOp>(in, loc, arith::CmpIPredicate::eq, v[0], number(in, *match.row.ignore));
        return make<arith::SelectOp>(in, loc, ignored, v[0], clamped);
      });
    return target;
  }

  Value gradLoss() {
    if (t.scale)
      return reshapeTo(b, loc, t.scale, match.reduction == Reduction::None ? ArrayRef<int64_t>(rowShape) : ArrayRef<int64_t>());
    auto value = DenseElementsAttr::get(RankedTensorType::get({}, wide), b.getFloatAttr(wide, *t.constantScale));
    return make<arith::ConstantOp>(b, loc, value);
  }

  // ---- After the op ------------------------------------------------------------------------------------------------

  void replaceLoss(Value loss, Value target) {
    Type type = getElementTypeOrSelf(loss);
    // A wrapped label that is still out of range reads NaN in the source; the op gave such a row the loss 0.
    if (match.row.labels == Labels::Wrapped)
      loss = overRows(ValueRange{loss, target}, type, [&](OpBuilder &in, ValueRange v) -> Value {
        Value count = make<arith::ConstantOp>(in, loc, in.getIntegerAttr(v[1].getType(), classes));
        auto nan = FloatAttr::get(type, APFloat::getNaN(cast<FloatType>(type).getFloatSemantics()));
        Value inside = make<arith::CmpIOp>(in, loc, arith::CmpIPredicate::ult, v[1], count);
        return make<arith::SelectOp>(in, loc, inside, v[0], make<arith::ConstantOp>(in, loc, nan));
      });
    if (match.negated)
      loss = overRows(loss, type, [&](OpBuilder &in, ValueRange v) -> Value {
        return make<arith::NegFOp>(in, loc, v[0]);
      });
    replaceRoot(reshapeLike(b, loc, loss, match.root));
  }

  void replaceRoot(Value with) {
    if (with.getType() != match.root.getType())
      with = make<tensor::CastOp>(b, loc, match.root.getType(), with);
    Value root = match.root;
    root.replaceAllUsesWith(with);
  }

  // One elementwise generic over the rows.
  Value overRows(ValueRange inputs, Type type, llvm::function_ref<Value(OpBuilder &, ValueRange)> body) {
    int64_t rank = cast<RankedTensorType>(inputs[0].getType()).getRank();
    Value init = empty(inputs[0], std::nullopt, type);
    SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(rank));
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    return make<linalg::GenericOp>(b, loc, TypeRange(init.getType()), inputs, ValueRange(init), maps, loops,
                                   [&](OpBuilder &inner, Location at, ValueRange args) {
                                     make<linalg::YieldOp>(inner, at, ValueRange(body(inner, args)));
                                   })
        .getResult(0);
  }

  OpBuilder b;
  Location loc;
  const Match &match;
  const Tensors &t;
  Type element, wide;
  int64_t classes;
  SmallVector<int64_t> rowShape;
  IntegerAttr axis, ignore;
  ReductionAttr reduction;
  BoundsAttr bounds;
  FloatAttr smoothing;
};

} // namespace

Value mlir::lossgen::reshapeTo(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape() == shape)
    return value;
  // By way of the shape without axes of extent 1.
  SmallVector<OpFoldResult> wide;
  for (auto [extent, size] : llvm::zip_equal(type.getShape(), tensor::getMixedSizes(b, loc, value)))
    if (extent != 1)
      wide.push_back(size);
  if (static_cast<int64_t>(wide.size()) != type.getRank())
    value = make<tensor::CollapseShapeOp>(b, loc, value, wideAxes(type.getShape()));
  if (wide.size() == shape.size())
    return value;
  SmallVector<OpFoldResult> full;
  size_t next = 0;
  for (int64_t extent : shape)
    full.push_back(extent == 1 ? OpFoldResult(b.getIndexAttr(1)) : wide[next++]);
  return make<tensor::ExpandShapeOp>(b, loc, RankedTensorType::get(shape, type.getElementType()), value,
                                     wideAxes(shape), full);
}

Value mlir::lossgen::reshapeLike(OpBuilder &b, Location loc, Value value, Value like) {
  return reshapeTo(b, loc, value, cast<RankedTensorType>(like.getType()).getShape());
}

Value mlir::lossgen::replace(Block &block, const Match &match, const Tensors &tensors) {
  return Replacer(block, match, tensors).run();
}
