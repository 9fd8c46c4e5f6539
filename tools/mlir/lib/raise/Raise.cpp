// raise-linalg-to-lossgen: finds the losses of every block, keeps those that pay, and replaces them.
#include "Forms.h"
#include "llvm/ADT/SetVector.h"
#include "lossgen-mlir/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::lossgen;

namespace {

class BlockRaiser {
public:
  BlockRaiser(Block &block) : block(block), values(algebra) {}

  void run() {
    values.enter(block);
    findMatches();
    dropConflicts();
    for (Entry &entry : entries)
      if (!entry.dropped)
        replaceEntry(entry);
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
          values.element(root) == inRowAxes(algebra, entry.match, entry.match.row.softmax->lse(algebra)))
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
    std::optional<std::string> obstacle = bindTensors(values, algebra, entry.match, entry.tensors);
    if (obstacle && !obstacle->empty())
      root.getDefiningOp()->emitRemark("not raised: ") << *obstacle;
    return !obstacle;
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
           values.element(value) == inRowAxes(algebra, entry.match, entry.match.row.softmax->lse(algebra));
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

  void replaceEntry(Entry &entry) {
    Value root = entry.match.root, lse = replace(block, entry.match, entry.tensors);
    // Who reads the source's log-sum-exp, for a z-loss say, takes the op's.
    for (Operation *inner : entry.slice)
      for (Value value : inner->getResults())
        if (lse && isFreeLse(entry, value) && value != root) {
          OpBuilder after(lse.getContext());
          after.setInsertionPointAfterValue(lse);
          value.replaceUsesWithIf(reshapeLike(after, root.getLoc(), lse, value), [&](OpOperand &use) {
            return !entry.slice.contains(block.findAncestorOpInBlock(*use.getOwner()));
          });
        }
  }

  // ---- Cleaning up ------------------------------------------------------------------------------------------------

  // Erases what only the roots needed. A gather that asserts its labels goes too, where the op traps on the same.
  void sweep() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
      if (!op.use_empty())
        continue;
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (isOpTriviallyDead(&op) || (generic && implied(generic)))
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
      if (entry.dropped || row.labels != Labels::Checked || !row.index)
        continue;
      Expr index = inRowAxes(algebra, entry.match, row.index);
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
