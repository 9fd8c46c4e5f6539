// Rounding mode and denormal handling of the calling thread. Both change results, so every thread that works on a call
// takes them from the thread that made it; exception masks and flags stay each thread's own.
#ifndef LOSSGEN_RUNTIME_FP_MODE_H
#define LOSSGEN_RUNTIME_FP_MODE_H

#include <stdint.h>

namespace lossgen {

struct FpMode {
  uint64_t bits;
};

#if defined(__x86_64__)
constexpr uint32_t kFpModeMask = 0xe040;  // MXCSR: flush to zero, rounding control, denormals are zero
inline uint32_t fp_control() { return __builtin_ia32_stmxcsr(); }
inline FpMode get_fp_mode() { return {fp_control() & kFpModeMask}; }
inline void set_fp_mode(FpMode mode) {
  const uint32_t before = fp_control();
  if ((before & kFpModeMask) != mode.bits) {
    __builtin_ia32_ldmxcsr((before & ~kFpModeMask) | static_cast<uint32_t>(mode.bits));
  }
}
#elif defined(__aarch64__)
constexpr uint64_t kFpModeMask = 0x03c80000;  // FPCR: default NaN, flush to zero, rounding mode, the same for f16
inline uint64_t fp_control() {
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
}
inline FpMode get_fp_mode() { return {fp_control() & kFpModeMask}; }
inline void set_fp_mode(FpMode mode) {
  const uint64_t before = fp_control();
  if ((before & kFpModeMask) != mode.bits) {
    __asm__ volatile("msr fpcr, %0" ::"r"((before & ~kFpModeMask) | mode.bits) : "memory");
  }
}
#else
inline FpMode get_fp_mode() { return {0}; }
inline void set_fp_mode(FpMode) {}
#endif

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_FP_MODE_H
