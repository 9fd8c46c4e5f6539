// Scalar expressions in a normal form: what one element of a tensor is, as a formula of the function's inputs.
//
// The raise compares meanings, not spellings. Every tensor of a function becomes one expression of its element at
// (v0, v1, ...); broadcasts, unit axes, fusions and the order of sums disappear in it, and two expressions that are equal
// are the same pointer. A form is then matched by building what it should be and comparing pointers.
#ifndef LOSSGEN_MLIR_RAISE_EXPR_H
#define LOSSGEN_MLIR_RAISE_EXPR_H

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "mlir/IR/Value.h"

namespace mlir::lossgen {

struct Node;
using Expr = const Node *;

enum class Kind : uint8_t {
  Int,    // number
  Float,  // value
  Var,    // number: an axis of the tensor, or the variable of a reduction
  Load,   // base[children]: an element of a tensor that is not looked into; no children for a scalar
  Dim,    // the extent of axis `number` of base
  Linear, // value + sum of coefficients[i] * children[i]
  Product,
  Inverse, // 1 / child
  Exp,
  Log,
  Abs,
  Maximum,   // of two
  Select,    // children: condition, then, else
  Compare,   // number: a Comparison; integers and floats
  Both,      // and of two conditions
  AddInt,
  MaxInt,
  MinInt,
  Part,      // child / number % extent: an axis of a tensor that was flattened
  Round,     // to a narrower float
  Sum,       // over the variable `number`, `extent` times
  MaximumOf, // the same
};

// eq, lt and le in two kinds; the rest is written with them, swapped or as ne.
enum Comparison : int64_t { IntEq, IntNe, IntLt, IntLe, UIntLt, UIntLe, FloatEq, FloatNe, FloatOther = 1000 };

struct Node {
  Kind kind;
  unsigned id;      // in order of creation
  unsigned level;   // reductions nested in it
  int64_t number = 0;
  int64_t extent = 0; // of reductions and parts; dynamic as in ShapedType
  double value = 0.0;
  Value base;
  std::vector<Expr> children;
  std::vector<double> coefficients;

  bool is(Kind k) const { return kind == k; }
  bool isInt(int64_t n) const { return kind == Kind::Int && number == n; }
  bool isFloat(double v) const { return kind == Kind::Float && value == v; }
};

// Makes and owns expressions; every method returns the normal form.
class Algebra {
public:
  Expr integer(int64_t number);
  Expr real(double value);
  Expr var(int64_t number);
  Expr fresh() { return var(nextFresh++); }
  Expr load(Value base, std::vector<Expr> indices);
  Expr dim(Value base, int64_t axis);

  Expr add(Expr a, Expr b) { return linear({{1.0, a}, {1.0, b}}); }
  Expr sub(Expr a, Expr b) { return linear({{1.0, a}, {-1.0, b}}); }
  Expr neg(Expr a) { return linear({{-1.0, a}}); }
  Expr scale(double factor, Expr a) { return linear({{factor, a}}); }
  Expr linear(const std::vector<std::pair<double, Expr>> &terms);
  Expr mul(Expr a, Expr b) { return product({a, b}); }
  Expr div(Expr a, Expr b) { return product({a, inverse(b)}); }
  Expr product(std::vector<Expr> factors);
  Expr inverse(Expr a);
  Expr exp(Expr a);
  Expr log(Expr a);
  Expr abs(Expr a);
  Expr maximum(Expr a, Expr b);
  Expr select(Expr condition, Expr a, Expr b);
  Expr compare(int64_t comparison, Expr a, Expr b);
  Expr invert(Expr condition);
  Expr both(Expr a, Expr b);
  Expr addInt(Expr a, Expr b);
  Expr minMaxInt(Kind kind, Expr a, Expr b);
  Expr part(Expr a, int64_t stride, int64_t extent);
  Expr round(Expr a);
  /// Reduces `body` over `variable` (a fresh one).
  Expr reduce(Kind kind, Expr variable, int64_t extent, Expr body);
  /// The body of a reduction, with `index` for its variable.
  Expr open(Expr reduction, Expr index);

  using Substitution = llvm::SmallDenseMap<Expr, Expr, 4>;
  Expr substitute(Expr e, const Substitution &map);

  /// Visits every node once; a visitor that returns false keeps its operands from being visited.
  static void walk(Expr e, llvm::function_ref<bool(Expr)> visit);
  static bool contains(Expr e, Expr part);

private:
  Expr sumOfParts(Expr variable, int64_t extent, Expr body);
  Expr intern(Node node);
  Expr rebuild(Expr e, const Substitution &map, llvm::DenseMap<Expr, Expr> &done);

  std::deque<Node> nodes;
  std::map<std::vector<uint64_t>, Expr> known;
  int64_t nextFresh = 1 << 20;
};

} // namespace mlir::lossgen

#endif // LOSSGEN_MLIR_RAISE_EXPR_H
