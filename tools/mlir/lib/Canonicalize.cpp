// Canonical forms on tensors: one pass over memory instead of several, and no axes of extent 1.
#include "lossgen-mlir/Compat.h"
#include "lossgen-mlir/Lossgen.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

// An uninitialised tensor of the rows of `classes`, or of its whole shape.
Value empty(OpBuilder &b, Location loc, Value classes, std::optional<int64_t> without, Type element) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, classes);
  if (without)
    sizes.erase(sizes.begin() + *without);
  return make<tensor::EmptyOp>(b, loc, sizes, element);
}

// cross_entropy takes a tensor of lse, which nll_loss has no room for.
Value emptyLse(OpBuilder &b, Location loc, Value logits, int64_t dim) {
  return empty(b, loc, logits, dim, accumulationType(getElementTypeOrSelf(logits)));
}

template <class A, class B>
bool sameOptions(A a, B b) {
  return a.getReduction() == b.getReduction() && a.getIgnoreIndexAttr() == b.getIgnoreIndexAttr() &&
         a.getBoundsOrTrap() == b.getBoundsOrTrap() && a.getClassDim() == b.getClassDim() &&
         a.getTarget() == b.getTarget() && a.getWeight() == b.getWeight();
}

// nll_loss(log_softmax(x)) -> cross_entropy(x), where nobody else reads the log-probabilities.
struct FuseForward : OpRewritePattern<NllLossForwardOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(NllLossForwardOp op, PatternRewriter &rewriter) const override {
    auto softmax = op.getLogProbs().getDefiningOp<LogSoftmaxForwardOp>();
    if (!softmax || !softmax->hasOneUse() || softmax.getClassDim() != op.getClassDim())
      return failure();
    Value lse = emptyLse(rewriter, op.getLoc(), softmax.getLogits(), op.getClassDim());
    auto fused = lossgen::make<CrossEntropyForwardOp>(
        rewriter, op.getLoc(), softmax.getLogits(), op.getTarget(), op.getWeight(), op.getLoss(), lse,
        op.getTotalWeight(), op.getReductionAttr(), op.getIgnoreIndexAttr(), op.getClassAxisAttr(), op.getBoundsAttr(),
        FloatAttr());
    rewriter.replaceOp(op, {fused.getResult(0), fused.getResult(2)});
    return success();
  }
};

// log_softmax's backward of nll_loss's backward, beside their forwards -> cross_entropy's forward and backward.
struct FuseBackward : OpRewritePattern<LogSoftmaxBackwardOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LogSoftmaxBackwardOp op, PatternRewriter &rewriter) const override {
    auto softmax = op.getLogProbs().getDefiningOp<LogSoftmaxForwardOp>();
    auto outer = op.getGrad().getDefiningOp<NllLossBackwardOp>();
    if (!softmax || !outer || !outer->hasOneUse() || softmax.getClassDim() != op.getClassDim() ||
        outer.getClassDim() != op.getClassDim())
      return failure();
    auto total = dyn_cast<OpResult>(outer.getTotalWeight());
    auto inner = total ? dyn_cast<NllLossForwardOp>(total.getOwner()) : NllLossForwardOp();
    if (!inner || inner.getLogProbs() != op.getLogProbs() || !sameOptions(inner, outer) ||
        !llvm::all_of(softmax->getUsers(), [&](Operation *user) { return user == inner || user == op; }))
      return failure();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(inner);
    Value lse = emptyLse(rewriter, inner.getLoc(), softmax.getLogits(), op.getClassDim());
    auto forward = lossgen::make<CrossEntropyForwardOp>(
        rewriter, inner.getLoc(), softmax.getLogits(), inner.getTarget(), inner.getWeight(), inner.getLoss(), lse,
        inner.getTotalWeight(), inner.getReductionAttr(), inner.getIgnoreIndexAttr(), inner.getClassAxisAttr(),
        inner.getBoundsAttr(), FloatAttr());
    rewriter.setInsertionPoint(op);
    auto backward = lossgen::make<CrossEntropyBackwardOp>(
        rewriter, op.getLoc(), outer.getGradLoss(), softmax.getLogits(), inner.getTarget(), forward.getResult(1),
        forward.getResult(2), inner.getWeight(), op.getGradLogits(), inner.getReductionAttr(),
        inner.getIgnoreIndexAttr(), inner.getClassAxisAttr(), inner.getBoundsAttr(), FloatAttr());
    rewriter.replaceOp(op, backward->getResults());
    rewriter.replaceOp(inner, {forward.getResult(0), forward.getResult(2)});
    return success();
  }
};

