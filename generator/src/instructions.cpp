// Halide begins the code of a kernel with a module of its own functions: it calls `name` of 16 lanes as `namex16` if that
// module has one, and its prefetch is a function there. It asks for the module through the symbol below, which its shared
// library binds at load time: defined in this program, it comes first and adds our functions to what libHalide's own
// returns, so that it takes no other compiler than the one in the wheel. A libHalide that binds its own symbols (-Bsymbolic)
// would leave the calls as they are: slim_object refuses such objects.
#include "instructions.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "storage.h"

namespace llvm {
// LLVM's headers are not in the wheel. Handed on here, never destroyed; hidden, or a libLLVM might take this destructor for its own.
class __attribute__((visibility("hidden"))) Module {
 public:
  ~Module() { std::abort(); }
};
}  // namespace llvm

namespace {
thread_local std::optional<lossgen::Cache> prefetch_into;
}

namespace Halide::Internal {

std::unique_ptr<llvm::Module> get_initial_module_for_target(Target target, llvm::LLVMContext *context,
                                                            bool for_shared_jit_runtime, bool just_gpu) {
  static const std::vector<uint8_t> avx512 = {
#include "avx512.inc"
  };
  static const std::vector<uint8_t> prefetch_l1 = {
#include "prefetch_l1.inc"
  };
  static const std::vector<uint8_t> prefetch_l2 = {
#include "prefetch_l2.inc"
  };
  using Function = std::unique_ptr<llvm::Module> (*)(Target, llvm::LLVMContext *, bool, bool);
  static const auto of_halide = reinterpret_cast<Function>(
      dlsym(RTLD_NEXT, "_ZN6Halide8Internal29get_initial_module_for_targetENS_6TargetEPN4llvm11LLVMContextEbb"));
  if (!of_halide) throw std::runtime_error("libHalide has no get_initial_module_for_target: lossgen wants Halide 21");
  std::unique_ptr<llvm::Module> module = of_halide(target, context, for_shared_jit_runtime, just_gpu);
  if (target.arch != Target::X86) return module;
  if (target.has_feature(Target::AVX512_Skylake)) add_bitcode_to_module(context, *module, avx512, "avx512.ll");
  if (prefetch_into == lossgen::Cache::l1) add_bitcode_to_module(context, *module, prefetch_l1, "prefetch_l1.ll");
  if (prefetch_into == lossgen::Cache::l2) add_bitcode_to_module(context, *module, prefetch_l2, "prefetch_l2.ll");
  return module;
}

}  // namespace Halide::Internal

namespace lossgen {
using namespace Halide;

bool has_avx512_f32(const KernelKey &key) {
  return key.target == LOSSGEN_TARGET_x86_64_v4 && accumulator_type(key.dtype).bits() == 32;
}

namespace {
Expr call(const char *name, const std::vector<Expr> &arguments) {
  return Internal::Call::make(arguments[0].type(), name, arguments, Internal::Call::PureExtern);
}
}  // namespace

Expr fused_subtract(const Expr &a, const Expr &b, const Expr &c) { return call("lossgen_fused_subtract", {a, b, c}); }
Expr fused_add(const Expr &a, const Expr &b, const Expr &c) { return call("lossgen_fused_add", {a, b, c}); }
Expr exp_by_table(const Expr &d) { return call("lossgen_exp", {d}); }

PrefetchInto::PrefetchInto(Cache cache) { prefetch_into = cache; }
PrefetchInto::~PrefetchInto() { prefetch_into.reset(); }

}  // namespace lossgen
