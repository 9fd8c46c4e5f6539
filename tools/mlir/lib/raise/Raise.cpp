// raise-linalg-to-lossgen: finds the losses of every block, keeps those that pay, and replaces them.
#include "Forms.h"
#include "llvm/ADT/SetVector.h"
#include "lossgen-mlir/Compat.h"
#include "lossgen-mlir/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

// The tensors of a match: what the new op reads.
struct Tensors {
  Value logits; // or log-probs
  int64_t dim = 0;
  Value target, weight, scale;
  std::optional<double> constantScale;
};

class BlockRaiser {
public:
  BlockRaiser(Block &block) : block(block), values(algebra) {}

  void run() {
    values.enter(block);
    findMatches();
    dropConflicts();
    for (Entry &entry : entries)
      if (!entry.dropped)
        replace(entry);
    sweep();
  }

private:
  struct Entry {
    Match match;
    Tensors tensors;
    llvm::SetVector<Operation *> slice; // what computes the root, down to the op's inputs
    bool dropped = false;
  };

  // ---- Matching -------------------------------------------------------------------------------------------------

  void findMatches() {
    llvm::DenseSet<Operation *> inner;
    for (Operation &op : llvm::reverse(block)) {
      if (!isa<linalg::LinalgOp>(op) || isa<linalg::FillOp>(op))
        continue;
      for (Value root : op.getResults()) {
        auto type = dyn_cast<RankedTensorType>(root.getType());
        if (!type || !isa<FloatType>(type.getElementType()) || root.use_empty())
          continue;
        // Inside a larger match only what somebody else reads can be a root of its own.
        if (inner.contains(&op) && llvm::all_of(root.getUsers(), [&](Operation *user) {
              Operation *here = block.findAncestorOpInBlock(*user);
              return inner.contains(here) || isOpTriviallyDead(here);
            }) && !lseOf(root))
          continue;
        Entry entry;
        if (!matchRoot(root, entry))
          continue;
        collectSlice(root, entry);
        inner.insert(entry.slice.begin(), entry.slice.end());
        entries.push_back(std::move(entry));
      }
    }
  }

  // Whether a matched loss computes this as its lse; then the op gives it for free.
  bool lseOf(Value root) {
    for (Entry &entry : entries)
      if (entry.match.what == Match::Loss && entry.match.row.softmax &&
          values.element(root) == inRowAxes(entry.match, entry.match.row.softmax->lse(algebra)))
        return true;
    return false;
  }

  bool matchRoot(Value root, Entry &entry) {
    Expr e = values.element(root);
    if (e->is(Kind::Float) || (e->is(Kind::Load) && e->base == root))
      return false;
    if (auto match = matchLoss(values, algebra, root))
      entry.match = *match;
    else if (auto shaped = matchClassShaped(values, algebra, root))
      entry.match = *shaped;
    else
      return false;
    std::string reason = bind(entry);
    if (reason.empty())
      return true;
    if (reason != "-")
      root.getDefiningOp()->emitRemark("not raised: ") << reason;
    return false;
  }

  // A row expression with the row's variables as v0, v1, ...
  Expr inRowAxes(const Match &match, Expr e) {
    Algebra::Substitution map;
    for (auto [i, variable] : llvm::enumerate(match.rows))
      map[variable] = algebra.var(i);
    return algebra.substitute(e, map);
  }

  // A tensor with the class axis `axis`, from its element at class `c`.
  ArrayRef<Value> findShaped(const Match &match, Expr e, Expr c, int64_t axis) {
    Algebra::Substitution map;
    for (auto [i, variable] : llvm::enumerate(match.rows))
      map[variable] = algebra.var(static_cast<int64_t>(i) < axis ? i : i + 1);
    map[c] = algebra.var(axis);
    return values.find(algebra.substitute(e, map));
  }

