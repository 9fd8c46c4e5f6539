#include "Values.h"

#include <cmath>
#include <limits>

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::lossgen;

// Larger formulas become inputs of what follows: no loss needs as many, and whole models must stay cheap.
static constexpr int largestFormula = 600;

struct Values::Loops {
  linalg::LinalgOp op;
  SmallVector<Expr> index;      // of every loop
  SmallVector<int64_t> ranges;  // and how often it runs
  SmallVector<Expr> reductions; // the variables of the reduced loops, outermost first
  SmallVector<int64_t> extents; // theirs
  BlockArgument accumulator;    // not a value: only the combiner may read it
  llvm::DenseMap<Value, Expr> known;

  // StableHLO clamps every index of a gather, those too that cannot leave their range: then the index as it was.
  Expr unclamped(Expr e) const {
    int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max();
    Expr inner = e;
    while (inner->is(Kind::MinInt) || inner->is(Kind::MaxInt)) {
      bool first = inner->children[0]->is(Kind::Int);
      if (!first && !inner->children[1]->is(Kind::Int))
        return e;
      int64_t bound = inner->children[first ? 0 : 1]->number;
      if (inner->is(Kind::MinInt))
        high = std::min(high, bound);
      else
        low = std::max(low, bound);
      inner = inner->children[first ? 1 : 0];
    }
    for (auto [loop, range] : llvm::zip_equal(index, ranges))
      if (loop == inner && !ShapedType::isDynamic(range) && low <= 0 && high >= range - 1)
        return inner;
    return e;
  }
};

SmallVector<int64_t> Values::axes(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> found;
  for (auto [i, extent] : llvm::enumerate(shape))
    if (extent != 1)
      found.push_back(i);
  return found;
}

void Values::enter(Block &block) {
  auto remember = [&](Value value) {
    if (auto type = dyn_cast<RankedTensorType>(value.getType()))
      tensors[element(value)].push_back(value);
  };
  for (BlockArgument argument : block.getArguments())
    remember(argument);
  for (Operation &op : block)
    for (Value result : op.getResults())
      remember(result);
}

ArrayRef<Value> Values::find(Expr element) const {
  auto found = tensors.find(element);
  return found == tensors.end() ? ArrayRef<Value>() : ArrayRef<Value>(found->second);
}

Expr Values::leaf(Value tensor) {
  std::vector<Expr> indices;
  int64_t next = 0;
  for (int64_t extent : cast<RankedTensorType>(tensor.getType()).getShape())
    indices.push_back(extent == 1 ? a.integer(0) : a.var(next++));
  return a.load(tensor, indices);
}

Expr Values::element(Value tensor) {
  if (auto found = elements.find(tensor); found != elements.end())
    return found->second;
  elements[tensor] = leaf(tensor); // against cycles in graph regions
  Expr e = compute(tensor);
  int size = 0;
  if (e)
    Algebra::walk(e, [&](Expr) { return ++size < largestFormula; });
  return elements[tensor] = e && size < largestFormula ? e : leaf(tensor);
}

Expr Values::elementAt(Value tensor, ArrayRef<Expr> indices) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || type.getRank() != static_cast<int64_t>(indices.size()))
    return nullptr;
  Algebra::Substitution map;
  for (auto [i, axis] : llvm::enumerate(axes(type.getShape()))) {
    if (!indices[axis])
      return nullptr;
    map[a.var(i)] = indices[axis];
  }
  return a.substitute(element(tensor), map);
}

Expr Values::scalar(Value value) { return evaluate(value, nullptr); }

static bool onlyUnitAxes(ArrayRef<int64_t> expanded, ArrayRef<int64_t> collapsed,
                         ArrayRef<ReassociationIndices> groups) {
  for (auto [group, extent] : llvm::zip_equal(groups, collapsed)) {
    int64_t wide = llvm::count_if(group, [&](int64_t i) { return expanded[i] != 1; });
    if (wide != (extent == 1 ? 0 : 1))
      return false;
  }
  return true;
}

