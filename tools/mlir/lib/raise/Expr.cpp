#include "Expr.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace mlir::lossgen;

// Variables of reductions are numbered by nesting depth from here, so that the names never matter.
static constexpr int64_t firstBound = 1 << 10;

static uint64_t bits(double value) {
  uint64_t word;
  std::memcpy(&word, &value, sizeof word);
  return word;
}

Expr Algebra::intern(Node node) {
  std::vector<uint64_t> key{static_cast<uint64_t>(node.kind), static_cast<uint64_t>(node.number),
                            static_cast<uint64_t>(node.extent), bits(node.value),
                            reinterpret_cast<uintptr_t>(node.base.getAsOpaquePointer())};
  node.level = node.kind == Kind::Sum || node.kind == Kind::MaximumOf ? 1 : 0;
  unsigned inner = 0;
  for (Expr child : node.children) {
    key.push_back(child->id);
    inner = std::max(inner, child->level);
  }
  node.level += inner;
  for (double coefficient : node.coefficients)
    key.push_back(bits(coefficient));
  auto [place, added] = known.try_emplace(std::move(key), nullptr);
  if (added) {
    node.id = nodes.size();
    nodes.push_back(std::move(node));
    place->second = &nodes.back();
  }
  return place->second;
}

static Node make(Kind kind, std::vector<Expr> children = {}) {
  Node node;
  node.kind = kind;
  node.children = std::move(children);
  return node;
}

Expr Algebra::integer(int64_t number) {
  Node node = make(Kind::Int);
  node.number = number;
  return intern(node);
}

Expr Algebra::real(double value) {
  Node node = make(Kind::Float);
  node.value = value == 0.0 ? 0.0 : value;
  return intern(node);
}

Expr Algebra::var(int64_t number) {
  Node node = make(Kind::Var);
  node.number = number;
  return intern(node);
}

Expr Algebra::load(Value base, std::vector<Expr> indices) {
  Node node = make(Kind::Load, std::move(indices));
  node.base = base;
  return intern(node);
}

Expr Algebra::dim(Value base, int64_t axis) {
  Node node = make(Kind::Dim);
  node.base = base;
  node.number = axis;
  return intern(node);
}

Expr Algebra::linear(const std::vector<std::pair<double, Expr>> &terms) {
  double constant = 0.0;
  std::vector<std::pair<double, Expr>> flat;
  bool cancelled = false;
  auto push = [&](double factor, Expr e) {
    for (auto &[coefficient, known] : flat)
      if (known == e) {
        coefficient += factor;
        cancelled |= coefficient == 0.0;
        return;
      }
    flat.emplace_back(factor, e);
  };
  for (auto [factor, e] : terms) {
    if (e->is(Kind::Float)) {
      constant += factor * e->value;
    } else if (e->is(Kind::Int)) {
      constant += factor * static_cast<double>(e->number);
    } else if (e->is(Kind::Linear)) {
      constant += factor * e->value;
      for (size_t i = 0; i < e->children.size(); ++i)
        push(factor * e->coefficients[i], e->children[i]);
    } else {
      push(factor, e);
    }
  }
  // x - x is not 0 for infinities: such a sum stays what it is, and matches nothing.
  if (cancelled) {
    Node node = make(Kind::Linear);
    for (auto [factor, e] : terms) {
      node.children.push_back(e);
      node.coefficients.push_back(factor);
    }
    node.number = 1;
    return intern(node);
  }
  if (flat.empty())
    return real(constant);
  llvm::sort(flat, [](auto &a, auto &b) { return a.second->id < b.second->id; });
  if (flat.size() == 1 && flat[0].first == 1.0 && constant == 0.0)
    return flat[0].second;
  Node node = make(Kind::Linear);
  node.value = constant;
  for (auto [factor, e] : flat) {
    node.children.push_back(e);
    node.coefficients.push_back(factor);
  }
  return intern(node);
}

