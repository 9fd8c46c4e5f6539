// Bufferization, and the registration that plugins and embedders share.
#include "lossgen-mlir/Compat.h"
#include "lossgen-mlir/Lossgen.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

// The same op on the operands' buffers. Inits are only written, so their old contents need no copy.
template <class OpTy>
struct Bufferize : bufferization::DstBufferizableOpInterfaceExternalModel<Bufferize<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const bufferization::AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  // In place, logits become their gradient or their log-probabilities: the library reads a row before it writes it.
  bool isNotConflicting(Operation *op, OpOperand *read, OpOperand *write, const bufferization::AnalysisState &) const {
    auto dps = cast<DestinationStyleOpInterface>(op);
    return read->getOwner() == op && write->getOwner() == op && read->get() == write->get() && !dps.isDpsInit(read) &&
           dps.isDpsInit(write) && write->getOperandNumber() + 1 == op->getNumOperands() &&
           !isa<NllLossForwardOp, NllLossBackwardOp, CrossEntropyForwardOp>(op);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const bufferization::BufferizationOptions &options LOSSGEN_BUFFERIZATION_STATE) const {
    SmallVector<Value> buffers, results;
    for (Value operand : op->getOperands()) {
      if (!isa<TensorType>(operand.getType())) {
        buffers.push_back(operand);
        continue;
      }
      FailureOr<Value> buffer = bufferization::getBuffer(rewriter, operand, options LOSSGEN_STATE_ARG);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    // Results that nobody reads may share a tensor as their destination, in the eyes of the analysis; the library wants
    // memory for each.
    auto dps = cast<DestinationStyleOpInterface>(op);
    llvm::SmallDenseSet<Value> taken;
    for (OpOperand &init : dps.getDpsInitsMutable())
      if (isa<TensorType>(init.get().getType()) && !dps.getTiedOpResult(&init).use_empty())
        taken.insert(init.get());
    for (OpOperand &init : dps.getDpsInitsMutable()) {
      unsigned i = init.getOperandNumber();
      if (isa<TensorType>(init.get().getType()) && dps.getTiedOpResult(&init).use_empty() &&
          !taken.insert(init.get()).second) {
        auto type = cast<MemRefType>(buffers[i].getType());
        SmallVector<Value> sizes;
        for (int64_t axis = 0; axis < type.getRank(); ++axis)
          if (type.isDynamicDim(axis))
            sizes.push_back(lossgen::make<memref::DimOp>(rewriter, op->getLoc(), buffers[i], axis));
        FailureOr<Value> own = options.createAlloc(
            rewriter, op->getLoc(), MemRefType::get(type.getShape(), type.getElementType()), sizes);
        if (failed(own))
          return failure();
        buffers[i] = *own;
      }
      results.push_back(buffers[i]);
    }
    OperationState made(op->getLoc(), op->getName(), buffers, TypeRange(), op->getDiscardableAttrDictionary().getValue());
    made.propertiesAttr = op->getPropertiesAsAttribute();
    rewriter.create(made);
    if (op->getNumResults() == 0)
      rewriter.eraseOp(op);
    else
      bufferization::replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};

template <class... Ops>
void attach(MLIRContext *context) {
  (Ops::template attachInterface<Bufferize<Ops>>(*context), ...);
}

} // namespace

void mlir::lossgen::registerDialect(DialectRegistry &registry) {
  registry.insert<LossgenDialect>();
  registry.addExtension(+[](MLIRContext *context, LossgenDialect *) {
    attach<LogSoftmaxForwardOp, LogSoftmaxBackwardOp, NllLossForwardOp, NllLossBackwardOp, CrossEntropyForwardOp,
           CrossEntropyBackwardOp, CrossEntropyForwardBackwardOp>(context);
  });
}