Expr Values::compute(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (!op)
    return nullptr;
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!dense || !dense.isSplat())
      return nullptr;
    if (isa<FloatType>(dense.getElementType()))
      return a.real(dense.getSplatValue<APFloat>().convertToDouble());
    if (auto type = dyn_cast<IntegerType>(dense.getElementType()); type && type.getWidth() <= 64) {
      APInt value = dense.getSplatValue<APInt>();
      return a.integer(type.getWidth() == 1 ? value.getZExtValue() : value.getSExtValue());
    }
    return nullptr;
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return onlyUnitAxes(expand.getResultType().getShape(), expand.getSrcType().getShape(),
                        expand.getReassociationIndices())
               ? element(expand.getSrc())
               : nullptr;
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return onlyUnitAxes(collapse.getSrcType().getShape(), collapse.getResultType().getShape(),
                        collapse.getReassociationIndices())
               ? element(collapse.getSrc())
               : ofFlattened(collapse.getSrc(), collapse.getReassociationIndices());
  if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    auto from = dyn_cast<RankedTensorType>(cast.getSource().getType());
    auto to = dyn_cast<RankedTensorType>(cast.getType());
    return from && to && axes(from.getShape()) == axes(to.getShape()) ? element(cast.getSource()) : nullptr;
  }
  if (auto softmax = dyn_cast<linalg::SoftmaxOp>(op))
    return ofSoftmax(softmax);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return ofLinalg(linalgOp, cast<OpResult>(tensor).getResultNumber());
  return nullptr;
}

// The element of a tensor with axes flattened: each index is a part of the flat one.
Expr Values::ofFlattened(Value source, ArrayRef<ReassociationIndices> groups) {
  auto type = cast<RankedTensorType>(source.getType());
  SmallVector<Expr> indices(type.getRank());
  int64_t next = 0;
  for (const ReassociationIndices &group : groups) {
    auto wide = llvm::count_if(group, [&](int64_t i) { return type.getDimSize(i) != 1; });
    Expr flat = wide == 0 ? a.integer(0) : a.var(next++);
    int64_t stride = 1;
    for (int64_t i : llvm::reverse(group)) {
      int64_t extent = type.getDimSize(i);
      if (wide <= 1) {
        indices[i] = extent == 1 ? a.integer(0) : flat;
        continue;
      }
      if (ShapedType::isDynamic(extent) || extent == 0)
        return nullptr;
      indices[i] = a.part(flat, stride, extent);
      if (__builtin_mul_overflow(stride, extent, &stride))
        return nullptr;
    }
  }
  return elementAt(source, indices);
}

Expr Values::ofSoftmax(linalg::SoftmaxOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
  int64_t axis = op.getDimension();
  if (!type || axis >= type.getRank() || type.getDimSize(axis) == 1)
    return nullptr;
  SmallVector<Expr> indices;
  int64_t next = 0;
  for (int64_t extent : type.getShape())
    indices.push_back(extent == 1 ? a.integer(0) : a.var(next++));
  Expr x = elementAt(op.getInput(), indices);
  auto over = [&](Kind kind, llvm::function_ref<Expr(Expr)> body) {
    Expr k = a.fresh();
    SmallVector<Expr> at(indices);
    at[axis] = k;
    return a.reduce(kind, k, type.getDimSize(axis), body(elementAt(op.getInput(), at)));
  };
  Expr top = over(Kind::MaximumOf, [](Expr e) { return e; });
  Expr sum = over(Kind::Sum, [&](Expr e) { return a.exp(a.sub(e, top)); });
  return a.div(a.exp(a.sub(x, top)), sum);
}

bool Values::enterLoops(linalg::LinalgOp op, unsigned result, Loops &loops) {
  if (!op.hasPureTensorSemantics() || op->getNumRegions() != 1 || op.getBlock()->empty())
    return false;
  loops.op = op;
  loops.index.assign(op.getNumLoops(), nullptr);
  loops.ranges = op.getStaticLoopRanges();
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(result));
  auto type = cast<RankedTensorType>(op->getResult(result).getType());
  int64_t next = 0;
  for (auto [expr, extent] : llvm::zip_equal(map.getResults(), type.getShape())) {
    Expr variable = extent == 1 ? a.integer(0) : a.var(next++);
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      if (loops.index[dim.getPosition()])
        return false;
      loops.index[dim.getPosition()] = variable;
    } else if (auto constant = dyn_cast<AffineConstantExpr>(expr); !constant || constant.getValue() != 0 || extent != 1) {
      return false;
    }
  }
  for (auto [i, iterator] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (loops.ranges[i] == 1) {
      loops.index[i] = a.integer(0);
    } else if (iterator == utils::IteratorType::reduction) {
      if (loops.index[i])
        return false;
      loops.index[i] = a.fresh();
      loops.reductions.push_back(loops.index[i]);
      loops.extents.push_back(loops.ranges[i]);
    } else if (!loops.index[i]) {
      return false;
    }
  }
  return true;
}