  // Finds the tensors of a match. Returns "" when all are there, "-" when the form is not one the op has, or why the op
  // cannot take it.
  std::string bind(Entry &entry) {
    Match &match = entry.match;
    Tensors &t = entry.tensors;
    Type own = getElementTypeOrSelf(match.root);
    bool shaped = match.what != Match::Loss;
    if (match.what == Match::LogSoftmaxBackward)
      return bindBackward(entry);
    if (match.row.softmax) {
      Expr c = algebra.fresh(), logit = match.row.softmax->logit(algebra, c);
      int64_t axes = match.rows.size() + 1;
      for (int64_t axis = axes; axis-- > 0 && !t.logits;) {
        if (shaped && axis != match.classAxis)
          continue;
        // The narrowest tensor with these values; of the result's own type where the op asks for it.
        for (Value candidate : findShaped(match, logit, c, axis)) {
          if (candidate == match.root || (shaped && getElementTypeOrSelf(candidate) != own))
            continue;
          auto shape = cast<RankedTensorType>(candidate.getType()).getShape();
          t.dim = Values::axes(shape)[axis];
          if (shape[t.dim] != match.row.softmax->classes())
            return "-";
          t.logits = candidate;
          break;
        }
      }
    } else {
      t.logits = match.row.logProbs;
      t.dim = match.row.classAxis;
    }
    if (!t.logits)
      return "-";
    Type element = getElementTypeOrSelf(t.logits);
    if (!isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(element))
      return "logits of this element type are not supported";
    if (match.what == Match::LogSoftmax)
      return cast<RankedTensorType>(t.logits.getType()).getShape() == cast<RankedTensorType>(match.root.getType()).getShape()
                 ? ""
                 : "-";

    SmallVector<int64_t> rowShape = withoutDim(cast<RankedTensorType>(t.logits.getType()).getShape(), t.dim);
    for (Value candidate : values.find(inRowAxes(match, match.row.label)))
      if (!t.target || cast<RankedTensorType>(candidate.getType()).getShape() == ArrayRef<int64_t>(rowShape))
        t.target = candidate;
    if (!t.target)
      return "-";
    if (!sameRows(rowShape, cast<RankedTensorType>(t.target.getType()).getShape()) ||
        (!match.rowExtents.empty() && !sameRows(rowShape, match.rowExtents)))
      return "-";
    if (match.what == Match::Gradient)
      return bindScale(entry, rowShape);
    if (own != element && own != accumulationType(element))
      return "a loss of this element type is not supported for these logits";
    if (match.reduction == Reduction::None && !sameRows(rowShape, cast<RankedTensorType>(match.root.getType()).getShape()))
      return "-";
    if (!match.row.softmax && match.smoothing != 0.0)
      return "-";
    if (Value weight = match.row.weight) {
      auto type = dyn_cast<RankedTensorType>(weight.getType());
      Type of = type ? type.getElementType() : Type();
      if (!type || type.getRank() != 1 ||
          type.getDimSize(0) != cast<RankedTensorType>(t.logits.getType()).getDimSize(t.dim))
        return "-";
      if (of != element && of != accumulationType(element))
        return "a weight of this element type is not supported for these logits";
      t.weight = weight;
    }
    return "";
  }

  // Equal up to axes of extent 1.
  static bool sameRows(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
    auto wide = [](ArrayRef<int64_t> shape) {
      SmallVector<int64_t> kept;
      for (int64_t extent : shape)
        if (extent != 1)
          kept.push_back(extent);
      return kept;
    };
    return wide(a) == wide(b);
  }

  std::string bindScale(Entry &entry, ArrayRef<int64_t> rowShape) {
    Match &match = entry.match;
    Tensors &t = entry.tensors;
    match.reduction = Reduction::Sum;
    if (match.scale->is(Kind::Float)) {
      t.constantScale = match.scale->value;
      return "";
    }
    for (Value candidate : values.find(inRowAxes(match, match.scale))) {
      auto type = cast<RankedTensorType>(candidate.getType());
      if (type.getElementType() != accumulationType(getElementTypeOrSelf(t.logits)))
        continue;
      if (type.getRank() != 0 && !sameRows(type.getShape(), rowShape))
        continue;
      match.reduction = type.getRank() == 0 ? Reduction::Sum : Reduction::None;
      t.scale = candidate;
      return "";
    }
    return "-";
  }

