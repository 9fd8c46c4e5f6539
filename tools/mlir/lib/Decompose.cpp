// lossgen-decompose: the ops spelt in linalg, on tensors. The meaning of the ops for who wants to read it, the reference
// of the tests, and what runs where no library is linked.
#include "lossgen-mlir/Compat.h"
#include "lossgen-mlir/Lossgen.h"
#include "lossgen-mlir/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

// Where an operand lies in the loop nest of one op: over rows and classes, rows only, classes only, or nowhere.
enum class Over { All, Rows, Classes, Nothing };

struct Input {
  Value value;
  Over over;
};

// Scalars of a generic's body: each method is one operation. S is the accumulation type.
class Body {
public:
  Body(OpBuilder &builder, Location loc, Type wide) : b(builder), loc(loc), wide(wide) {}

  Value number(double value) { return make<arith::ConstantOp>(b, loc, b.getFloatAttr(wide, value)); }
  Value integer(int64_t value) { return make<arith::ConstantOp>(b, loc, b.getI64IntegerAttr(value)); }
  Value add(Value x, Value y) { return make<arith::AddFOp>(b, loc, x, y); }
  Value sub(Value x, Value y) { return make<arith::SubFOp>(b, loc, x, y); }
  Value mul(Value x, Value y) { return make<arith::MulFOp>(b, loc, x, y); }
  Value div(Value x, Value y) { return make<arith::DivFOp>(b, loc, x, y); }
  Value max(Value x, Value y) { return make<arith::MaximumFOp>(b, loc, x, y); }
  Value exp(Value x) { return make<math::ExpOp>(b, loc, x); }
  Value log(Value x) { return make<math::LogOp>(b, loc, x); }
  Value neg(Value x) { return make<arith::NegFOp>(b, loc, x); }
  Value select(Value c, Value x, Value y) { return make<arith::SelectOp>(b, loc, c, x, y); }
  Value both(Value x, Value y) { return make<arith::AndIOp>(b, loc, x, y); }
  Value compare(arith::CmpIPredicate p, Value x, Value y) { return make<arith::CmpIOp>(b, loc, p, x, y); }
  Value index(int64_t dim) { return make<linalg::IndexOp>(b, loc, dim); }
  Value toIndex(Value x) { return make<arith::IndexCastOp>(b, loc, b.getIndexType(), x); }
  Value toI64(Value x) {
    if (x.getType().isIndex())
      return make<arith::IndexCastOp>(b, loc, b.getI64Type(), x);
    return x.getType().isInteger(64) ? x : make<arith::ExtSIOp>(b, loc, b.getI64Type(), x).getResult();
  }
  Value widen(Value x) { return x.getType() == wide ? x : make<arith::ExtFOp>(b, loc, wide, x).getResult(); }
  Value narrow(Value x, Type type) {
    return x.getType() == type ? x : make<arith::TruncFOp>(b, loc, type, x).getResult();
  }
  Value extract(Value tensor, ValueRange indices) { return widen(make<tensor::ExtractOp>(b, loc, tensor, indices)); }

  OpBuilder &b;
  Location loc;
  Type wide;
};

// The loop nests of one op.
class Nest {
public:
  Nest(OpBuilder &builder, Operation *op, Value classes, int64_t dim)
      : b(builder), loc(op->getLoc()), op(op), classes(classes), dim(dim),
        rank(cast<RankedTensorType>(classes.getType()).getRank()),
        wide(accumulationType(getElementTypeOrSelf(classes))) {}

  using Scalars = llvm::function_ref<SmallVector<Value>(Body &, ValueRange)>;

  // One generic: inputs, inits (as destinations, or as accumulators where a loop is reduced). `space` says which of the
  // op's loops there are.
  SmallVector<Value> loops(Over space, ArrayRef<Input> inputs, ArrayRef<Input> inits, Scalars scalars) {
    SmallVector<AffineMap> maps;
    SmallVector<Value> ins, outs;
    SmallVector<Type> types;
    for (const Input &input : inputs) {
      ins.push_back(input.value);
      maps.push_back(map(space, input.over));
    }
    bool overRows = false, overClasses = false;
    for (const Input &init : inits) {
      outs.push_back(init.value);
      types.push_back(init.value.getType());
      maps.push_back(map(space, init.over));
      overRows |= init.over == Over::All || init.over == Over::Rows;
      overClasses |= init.over == Over::All || init.over == Over::Classes;
    }
    SmallVector<utils::IteratorType> iterators;
    for (int64_t i = 0; i < rank; ++i)
      if (has(space, i))
        iterators.push_back((i == dim ? overClasses : overRows) ? utils::IteratorType::parallel
                                                                : utils::IteratorType::reduction);
    auto generic = make<linalg::GenericOp>(b, loc, types, ins, outs, maps, iterators,
                                           [&](OpBuilder &inner, Location at, ValueRange args) {
                                             Body body(inner, at, wide);
                                             make<linalg::YieldOp>(inner, at, scalars(body, args));
                                           });
    return SmallVector<Value>(generic.getResults());
  }