Expr Values::ofLinalg(linalg::LinalgOp op, unsigned result) {
  Loops loops;
  if (!enterLoops(op, result, loops))
    return nullptr;
  Value yielded = op.getBlock()->getTerminator()->getOperand(result);
  BlockArgument out = op.getMatchingBlockArgument(op.getDpsInitOperand(result));
  if (op.getNumReductionLoops() == 0)
    return evaluate(yielded, &loops);

  // A combiner of the accumulator and something else.
  Operation *combiner = yielded.getDefiningOp();
  if (!combiner || combiner->getNumOperands() != 2 || combiner->getBlock() != op.getBlock())
    return nullptr;
  Value other = combiner->getOperand(0) == out ? combiner->getOperand(1) : combiner->getOperand(0);
  if (other == out || (combiner->getOperand(0) != out && combiner->getOperand(1) != out))
    return nullptr;
  loops.accumulator = out;
  Expr body = evaluate(other, &loops);
  if (!body)
    return nullptr;
  SmallVector<Expr> at;
  int64_t next = 0;
  for (int64_t extent : cast<RankedTensorType>(op->getResult(result).getType()).getShape())
    at.push_back(extent == 1 ? a.integer(0) : a.var(next++));
  Expr init = elementAt(op.getDpsInitOperand(result)->get(), at);
  if (!init)
    return nullptr;

  auto reduceAll = [&](Kind kind) {
    for (auto [variable, extent] : llvm::reverse(llvm::zip_equal(loops.reductions, loops.extents)))
      body = a.reduce(kind, variable, extent, body);
    return body;
  };
  if (isa<arith::AddFOp>(combiner))
    return a.add(init, reduceAll(Kind::Sum));
  if (isa<arith::AddIOp>(combiner))
    return init->isInt(0) ? reduceAll(Kind::Sum) : nullptr;
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(combiner)) {
    // What leaves a maximum as it is: -inf, the lowest finite number, and NaN where maxnumf passes over it.
    auto type = cast<FloatType>(combiner->getResult(0).getType());
    double lowest = -APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
    bool neutral = init->is(Kind::Float) && (init->value == -INFINITY || init->value == lowest ||
                                             (std::isnan(init->value) && isa<arith::MaxNumFOp>(combiner)));
    Expr top = reduceAll(Kind::MaximumOf);
    return neutral ? top : a.maximum(init, top);
  }
  // JAX reduces its index checks over an axis of extent 1.
  if (isa<arith::AndIOp>(combiner) && loops.reductions.empty() && combiner->getResult(0).getType().isInteger(1))
    return a.both(init, body);
  return nullptr;
}

