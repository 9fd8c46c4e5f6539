#include "spread_prefetch.h"

#include <algorithm>
#include <stdexcept>

namespace lossgen {
using namespace Halide;
using namespace Halide::Internal;

namespace {

const Call *prefetch_in(const Stmt &s) {
  const auto *evaluate = s.as<Evaluate>();
  const auto *call = evaluate ? evaluate->value.as<Call>() : nullptr;
  return call && call->is_intrinsic(Call::prefetch) ? call : nullptr;
}

class FindPrefetch : public IRVisitor {
 public:
  Stmt found;

 private:
  using IRVisitor::visit;
  void visit(const Evaluate *op) override {
    if (prefetch_in(op)) found = op;
  }
};

class SpreadPrefetch : public IRMutator {
 public:
  explicit SpreadPrefetch(const Spread &spread) : spread_(spread) {}

 private:
  using IRMutator::visit;

  Stmt visit(const For *op) override {
    if (ends_with(op->name, ".tile")) {
      FindPrefetch find;
      op->body.accept(&find);
      prefetch_ = find.found;
      tile_ = Variable::make(Int(32), op->name);
      Stmt tile = IRMutator::visit(op);
      if (found_ != spread_.loops.size()) throw std::logic_error("a tile without the loops that its prefetches are for");
      return tile;
    }
    for (const Spread::Loop &loop : spread_.loops)
      if (prefetch_.defined() && starts_with(op->name, loop.func + ".s0.")) return ask_in(op, loop);
    return IRMutator::visit(op);
  }

  Stmt visit(const Evaluate *op) override { return prefetch_in(op) ? Evaluate::make(0) : Stmt(op); }

  Stmt ask_in(const For *op, const Spread::Loop &loop) {
    const Call *call = prefetch_in(prefetch_);
    const Expr i = Variable::make(Int(32), op->name);
    found_++;
    Stmt body = mutate(op->body);
    for (int k = loop.lines; k-- > 0;) {
      const Expr line = loop.first_line + k + i / loop.every * loop.lines;
      const Expr at = simplify(tile_ * spread_.elements + spread_.ahead + line * spread_.elements_per_line);
      Stmt ask = Evaluate::make(Call::make(call->type, Call::prefetch, {call->args[0], at, call->args[2], call->args[3]}, Call::Intrinsic));
      if (loop.every > 1) ask = IfThenElse::make(i % loop.every == 0, ask);
      body = Block::make(ask, body);
    }
    return For::make(op->name, op->min, op->extent, op->for_type, op->partition_policy, op->device_api, body);
  }

  const Spread spread_;
  Expr tile_;
  Stmt prefetch_;
  size_t found_ = 0;  // of spread_.loops
};

}  // namespace

void Spread::add(const std::string &func, int iterations, int share) {
  share = std::min(share, lines() - asked);
  if (share <= 0) return;
  const int every = std::max(1, iterations / share), at_once = every > 1 ? 1 : (share + iterations / 2) / iterations;
  loops.push_back({func, asked, at_once, every});
  asked += (iterations + every - 1) / every * at_once;
}

IRMutator *spread_prefetch(const Spread &spread) { return new SpreadPrefetch(spread); }

}  // namespace lossgen