  // A new tensor with a constant in it.
  Value filled(Over over, double value) {
    Value empty = this->empty(over, wide);
    Value constant = make<arith::ConstantOp>(b, loc, b.getFloatAttr(wide, value));
    return make<linalg::FillOp>(b, loc, constant, empty).getResult(0);
  }

  Value empty(Over over, Type element) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, classes);
    if (over == Over::Nothing)
      sizes.clear();
    else if (over == Over::Rows)
      sizes.erase(sizes.begin() + dim);
    return make<tensor::EmptyOp>(b, loc, sizes, element);
  }

  Value zero(Value init) {
    Value constant = make<arith::ConstantOp>(b, loc, b.getFloatAttr(getElementTypeOrSelf(init), 0.0));
    return make<linalg::FillOp>(b, loc, constant, init).getResult(0);
  }

  Value classCount() { return make<tensor::DimOp>(b, loc, classes, dim); }

  // log(sum(exp(x))) of every row, by way of the row's maximum.
  Value lse(Value x, Value init) {
    Value top = loops(Over::All, {{x, Over::All}}, {{filled(Over::Rows, -INFINITY), Over::Rows}},
                      [](Body &s, ValueRange v) -> SmallVector<Value> { return {s.max(v[1], s.widen(v[0]))}; })[0];
    Value sum = loops(Over::All, {{x, Over::All}, {top, Over::Rows}}, {{filled(Over::Rows, 0.0), Over::Rows}},
                      [](Body &s, ValueRange v) -> SmallVector<Value> {
                        return {s.add(v[2], s.exp(s.sub(s.widen(v[0]), v[1])))};
                      })[0];
    return loops(Over::Rows, {{top, Over::Rows}, {sum, Over::Rows}}, {{init, Over::Rows}},
                 [](Body &s, ValueRange v) -> SmallVector<Value> { return {s.add(v[0], s.log(v[1]))}; })[0];
  }

  // The class of every row as i64, -1 where the row is ignored. Traps on a bad class, once per row.
  template <class OpTy>
  Value classOfRow(OpTy typed) {
    Value count = classCount();
    return loops(Over::Rows, {{typed.getTarget(), Over::Rows}}, {{empty(Over::Rows, b.getI64Type()), Over::Rows}},
                 [&](Body &s, ValueRange v) -> SmallVector<Value> {
                   using P = arith::CmpIPredicate;
                   Value label = s.toI64(v[0]), end = s.toI64(count);
                   // One unsigned comparison covers both ends.
                   Value inside = s.compare(P::ult, label, end), keep = inside, fine = inside;
                   if (std::optional<uint64_t> ignore = typed.getIgnoreIndex()) {
                     Value other = s.compare(P::ne, label, s.integer(static_cast<int64_t>(*ignore)));
                     keep = s.both(inside, other);
                     fine = make<arith::OrIOp>(s.b, s.loc, inside,
                                               s.compare(P::eq, label, s.integer(static_cast<int64_t>(*ignore))));
                   }
                   if (typed.getBoundsOrTrap() == Bounds::Trap)
                     make<cf::AssertOp>(s.b, s.loc, fine,
                                        (op->getName().getStringRef() + ": target is out of bounds").str());
                   return {s.select(keep, label, s.integer(-1))};
                 })[0];
  }

  // In a body over rows: values[r, class], with class 0 for ignored rows.
  Value atClass(Body &s, Value values, Value label) {
    SmallVector<Value> indices;
    for (int64_t i = 0; i < rank; ++i)
      indices.push_back(i == dim ? safeClass(s, label) : s.index(i < dim ? i : i - 1));
    return s.extract(values, indices);
  }
  Value safeClass(Body &s, Value label) {
    return s.toIndex(make<arith::MaxSIOp>(s.b, s.loc, label, s.integer(0)));
  }
  Value kept(Body &s, Value label) { return s.compare(arith::CmpIPredicate::sge, label, s.integer(0)); }

  // Reduces the losses and weights of the rows; fills loss and total_weight.
  std::pair<Value, Value> reduce(Reduction reduction, ValueRange losses, Value loss, Value totalWeight) {
    Type type = getElementTypeOrSelf(loss);
    if (reduction == Reduction::None) {
      Value rows = loops(Over::Rows, {{losses[0], Over::Rows}}, {{loss, Over::Rows}},
                         [&](Body &s, ValueRange v) -> SmallVector<Value> { return {s.narrow(v[0], type)}; })[0];
      return {rows, zero(totalWeight)};
    }
    auto sum = [&](Value rows, Value into) {
      return loops(Over::Rows, {{rows, Over::Rows}}, {{into, Over::Nothing}},
                   [](Body &s, ValueRange v) -> SmallVector<Value> { return {s.add(v[1], v[0])}; })[0];
    };
    Value total = sum(losses[0], filled(Over::Nothing, 0.0));
    Value weights = reduction == Reduction::Mean ? sum(losses[1], zero(totalWeight)) : zero(totalWeight);
    Value result = loops(Over::Nothing, {{total, Over::Nothing}, {weights, Over::Nothing}},
                         {{loss, Over::Nothing}}, [&](Body &s, ValueRange v) -> SmallVector<Value> {
                           Value value = reduction == Reduction::Mean ? s.div(v[0], v[1]) : v[0];
                           return {s.narrow(value, type)};
                         })[0];
    return {result, weights};
  }

  OpBuilder &b;
  Location loc;
  Operation *op;
  Value classes;
  int64_t dim, rank;
  Type wide;