  std::string bindBackward(Entry &entry) {
    Match &match = entry.match;
    Tensors &t = entry.tensors;
    auto pick = [&](Expr e) -> Value {
      for (Value candidate : values.find(e))
        if (candidate.getType() == match.root.getType() && candidate != match.root)
          return candidate;
      return {};
    };
    t.logits = pick(match.logProbs);
    t.scale = pick(match.grad);
    if (!t.logits || !t.scale)
      return "-";
    t.dim = Values::axes(cast<RankedTensorType>(match.root.getType()).getShape())[match.classAxis];
    return "";
  }

  // ---- What a match computes --------------------------------------------------------------------------------------

  void collectSlice(Value root, Entry &entry) {
    llvm::DenseSet<Value> inputs;
    for (Value input : {entry.tensors.logits, entry.tensors.target, entry.tensors.weight, entry.tensors.scale})
      if (input)
        inputs.insert(input);
    SmallVector<Value> stack{root};
    while (!stack.empty()) {
      Value value = stack.pop_back_val();
      Operation *op = value.getDefiningOp();
      if (!op || op->getBlock() != &block || inputs.contains(value) || !entry.slice.insert(op))
        continue;
      op->walk([&](Operation *nested) { stack.append(nested->operand_begin(), nested->operand_end()); });
    }
  }

  // A tensor of the logits' size that is computed, not just allocated or filled.
  bool isHeavy(Operation *op, const Entry &entry) {
    size_t axes = Values::axes(cast<RankedTensorType>(entry.tensors.logits.getType()).getShape()).size();
    for (Value result : op->getResults())
      if (auto type = dyn_cast<RankedTensorType>(result.getType())) {
        Expr e = values.element(result);
        if (Values::axes(type.getShape()).size() < axes || e->is(Kind::Float) || e->is(Kind::Int) ||
            isa<tensor::EmptyOp, linalg::FillOp, arith::ConstantOp>(op))
          continue;
        return true;
      }
    return false;
  }

  bool isRoot(Value value) {
    return llvm::any_of(entries, [&](Entry &entry) {
      return !entry.dropped && (entry.match.root == value || isFreeLse(entry, value));
    });
  }

  bool isFreeLse(Entry &entry, Value value) {
    if (entry.match.what != Match::Loss || !entry.match.row.softmax || !isa<RankedTensorType>(value.getType()))
      return false;
    return getElementTypeOrSelf(value) == accumulationType(getElementTypeOrSelf(entry.tensors.logits)) &&
           values.element(value) == inRowAxes(entry.match, entry.match.row.softmax->lse(algebra));
  }

  // What somebody still needs after all roots are replaced: then the op would compute it a second time. Log-probs are
  // an op of their own, from which the loss takes them; anything else leaves the loss as it is.
  void dropConflicts() {
    // Where the log-probs stay anyway, reading one of them is less than a pass over the logits.
    for (Entry &entry : entries)
      if (entry.match.what == Match::Loss && entry.match.row.softmax && entry.match.smoothing == 0.0 &&
          entry.match.row.labels != Labels::Wrapped)
        if (Value logProbs = sharedLogProbs(entry))
          useLogProbs(entry, logProbs);
    for (bool changed = true; changed;) {
      changed = false;
      llvm::DenseSet<Operation *> dead;
      llvm::DenseSet<Operation *> covered, erasable;
      for (Entry &entry : entries)
        if (!entry.dropped)
          covered.insert(entry.slice.begin(), entry.slice.end());
      for (Operation &op : llvm::reverse(block)) {
        if (isOpTriviallyDead(&op)) {
          dead.insert(&op);
          continue;
        }
        if (!covered.contains(&op))
          continue;
        bool unread = llvm::all_of(op.getResults(), [&](Value result) {
          return isRoot(result) || llvm::all_of(result.getUsers(), [&](Operation *user) {
                   return dead.contains(block.findAncestorOpInBlock(*user));
                 });
        });
        if (unread)
          dead.insert(&op);
      }
      for (Entry &entry : entries) {
        if (entry.dropped || entry.match.what != Match::Loss || !entry.match.row.softmax)
          continue;
        for (Operation *op : entry.slice) {
          if (dead.contains(op) || !isHeavy(op, entry))
            continue;
          InFlightDiagnostic remark = entry.match.root.getDefiningOp()->emitRemark(
              "not raised: a tensor of the logits' size inside of it has another use");
          remark.attachNote(op->getLoc()) << "which is computed here";
          entry.dropped = changed = true;
          break;
        }
      }
    }
  }

