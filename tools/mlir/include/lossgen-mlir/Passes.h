// The passes; docs/mlir.md says when to run which.
#ifndef LOSSGEN_MLIR_PASSES_H
#define LOSSGEN_MLIR_PASSES_H

#include <memory>

#include "mlir/Pass/Pass.h"

namespace mlir::lossgen {

/// raise-linalg-to-lossgen: replaces a loss spelt in linalg by the op that means the same.
std::unique_ptr<Pass> createRaisePass();
/// lossgen-decompose: replaces the ops by linalg on tensors.
std::unique_ptr<Pass> createDecomposePass();
/// convert-lossgen-to-calls: replaces the ops on memrefs by calls into the C shim.
std::unique_ptr<Pass> createConvertToCallsPass();
/// lossgen-request: lists the kernels a module needs and writes the build request for them.
std::unique_ptr<Pass> createRequestPass();

/// Registers all of them, and the pipeline lossgen-lower-to-llvm, with the global pass registry.
void registerPasses();

} // namespace mlir::lossgen

#endif // LOSSGEN_MLIR_PASSES_H
