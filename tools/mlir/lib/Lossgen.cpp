// The dialect and what its ops know about themselves: verification, effects, shapes.
#include "lossgen-mlir/Lossgen.h"

#include "lossgen-mlir/Compat.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::lossgen;

#include "LossgenDialect.cpp.inc"
#include "LossgenEnums.cpp.inc"
#define GET_OP_CLASSES
#include "LossgenOps.cpp.inc"

void LossgenDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "LossgenOps.cpp.inc"
      >();
}

// ---- What all ops share ---------------------------------------------------------------------------------------------

ShapedType LogSoftmaxForwardOp::getClassType() { return cast<ShapedType>(getLogits().getType()); }
ShapedType LogSoftmaxBackwardOp::getClassType() { return cast<ShapedType>(getGrad().getType()); }
ShapedType NllLossForwardOp::getClassType() { return cast<ShapedType>(getLogProbs().getType()); }
ShapedType NllLossBackwardOp::getClassType() { return cast<ShapedType>(getGradLogProbs().getType()); }
ShapedType CrossEntropyForwardOp::getClassType() { return cast<ShapedType>(getLogits().getType()); }
ShapedType CrossEntropyBackwardOp::getClassType() { return cast<ShapedType>(getLogits().getType()); }
ShapedType CrossEntropyForwardBackwardOp::getClassType() { return cast<ShapedType>(getLogits().getType()); }

namespace {

// A bad label traps, but that is no effect on memory: a loss nobody reads may be dropped with its trap.
void effects(Operation *op, SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &found) {
  auto dps = cast<DestinationStyleOpInterface>(op);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    if (dps.isDpsInit(&operand))
      found.emplace_back(MemoryEffects::Write::get(), &operand, SideEffects::DefaultResource::get());
    else
      found.emplace_back(MemoryEffects::Read::get(), &operand, SideEffects::DefaultResource::get());
  }
}

// Results are the inits that are tensors.
LogicalResult inferResults(ValueRange operands, size_t inits, SmallVectorImpl<Type> &types) {
  if (operands.size() < inits)
    return failure();
  for (Value init : operands.take_back(inits))
    if (isa<TensorType>(init.getType()))
      types.push_back(init.getType());
  return success();
}

LogicalResult reifyResults(Operation *op, OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  for (OpResult result : op->getResults()) {
    Value init = cast<DestinationStyleOpInterface>(op).getTiedOpOperand(result)->get();
    shapes.push_back(tensor::getMixedSizes(builder, op->getLoc(), init));
  }
  return success();
}

// ---- Verification ---------------------------------------------------------------------------------------------------

// Every check names the op, what was given and what it was compared with.
class Verifier {
public:
  Verifier(Operation *op, ShapedType classes, std::optional<int64_t> axis, StringRef name)
      : op(op), classes(classes), name(name), dim(classDim(classes.getRank(), axis)), given(axis) {}

  LogicalResult classAxis() {
    size_t tensors = llvm::count_if(op->getOperandTypes(), [](Type t) { return isa<TensorType>(t); });
    if (tensors != 0 && tensors != op->getNumOperands())
      return op->emitOpError("takes tensors or memrefs, not a mixture of both, got ") << op->getOperandTypes();
    for (Type type : op->getOperandTypes())
      if (auto memref = dyn_cast<MemRefType>(type); memref && memref.getMemorySpace())
        return op->emitOpError("takes memrefs in the default memory space, got ") << type;
    if (classes.getRank() == 0)
      return op->emitOpError() << name << " must have a class axis: (C), (N, C) or (N, C, d1, ..., dK), got " << classes;
    if (dim < 0 || dim >= classes.getRank())
      return op->emitOpError("class_axis ") << *given << " is out of range for " << name << " " << classes;
    return success();
  }

  LogicalResult same(Value other, StringRef otherName) {
    auto type = cast<ShapedType>(other.getType());
    if (type.getElementType() != classes.getElementType() ||
        failed(verifyCompatibleShape(type.getShape(), classes.getShape())))
      return op->emitOpError() << otherName << " must have the shape and element type of " << name << ", got " << name
                               << " " << classes << " and " << otherName << " " << type;
    return success();
  }