// Constants leave the product; a sum among the factors has 1 as its first coefficient.
Expr Algebra::product(std::vector<Expr> factors) {
  double coefficient = 1.0;
  std::vector<Expr> flat;
  for (size_t i = 0; i < factors.size(); ++i) {
    Expr f = factors[i];
    if (f->is(Kind::Float)) {
      coefficient *= f->value;
    } else if (f->is(Kind::Int)) {
      coefficient *= static_cast<double>(f->number);
    } else if (f->is(Kind::Product)) {
      factors.insert(factors.end(), f->children.begin(), f->children.end());
    } else if (f->is(Kind::Linear) && f->coefficients[0] != 1.0 && f->number == 0) {
      double lead = f->coefficients[0];
      coefficient *= lead;
      factors.push_back(scale(1.0 / lead, f));
    } else {
      flat.push_back(f);
    }
  }
  llvm::sort(flat, [](Expr a, Expr b) { return a->id < b->id; });
  if (flat.empty())
    return real(coefficient);
  Expr body = flat.size() == 1 ? flat[0] : intern(make(Kind::Product, flat));
  return scale(coefficient, body);
}

Expr Algebra::inverse(Expr a) {
  if (a->is(Kind::Float))
    return real(1.0 / a->value);
  if (a->is(Kind::Int))
    return real(1.0 / static_cast<double>(a->number));
  if (a->is(Kind::Inverse))
    return a->children[0];
  if (a->is(Kind::Product)) {
    std::vector<Expr> factors;
    for (Expr child : a->children)
      factors.push_back(inverse(child));
    return product(factors);
  }
  if (a->is(Kind::Linear) && a->coefficients[0] != 1.0 && a->number == 0)
    return scale(1.0 / a->coefficients[0], inverse(scale(1.0 / a->coefficients[0], a)));
  return intern(make(Kind::Inverse, {a}));
}

// exp(a - log s) is exp(a) / s, which is how a softmax is spelt elsewhere.
Expr Algebra::exp(Expr a) {
  if (a->is(Kind::Linear) && a->number == 0) {
    std::vector<std::pair<double, Expr>> rest{{1.0, real(a->value)}};
    std::vector<Expr> factors;
    for (size_t i = 0; i < a->children.size(); ++i) {
      Expr term = a->children[i];
      if (term->is(Kind::Log) && std::abs(a->coefficients[i]) == 1.0)
        factors.push_back(a->coefficients[i] < 0 ? inverse(term->children[0]) : term->children[0]);
      else
        rest.emplace_back(a->coefficients[i], term);
    }
    if (!factors.empty()) {
      factors.push_back(intern(make(Kind::Exp, {linear(rest)})));
      return product(factors);
    }
  }
  return intern(make(Kind::Exp, {a}));
}

// log(exp(a) / s) is a - log s: better where the softmax underflows, and equal where it does not.
Expr Algebra::log(Expr a) {
  if (a->is(Kind::Product) && a->children.size() == 2) {
    Expr e = a->children[0], s = a->children[1];
    if (e->is(Kind::Inverse))
      std::swap(e, s);
    if (e->is(Kind::Exp) && s->is(Kind::Inverse))
      return sub(e->children[0], log(s->children[0]));
  }
  return intern(make(Kind::Log, {a}));
}

Expr Algebra::abs(Expr a) {
  if (a->is(Kind::Sum) && a->children[0]->is(Kind::Exp))
    return a;
  return intern(make(Kind::Abs, {a}));
}

Expr Algebra::maximum(Expr a, Expr b) {
  if (a->isFloat(-INFINITY))
    return b;
  if (b->isFloat(-INFINITY))
    return a;
  if (a->id > b->id)
    std::swap(a, b);
  return intern(make(Kind::Maximum, {a, b}));
}

Expr Algebra::select(Expr condition, Expr a, Expr b) {
  if (condition->is(Kind::Int))
    return condition->number ? a : b;
  if (a == b)
    return a;
  if (condition->is(Kind::Compare) && (condition->number == IntEq || condition->number == FloatEq))
    return select(invert(condition), b, a);
  auto isOne = [](Expr e) { return e->isFloat(1.0) || e->isInt(1); };
  auto isZero = [](Expr e) { return e->isFloat(0.0) || e->isInt(0); };
  if (isOne(a) && isZero(b))
    return condition;
  if (isZero(a) && isOne(b))
    return invert(condition);
  return intern(make(Kind::Select, {condition, a, b}));
}

Expr Algebra::compare(int64_t comparison, Expr a, Expr b) {
  if (a->is(Kind::Int) && b->is(Kind::Int)) {
    int64_t x = a->number, y = b->number;
    uint64_t ux = x, uy = y;
    switch (comparison) {
    case IntEq: return integer(x == y);
    case IntNe: return integer(x != y);
    case IntLt: return integer(x < y);
    case IntLe: return integer(x <= y);
    case UIntLt: return integer(ux < uy);
    case UIntLe: return integer(ux <= uy);
    default: break;
    }
  }
  bool symmetric = comparison == IntEq || comparison == IntNe || comparison == FloatEq || comparison == FloatNe;
  if (symmetric && a->id > b->id)
    std::swap(a, b);
  Node node = make(Kind::Compare, {a, b});
  node.number = comparison;
  return intern(node);
}

