#include "memory_passes.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

namespace lossgen {
using namespace Halide;
using namespace Halide::Internal;

namespace {

// A pass over one buffer's loads or stores, which are there.
class Pass : public IRMutator {
 public:
  explicit Pass(std::string buffer) : buffer_(std::move(buffer)) {}
  using IRMutator::mutate;
  Stmt mutate(const Stmt &s) override {
    depth_++;
    const Stmt result = IRMutator::mutate(s);
    if (--depth_ == 0 && !found_) throw std::logic_error("a pass over " + buffer_ + " found nothing to change");
    return result;
  }

 protected:
  bool is_ours(const std::string &name) const { return name == buffer_ || starts_with(name, buffer_ + "."); }
  // Of whole vectors side by side, the first element.
  Expr first_of(const Expr &index) {
    const auto *ramp = index.as<Ramp>();
    if (!ramp || !is_const_one(ramp->stride) || !ramp->base.type().is_scalar()) return {};
    found_ = true;
    return ramp->base;
  }
  const std::string buffer_;
  bool found_ = false;

 private:
  int depth_ = 0;
};

// Halide takes what it has no parameter for as its own memory, aligned to vectors.
Parameter aligned_to_elements(const Load *op) { return Parameter(op->type.element_of(), true, 1, op->name); }

class FindLoads : public IRGraphVisitor {
 public:
  explicit FindLoads(const std::string &buffer) : buffer_(buffer) {}
  std::vector<const Load *> found;

 private:
  using IRGraphVisitor::visit;
  void visit(const Load *op) override {
    if (op->name == buffer_) found.push_back(op);
    IRGraphVisitor::visit(op);
  }
  const std::string &buffer_;
};

class AskWithLoads : public Pass {
 public:
  AskWithLoads(const std::string &input, int ahead) : Pass(input), ahead_(ahead) {}

 private:
  using Pass::visit;
  Stmt visit(const For *op) override {
    std::vector<Expr> outside = std::exchange(asked_, {});
    const Stmt loop = Pass::visit(op);
    asked_ = std::move(outside);
    return loop;
  }
  Stmt visit(const LetStmt *op) override { return asking(op->value, LetStmt::make(op->name, op->value, mutate(op->body))); }
  Stmt visit(const Store *op) override { return asking(op->value, op); }
  // s, and before it what the loads in `value` ask for.
  Stmt asking(const Expr &value, Stmt s) {
    FindLoads loads(buffer_);
    const Expr without_lets = substitute_in_all_lets(value);  // what is asked for stands outside of them
    without_lets.accept(&loads);
    for (const Load *load : loads.found) {
      const Expr first = first_of(load->index);
      const auto is_asked = [&](const Expr &e) { return equal(e, first); };
      if (!first.defined() || std::any_of(asked_.begin(), asked_.end(), is_asked)) continue;  // loaded again
      asked_.push_back(first);
      const int line = 64 / load->type.bytes();
      for (int i = 0; i < load->type.lanes(); i += line) s = Block::make(ask(load->type.element_of(), simplify(first + ahead_ + i)), s);
    }
    return s;
  }
  Stmt ask(const Type &type, const Expr &at) const {
    return Evaluate::make(Call::make(type, Call::prefetch, {Variable::make(Handle(), buffer_), at, 1, 64 / type.bytes()}, Call::Intrinsic));
  }
  const int ahead_;
  std::vector<Expr> asked_;  // in the loop at hand
};

class StorePastCaches : public Pass {
 public:
  using Pass::Pass;

 private:
  using Pass::visit;
  Stmt visit(const Store *op) override {
    if (!is_ours(op->name)) return op;
    const Expr first = first_of(op->index);
    if (!first.defined() || !is_const_one(op->predicate) || op->value.type() != Float(32, 16))
      throw std::logic_error("what is stored past the caches is not whole vectors of 64 bytes");
    return Evaluate::make(Call::make(Int(32), "lossgen_stream", {Variable::make(Handle(), buffer_), first, op->value}, Call::Extern));
  }
};

class StoreWhereSelected : public Pass {
 public:
  using Pass::Pass;

