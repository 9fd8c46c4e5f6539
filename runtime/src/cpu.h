// Which kernel targets this processor and its operating system can run.
#ifndef LOSSGEN_RUNTIME_CPU_H
#define LOSSGEN_RUNTIME_CPU_H

#include <stdint.h>

namespace lossgen {

// NULL when kernels for the target (LOSSGEN_TARGET_...) run here, else why not: "CPU lacks avx512f", "operating system
// does not save zmm registers", "this build is for x86-64". Detected once; any thread.
const char *cpu_lacks(int target_id);

// What the answer is made from on x86-64: registers that cpuid and xgetbv leave. Apart, so that tests can describe
// processors which they do not run on.
struct X86Registers {
  uint32_t leaf1_ecx, leaf7_ebx, extended1_ecx;
  uint64_t xcr0;  // 0 when the operating system has not enabled xsave
};

// level: 2, 3, 4 as in x86-64-v2, ... (psABI).
const char *x86_lacks(const X86Registers &registers, int level);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_CPU_H