Expr Values::evaluate(Value value, Loops *loops) {
  if (loops)
    if (auto known = loops->known.find(value); known != loops->known.end())
      return known->second;
  Expr result = nullptr;
  Attribute attribute;
  if (auto argument = dyn_cast<BlockArgument>(value); argument && loops && argument.getOwner() == loops->op.getBlock()) {
    if (argument == loops->accumulator)
      return nullptr;
    OpOperand *operand = loops->op.getMatchingOpOperand(argument);
    if (!isa<ShapedType>(operand->get().getType())) {
      result = scalar(operand->get());
    } else {
      SmallVector<Expr> indices;
      for (AffineExpr expr : loops->op.getMatchingIndexingMap(operand).getResults()) {
        if (auto dim = dyn_cast<AffineDimExpr>(expr))
          indices.push_back(loops->index[dim.getPosition()]);
        else if (auto constant = dyn_cast<AffineConstantExpr>(expr))
          indices.push_back(a.integer(constant.getValue()));
        else
          return nullptr;
      }
      result = elementAt(operand->get(), indices);
    }
  } else if (matchPattern(value, m_Constant(&attribute))) {
    if (auto real = dyn_cast<FloatAttr>(attribute))
      result = a.real(real.getValueAsDouble());
    else if (auto number = dyn_cast<IntegerAttr>(attribute); number && number.getValue().getBitWidth() <= 64)
      result = a.integer(number.getType().isInteger(1) ? number.getValue().getZExtValue()
                                                       : number.getValue().getSExtValue());
  } else if (Operation *op = value.getDefiningOp()) {
    bool inside = loops && loops->op.getBlock()->findAncestorOpInBlock(*op);
    Loops *scope = inside ? loops : nullptr;
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      result = inside ? loops->index[index.getDim()] : nullptr;
    } else if (auto dim = dyn_cast<tensor::DimOp>(op)) {
      std::optional<int64_t> axis = dim.getConstantIndex();
      auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
      if (axis && type && *axis < type.getRank()) {
        int64_t found = *axis;
        Value source = dimSource(dim.getSource(), *axis, found);
        int64_t extent = cast<RankedTensorType>(source.getType()).getDimSize(found);
        result = ShapedType::isDynamic(extent) ? a.dim(source, found) : a.integer(extent);
      }
    } else if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      SmallVector<Expr> indices;
      for (Value i : extract.getIndices()) {
        Expr e = evaluate(i, scope);
        indices.push_back(e && scope ? scope->unclamped(e) : e);
        // A reduction that reads by index need not reach the end of an axis whose extent nobody knows.
        for (size_t k = 0; scope && k < scope->reductions.size(); ++k)
          if (indices.back() == scope->reductions[k] && ShapedType::isDynamic(scope->extents[k]))
            return nullptr;
      }
      result = elementAt(extract.getTensor(), indices);
    } else if (op->getName().getStringRef() == "scf.if" && op->getRegion(1).hasOneBlock()) {
      unsigned number = cast<OpResult>(value).getResultNumber();
      Expr branch[2], condition = evaluate(op->getOperand(0), scope);
      for (unsigned i : {0u, 1u})
        branch[i] = evaluate(op->getRegion(i).front().getTerminator()->getOperand(number), scope);
      result = condition && branch[0] && branch[1] ? a.select(condition, branch[0], branch[1]) : nullptr;
    } else if (op->getNumResults() == 1 && op->getNumRegions() == 0) {
      SmallVector<Expr> operands;
      bool whole = true;
      for (Value operand : op->getOperands()) {
        if (isa<ShapedType>(operand.getType()))
          whole = false;
        Expr e = whole ? evaluate(operand, scope) : nullptr;
        whole &= e != nullptr;
        operands.push_back(e);
      }
      result = whole ? arithmetic(op, operands) : nullptr;
    }
    if (!result && !inside && !isa<ShapedType>(value.getType()))
      result = a.load(value, {});
  } else if (!isa<ShapedType>(value.getType())) {
    result = a.load(value, {});
  }
  if (loops && result)
    loops->known[value] = result;
  return result;
}

// The tensor whose extent this is, through ops that keep it: so that tensor.dim of logits and of log-probs agree.
Value Values::dimSource(Value tensor, int64_t axis, int64_t &found) {
  for (;;) {
    found = axis;
    auto result = dyn_cast<OpResult>(tensor);
    auto op = result ? dyn_cast<linalg::LinalgOp>(result.getOwner()) : linalg::LinalgOp();
    if (!op || !op.hasPureTensorSemantics())
      return tensor;
    AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(result.getResultNumber()));
    auto loop = dyn_cast<AffineDimExpr>(map.getResult(axis));
    Value next;
    for (OpOperand *input : op.getDpsInputOperands()) {
      if (!isa<RankedTensorType>(input->get().getType()))
        continue;
      for (auto [i, expr] : llvm::enumerate(op.getMatchingIndexingMap(input).getResults()))
        if (loop && expr == loop && !next) {
          next = input->get();
          axis = i;
        }
    }
    if (!next)
      return tensor;
    tensor = next;
  }
}

