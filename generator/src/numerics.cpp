#include "numerics.h"

#include <vector>

#include "instructions.h"

namespace lossgen {
using namespace Halide;

namespace {

// What the f32 and f64 forms differ in.
struct Format {
  Type bits;              // unsigned integer of the same width
  int mantissa;           // explicit mantissa bits
  int bias;               // exponent bias
  double magic;           // 1.5 * 2^mantissa: adding it leaves round(t) in the low mantissa bits
  double exp_limit;       // largest |x - reference| whose exponent fits its field; at the lower end the result is 0
  std::vector<double> exp2;  // polynomial for 2^f on [-1/2, 1/2], highest power first, without the final 1
};

// 2^f = sum of (f ln2)^k / k!: at degree 13 the rest is 4e-18 for |f| <= 1/2.
std::vector<double> taylor_exp2(int degree) {
  std::vector<double> powers(degree);
  double term = 1.0;
  for (int k = 1; k <= degree; k++) powers[degree - k] = term *= 0.69314718055994530942 / k;
  return powers;
}

const Format &format_of(Type t) {
  // f32: degree 5 fitted for least relative error, 9e-8 (one degree less: 2e-6; one more: rounding dominates).
  static const Format f32{UInt(32), 23, 127, 12582912.0, 88.0,
                          {1.326472731e-03, 9.671512991e-03, 5.550733581e-02, 2.402224243e-01, 6.931470037e-01}};
  static const Format f64{UInt(64), 52, 1023, 6755399441055744.0, 709.0, taylor_exp2(13)};
  return t.bits() == 64 ? f64 : f32;
}

Expr number(Type t, double v) { return Internal::make_const(t, v); }

Expr to_bits(const Expr &x) { return reinterpret(format_of(x.type()).bits, x); }
Expr infinity_bits(Type t, bool negative = false) {
  const uint64_t exponent = t.bits() == 64 ? 0x7ff0000000000000ull : 0x7f800000u;
  return Internal::UIntImm::make(format_of(t).bits, exponent | (negative ? 1ull << (t.bits() - 1) : 0));
}

}  // namespace

Expr not_a_number(Type t) {
  return t.bits() == 64 ? reinterpret(t, Internal::UIntImm::make(UInt(64), 0x7ff8000000000000ull))
                        : reinterpret(t, Internal::UIntImm::make(UInt(32), 0x7fc00000u));
}

Expr same_bits(const Expr &a, const Expr &b) { return to_bits(a) == to_bits(b); }

Expr is_finite_number(const Expr &x) {
  const Expr exponent = infinity_bits(x.type());
  return (to_bits(x) & exponent) != exponent;
}

Expr is_within(const Expr &x, double low, double high) {
  const Expr first = to_bits(number(x.type(), low));
  return to_bits(x) - first <= to_bits(number(x.type(), high)) - first;
}

Expr magnitude(const Expr &x) {
  const Type bits = format_of(x.type()).bits;
  return reinterpret(x.type(), to_bits(x) & Internal::UIntImm::make(bits, ~0ull >> (65 - bits.bits())));
}

Expr is_zero(const Expr &x) { return to_bits(magnitude(x)) == Internal::make_zero(format_of(x.type()).bits); }

Expr minus_magnitude(const Expr &x) {
  const Type bits = format_of(x.type()).bits;
  return reinterpret(x.type(), to_bits(x) | Internal::UIntImm::make(bits, 1ull << (bits.bits() - 1)));
}

Expr is_infinity(const Expr &x, bool negative) { return to_bits(x) == infinity_bits(x.type(), negative); }

Expr is_above_zero(const Expr &x) {
  const Type bits = Int(x.type().bits());
  return reinterpret(bits, x) > Internal::make_zero(bits);
}

Expr unless_zero(const Expr &x, const Expr &y) {
  const Type t = x.type();
  return reinterpret(t, select(to_bits(x) == Internal::make_zero(format_of(t).bits), infinity_bits(t, true), to_bits(y)));
}

Expr exp_of_difference(const Expr &x, const Expr &reference, Above above, ExpBy by) {
  const Type t = x.type();
  const Format &f = format_of(t);
  // The table needs no lower limit for the exponent, but infinite differences have no fraction, and exp_by_table has a range: 1e4 is beyond
  // all exponents.
  const bool neon = by == ExpBy::neon, table = by == ExpBy::table, unlimited = above == Above::bounded || (table && above == Above::checked);
  const Expr highest = number(t, f.exp_limit), lowest = number(t, table ? -1e4 : -f.exp_limit);
  Expr difference = strict_float(x - reference);
  // select(a < limit, limit, a) keeps a NaN where max(a, limit) may drop it; strict, or LLVM turns it into one that does.
  // NEON's maximum and minimum keep it.
  Expr low = strict_float(neon ? max(difference, lowest) : select(difference < lowest, lowest, difference));
  Expr d = unlimited ? low : strict_float(neon ? min(low, highest) : select(low > highest, highest, low));
  if (table) return exp_by_table(d);
  const Expr log2e = number(t, 1.4426950408889634);
  // The bias rides on the magic number, so that the low bits are the exponent field of 2^n. There log2(e) need not be
  // exact, and it must differ from the constant above, or LLVM shares the product and no fused multiply-subtract is left.
  const Expr magic = number(t, f.magic + f.bias);
  const Expr rounded = strict_float(d * number(t, 1.4427) + magic);
  const Expr n = strict_float(rounded - magic);
  // Fused, this loses nothing however large d is; an x86-64-v2 rounds the product: 6e-8 |d|. NEON has no fused product less
  // a number, only a number less a product: there the fraction, and with it every odd power, changes its sign.
  const Expr product = d * log2e, fraction = neon ? n - product : product - n;
  const auto coefficient = [&](size_t i) {
    return number(t, neon && (f.exp2.size() - i) % 2 ? -f.exp2[i] : f.exp2[i]);
  };
  Expr p = coefficient(0);
  for (size_t i = 1; i < f.exp2.size(); i++) p = p * fraction + coefficient(i);
  p = p * fraction + number(t, 1.0);
  return p * reinterpret(t, to_bits(rounded) << Internal::make_const(f.bits, f.mantissa));
}

namespace {

// Products and sums in one rounding where they are to be: strict arithmetic, which the differences below need, fuses nothing by itself.
struct Products {
  bool fused;
  Expr plus(const Expr &a, const Expr &b, const Expr &c) const { return fused ? fused_add(a, b, c) : a * b + c; }
  Expr less(const Expr &a, const Expr &b, const Expr &c) const { return fused ? fused_subtract(a, b, c) : a * b - c; }
};

// log(1 + g) = 2 atanh(s), s = g / (2 + g), series: 2/3 + 2/5 s^2 + ..., highest power first. As g - s (g - series s^2), where the
// rounding of s touches only the correction term.
Expr log_near_one(const Expr &g, const Expr &two_and_g, const std::vector<double> &series, Products product) {
  const Type t = g.type();
  const Expr s = g / two_and_g, s2 = s * s;
  Expr sum = number(t, series[0]);
  for (size_t i = 1; i < series.size(); i++) sum = product.plus(sum, s2, number(t, series[i]));
  return strict_float(product.plus(s, product.less(sum, s2, g), g));
}

// 2/(2 terms + 1), ..., 2/5, 2/3
std::vector<double> atanh_series(int terms) {
  std::vector<double> series;
  for (int i = terms; i >= 1; i--) series.push_back(2.0 / (2 * i + 1));
  return series;
}

// log(x + lost) for x >= 0 and a lost that rounding left out of x.
Expr log_with_rest(const Expr &x, const Expr &lost, Products product) {
  const Type t = x.type();
  const Format &f = format_of(t);
  const bool wide = t.bits() == 64;
  // x = m * 2^k with m in [sqrt(1/2), sqrt(2)): take sqrt(1/2)'s bits away, split, give them back.
  Expr half_root = Internal::UIntImm::make(f.bits, wide ? 0x3fe6a09e667f3bcdull : 0x3f3504f3u);
  Expr b = to_bits(x) - half_root;
  Expr shift = Internal::make_const(f.bits, f.mantissa);
  Expr one_bits = to_bits(number(t, 1.0)), mantissa_mask = (Internal::make_const(f.bits, 1) << shift) - Internal::make_const(f.bits, 1);
  Type signed_bits = Int(t.bits());
  Expr k = cast(t, reinterpret(signed_bits, b) >> Internal::make_const(signed_bits, f.mantissa));
  Expr m = reinterpret(t, (b & mantissa_mask) + half_root);
  Expr g = strict_float(m - number(t, 1.0));
  if (lost.defined()) g = strict_float(product.plus(lost, reinterpret(t, one_bits - (b & ~mantissa_mask)), g));  // lost 2^-k
  // |s| < 0.1716
  Expr log_m = log_near_one(g, m + number(t, 1.0), atanh_series(wide ? 10 : 4), product);
  const double ln2_high = wide ? 6.93147180369123816490e-01 : 6.93145752e-01;
  const double ln2_low = wide ? 1.90821492927058770002e-10 : 1.42860677e-06;
  Expr y = strict_float(product.plus(k, number(t, ln2_high), product.plus(k, number(t, ln2_low), log_m)));
  Expr inf_bits = infinity_bits(t);
  Expr smallest = Internal::make_const(f.bits, 1) << shift;
  Expr minus_inf_bits = infinity_bits(t, true);
  // inf and NaN return themselves, 0 and subnormals -inf; through integers, or fast-math folds the selects away.
  Expr bits = select(to_bits(x) >= inf_bits, to_bits(x), to_bits(y));
  return reinterpret(t, lost.defined() ? bits : select(to_bits(x) < smallest, minus_inf_bits, bits));
}

}  // namespace

Expr log_positive(const Expr &x, bool fused) { return log_with_rest(x, {}, {fused}); }

Expr log1p_positive(const Expr &u, bool fused) {
  const Expr one = number(u.type(), 1.0), y = strict_float(one + u);
  // What the rounding of 1 + u lost. From 1e9 on nothing that counts, and 2^-k may be no number.
  Expr lost = strict_float(u - strict_float(y - one));
  return log_with_rest(y, select(u < number(u.type(), 1e9), lost, Internal::make_zero(u.type())), {fused});
}

Expr log1p_to_one(const Expr &u, bool fused) {
  // s <= 1/3. f32: fitted for least relative error, 5e-9.
  static const std::vector<double> f32{0.2801204942, 0.2800179355, 0.4002152789, 0.6666641628}, f64 = atanh_series(16);
  return log_near_one(u, u + number(u.type(), 2.0), u.type().bits() == 64 ? f64 : f32, {fused});
}

}  // namespace lossgen