Expr Algebra::invert(Expr c) {
  if (c->is(Kind::Int))
    return integer(!c->number);
  if (c->is(Kind::Compare)) {
    Expr a = c->children[0], b = c->children[1];
    switch (c->number) {
    case IntEq: return compare(IntNe, a, b);
    case IntNe: return compare(IntEq, a, b);
    case IntLt: return compare(IntLe, b, a);
    case IntLe: return compare(IntLt, b, a);
    case UIntLt: return compare(UIntLe, b, a);
    case UIntLe: return compare(UIntLt, b, a);
    case FloatEq: return compare(FloatNe, a, b);
    case FloatNe: return compare(FloatEq, a, b);
    default: break;
    }
  }
  return compare(IntEq, c, integer(0));
}

Expr Algebra::both(Expr a, Expr b) {
  if (a->is(Kind::Int))
    return a->number ? b : a;
  if (b->is(Kind::Int))
    return b->number ? a : b;
  if (a == b)
    return a;
  if (a->id > b->id)
    std::swap(a, b);
  return intern(make(Kind::Both, {a, b}));
}

Expr Algebra::addInt(Expr a, Expr b) {
  if (a->is(Kind::Int) && b->is(Kind::Int))
    return integer(static_cast<int64_t>(static_cast<uint64_t>(a->number) + static_cast<uint64_t>(b->number)));
  if (a->isInt(0))
    return b;
  if (b->isInt(0))
    return a;
  if (a->id > b->id)
    std::swap(a, b);
  return intern(make(Kind::AddInt, {a, b}));
}

Expr Algebra::minMaxInt(Kind kind, Expr a, Expr b) {
  if (a->is(Kind::Int) && b->is(Kind::Int))
    return integer(kind == Kind::MaxInt ? std::max(a->number, b->number) : std::min(a->number, b->number));
  if (a->id > b->id)
    std::swap(a, b);
  return intern(make(kind, {a, b}));
}

Expr Algebra::part(Expr a, int64_t stride, int64_t extent) {
  if (extent == 1)
    return integer(0);
  if (a->is(Kind::Int))
    return integer(a->number / stride % extent);
  if (a->is(Kind::Part) && extent <= a->extent / stride && a->extent % (stride * extent) == 0)
    return part(a->children[0], a->number * stride, extent);
  Node node = make(Kind::Part, {a});
  node.number = stride;
  node.extent = extent;
  return intern(node);
}

// Rounding matters where a program narrows its inputs. What comes out of exp, log or a sum is computed more exactly by
// the op that replaces it, so there the islands of f16 and bf16 that front ends make are looked through.
Expr Algebra::round(Expr a) {
  if (a->is(Kind::Float) || a->is(Kind::Int))
    return a;
  bool derived = false;
  walk(a, [&](Expr e) {
    derived |= e->is(Kind::Exp) || e->is(Kind::Log) || e->is(Kind::Sum);
    return !derived;
  });
  return derived ? a : intern(make(Kind::Round, {a}));
}

// A sum over a flattened axis is the sums over the axes that were flattened; null where the body needs the flat one.
Expr Algebra::sumOfParts(Expr variable, int64_t extent, Expr body) {
  std::vector<Expr> parts;
  bool flat = false;
  walk(body, [&](Expr node) {
    flat |= node == variable;
    if (!node->is(Kind::Part) || node->children[0] != variable)
      return true;
    parts.push_back(node);
    return false;
  });
  if (flat || parts.empty() || ShapedType::isDynamic(extent))
    return nullptr;
  llvm::sort(parts, [](Expr a, Expr b) { return a->number < b->number; });
  int64_t stride = 1;
  for (Expr p : parts)
    if (p->number != stride || __builtin_mul_overflow(stride, p->extent, &stride))
      return nullptr;
  if (stride != extent)
    return nullptr;
  for (Expr p : parts) { // the innermost axis first
    Expr own = fresh();
    Substitution map;
    map[p] = own;
    body = reduce(Kind::Sum, own, p->extent, substitute(body, map));
  }
  return body;
}