private:
  // Whether loop `i` runs over what `over` names.
  bool has(Over over, int64_t i) const {
    return over == Over::All || over == (i == dim ? Over::Classes : Over::Rows);
  }

  AffineMap map(Over space, Over over) {
    SmallVector<AffineExpr> results;
    int64_t loop = 0;
    for (int64_t i = 0; i < rank; ++i) {
      if (!has(space, i))
        continue;
      if (has(over, i))
        results.push_back(b.getAffineDimExpr(loop));
      ++loop;
    }
    return AffineMap::get(loop, 0, results, b.getContext());
  }
};

template <class OpTy>
double smoothing(OpTy op) {
  return op.getLabelSmoothing() ? op.getLabelSmoothing()->convertToDouble() : 0.0;
}

SmallVector<Value> decompose(LogSoftmaxForwardOp op, Nest &nest) {
  Type type = getElementTypeOrSelf(op.getLogProbs());
  Value lse = nest.lse(op.getLogits(), nest.empty(Over::Rows, nest.wide));
  return nest.loops(Over::All, {{op.getLogits(), Over::All}, {lse, Over::Rows}}, {{op.getLogProbs(), Over::All}},
                    [&](Body &s, ValueRange v) -> SmallVector<Value> {
                      return {s.narrow(s.sub(s.widen(v[0]), v[1]), type)};
                    });
}

SmallVector<Value> decompose(LogSoftmaxBackwardOp op, Nest &nest) {
  Type type = getElementTypeOrSelf(op.getGradLogits());
  Value sum = nest.loops(Over::All, {{op.getGrad(), Over::All}}, {{nest.filled(Over::Rows, 0.0), Over::Rows}},
                         [](Body &s, ValueRange v) -> SmallVector<Value> { return {s.add(v[1], s.widen(v[0]))}; })[0];
  return nest.loops(Over::All, {{op.getGrad(), Over::All}, {op.getLogProbs(), Over::All}, {sum, Over::Rows}},
                    {{op.getGradLogits(), Over::All}}, [&](Body &s, ValueRange v) -> SmallVector<Value> {
                      Value spread = s.mul(s.exp(s.widen(v[1])), v[2]);
                      return {s.narrow(s.sub(s.widen(v[0]), spread), type)};
                    });
}

