// exp, log and log1p as Halide expressions, written here because Halide's own turn NaN into 0 (exp) or 89 (log), cost a
// floor and two selects more, and become scalar libm calls for f64.
#pragma once
#include <Halide.h>

namespace lossgen {

// exp(x - reference). Relative error below 2^-22 + 1.4e-8 |d|, d the difference (at 80: 2^-19 without fused multiply-add), exactly 0 below e^-88 (f64:
// e^-709; ExpBy::table: e^-103), so for x = -inf, saturates at e^88 (e^709), NaN for NaN and for inf - inf. The difference is taken before the
// scaling by log2(e), so that an offset common to x and the reference costs nothing.
// What the caller knows about differences from 88 (709) on: nothing; that it will see a sum of these terms, and distrust all but
// positive finite ones; that there are none, or only NaN.
enum class Above { clamped, checked, bounded };
// A polynomial times 2^n, n shifted into the exponent's bits; the same in steps that are one NEON instruction each, with equal results;
// exp_by_table.
enum class ExpBy { bits, neon, table };
Halide::Expr exp_of_difference(const Halide::Expr &x, const Halide::Expr &reference, Above above, ExpBy by);

// Natural logarithm; -inf for 0, inf for inf, NaN for NaN. x >= 0, subnormals count as 0.
// fused: products and sums in one rounding, by the instructions that has_avx512_f32() promises.
Halide::Expr log_positive(const Halide::Expr &x, bool fused);

// log(1 + u) for u >= 0 below 2^127 (f64: 2^1023), accurate to the last bits also for u near 0; inf for inf, NaN for NaN.
Halide::Expr log1p_positive(const Halide::Expr &u, bool fused);

// The same for 0 <= u <= 1, in two thirds of the steps; NaN for NaN.
Halide::Expr log1p_to_one(const Halide::Expr &u, bool fused);

// Neither infinite nor NaN, tested on the bits: fast-math flags would fold a comparison away.
Halide::Expr is_finite_number(const Halide::Expr &x);

// low <= x <= high, both positive; false for NaN. On the bits too.
Halide::Expr is_within(const Halide::Expr &x, double low, double high);

// inf, or -inf; x > 0 (of a NaN, either): on the bits too.
Halide::Expr is_infinity(const Halide::Expr &x, bool negative);
Halide::Expr is_above_zero(const Halide::Expr &x);

// x without its sign, -|x|, and whether x is 0.
Halide::Expr magnitude(const Halide::Expr &x);
Halide::Expr minus_magnitude(const Halide::Expr &x);
Halide::Expr is_zero(const Halide::Expr &x);

// y, but -inf where x is 0.
Halide::Expr unless_zero(const Halide::Expr &x, const Halide::Expr &y);

// Equal bit for bit. As numbers, fast-math flags let a NaN be equal to anything (x86-64-v2 f64, one lane at a time).
Halide::Expr same_bits(const Halide::Expr &a, const Halide::Expr &b);

// A NaN that no fast-math flag may assume away.
Halide::Expr not_a_number(Halide::Type t);

}  // namespace lossgen