  // The root of a log_softmax that the loss reads.
  Value sharedLogProbs(Entry &loss) {
    for (Entry &entry : entries)
      if (!entry.dropped && entry.match.what == Match::LogSoftmax &&
          entry.match.row.softmax->sum == inSame(loss, entry))
        return entry.match.root;
    return {};
  }

  // The loss's sum of exponentials in the axes of a log_softmax.
  Expr inSame(Entry &loss, Entry &softmax) {
    Algebra::Substitution map;
    for (auto [from, to] : llvm::zip(loss.match.rows, softmax.match.rows))
      map[from] = to;
    return loss.match.rows.size() == softmax.match.rows.size()
               ? algebra.substitute(loss.match.row.softmax->sum, map)
               : nullptr;
  }

  void useLogProbs(Entry &entry, Value logProbs) {
    for (Entry &other : entries)
      if (other.match.root == logProbs)
        entry.tensors.dim = other.tensors.dim;
    entry.match.row.softmax.reset();
    entry.tensors.logits = logProbs;
    entry.slice.clear();
    collectSlice(entry.match.root, entry);
  }

  // ---- Replacing --------------------------------------------------------------------------------------------------

  // After everything the new op reads.
  void placeAfterInputs(OpBuilder &builder, const Tensors &t) {
    Operation *last = nullptr;
    for (Value input : {t.logits, t.target, t.weight, t.scale}) {
      Operation *op = input ? input.getDefiningOp() : nullptr;
      if (op && op->getBlock() == &block && (!last || last->isBeforeInBlock(op)))
        last = op;
    }
    if (last)
      builder.setInsertionPointAfter(last);
    else
      builder.setInsertionPointToStart(&block);
  }