Expr Algebra::reduce(Kind kind, Expr variable, int64_t extent, Expr body) {
  if (kind == Kind::Sum)
    if (Expr parts = sumOfParts(variable, extent, body))
      return parts;
  if (kind == Kind::Sum) {
    // What does not depend on the variable leaves the sum.
    if (body->is(Kind::Float) || body->is(Kind::Int) || !contains(body, variable)) {
      if (!ShapedType::isDynamic(extent))
        return scale(static_cast<double>(extent), body);
    } else if (body->is(Kind::Product)) {
      std::vector<Expr> outside, inside;
      for (Expr factor : body->children)
        (contains(factor, variable) ? inside : outside).push_back(factor);
      if (!outside.empty()) {
        outside.push_back(reduce(kind, variable, extent, product(inside)));
        return product(outside);
      }
    } else if (body->is(Kind::Linear) && body->number == 0 && body->coefficients[0] != 1.0) {
      double lead = body->coefficients[0];
      return scale(lead, reduce(kind, variable, extent, scale(1.0 / lead, body)));
    }
  }
  Expr bound = var(firstBound + body->level);
  Substitution map;
  map[variable] = bound;
  Node node = make(kind, {substitute(body, map)});
  node.number = bound->number;
  node.extent = extent;
  return intern(node);
}

Expr Algebra::open(Expr reduction, Expr index) {
  Substitution map;
  map[var(reduction->number)] = index;
  return substitute(reduction->children[0], map);
}

Expr Algebra::substitute(Expr e, const Substitution &map) {
  llvm::DenseMap<Expr, Expr> done;
  return rebuild(e, map, done);
}

Expr Algebra::rebuild(Expr e, const Substitution &map, llvm::DenseMap<Expr, Expr> &done) {
  if (auto found = map.find(e); found != map.end())
    return found->second;
  if (e->children.empty())
    return e;
  if (auto found = done.find(e); found != done.end())
    return found->second;
  Expr result = nullptr;
  if (e->is(Kind::Sum) || e->is(Kind::MaximumOf)) {
    // A fresh variable inside, so that nothing that is put in can be captured.
    Expr inner = fresh();
    Substitution opened;
    opened[var(e->number)] = inner;
    Expr body = substitute(e->children[0], opened);
    Expr replaced = substitute(body, map);
    result = replaced == body ? e : reduce(e->kind, inner, e->extent, replaced);
  } else {
    std::vector<Expr> c;
    for (Expr child : e->children)
      c.push_back(rebuild(child, map, done));
    if (c == e->children) {
      result = e;
    } else {
      switch (e->kind) {
      case Kind::Load: result = load(e->base, c); break;
      case Kind::Linear: {
        std::vector<std::pair<double, Expr>> terms{{1.0, real(e->value)}};
        for (size_t i = 0; i < c.size(); ++i)
          terms.emplace_back(e->coefficients[i], c[i]);
        result = linear(terms);
        break;
      }
      case Kind::Product: result = product(c); break;
      case Kind::Inverse: result = inverse(c[0]); break;
      case Kind::Exp: result = exp(c[0]); break;
      case Kind::Log: result = log(c[0]); break;
      case Kind::Abs: result = abs(c[0]); break;
      case Kind::Maximum: result = maximum(c[0], c[1]); break;
      case Kind::Select: result = select(c[0], c[1], c[2]); break;
      case Kind::Compare: result = compare(e->number, c[0], c[1]); break;
      case Kind::Both: result = both(c[0], c[1]); break;
      case Kind::AddInt: result = addInt(c[0], c[1]); break;
      case Kind::MaxInt:
      case Kind::MinInt: result = minMaxInt(e->kind, c[0], c[1]); break;
      case Kind::Part: result = part(c[0], e->number, e->extent); break;
      case Kind::Round: result = round(c[0]); break;
      default: result = e; break;
      }
    }
  }
  done[e] = result;
  return result;
}

void Algebra::walk(Expr e, llvm::function_ref<bool(Expr)> visit) {
  llvm::DenseSet<Expr> seen;
  std::vector<Expr> stack{e};
  while (!stack.empty()) {
    Expr top = stack.back();
    stack.pop_back();
    if (!seen.insert(top).second || !visit(top))
      continue;
    stack.insert(stack.end(), top->children.begin(), top->children.end());
  }
}

bool Algebra::contains(Expr e, Expr part) {
  bool found = false;
  walk(e, [&](Expr node) {
    found |= node == part;
    return !found;
  });
  return found;
}
