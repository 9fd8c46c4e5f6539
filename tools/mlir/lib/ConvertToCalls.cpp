// convert-lossgen-to-calls: each op on memrefs becomes a call of the C shim (shim/lossgen_mlir.c).
//
// A symbol is named after the op and its element types, lossgen_mlir_<op>_<logits>_<target>; what differs from the usual
// adds a suffix: a 16-bit loss (_loss), a 16-bit weight (_weight). Ranks, shapes and strides travel in unranked
// descriptors, attributes as scalars. The call returns a status, which cf.assert checks: the library never aborts.
#include "lossgen-mlir/Compat.h"
#include "lossgen-mlir/Lossgen.h"
#include "lossgen-mlir/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/TypeSwitch.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

class Call {
public:
  Call(Operation *op) : op(op), builder(op), name(("lossgen_mlir_" + op->getName().stripDialect()).str()) {}

  void type(Value value) {
    llvm::raw_string_ostream(name) << "_" << getElementTypeOrSelf(value);
  }
  void mark(StringRef text) { name += text; }
  void buffer(Value value) {
    auto unranked = UnrankedMemRefType::get(getElementTypeOrSelf(value), 0);
    arguments.push_back(make<memref::CastOp>(builder, op->getLoc(), unranked, value));
  }
  // An absent weight is an empty vector, so that one symbol serves both.
  void optional(Value value, Type element) {
    if (value)
      return buffer(value);
    buffer(make<memref::AllocaOp>(builder, op->getLoc(), MemRefType::get({0}, element)));
  }
  void i32(int64_t value) { scalar(builder.getI32IntegerAttr(static_cast<int32_t>(value))); }
  void i64(int64_t value) { scalar(builder.getI64IntegerAttr(value)); }
  void f64(double value) { scalar(builder.getF64FloatAttr(value)); }

  void emit(ModuleOp module) {
    auto type = builder.getFunctionType(ValueRange(arguments).getTypes(), builder.getI32Type());
    auto function = module.lookupSymbol<func::FuncOp>(name);
    if (!function) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(module.getBody());
      function = make<func::FuncOp>(builder, op->getLoc(), name, type);
      function.setPrivate();
      function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), builder.getUnitAttr());
    } else if (function.getFunctionType() != type) {
      op->emitRemark("not converted: the module declares '") << name << "' with another type";
      return;
    }
    Location loc = op->getLoc();
    Value status = make<func::CallOp>(builder, loc, function, arguments).getResult(0);
    Value zero = make<arith::ConstantOp>(builder, loc, builder.getI32IntegerAttr(0));
    Value ok = make<arith::CmpIOp>(builder, loc, arith::CmpIPredicate::eq, status, zero);
    make<cf::AssertOp>(builder, loc, ok, (op->getName().getStringRef() + " failed: see lossgen_last_error()").str());
    op->erase();
  }

private:
  void scalar(TypedAttr value) { arguments.push_back(make<arith::ConstantOp>(builder, op->getLoc(), value)); }

  Operation *op;
  OpBuilder builder;
  std::string name;
  SmallVector<Value> arguments;
};

// Why an op cannot be called; empty when it can.
std::string obstacle(Operation *op) {
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!type)
      return "it is on tensors; bufferize first";
    SmallVector<int64_t> strides;
    int64_t offset;
    if (failed(stridesAndOffset(type, strides, offset))) {
      std::string text;
      llvm::raw_string_ostream(text) << "the layout of '" << type << "' is not strided";
      return text;
    }
  }
  if (!op->getParentOfType<func::FuncOp>())
    return "it is not in a func.func";
  return "";
}

template <class OpTy>
void common(Call &call, OpTy op, Value floats) {
  call.type(floats);
  call.type(op.getTarget());
}

// The suffixes for a loss or weight in the 16-bit type of the logits.
void suffix(Call &call, Value floats, Value loss, Value weight) {
  Type wide = accumulationType(getElementTypeOrSelf(floats));
  if (getElementTypeOrSelf(loss) != wide)
    call.mark("_loss");
  if (weight && getElementTypeOrSelf(weight) != wide)
    call.mark("_weight");
}

