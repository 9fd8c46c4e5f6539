// The part of the plugin that needs MLIR; Loader.cpp opens it once it knows that the program has the right one.
#include "lossgen-mlir/Lossgen.h"
#include "lossgen-mlir/Passes.h"

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT void lossgen_mlir_register(mlir::DialectRegistry *registry) {
  if (registry)
    mlir::lossgen::registerDialect(*registry);
  // Either option of mlir-opt registers all there is: one of them on the command line is enough.
  static bool once = (mlir::lossgen::registerPasses(), true);
  (void)once;
}
