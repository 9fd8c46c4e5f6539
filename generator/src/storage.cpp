#include "storage.h"

namespace lossgen {
using namespace Halide;

namespace {

Expr u32(uint32_t value) { return Internal::UIntImm::make(UInt(32), value); }
Expr bits_of(const Expr &f) { return reinterpret<uint32_t>(f); }

// x86-64-v3 and up (F16C), NEON and CUDA convert in hardware; elsewhere Halide would emulate, so do it here, where it is exact.
// OpenCL has the type half on some devices only.
// Of few classes known to it LLVM takes the maximum before it converts, in halves, for which there are instructions in ARMv8.2
// only. (tests/arm64/baseline.sh finds such.)
bool converts_f16(const KernelKey &key) {
  if (key.target == LOSSGEN_TARGET_arm64) return !is_unrolled(key.stage);
  return key.target != LOSSGEN_TARGET_x86_64_v2 && key.target != LOSSGEN_TARGET_opencl;
}

Expr f16_to_f32(const Expr &h) {
  // The exponent moves from 5 bits to 8 by a multiplication, which makes subnormals right as well.
  Expr rest = cast<uint32_t>(h) & u32(0x7fff), sign = (cast<uint32_t>(h) & u32(0x8000)) << u32(16);
  Expr scaled = strict_float(reinterpret<float>(rest << u32(13)) * 0x1p112f);
  Expr special = u32(0x7f800000) | ((rest & u32(0x3ff)) << u32(13));
  return reinterpret<float>(select(rest >= u32(0x7c00), special, bits_of(scaled)) | sign);
}

Expr f32_to_f16(const Expr &f) {
  Expr b = bits_of(f), magnitude = b & u32(0x7fffffff), sign = (b >> u32(16)) & u32(0x8000);
  Expr nan = u32(0x7e00) | ((magnitude >> u32(13)) & u32(0x3ff));
  // Below 2^-14 the adder of 0.5 rounds at f16's last bit, 2^-24.
  Expr tiny = bits_of(strict_float(reinterpret<float>(magnitude) + 0.5f)) - u32(0x3f000000);
  Expr normal = (magnitude - u32(0x38000000) + u32(0xfff) + ((magnitude >> u32(13)) & u32(1))) >> u32(13);
  Expr half = select(magnitude > u32(0x7f800000), nan, magnitude >= u32(0x477ff000), u32(0x7c00),
                     magnitude < u32(0x38800000), tiny, normal);
  return cast<uint16_t>(half | sign);
}

Expr f32_to_bf16(const Expr &f, NaNs nans) {
  Expr b = bits_of(f);
  Expr rounded = (b + u32(0x7fff) + ((b >> u32(16)) & u32(1))) >> u32(16);
  if (nans == NaNs::none) return cast<uint16_t>(rounded);
  // Without the test the rounding of a NaN could carry into infinity or zero.
  Expr nan = (b >> u32(16)) | u32(0x40);
  return cast<uint16_t>(select((b & u32(0x7fffffff)) > u32(0x7f800000), nan, rounded));
}

}  // namespace

Type storage_type(lossgen_dtype_id dtype) {
  switch (dtype) {
    case LOSSGEN_DTYPE_u8: return UInt(8);
    case LOSSGEN_DTYPE_i8: return Int(8);
    case LOSSGEN_DTYPE_f16:
    case LOSSGEN_DTYPE_bf16:
    case LOSSGEN_DTYPE_u16: return UInt(16);
    case LOSSGEN_DTYPE_i16: return Int(16);
    case LOSSGEN_DTYPE_u32: return UInt(32);
    case LOSSGEN_DTYPE_i32: return Int(32);
    case LOSSGEN_DTYPE_u64: return UInt(64);
    case LOSSGEN_DTYPE_i64: return Int(64);
    case LOSSGEN_DTYPE_f64: return Float(64);
    default: return Float(32);
  }
}

Type accumulator_type(lossgen_dtype_id dtype) { return Float(dtype == LOSSGEN_DTYPE_f64 ? 64 : 32); }

Expr to_accumulator(const KernelKey &key, const Expr &stored) {
  if (key.dtype == LOSSGEN_DTYPE_bf16) return reinterpret<float>(cast<uint32_t>(stored) << u32(16));
  if (key.dtype != LOSSGEN_DTYPE_f16) return cast(accumulator_type(key.dtype), stored);
  return converts_f16(key) ? cast<float>(reinterpret(Float(16), stored)) : f16_to_f32(stored);
}

Expr from_accumulator(const KernelKey &key, const Expr &value, NaNs nans) {
  if (key.dtype == LOSSGEN_DTYPE_bf16) return f32_to_bf16(value, nans);
  if (key.dtype != LOSSGEN_DTYPE_f16) return cast(storage_type(key.dtype), value);
  return converts_f16(key) ? reinterpret<uint16_t>(cast(Float(16), value)) : f32_to_f16(value);
}

}  // namespace lossgen