  LogicalResult perRow(Value other, StringRef otherName) {
    auto type = cast<ShapedType>(other.getType());
    if (failed(verifyCompatibleShape(withoutDim(classes.getShape(), dim), type.getShape())))
      return op->emitOpError() << otherName << " must have the shape of " << name << " without the class axis (axis "
                               << dim << "), got " << name << " " << classes << " and " << otherName << " " << type;
    return success();
  }

  LogicalResult reduced(Value other, StringRef otherName, Reduction reduction) {
    if (failed(accumulation(other, otherName, /*orOwn=*/true)))
      return failure();
    if (reduction == Reduction::None)
      return perRow(other, otherName);
    return scalar(other, otherName, stringifyReduction(reduction));
  }

  LogicalResult scalar(Value other, StringRef otherName, StringRef reduction) {
    auto type = cast<ShapedType>(other.getType());
    if (type.getRank() == 0)
      return success();
    auto diagnostic = op->emitOpError() << otherName << " must have rank 0";
    if (!reduction.empty())
      diagnostic << " for reduction " << reduction;
    return diagnostic << ", got " << name << " " << classes << " and " << otherName << " " << type;
  }

  LogicalResult accumulation(Value other, StringRef otherName, bool orOwn) {
    auto type = cast<ShapedType>(other.getType());
    Type own = classes.getElementType(), wide = accumulationType(own);
    if (type.getElementType() == wide || (orOwn && type.getElementType() == own))
      return success();
    auto diagnostic = op->emitOpError() << otherName << " must have elements of " << wide;
    if (orOwn && own != wide)
      diagnostic << " or " << own;
    return diagnostic << " for " << name << " " << classes << ", got " << type;
  }

  LogicalResult totalWeight(Value other) {
    return success(succeeded(accumulation(other, "total_weight", false)) &&
                   succeeded(scalar(other, "total_weight", "")));
  }

  LogicalResult lse(Value other) {
    return success(succeeded(accumulation(other, "lse", false)) && succeeded(perRow(other, "lse")));
  }

  LogicalResult weight(Value other) {
    if (!other)
      return success();
    if (failed(accumulation(other, "weight", true)))
      return failure();
    auto type = cast<ShapedType>(other.getType());
    if (type.getRank() == 1 && succeeded(verifyCompatibleDims({type.getDimSize(0), classes.getDimSize(dim)})))
      return success();
    return op->emitOpError("weight must have one element per class, got ")
           << name << " " << classes << " (class axis " << dim << ") and weight " << type;
  }

  // One element type for both keeps the number of library symbols small.
  LogicalResult sameElements(Value gradLoss, Value loss) {
    Type first = cast<ShapedType>(gradLoss.getType()).getElementType();
    Type second = cast<ShapedType>(loss.getType()).getElementType();
    if (first == second)
      return success();
    return op->emitOpError("grad_loss and loss must have the same element type, got ")
           << gradLoss.getType() << " and " << loss.getType();
  }

  LogicalResult smoothing(std::optional<APFloat> value) {
    if (!value || (*value >= APFloat(0.0) && *value <= APFloat(1.0)))
      return success();
    return op->emitOpError("label_smoothing must be in [0, 1], got ") << value->convertToDouble();
  }

private:
  Operation *op;
  ShapedType classes;
  StringRef name;
  int64_t dim;
  std::optional<int64_t> given;
};

// The first failure ends the verification.
template <class... Checks>
LogicalResult all(Checks... checks) {
  return success((succeeded(checks()) && ...));
}

} // namespace

#define LOSSGEN_CHECK(call) [&] { return check.call; }

LogicalResult LogSoftmaxForwardOp::verify() {
  Verifier check(*this, getClassType(), getClassAxis(), "logits");
  return all(LOSSGEN_CHECK(classAxis()), LOSSGEN_CHECK(same(getLogProbs(), "log_probs")));
}

LogicalResult LogSoftmaxBackwardOp::verify() {
  Verifier check(*this, getClassType(), getClassAxis(), "grad");
  return all(LOSSGEN_CHECK(classAxis()), LOSSGEN_CHECK(same(getLogProbs(), "log_probs")),
             LOSSGEN_CHECK(same(getGradLogits(), "grad_logits")));
}

