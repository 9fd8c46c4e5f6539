// Bufferization, and the registration that plugins and embedders share.
#include "lossgen-mlir/Compat.h"
#include "lossgen-mlir/Lossgen.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

// The same op on the operands' buffers. Inits are only written, so their old contents need no copy.
template <class OpTy>
struct Bufferize : bufferization::DstBufferizableOpInterfaceExternalModel<Bufferize<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const bufferization::AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
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
    for (OpOperand &init : cast<DestinationStyleOpInterface>(op).getDpsInitsMutable())
      results.push_back(buffers[init.getOperandNumber()]);
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
