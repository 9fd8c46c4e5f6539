#include "opencl.h"

#include <sstream>
#include <stdexcept>

namespace lossgen {
using namespace Halide;
using namespace Halide::Internal;

namespace {

// Where the device has a fast one. Elsewhere one expression, which the compiler may fuse or not.
const char kFma[] = "lossgen_fma";
const char kFmaSource[] =
    "#ifdef FP_FAST_FMAF\n#define lossgen_fma(a, b, c) fma(a, b, c)\n"
    "#else\n#define lossgen_fma(a, b, c) ((a) * (b) + (c))\n#endif\n";

class ForOpenCl : public IRMutator {
  using IRMutator::visit;

  template <class Operation>
  Expr fuse(const Operation *op, const Expr &sum, const Expr &addend) {
    const Mul *product = sum.as<Mul>();
    if (!product || op->type.element_of() != Float(32)) return Expr();
    return Call::make(op->type, kFma, {mutate(product->a), mutate(product->b), mutate(addend)}, Call::PureExtern);
  }
  Expr visit(const Add *op) override {
    Expr fused = fuse(op, op->a, op->b);
    if (!fused.defined()) fused = fuse(op, op->b, op->a);
    return fused.defined() ? fused : IRMutator::visit(op);
  }
  Expr visit(const Sub *op) override {
    const Expr fused = fuse(op, op->a, make_zero(op->type) - op->b);
    return fused.defined() ? fused : IRMutator::visit(op);
  }
  // OpenCL C is compiled without options that reorder floating point, so a plain comparison is strict.
  Expr visit(const Call *op) override {
    const Expr mutated = IRMutator::visit(op);
    const Call *call = mutated.as<Call>();
    if (!call || !call->type.is_bool() || !call->type.is_vector()) return mutated;
    if (call->is_intrinsic(Call::strict_lt)) return LT::make(call->args[0], call->args[1]);
    if (call->is_intrinsic(Call::strict_le)) return LE::make(call->args[0], call->args[1]);
    if (call->is_intrinsic(Call::strict_eq)) return EQ::make(call->args[0], call->args[1]);
    return mutated;
  }

 public:
  Stmt before;  // what it was given

  explicit ForOpenCl(bool changes) : changes_(changes) {}
  using IRMutator::mutate;
  Stmt mutate(const Stmt &s) override {
    if (!before.defined()) before = s;
    return changes_ ? IRMutator::mutate(s) : s;
  }

 private:
  const bool changes_;
};

// The size of the source, which the kernel hands to the runtime.
class SetSourceSize : public IRMutator {
  using IRMutator::visit;
  Expr visit(const Call *op) override {
    if (op->name != "halide_opencl_initialize_kernels") return IRMutator::visit(op);
    std::vector<Expr> args = op->args;
    args.back() = size_;
    found = true;
    return Call::make(op->type, op->name, args, op->call_type);
  }
  const int size_;

 public:
  explicit SetSourceSize(int size) : size_(size) {}
  bool found = false;
};

// Rewrites the lists of arguments, one to a line. `restrict` goes: in place, two arguments are the same memory. And barriers become
// CUDA's: Halide's order local memory alone, but in place a thread writes logits that others have read before.
std::string rewrite(const std::string &source) {
  std::istringstream in(source);
  std::ostringstream out, starts;
  out << kFmaSource;
  const std::string mark = " *restrict ";
  bool in_list = false;
  for (std::string line; std::getline(in, line);) {
    const size_t star = line.find(mark);
    if (line.rfind("__kernel void ", 0) == 0 && line.back() == '(') {
      in_list = true;
    } else if (in_list && star != std::string::npos && line.back() == ',') {
      const std::string type = line.substr(0, star), name = line.substr(star + mark.size(), line.size() - star - mark.size() - 1);
      out << type << " *" << name << "_memory,\n const long " << name << "_start,\n";
      starts << type << " *" << name << " = (" << type.substr(1) << " *)((__global const char *)" << name << "_memory + " << name
             << "_start);\n";
      continue;
    } else if (const size_t barrier = line.find("barrier(0"); barrier != std::string::npos) {
      line.replace(barrier, std::string::npos, "barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);");
    } else if (in_list && line == "{") {
      line += "\n" + starts.str();
      line.pop_back();
      starts.str("");
      in_list = false;
    }
    out << line << "\n";
  }
  return out.str();
}

Module with_rewritten_source(const Module &module) {
  const Buffer<> old = module.get_device_code_buffer();
  if (!old.defined()) throw std::logic_error("no OpenCL source in the module");
  const std::string text = rewrite(std::string(static_cast<const char *>(old.data()), old.number_of_elements()).c_str());
  Buffer<uint8_t> source((int)text.size() + 1, old.name());
  std::copy(text.c_str(), text.c_str() + text.size() + 1, source.data());

  Module result(module.name(), module.target(), module.get_metadata_name_map());
  result.set_any_strict_float(module.any_strict_float());
  for (const Buffer<> &b : module.buffers()) result.append(b.name() == old.name() ? Buffer<>(source) : b);
  SetSourceSize set_size((int)text.size() + 1);
  for (LoweredFunc f : module.functions()) {
    f.body = set_size.mutate(f.body);
    result.append(f);
  }
  if (!set_size.found) throw std::logic_error("no call of halide_opencl_initialize_kernels in the module");
  return result;
}

}  // namespace

Module lower_for_device(Pipeline &pipeline, const std::vector<Argument> &arguments, const std::string &symbol, const Target &target) {
  const bool opencl = target.has_feature(Target::OpenCL);
  auto *pass = new ForOpenCl(opencl);  // the pipeline deletes it
  pipeline.add_custom_lowering_pass(pass);
  Module module = pipeline.compile_to_module(arguments, symbol, target);
  if (opencl) module = with_rewritten_source(module);
  module.set_conceptual_code_stmt(pass->before);
  return module;
}

}  // namespace lossgen
