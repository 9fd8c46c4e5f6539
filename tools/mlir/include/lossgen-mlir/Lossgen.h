// The lossgen dialect. Code under tools/mlir follows LLVM's naming, as every MLIR project does.
#ifndef LOSSGEN_MLIR_LOSSGEN_H
#define LOSSGEN_MLIR_LOSSGEN_H

#include <optional>

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lossgen {

/// The class axis counted from the front: `given`, or 1, or 0 for rank 1. May be out of range before verification.
inline int64_t classDim(int64_t rank, std::optional<int64_t> given) {
  if (!given)
    return rank == 1 ? 0 : 1;
  return *given < 0 ? *given + rank : *given;
}

/// `shape` without the class axis: the target's shape.
inline SmallVector<int64_t> withoutDim(ArrayRef<int64_t> shape, int64_t dim) {
  SmallVector<int64_t> rest(shape);
  rest.erase(rest.begin() + dim);
  return rest;
}

/// S: f64 for f64, f32 for all others.
inline Type accumulationType(Type element) { return element.isF64() ? element : Float32Type::get(element.getContext()); }

/// Registers the dialect and its bufferization: what an embedder calls.
void registerDialect(DialectRegistry &registry);

} // namespace mlir::lossgen

#include "LossgenEnums.h.inc"

#include "LossgenDialect.h.inc"

#define GET_OP_CLASSES
#include "LossgenOps.h.inc"

#endif // LOSSGEN_MLIR_LOSSGEN_H
