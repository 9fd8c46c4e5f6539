// Registration of the passes, and the pipelines that docs/mlir.md names.
#include "lossgen-mlir/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

// The steps are MLIR's own passes by name, so that the plugin links none of them: whoever loads it has them registered.
static const char *const bufferize =
    "canonicalize,cse,empty-tensor-to-alloc-tensor,"
    "one-shot-bufferize{bufferize-function-boundaries=true function-boundary-type-conversion=identity-layout-map},"
    "buffer-deallocation-pipeline,";
static const char *const lower =
    "func.func(convert-linalg-to-loops),convert-scf-to-cf,expand-strided-metadata,lower-affine,"
    "convert-math-to-llvm,convert-arith-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,"
    "convert-index-to-llvm,reconcile-unrealized-casts";

static void pipeline(StringRef name, StringRef description, std::string text) {
  registerPassPipeline(
      name, description,
      [text](OpPassManager &pm, StringRef options, function_ref<LogicalResult(const Twine &)> error) -> LogicalResult {
        if (!options.empty())
          return error("this pipeline takes no options");
        return parsePassPipeline(text, pm);
      },
      [](function_ref<void(const detail::PassOptions &)>) {});
}

void mlir::lossgen::registerPasses() {
  registerPass([] { return createRaisePass(); });
  registerPass([] { return createDecomposePass(); });
  registerPass([] { return createConvertToCallsPass(); });
  registerPass([] { return createRequestPass(); });
  pipeline("lossgen-calls-to-llvm", "lossgen ops on tensors to the LLVM dialect, by calls of the C library",
           std::string(bufferize) + "convert-lossgen-to-calls," + lower);
  pipeline("lossgen-loops-to-llvm", "lossgen ops on tensors to the LLVM dialect, by loops: no library is needed",
           std::string("lossgen-decompose,") + bufferize + lower);
}
