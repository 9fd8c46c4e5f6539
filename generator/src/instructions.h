// Instructions that Halide does not emit by itself; instructions.cpp says how they get in.
#pragma once
#include <Halide.h>

#include "algorithm.h"

namespace lossgen {

// f32 kernels of x86-64-v4: powers of two in one instruction, products and sums in one rounding.
bool has_scale(const KernelKey &key);
Halide::Expr fused_subtract(const Halide::Expr &a, const Halide::Expr &b, const Halide::Expr &c);  // a b - c, one rounding
Halide::Expr fused_add(const Halide::Expr &a, const Halide::Expr &b, const Halide::Expr &c);       // a b + c
Halide::Expr scale_of(const Halide::Expr &p, const Halide::Expr &t);  // p * 2^floor(t), 0 to inf, NaN for NaN

// While it lives, what this thread compiles for x86 prefetches into that cache instead of by Halide's prefetchnta.
enum class Cache { l1, l2 };
class PrefetchInto {
 public:
  explicit PrefetchInto(Cache cache);
  ~PrefetchInto();
};

}  // namespace lossgen
