#include "memory_passes.h"

#include <stdexcept>
#include <utility>
#include <vector>

namespace lossgen {
using namespace Halide;
using namespace Halide::Internal;

namespace {

class FindLoads : public IRVisitor {
 public:
  explicit FindLoads(const std::string &buffer) : buffer_(buffer) {}
  std::vector<const Load *> found;

 private:
  using IRVisitor::visit;
  void visit(const Load *op) override {
    if (op->name == buffer_ && op->index.as<Ramp>()) found.push_back(op);
    IRVisitor::visit(op);
  }
  const std::string &buffer_;
};

class AskWithLoads : public IRMutator {
 public:
  AskWithLoads(std::string input, int ahead) : input_(std::move(input)), ahead_(ahead) {}

 private:
  using IRMutator::visit;
  Stmt visit(const Store *op) override {
    FindLoads loads(input_);
    op->value.accept(&loads);
    Stmt s = op;
    for (const Load *load : loads.found) {
      const Expr at = simplify(load->index.as<Ramp>()->base + ahead_);
      const std::vector<Expr> line = {Variable::make(Handle(), input_), at, 1, load->type.lanes()};
      s = Block::make(Evaluate::make(Call::make(load->type.element_of(), Call::prefetch, line, Call::Intrinsic)), s);
    }
    return s;
  }
  const std::string input_;
  const int ahead_;
};

class StorePastCaches : public IRMutator {
 public:
  explicit StorePastCaches(std::string output) : output_(std::move(output)) {}

 private:
  using IRMutator::visit;
  Stmt visit(const Store *op) override {
    if (op->name != output_) return op;
    const auto *ramp = op->index.as<Ramp>();
    const Type t = op->value.type();
    if (!ramp || !is_const_one(ramp->stride) || !is_const_one(op->predicate) || t.bytes() * t.lanes() != 64)
      throw std::logic_error("what is stored past the caches is not whole vectors of 64 bytes");
    const char *store = t.bits() == 64 ? "lossgen_stream_f64" : "lossgen_stream_f32";
    return Evaluate::make(Call::make(Int(32), store, {Variable::make(Handle(), output_), ramp->base, op->value}, Call::Extern));
  }
  const std::string output_;
};

class ReadUnaligned : public IRMutator {
 public:
  explicit ReadUnaligned(std::string output) : output_(std::move(output)) {}

 private:
  using IRMutator::visit;
  Expr visit(const Load *op) override {
    if (op->name != output_ && !starts_with(op->name, output_ + ".")) return IRMutator::visit(op);
    const Parameter buffer(op->type.element_of(), true, 1, op->name);  // aligned to its elements
    return Load::make(op->type, op->name, mutate(op->index), Buffer<>(), buffer, mutate(op->predicate), ModulusRemainder());
  }
  const std::string output_;
};

}  // namespace

IRMutator *ask_with_loads(const std::string &input, int ahead) { return new AskWithLoads(input, ahead); }
IRMutator *store_past_caches(const std::string &output) { return new StorePastCaches(output); }
IRMutator *read_unaligned(const std::string &output) { return new ReadUnaligned(output); }

}  // namespace lossgen