LogicalResult NllLossForwardOp::verify() {
  Verifier check(*this, getClassType(), getClassAxis(), "log_probs");
  return all(LOSSGEN_CHECK(classAxis()), LOSSGEN_CHECK(perRow(getTarget(), "target")),
             LOSSGEN_CHECK(weight(getWeight())), LOSSGEN_CHECK(reduced(getLoss(), "loss", getReduction())),
             LOSSGEN_CHECK(totalWeight(getTotalWeight())));
}

LogicalResult NllLossBackwardOp::verify() {
  Verifier check(*this, getClassType(), getClassAxis(), "grad_log_probs");
  return all(LOSSGEN_CHECK(classAxis()), LOSSGEN_CHECK(perRow(getTarget(), "target")),
             LOSSGEN_CHECK(weight(getWeight())), LOSSGEN_CHECK(reduced(getGradLoss(), "grad_loss", getReduction())),
             LOSSGEN_CHECK(totalWeight(getTotalWeight())));
}

LogicalResult CrossEntropyForwardOp::verify() {
  Verifier check(*this, getClassType(), getClassAxis(), "logits");
  return all(LOSSGEN_CHECK(classAxis()), LOSSGEN_CHECK(perRow(getTarget(), "target")),
             LOSSGEN_CHECK(weight(getWeight())), LOSSGEN_CHECK(reduced(getLoss(), "loss", getReduction())),
             LOSSGEN_CHECK(lse(getLse())), LOSSGEN_CHECK(totalWeight(getTotalWeight())),
             LOSSGEN_CHECK(smoothing(getLabelSmoothing())));
}

LogicalResult CrossEntropyBackwardOp::verify() {
  Verifier check(*this, getClassType(), getClassAxis(), "logits");
  return all(LOSSGEN_CHECK(classAxis()), LOSSGEN_CHECK(perRow(getTarget(), "target")),
             LOSSGEN_CHECK(weight(getWeight())), LOSSGEN_CHECK(reduced(getGradLoss(), "grad_loss", getReduction())),
             LOSSGEN_CHECK(lse(getLse())), LOSSGEN_CHECK(totalWeight(getTotalWeight())),
             LOSSGEN_CHECK(same(getGradLogits(), "grad_logits")), LOSSGEN_CHECK(smoothing(getLabelSmoothing())));
}

LogicalResult CrossEntropyForwardBackwardOp::verify() {
  Verifier check(*this, getClassType(), getClassAxis(), "logits");
  return all(LOSSGEN_CHECK(classAxis()), LOSSGEN_CHECK(perRow(getTarget(), "target")),
             LOSSGEN_CHECK(weight(getWeight())), LOSSGEN_CHECK(reduced(getGradLoss(), "grad_loss", getReduction())),
             LOSSGEN_CHECK(reduced(getLoss(), "loss", getReduction())),
             LOSSGEN_CHECK(sameElements(getGradLoss(), getLoss())), LOSSGEN_CHECK(lse(getLse())),
             LOSSGEN_CHECK(totalWeight(getTotalWeight())), LOSSGEN_CHECK(same(getGradLogits(), "grad_logits")),
             LOSSGEN_CHECK(smoothing(getLabelSmoothing())));
}

// ---- The interfaces of each op --------------------------------------------------------------------------------------

#define LOSSGEN_OP(Op, inits)                                                                                          \
  void Op::getEffects(SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &found) {                    \
    effects(*this, found);                                                                                             \
  }                                                                                                                    \
  LogicalResult Op::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands, DictionaryAttr,      \
                                     OpaqueProperties, RegionRange, SmallVectorImpl<Type> &types) {                    \
    return inferResults(operands, inits, types);                                                                       \
  }                                                                                                                    \
  LogicalResult Op::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {                       \
    return reifyResults(*this, builder, shapes);                                                                       \
  }

LOSSGEN_OP(LogSoftmaxForwardOp, 1)
LOSSGEN_OP(LogSoftmaxBackwardOp, 1)
LOSSGEN_OP(NllLossForwardOp, 2)
LOSSGEN_OP(NllLossBackwardOp, 1)
LOSSGEN_OP(CrossEntropyForwardOp, 3)
LOSSGEN_OP(CrossEntropyBackwardOp, 1)
LOSSGEN_OP(CrossEntropyForwardBackwardOp, 4)