Expr Values::arithmetic(Operation *op, ArrayRef<Expr> c) {
  StringRef name = op->getName().getStringRef();
  Type type = op->getResult(0).getType();
  auto boolean = [](Value value) { return value.getType().isInteger(1); };
  if (name == "arith.addf") return a.add(c[0], c[1]);
  if (name == "arith.subf") return a.sub(c[0], c[1]);
  if (name == "arith.mulf") return a.mul(c[0], c[1]);
  if (name == "arith.divf") return a.div(c[0], c[1]);
  if (name == "arith.negf") return a.neg(c[0]);
  if (name == "arith.maximumf" || name == "arith.maxnumf") return a.maximum(c[0], c[1]);
  if (name == "arith.extf") return c[0];
  if (name == "arith.truncf") return a.round(c[0]);
  if (name == "arith.select") return a.select(c[0], c[1], c[2]);
  if (name == "math.exp") return a.exp(c[0]);
  if (name == "math.log") return a.log(c[0]);
  if (name == "math.absf") return a.abs(c[0]);
  // Integers: sizes and labels are exact in every type they pass through upwards.
  if (name == "arith.index_cast" || (name == "arith.extsi" && !boolean(op->getOperand(0))) ||
      (name == "arith.extui" && boolean(op->getOperand(0))))
    return c[0];
  if (name == "arith.trunci" && c[0]->is(Kind::Int) && llvm::isIntN(type.getIntOrFloatBitWidth(), c[0]->number))
    return c[0];
  if ((name == "arith.uitofp" && boolean(op->getOperand(0))) || (name == "arith.sitofp" && !boolean(op->getOperand(0))))
    return c[0]->is(Kind::Int) ? a.real(static_cast<double>(c[0]->number)) : c[0];
  if (name == "arith.addi" && !type.isInteger(1)) return a.addInt(c[0], c[1]);
  if (name == "arith.subi" && !type.isInteger(1) && c[1]->is(Kind::Int) &&
      c[1]->number != std::numeric_limits<int64_t>::min())
    return a.addInt(c[0], a.integer(-c[1]->number));
  if (name == "arith.maxsi") return a.minMaxInt(Kind::MaxInt, c[0], c[1]);
  if (name == "arith.minsi") return a.minMaxInt(Kind::MinInt, c[0], c[1]);
  if (name == "arith.andi" && type.isInteger(1)) return a.both(c[0], c[1]);
  if (name == "arith.xori" && type.isInteger(1)) {
    if (c[0]->isInt(1)) return a.invert(c[1]);
    if (c[1]->isInt(1)) return a.invert(c[0]);
    return nullptr;
  }
  if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    if (compare.getPredicate() == arith::CmpFPredicate::OEQ) return a.compare(FloatEq, c[0], c[1]);
    return a.compare(FloatOther + static_cast<int64_t>(compare.getPredicate()), c[0], c[1]);
  }
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    switch (compare.getPredicate()) {
    case arith::CmpIPredicate::eq: return a.compare(IntEq, c[0], c[1]);
    case arith::CmpIPredicate::ne: return a.compare(IntNe, c[0], c[1]);
    case arith::CmpIPredicate::slt: return a.compare(IntLt, c[0], c[1]);
    case arith::CmpIPredicate::sle: return a.compare(IntLe, c[0], c[1]);
    case arith::CmpIPredicate::sgt: return a.compare(IntLt, c[1], c[0]);
    case arith::CmpIPredicate::sge: return a.compare(IntLe, c[1], c[0]);
    case arith::CmpIPredicate::ult: return a.compare(UIntLt, c[0], c[1]);
    case arith::CmpIPredicate::ule: return a.compare(UIntLe, c[0], c[1]);
    case arith::CmpIPredicate::ugt: return a.compare(UIntLt, c[1], c[0]);
    case arith::CmpIPredicate::uge: return a.compare(UIntLe, c[1], c[0]);
    }
  }
  return nullptr;
}

SmallVector<Expr> Values::assertions(linalg::GenericOp generic) {
  SmallVector<Expr> found;
  Loops loops;
  bool understood = enterLoops(cast<linalg::LinalgOp>(generic.getOperation()), 0, loops);
  for (Operation &op : *generic.getBody())
    if (auto assertion = dyn_cast<cf::AssertOp>(op))
      found.push_back(understood ? evaluate(assertion.getArg(), &loops) : nullptr);
  return found;
}
