// What mlir-opt looks up after loading the plugin with --load-dialect-plugin or --load-pass-plugin.
#include "lossgen-mlir/Compat.h"
#include "lossgen-mlir/Lossgen.h"
#include "lossgen-mlir/Passes.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

using namespace mlir;

// Either option registers all there is: one of them on the command line is enough.
static void registerOnce() {
  static bool once = (lossgen::registerPasses(), true);
  (void)once;
}

extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "lossgen", LLVM_VERSION_STRING, [](DialectRegistry *registry) {
            lossgen::registerDialect(*registry);
            registerOnce();
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "lossgen", LLVM_VERSION_STRING, [] { registerOnce(); }};
}
