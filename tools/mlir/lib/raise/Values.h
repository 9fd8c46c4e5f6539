// From IR to expressions: the element of every tensor of a block.
#ifndef LOSSGEN_MLIR_RAISE_VALUES_H
#define LOSSGEN_MLIR_RAISE_VALUES_H

#include "Expr.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::lossgen {

/// Axes of extent 1 have no variable: (4, 8), (4, 1, 8) and (4, 8, 1) are written with v0 and v1 alike.
class Values {
public:
  explicit Values(Algebra &algebra) : a(algebra) {}

  /// Remembers the tensors of the block in order, so that find() knows them.
  void enter(Block &block);

  /// The element of a ranked tensor at (v0, v1, ...); never null.
  Expr element(Value tensor);
  /// The element at given indices, one for every axis; null when their number is wrong.
  Expr elementAt(Value tensor, ArrayRef<Expr> indices);
  /// A scalar, outside of a loop body.
  Expr scalar(Value value);
  /// The tensors with this element, first in program order first.
  ArrayRef<Value> find(Expr element) const;
  /// The conditions of the cf.assert in a generic's body, as expressions; null entries are not understood.
  SmallVector<Expr> assertions(linalg::GenericOp generic);

  /// The axes of a shape that have a variable.
  static SmallVector<int64_t> axes(ArrayRef<int64_t> shape);

private:
  struct Loops; // what the values inside a loop body are

  Expr compute(Value tensor);
  Expr leaf(Value tensor);
  Expr ofLinalg(linalg::LinalgOp op, unsigned result);
  Expr ofSoftmax(linalg::SoftmaxOp op);
  Expr ofFlattened(Value source, ArrayRef<ReassociationIndices> groups);
  Expr evaluate(Value value, Loops *loops);
  Expr arithmetic(Operation *op, ArrayRef<Expr> c);
  bool enterLoops(linalg::LinalgOp op, unsigned result, Loops &loops);
  Value dimSource(Value tensor, int64_t axis, int64_t &found);

  Algebra &a;
  llvm::DenseMap<Value, Expr> elements;
  llvm::DenseMap<Expr, SmallVector<Value>> tensors;
};

} // namespace mlir::lossgen

#endif // LOSSGEN_MLIR_RAISE_VALUES_H
