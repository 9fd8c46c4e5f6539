// Sums and maxima of one number or of several side by side: Funcs of one value or of a Tuple.
#pragma once
#include <Halide.h>

#include <functional>
#include <vector>

namespace lossgen {

using Values = std::vector<Halide::Expr>;
using Terms = std::function<Values(const Halide::Expr &c)>;

inline Halide::Expr combine(const Halide::Expr &a, const Halide::Expr &b, bool maximum) {
  return maximum ? max(a, b) : a + b;
}
inline Values combine(Values a, const Values &b, bool maximum) {
  for (size_t i = 0; i < a.size(); i++) a[i] = combine(a[i], b[i], maximum);
  return a;
}
// The first terms.size() of a, each added to one term. What strict_float makes of a sum holds for all that is in its operands, too.
inline Values strict_sum(Values a, const Values &terms) {
  using Halide::Internal::Call;
  for (size_t i = 0; i < terms.size(); i++) a[i] = Call::make(a[i].type(), Call::strict_add, {a[i], terms[i]}, Call::PureIntrinsic);
  return a;
}
inline void define(Halide::FuncRef at, const Values &values) {
  if (values.size() == 1) at = values[0];
  else at = Halide::Tuple(values);
}
inline Values values_at(const Halide::FuncRef &at, size_t count) {
  Values values;
  for (size_t i = 0; i < count; i++) values.push_back(count == 1 ? Halide::Expr(at) : at[(int)i]);
  return values;
}
// f(at) = combine(f(at), terms)
inline void accumulate(const Halide::FuncRef &at, const Values &terms, bool maximum) {
  define(at, combine(values_at(at, terms.size()), terms, maximum));
}

}  // namespace lossgen
