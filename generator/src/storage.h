// How tensors hold numbers, and the conversions to and from the type that sums are taken in.
#pragma once
#include <Halide.h>

#include "algorithm.h"

namespace lossgen {

// f16 and bf16 are UInt(16) to Halide: its own 16-bit floats lose NaN, round twice or do not compile on some targets.
Halide::Type storage_type(lossgen_dtype_id dtype);
// f32, f64 for f64.
Halide::Type accumulator_type(lossgen_dtype_id dtype);

inline bool is_target_dtype(int dtype) {
  return dtype != LOSSGEN_DTYPE_f32 && dtype != LOSSGEN_DTYPE_f64 && dtype != LOSSGEN_DTYPE_f16 &&
         dtype != LOSSGEN_DTYPE_bf16;
}

// Exact.
Halide::Expr to_accumulator(const KernelKey &key, const Halide::Expr &stored);
// Round to nearest, ties to even; NaN stays NaN, unless the caller says that there is none (bf16: 8 instructions in place of 11 for a vector);
// overflow becomes infinity.
enum class NaNs { kept, none };
Halide::Expr from_accumulator(const KernelKey &key, const Halide::Expr &value, NaNs nans = NaNs::kept);

}  // namespace lossgen
