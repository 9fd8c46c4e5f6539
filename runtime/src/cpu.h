// Which kernel targets this processor and its operating system can run.
#ifndef LOSSGEN_RUNTIME_CPU_H
#define LOSSGEN_RUNTIME_CPU_H

namespace lossgen {

// NULL when kernels for the target (LOSSGEN_TARGET_...) run here, else why not: "CPU lacks avx512f", "operating system
// does not save zmm registers", "this build is for x86-64". Detected once; any thread.
const char *cpu_lacks(int target_id);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_CPU_H