 private:
  using Pass::visit;
  Stmt visit(const Store *op) override {
    if (!is_ours(op->name)) return op;
    std::vector<std::pair<std::string, Expr>> lets;
    Expr value = op->value;
    while (const auto *let = value.as<Let>()) {
      lets.emplace_back(let->name, let->value);
      value = let->body;
    }
    const auto *select = value.as<Select>();
    if (!select || !select->condition.type().is_vector() || !select->false_value.as<Load>() || !is_const_one(op->predicate))
      throw std::logic_error("what is stored is not selected, vector by vector, or else what is there");
    found_ = true;
    // Of a vector of rows some lanes; a vector of one row, or nothing.
    const auto *row = select->condition.as<Broadcast>();
    Stmt s = Store::make(op->name, select->true_value, op->index, op->param, row ? op->predicate : select->condition, op->alignment);
    if (row) s = IfThenElse::make(row->value, s);
    for (auto let = lets.rbegin(); let != lets.rend(); ++let) s = LetStmt::make(let->first, let->second, s);
    return s;
  }
};

constexpr char kLeftAt[] = "lossgen_left_at";

class StoreLeft : public Pass {
 public:
  using Pass::Pass;

 private:
  using Pass::visit;
  Expr visit(const Call *op) override {
    if (op->name != kLeftAt) return Pass::visit(op);
    const auto *place = op->args[1].as<Load>();
    if (!place || !is_ours(place->name)) throw std::logic_error("what is left is not left in " + buffer_);
    found_ = true;
    const std::string name = unique_name("left");
    left_.push_back({name, mutate(op->args[0]), op->args[1]});
    return Variable::make(op->type, name);
  }
  Stmt visit(const Store *op) override {
    const Expr value = mutate(substitute_in_all_lets(op->value));  // what is left stands outside of them
    if (left_.empty()) return op;
    Stmt s = Store::make(op->name, value, op->index, op->param, op->predicate, op->alignment);
    for (auto left = left_.rbegin(); left != left_.rend(); ++left) {
      const auto *to = left->place.as<Load>();
      const Expr term = Variable::make(to->type, left->name);
      const Stmt store = Store::make(to->name, term, to->index, aligned_to_elements(to), op->predicate, ModulusRemainder());
      s = LetStmt::make(left->name, left->value, Block::make(store, s));
    }
    left_.clear();
    return s;
  }
  Stmt visit(const LetStmt *op) override {
    const Expr value = mutate(op->value);
    if (!left_.empty()) throw std::logic_error("what is left in " + buffer_ + " is not part of what is stored");
    return LetStmt::make(op->name, value, mutate(op->body));
  }
  struct Left {
    std::string name;
    Expr value, place;
  };
  std::vector<Left> left_;  // of the store at hand
};

class ReadUnaligned : public Pass {
 public:
  using Pass::Pass;

 private:
  using Pass::visit;
  Expr visit(const Load *op) override {
    if (!is_ours(op->name)) return Pass::visit(op);
    found_ = true;
    return Load::make(op->type, op->name, mutate(op->index), Buffer<>(), aligned_to_elements(op), mutate(op->predicate), ModulusRemainder());
  }
};

}  // namespace

IRMutator *ask_with_loads(const std::string &input, int ahead) { return new AskWithLoads(input, ahead); }
IRMutator *store_past_caches(const std::string &output) { return new StorePastCaches(output); }
IRMutator *store_where_selected(const std::string &output) { return new StoreWhereSelected(output); }
Expr left_at(const Expr &place, const Expr &value) { return Call::make(value.type(), kLeftAt, {value, place}, Call::PureExtern); }
IRMutator *store_left(const std::string &buffer) { return new StoreLeft(buffer); }
IRMutator *read_unaligned(const std::string &output) { return new ReadUnaligned(output); }

}  // namespace lossgen
