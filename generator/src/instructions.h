// Instructions that Halide does not emit by itself; instructions.cpp says how they get in.
#pragma once
#include <Halide.h>

#include "algorithm.h"

namespace lossgen {

// Kernels of x86-64-v4 that compute in f32 have what follows.
bool has_avx512_f32(const KernelKey &key);
Halide::Expr fused_subtract(const Halide::Expr &a, const Halide::Expr &b, const Halide::Expr &c);  // a b - c, one rounding
Halide::Expr fused_add(const Halide::Expr &a, const Halide::Expr &b, const Halide::Expr &c);       // a b + c
// e^d for |d| <= 9e4, relative error below 2^-22 + 1.4e-8 |d|; from 88.7 on inf or NaN, as above that range.
Halide::Expr exp_by_table(const Halide::Expr &d);

// While it lives, what this thread compiles for x86 prefetches into that cache instead of by Halide's prefetchnta.
enum class Cache { l1, l2 };
class PrefetchInto {
 public:
  explicit PrefetchInto(Cache cache);
  ~PrefetchInto();
};

}  // namespace lossgen