// forward and backward of the same operands -> forward_backward. The pair becomes one op at the place of one of them:
// of forward where the upstream gradient is there already, else of backward where nobody needs the loss before.
struct FusePair : OpRewritePattern<CrossEntropyBackwardOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CrossEntropyBackwardOp op, PatternRewriter &rewriter) const override {
    auto lse = dyn_cast<OpResult>(op.getLse()), total = dyn_cast<OpResult>(op.getTotalWeight());
    auto forward = lse ? dyn_cast<CrossEntropyForwardOp>(lse.getOwner()) : CrossEntropyForwardOp();
    if (!forward || lse.getResultNumber() != 1 || forward->getBlock() != op->getBlock() ||
        forward.getLogits() != op.getLogits() || !sameOptions(forward, op) ||
        forward.getLabelSmoothingAttr() != op.getLabelSmoothingAttr())
      return failure();
    // Only mean reads total_weight.
    if (op.getReduction() == Reduction::Mean &&
        (!total || total.getOwner() != forward.getOperation() || total.getResultNumber() != 2))
      return failure();
    if (getElementTypeOrSelf(op.getGradLoss()) != getElementTypeOrSelf(forward.getLoss()))
      return failure();
    auto before = [](Value value, Operation *place) {
      Operation *definer = value.getDefiningOp();
      return !definer || definer->getBlock() != place->getBlock() || definer->isBeforeInBlock(place);
    };
    bool fresh = isa_and_nonnull<tensor::EmptyOp>(op.getGradLogits().getDefiningOp());
    Operation *place = forward;
    if (!before(op.getGradLoss(), forward) || (!fresh && !before(op.getGradLogits(), forward))) {
      place = op;
      for (Operation *user : forward->getUsers()) {
        Operation *here = op->getBlock()->findAncestorOpInBlock(*user);
        if (user != op && (!here || !op->isBeforeInBlock(here)))
          return failure();
      }
    }
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(place);
    Value init = fresh ? empty(rewriter, op.getLoc(), op.getLogits(), std::nullopt,
                               getElementTypeOrSelf(op.getGradLogits()))
                       : op.getGradLogits();
    if (init.getType() != op.getGradLogits().getType())
      init = op.getGradLogits();
    if (!before(init, place))
      return failure();
    auto fused = lossgen::make<CrossEntropyForwardBackwardOp>(
        rewriter, op.getLoc(), op.getGradLoss(), op.getLogits(), op.getTarget(), op.getWeight(), forward.getLoss(),
        forward.getLse(), forward.getTotalWeight(), init, op.getReductionAttr(), op.getIgnoreIndexAttr(),
        op.getClassAxisAttr(), op.getBoundsAttr(), op.getLabelSmoothingAttr());
    rewriter.replaceOp(op, fused.getResult(3));
    rewriter.replaceOp(forward, {fused.getResult(0), fused.getResult(1), fused.getResult(2)});
    return success();
  }
};