SmallVector<Value> decompose(NllLossForwardOp op, Nest &nest) {
  Value labels = nest.classOfRow(op);
  SmallVector<Value> rows =
      nest.loops(Over::Rows, {{labels, Over::Rows}},
                 {{nest.empty(Over::Rows, nest.wide), Over::Rows}, {nest.empty(Over::Rows, nest.wide), Over::Rows}},
                 [&](Body &s, ValueRange v) -> SmallVector<Value> {
                   Value keep = nest.kept(s, v[0]), zero = s.number(0.0);
                   Value weight = op.getWeight() ? s.extract(op.getWeight(), nest.safeClass(s, v[0])) : s.number(1.0);
                   Value loss = s.mul(s.neg(nest.atClass(s, op.getLogProbs(), v[0])), weight);
                   return {s.select(keep, loss, zero), s.select(keep, weight, zero)};
                 });
  auto [loss, total] = nest.reduce(op.getReduction(), rows, op.getLoss(), op.getTotalWeight());
  return {loss, total};
}

// Loss, lse and total weight; shared by forward and forward_backward.
template <class OpTy>
SmallVector<Value> crossEntropy(OpTy op, Nest &nest, Value labels) {
  double smooth = smoothing(op);
  Value x = op.getLogits(), w = op.getWeight(), lse = nest.lse(x, op.getLse()), count = nest.classCount();
  SmallVector<Input> inputs{{labels, Over::Rows}, {lse, Over::Rows}};
  if (smooth != 0.0) {
    SmallVector<Input> all{{x, Over::All}, {lse, Over::Rows}};
    if (w)
      all.push_back({w, Over::Classes});
    Value others = nest.loops(Over::All, all, {{nest.filled(Over::Rows, 0.0), Over::Rows}},
                              [&](Body &s, ValueRange v) -> SmallVector<Value> {
                                Value loss = s.sub(v[1], s.widen(v[0]));
                                return {s.add(v.back(), w ? s.mul(loss, s.widen(v[2])) : loss)};
                              })[0];
    inputs.push_back({others, Over::Rows});
  }
  SmallVector<Value> rows = nest.loops(
      Over::Rows, inputs,
      {{nest.empty(Over::Rows, nest.wide), Over::Rows}, {nest.empty(Over::Rows, nest.wide), Over::Rows}},
      [&](Body &s, ValueRange v) -> SmallVector<Value> {
        Value keep = nest.kept(s, v[0]), zero = s.number(0.0), weight = s.number(1.0);
        Value loss = s.sub(v[1], nest.atClass(s, x, v[0]));
        if (w) {
          weight = s.extract(w, nest.safeClass(s, v[0]));
          loss = s.mul(loss, weight);
        }
        if (smooth != 0.0) {
          Value classes = make<arith::SIToFPOp>(s.b, s.loc, nest.wide, s.toI64(count));
          loss = s.add(s.mul(loss, s.number(1.0 - smooth)), s.mul(v[2], s.div(s.number(smooth), classes)));
        }
        return {s.select(keep, loss, zero), s.select(keep, weight, zero)};
      });
  auto [loss, total] = nest.reduce(op.getReduction(), rows, op.getLoss(), op.getTotalWeight());
  return {loss, lse, total};
}

template <class OpTy>
Value crossEntropyGradient(OpTy op, Nest &nest, Value labels, Value lse, Value total) {
  double smooth = smoothing(op);
  Value w = op.getWeight(), count = nest.classCount();
  bool mean = op.getReduction() == Reduction::Mean;
  Over perLoss = op.getReduction() == Reduction::None ? Over::Rows : Over::Nothing;
  Type type = getElementTypeOrSelf(op.getGradLogits());
  SmallVector<Input> inputs{{op.getLogits(), Over::All},
                            {labels, Over::Rows},
                            {lse, Over::Rows},
                            {op.getGradLoss(), perLoss},
                            {total, Over::Nothing}};
  // Smoothing with weights needs their sum: the factor of the softmax in the gradient of the second term.
  if (smooth != 0.0 && w) {
    inputs.push_back({w, Over::Classes});
    inputs.push_back({nest.loops(Over::Classes, {{w, Over::Classes}}, {{nest.filled(Over::Nothing, 0.0), Over::Nothing}},
                                 [](Body &s, ValueRange v) -> SmallVector<Value> {
                                   return {s.add(v[1], s.widen(v[0]))};
                                 })[0],
                      Over::Nothing});
  }
  return nest.loops(Over::All, inputs, {{op.getGradLogits(), Over::All}}, [&](Body &s, ValueRange v) {
    Value zero = s.number(0.0), one = s.number(1.0), keep = nest.kept(s, v[1]);
    Value softmax = s.exp(s.sub(s.widen(v[0]), v[2]));
    Value hit = s.compare(arith::CmpIPredicate::eq, s.toI64(s.index(nest.dim)), v[1]);
    Value gradient = s.sub(softmax, s.select(hit, one, zero));
    if (w)
      gradient = s.mul(gradient, s.extract(w, nest.safeClass(s, v[1])));
    if (smooth != 0.0) {
      Value classes = make<arith::SIToFPOp>(s.b, s.loc, nest.wide, s.toI64(count));
      Value spread = w ? s.sub(s.mul(softmax, v[6]), s.widen(v[5])) : s.sub(s.mul(softmax, classes), one);
      gradient = s.add(s.mul(gradient, s.number(1.0 - smooth)), s.mul(spread, s.div(s.number(smooth), classes)));
    }
    Value scale = mean ? s.div(s.widen(v[3]), v[4]) : s.widen(v[3]);
    return SmallVector<Value>{s.narrow(s.select(keep, s.mul(gradient, scale), zero), type)};
  })[0];
}