template <class OpTy>
void options(Call &call, OpTy op, Value floats, double smoothing) {
  call.optional(op.getWeight(), accumulationType(getElementTypeOrSelf(floats)));
  call.i32(static_cast<int64_t>(op.getReduction()));
  call.i32(op.getIgnoreIndex() ? 1 : 2); // lossgen_ignore_mode
  call.i64(op.getIgnoreIndex().value_or(0));
  call.i32(static_cast<int64_t>(op.getBoundsOrTrap()));
  call.f64(smoothing);
  call.i32(op.getClassDim());
}

template <class OpTy>
double smoothing(OpTy op) {
  return op.getLabelSmoothing() ? op.getLabelSmoothing()->convertToDouble() : 0.0;
}

void convert(LogSoftmaxForwardOp op, Call &call) {
  call.type(op.getLogits());
  call.buffer(op.getLogits());
  call.buffer(op.getLogProbs());
  call.i32(op.getClassDim());
}

void convert(LogSoftmaxBackwardOp op, Call &call) {
  call.type(op.getGrad());
  call.buffer(op.getGrad());
  call.buffer(op.getLogProbs());
  call.buffer(op.getGradLogits());
  call.i32(op.getClassDim());
}

void convert(NllLossForwardOp op, Call &call) {
  common(call, op, op.getLogProbs());
  suffix(call, op.getLogProbs(), op.getLoss(), op.getWeight());
  for (Value buffer : {op.getLogProbs(), op.getTarget(), op.getLoss(), op.getTotalWeight()})
    call.buffer(buffer);
  options(call, op, op.getLogProbs(), 0.0);
}

void convert(NllLossBackwardOp op, Call &call) {
  common(call, op, op.getGradLogProbs());
  suffix(call, op.getGradLogProbs(), op.getGradLoss(), op.getWeight());
  for (Value buffer : {op.getGradLoss(), op.getTarget(), op.getTotalWeight(), op.getGradLogProbs()})
    call.buffer(buffer);
  options(call, op, op.getGradLogProbs(), 0.0);
}

void convert(CrossEntropyForwardOp op, Call &call) {
  common(call, op, op.getLogits());
  suffix(call, op.getLogits(), op.getLoss(), op.getWeight());
  for (Value buffer : {op.getLogits(), op.getTarget(), op.getLoss(), op.getLse(), op.getTotalWeight()})
    call.buffer(buffer);
  options(call, op, op.getLogits(), smoothing(op));
}

void convert(CrossEntropyBackwardOp op, Call &call) {
  common(call, op, op.getLogits());
  suffix(call, op.getLogits(), op.getGradLoss(), op.getWeight());
  for (Value buffer :
       {op.getGradLoss(), op.getLogits(), op.getTarget(), op.getLse(), op.getTotalWeight(), op.getGradLogits()})
    call.buffer(buffer);
  options(call, op, op.getLogits(), smoothing(op));
}

void convert(CrossEntropyForwardBackwardOp op, Call &call) {
  common(call, op, op.getLogits());
  suffix(call, op.getLogits(), op.getLoss(), op.getWeight());
  for (Value buffer : {op.getGradLoss(), op.getLogits(), op.getTarget(), op.getLoss(), op.getLse(), op.getTotalWeight(),
                       op.getGradLogits()})
    call.buffer(buffer);
  options(call, op, op.getLogits(), smoothing(op));
}

struct ConvertToCalls : PassWrapper<ConvertToCalls, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertToCalls)
  StringRef getArgument() const final { return "convert-lossgen-to-calls"; }
  StringRef getDescription() const final { return "replace lossgen ops on memrefs by calls of the C library's shim"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, memref::MemRefDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<Operation *> ops;
    module.walk([&](Operation *op) {
      if (isa_and_nonnull<LossgenDialect>(op->getDialect()))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      if (std::string reason = obstacle(op); !reason.empty()) {
        op->emitRemark("not converted: ") << reason;
        continue;
      }
      ModuleOp scope = op->getParentOfType<ModuleOp>();
      llvm::TypeSwitch<Operation *>(op)
          .Case<LogSoftmaxForwardOp, LogSoftmaxBackwardOp, NllLossForwardOp, NllLossBackwardOp, CrossEntropyForwardOp,
                CrossEntropyBackwardOp, CrossEntropyForwardBackwardOp>([&](auto typed) {
            Call call(op);
            convert(typed, call);
            call.emit(scope);
          });
    }
  }
};

} // namespace

std::unique_ptr<Pass> mlir::lossgen::createConvertToCallsPass() { return std::make_unique<ConvertToCalls>(); }