  Value empty(OpBuilder &b, Location loc, Value like, std::optional<int64_t> without, Type element) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, like);
    if (without)
      sizes.erase(sizes.begin() + *without);
    return make<tensor::EmptyOp>(b, loc, sizes, element);
  }

  // The same values with axes of extent 1 added or removed, by way of the shape without any.
  Value reshape(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> shape) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getShape() == shape)
      return value;
    auto groupsOf = [](ArrayRef<int64_t> full) {
      SmallVector<ReassociationIndices> groups;
      ReassociationIndices open;
      for (auto [i, extent] : llvm::enumerate(full)) {
        open.push_back(i);
        if (extent != 1) {
          groups.push_back(open);
          open.clear();
        }
      }
      if (!open.empty() && !groups.empty())
        groups.back().append(open.begin(), open.end());
      return groups;
    };
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, value), wide;
    for (auto [extent, size] : llvm::zip_equal(type.getShape(), sizes))
      if (extent != 1)
        wide.push_back(size);
    if (wide.size() != sizes.size())
      value = make<tensor::CollapseShapeOp>(b, loc, value, groupsOf(type.getShape()));
    if (wide.size() == shape.size())
      return value;
    SmallVector<OpFoldResult> full;
    size_t next = 0;
    for (int64_t extent : shape)
      full.push_back(extent == 1 ? OpFoldResult(b.getIndexAttr(1)) : wide[next++]);
    return make<tensor::ExpandShapeOp>(b, loc, RankedTensorType::get(shape, type.getElementType()), value,
                                       groupsOf(shape), full);
  }

  void replace(Entry &entry) {
    Match &match = entry.match;
    Tensors &t = entry.tensors;
    Location loc = match.root.getLoc();
    OpBuilder b(block.getParentOp()->getContext());
    placeAfterInputs(b, t);
    auto logitsType = cast<RankedTensorType>(t.logits.getType());
    Type element = logitsType.getElementType(), wide = accumulationType(element);
    IntegerAttr axis;
    if (t.dim != classDim(logitsType.getRank(), std::nullopt))
      axis = b.getI64IntegerAttr(t.dim);

    if (match.what == Match::LogSoftmax) {
      Value init = empty(b, loc, t.logits, std::nullopt, element);
      return replaceRoot(match.root,
                         make<LogSoftmaxForwardOp>(b, loc, t.logits, init, axis)->getResult(0));
    }
    if (match.what == Match::LogSoftmaxBackward) {
      Value init = empty(b, loc, t.logits, std::nullopt, element);
      return replaceRoot(match.root,
                         make<LogSoftmaxBackwardOp>(b, loc, t.scale, t.logits, init, axis)->getResult(0));
    }

    SmallVector<int64_t> rowShape = withoutDim(logitsType.getShape(), t.dim);
    Value target = reshape(b, loc, t.target, rowShape);
    bool wrapped = match.row.labels == Labels::Wrapped;
    if (wrapped)
      target = wrapLabels(b, loc, target, logitsType.getDimSize(t.dim));
    bool none = match.reduction == Reduction::None;
    Type lossType = match.what == Match::Gradient ? wide : getElementTypeOrSelf(match.root);
    auto scalarInit = [&](Type of) { return make<tensor::EmptyOp>(b, loc, ArrayRef<int64_t>(), of).getResult(); };
    Value loss = none ? empty(b, loc, t.logits, t.dim, lossType) : scalarInit(lossType);
    auto reduction = ReductionAttr::get(b.getContext(), match.reduction);
    IntegerAttr ignore = match.row.ignore ? b.getI64IntegerAttr(*match.row.ignore) : IntegerAttr();
    BoundsAttr bounds;
    if (match.row.labels != Labels::Checked)
      bounds = BoundsAttr::get(b.getContext(), Bounds::Ignore);
    if (!match.row.softmax) {
      auto op = make<NllLossForwardOp>(b, loc, t.logits, target, t.weight, loss, scalarInit(wide), reduction, ignore,
                                       axis, bounds);
      return replaceRoot(match.root, reshapeResult(b, loc, signedLoss(b, loc, match, op->getResult(0)), match.root));
    }
    FloatAttr smoothing = match.smoothing != 0.0 ? b.getF64FloatAttr(match.smoothing) : FloatAttr();
    auto op = make<CrossEntropyForwardOp>(b, loc, t.logits, target, t.weight, loss, empty(b, loc, t.logits, t.dim, wide),
                                          scalarInit(wide), reduction, ignore, axis, bounds, smoothing);
    if (match.what == Match::Gradient) {
      Value scale = t.scale ? reshape(b, loc, t.scale, none ? ArrayRef<int64_t>(rowShape) : ArrayRef<int64_t>())
                            : make<arith::ConstantOp>(
                                  b, loc, DenseElementsAttr::get(RankedTensorType::get({}, wide),
                                                                 b.getFloatAttr(wide, *t.constantScale)))
                                  .getResult();
      Value init = empty(b, loc, t.logits, std::nullopt, element);
      auto backward = make<CrossEntropyBackwardOp>(b, loc, scale, t.logits, target, op->getResult(1), op->getResult(2),
                                                   Value(), init, reduction, ignore, axis, bounds, smoothing);
      return replaceRoot(match.root, reshapeResult(b, loc, backward->getResult(0), match.root));
    }
    Value result = op->getResult(0);
    if (wrapped)
      result = badLabelsToNan(b, loc, result, target);
    replaceRoot(match.root, reshapeResult(b, loc, signedLoss(b, loc, match, result), match.root));
    // Who reads the source's log-sum-exp, for a z-loss say, takes the op's.
    for (Operation *inner : entry.slice)
      for (Value value : inner->getResults())
        if (isFreeLse(entry, value) && value != match.root) {
          OpBuilder after(b);
          value.replaceUsesWithIf(reshapeResult(after, loc, op->getResult(1), value), [&](OpOperand &use) {
            return !entry.slice.contains(block.findAncestorOpInBlock(*use.getOwner()));
          });
        }
  }

  Value reshapeResult(OpBuilder &b, Location loc, Value value, Value like) {
    return reshape(b, loc, value, cast<RankedTensorType>(like.getType()).getShape());
  }

  void replaceRoot(Value root, Value with) {
    if (with.getType() != root.getType()) {
      OpBuilder b(root.getContext());
      b.setInsertionPointAfterValue(with);
      with = make<tensor::CastOp>(b, root.getLoc(), root.getType(), with);
    }
    root.replaceAllUsesWith(with);
    roots.push_back(root.getDefiningOp());
  }

  // One elementwise generic over the rows.
  Value overRows(OpBuilder &b, Location loc, ValueRange inputs, Type element,
                 llvm::function_ref<Value(OpBuilder &, ValueRange)> body) {
    auto type = cast<RankedTensorType>(inputs[0].getType());
    Value init = empty(b, loc, inputs[0], std::nullopt, element);
    SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(type.getRank()));
    SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
    return make<linalg::GenericOp>(b, loc, TypeRange(init.getType()), inputs, ValueRange(init), maps, loops,
                                   [&](OpBuilder &inner, Location at, ValueRange args) {
                                     make<linalg::YieldOp>(inner, at, ValueRange(body(inner, args)));
                                   })
        .getResult(0);
  }

  Value signedLoss(OpBuilder &b, Location loc, const Match &match, Value loss) {
    if (!match.negated)
      return loss;
    return overRows(b, loc, loss, getElementTypeOrSelf(loss),
                    [&](OpBuilder &in, ValueRange v) -> Value { return make<arith::NegFOp>(in, loc, v[0]); });
  }

  // Negative labels count from the end, as the source had it.
  Value wrapLabels(OpBuilder &b, Location loc, Value target, int64_t classes) {
    Type type = getElementTypeOrSelf(target);
    return overRows(b, loc, target, type, [&](OpBuilder &in, ValueRange v) -> Value {
      Value zero = make<arith::ConstantOp>(in, loc, in.getIntegerAttr(type, 0));
      Value count = make<arith::ConstantOp>(in, loc, in.getIntegerAttr(type, classes));
      Value negative = make<arith::CmpIOp>(in, loc, arith::CmpIPredicate::slt, v[0], zero);
      return make<arith::SelectOp>(in, loc, negative, make<arith::AddIOp>(in, loc, v[0], count).getResult(), v[0]);
    });
  }

  // A label out of range reads NaN in the source; the op gave such a row the loss 0.
  Value badLabelsToNan(OpBuilder &b, Location loc, Value loss, Value target) {
    int64_t classes = 0;
    for (Entry &entry : entries)
      if (entry.match.row.labels == Labels::Wrapped && entry.match.row.softmax)
        classes = entry.match.row.softmax->classes();
    Type type = getElementTypeOrSelf(loss);
    return overRows(b, loc, ValueRange{loss, target}, type, [&](OpBuilder &in, ValueRange v) -> Value {
      Value count = make<arith::ConstantOp>(in, loc, in.getIntegerAttr(v[1].getType(), classes));
      Value nan = make<arith::ConstantOp>(
          in, loc, FloatAttr::get(type, APFloat::getNaN(cast<FloatType>(type).getFloatSemantics())));
      Value inside = make<arith::CmpIOp>(in, loc, arith::CmpIPredicate::ult, v[1], count);
      return make<arith::SelectOp>(in, loc, inside, v[0], nan);
    });
  }

  // ---- Cleaning up ------------------------------------------------------------------------------------------------

  // Erases what only the roots needed. A gather that asserts its labels goes too, where the op traps on the same.
  void sweep() {
    llvm::DenseSet<Operation *> candidates;
    for (Entry &entry : entries)
      if (!entry.dropped)
        candidates.insert(entry.slice.begin(), entry.slice.end());
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
      if (!op.use_empty() || op.hasTrait<OpTrait::IsTerminator>())
        continue;
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (isOpTriviallyDead(&op) || (generic && candidates.contains(&op) && implied(generic)))
        op.erase();
    }
  }

  // Whether some op that replaced this traps whenever one of the generic's assertions does.
  bool implied(linalg::GenericOp generic) {
    bool pure = true;
    for (Operation &op : *generic.getBody())
      pure &= isa<cf::AssertOp>(op) || isMemoryEffectFree(&op);
    if (!pure)
      return false;
    SmallVector<Expr> conditions = values.assertions(generic);
    for (Entry &entry : entries) {
      const RowLoss &row = entry.match.row;
      if (entry.dropped || !entry.slice.contains(generic) || row.labels != Labels::Checked || !row.index)
        continue;
      Expr index = inRowAxes(entry.match, row.index);
      auto type = cast<RankedTensorType>(entry.tensors.logits.getType());
      int64_t classes = type.getDimSize(entry.tensors.dim);
      bool all = llvm::all_of(conditions, [&](Expr condition) {
        if (!condition)
          return false;
        condition = unflattened(condition);
        if (condition->isInt(1) || condition == algebra.compare(IntLe, algebra.integer(0), index))
          return true;
        if (!ShapedType::isDynamic(classes))
          return condition == algebra.compare(IntLt, index, algebra.integer(classes));
        // The extent of the class axis, of whichever tensor of the logits' shape the source asked.
        return condition->is(Kind::Compare) && condition->number == IntLt && condition->children[0] == index &&
               condition->children[1]->is(Kind::Dim) &&
               sameAxis(condition->children[1], entry);
      });
      if (all)
        return true;
    }
    return false;
  }

  // A gather over flattened rows, in the axes that were flattened.
  Expr unflattened(Expr e) {
    SmallVector<Expr> parts;
    Algebra::walk(e, [&](Expr node) {
      if (node->is(Kind::Part) && node->children[0] == algebra.var(0))
        parts.push_back(node);
      return !node->is(Kind::Part);
    });
    llvm::sort(parts, [](Expr a, Expr b) { return a->number > b->number; });
    Algebra::Substitution map;
    for (auto [i, part] : llvm::enumerate(parts))
      map[part] = algebra.var(i);
    return algebra.substitute(e, map);
  }

  bool sameAxis(Expr dim, const Entry &entry) {
    if (dim->number != entry.tensors.dim)
      return false;
    if (dim->base == entry.tensors.logits)
      return true;
    Operation *definer = dim->base.getDefiningOp();
    return definer && entry.slice.contains(definer);
  }

  Block &block;
  Algebra algebra;
  Values values;
  std::vector<Entry> entries;
  SmallVector<Operation *> roots;
};

struct Raise : PassWrapper<Raise, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Raise)
  StringRef getArgument() const final { return "raise-linalg-to-lossgen"; }
  StringRef getDescription() const final { return "replace losses spelt in linalg by lossgen ops"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LossgenDialect, arith::ArithDialect, linalg::LinalgDialect, tensor::TensorDialect>();
  }

  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation()->walk([&](Block *block) {
      // Bodies of linalg ops hold scalars.
      if (!isa_and_nonnull<linalg::LinalgOp>(block->getParentOp()) &&
          llvm::any_of(*block, [](Operation &op) { return isa<linalg::LinalgOp>(op); }))
        blocks.push_back(block);
    });
    for (Block *block : blocks)
      BlockRaiser(*block).run();
  }
};

} // namespace

std::unique_ptr<Pass> mlir::lossgen::createRaisePass() { return std::make_unique<Raise>(); }