SmallVector<Value> decompose(CrossEntropyForwardOp op, Nest &nest) {
  return crossEntropy(op, nest, nest.classOfRow(op));
}

SmallVector<Value> decompose(CrossEntropyBackwardOp op, Nest &nest) {
  return {crossEntropyGradient(op, nest, nest.classOfRow(op), op.getLse(), op.getTotalWeight())};
}

SmallVector<Value> decompose(CrossEntropyForwardBackwardOp op, Nest &nest) {
  Value labels = nest.classOfRow(op);
  SmallVector<Value> results = crossEntropy(op, nest, labels);
  results.push_back(crossEntropyGradient(op, nest, labels, results[1], results[2]));
  return results;
}

SmallVector<Value> decompose(NllLossBackwardOp op, Nest &nest) {
  bool mean = op.getReduction() == Reduction::Mean;
  Over perLoss = op.getReduction() == Reduction::None ? Over::Rows : Over::Nothing;
  Type type = getElementTypeOrSelf(op.getGradLogProbs());
  Value labels = nest.classOfRow(op);
  return nest.loops(
      Over::All, {{labels, Over::Rows}, {op.getGradLoss(), perLoss}, {op.getTotalWeight(), Over::Nothing}},
      {{op.getGradLogProbs(), Over::All}}, [&](Body &s, ValueRange v) -> SmallVector<Value> {
        Value scale = mean ? s.div(s.widen(v[1]), v[2]) : s.widen(v[1]);
        if (op.getWeight())
          scale = s.mul(scale, s.extract(op.getWeight(), nest.safeClass(s, v[0])));
        Value hit = s.compare(arith::CmpIPredicate::eq, s.toI64(s.index(nest.dim)), v[0]);
        return {s.narrow(s.select(hit, s.neg(scale), s.number(0.0)), type)};
      });
}

// The tensor with the class axis that the loops run over.
Value classTensor(Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<NllLossForwardOp>([](auto typed) { return typed.getLogProbs(); })
      .Case<NllLossBackwardOp>([](auto typed) { return typed.getGradLogProbs(); })
      .Case<LogSoftmaxBackwardOp>([](auto typed) { return typed.getGrad(); })
      .Case<LogSoftmaxForwardOp, CrossEntropyForwardOp, CrossEntropyBackwardOp, CrossEntropyForwardBackwardOp>(
          [](auto typed) { return typed.getLogits(); });
}

struct Decompose : PassWrapper<Decompose, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Decompose)
  StringRef getArgument() const final { return "lossgen-decompose"; }
  StringRef getDescription() const final { return "replace lossgen ops on tensors by linalg"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, cf::ControlFlowDialect, linalg::LinalgDialect, math::MathDialect,
                    tensor::TensorDialect>();
  }

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa_and_nonnull<LossgenDialect>(op->getDialect()))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      if (op->getNumResults() == 0) {
        op->emitRemark("not decomposed: it is on memrefs; decompose before bufferization");
        continue;
      }
      llvm::TypeSwitch<Operation *>(op)
          .Case<LogSoftmaxForwardOp, LogSoftmaxBackwardOp, NllLossForwardOp, NllLossBackwardOp, CrossEntropyForwardOp,
                CrossEntropyBackwardOp, CrossEntropyForwardBackwardOp>([](auto typed) {
            OpBuilder builder(typed);
            Nest nest(builder, typed, classTensor(typed), typed.getClassDim());
            typed->replaceAllUsesWith(decompose(typed, nest));
            typed->erase();
          });
    }
  }
};

} // namespace

std::unique_ptr<Pass> mlir::lossgen::createDecomposePass() { return std::make_unique<Decompose>(); }
