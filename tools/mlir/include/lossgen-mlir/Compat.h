// What differs between MLIR versions (written for 19 to 22, tested with 19.1 and 22.1), and nothing else.
#ifndef LOSSGEN_MLIR_COMPAT_H
#define LOSSGEN_MLIR_COMPAT_H

#include "llvm/Config/llvm-config.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

// Since 21 bufferization hands a state through its interface.
#if LLVM_VERSION_MAJOR >= 21
#define LOSSGEN_BUFFERIZATION_STATE , bufferization::BufferizationState &state
#define LOSSGEN_STATE_ARG , state
#else
#define LOSSGEN_BUFFERIZATION_STATE
#define LOSSGEN_STATE_ARG
#endif

namespace mlir::lossgen {

/// Since 21 ops are made by a static function of their own. Call it qualified in a pattern, where
/// RewritePattern::create hides it.
template <class OpTy, class... Args>
OpTy make(OpBuilder &builder, Location loc, Args &&...args) {
#if LLVM_VERSION_MAJOR >= 21
  return OpTy::create(builder, loc, std::forward<Args>(args)...);
#else
  return builder.create<OpTy>(loc, std::forward<Args>(args)...);
#endif
}

inline LogicalResult applyGreedily(Operation *op, RewritePatternSet &&patterns) {
#if LLVM_VERSION_MAJOR >= 20
  return applyPatternsGreedily(op, std::move(patterns));
#else
  return applyPatternsAndFoldGreedily(op, std::move(patterns));
#endif
}

inline LogicalResult stridesAndOffset(MemRefType type, SmallVectorImpl<int64_t> &strides, int64_t &offset) {
#if LLVM_VERSION_MAJOR >= 21
  return type.getStridesAndOffset(strides, offset);
#else
  return getStridesAndOffset(type, strides, offset);
#endif
}

} // namespace mlir::lossgen

#endif // LOSSGEN_MLIR_COMPAT_H