// Drops axes of extent 1 other than the class axis: (N, C, 1, 1) is computed as (N, C).
template <class OpTy>
struct DropUnitAxes : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto classes = dyn_cast<RankedTensorType>(op.getClassType());
    if (!classes || classes.getRank() <= 2)
      return failure();
    int64_t rank = classes.getRank(), dim = op.getClassDim();
    SmallVector<bool> drop(rank, false);
    for (int64_t i = 0; i < rank; ++i)
      drop[i] = i != dim && classes.getDimSize(i) == 1;
    // (1, C, 1) stays a matrix.
    if (llvm::count(drop, true) == rank - 1)
      drop[dim == 0 ? 1 : 0] = false;
    if (!llvm::is_contained(drop, true))
      return failure();
    SmallVector<bool> dropRows(drop);
    dropRows.erase(dropRows.begin() + dim);
    // Another operand may know less about its extents; then there is nothing to collapse it by.
    auto patternOf = [&](Value value) -> ArrayRef<bool> {
      int64_t own = cast<RankedTensorType>(value.getType()).getRank();
      if (own == rank)
        return drop;
      return own == rank - 1 ? ArrayRef<bool>(dropRows) : ArrayRef<bool>();
    };
    for (Value operand : op->getOperands())
      for (auto [i, dropped] : llvm::enumerate(patternOf(operand)))
        if (dropped && cast<RankedTensorType>(operand.getType()).getDimSize(i) != 1)
          return failure();

    Location loc = op.getLoc();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      ArrayRef<bool> pattern = patternOf(operand);
      operands.push_back(pattern.empty() ? operand
                                         : lossgen::make<tensor::CollapseShapeOp>(rewriter, loc, operand,
                                                                                  groups(pattern)));
    }
    OperationState made(loc, op->getName(), operands, TypeRange(), op->getDiscardableAttrDictionary().getValue());
    NamedAttrList properties(cast<DictionaryAttr>(op->getPropertiesAsAttribute()));
    int64_t axis = dim - llvm::count(ArrayRef<bool>(drop).take_front(dim), true);
    properties.set("class_axis", rewriter.getI64IntegerAttr(axis));
    made.propertiesAttr = properties.getDictionary(op.getContext());
    size_t inits = op.getDpsInitsMutable().size();
    for (Value init : ArrayRef<Value>(operands).take_back(inits))
      made.addTypes(init.getType());
    Operation *folded = rewriter.create(made);

    SmallVector<Value> results;
    for (auto [result, value] : llvm::zip_equal(op->getResults(), folded->getResults())) {
      ArrayRef<bool> pattern = patternOf(result);
      if (pattern.empty()) {
        results.push_back(value);
        continue;
      }
      OpOperand *init = op.getTiedOpOperand(cast<OpResult>(result));
      SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, init->get());
      results.push_back(lossgen::make<tensor::ExpandShapeOp>(rewriter, loc, cast<RankedTensorType>(result.getType()),
                                                             value, groups(pattern), sizes));
    }
    rewriter.replaceOp(op, results);
    return success();
  }

  // Every dropped axis joins a kept neighbour.
  static SmallVector<ReassociationIndices> groups(ArrayRef<bool> drop) {
    SmallVector<ReassociationIndices> found;
    ReassociationIndices open;
    for (auto [i, dropped] : llvm::enumerate(drop)) {
      open.push_back(i);
      if (!dropped) {
        found.push_back(open);
        open.clear();
      }
    }
    if (!open.empty() && !found.empty())
      found.back().append(open.begin(), open.end());
    return found;
  }
};

} // namespace

#define LOSSGEN_CANONICAL(Op, ...)                                                                                     \
  void Op::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {                            \
    patterns.add<__VA_ARGS__>(context);                                                                                \
  }

LOSSGEN_CANONICAL(LogSoftmaxForwardOp, DropUnitAxes<LogSoftmaxForwardOp>)
LOSSGEN_CANONICAL(LogSoftmaxBackwardOp, FuseBackward, DropUnitAxes<LogSoftmaxBackwardOp>)
LOSSGEN_CANONICAL(NllLossForwardOp, FuseForward, DropUnitAxes<NllLossForwardOp>)
LOSSGEN_CANONICAL(NllLossBackwardOp, DropUnitAxes<NllLossBackwardOp>)
LOSSGEN_CANONICAL(CrossEntropyForwardOp, DropUnitAxes<CrossEntropyForwardOp>)
LOSSGEN_CANONICAL(CrossEntropyBackwardOp, FusePair, DropUnitAxes<CrossEntropyBackwardOp>)
LOSSGEN_CANONICAL(CrossEntropyForwardBackwardOp, DropUnitAxes<CrossEntropyForwardBackwardOp>)
