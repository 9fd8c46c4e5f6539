// A tool of one's own with the dialect and its passes linked in: what docs/mlir.md says embedders do.
#include "lossgen-mlir/Lossgen.h"
#include "lossgen-mlir/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::arith::ArithDialect, mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::linalg::LinalgDialect, mlir::math::MathDialect, mlir::tensor::TensorDialect>();
  mlir::lossgen::registerDialect(registry);
  mlir::lossgen::registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "an optimizer with lossgen\n", registry));
}
