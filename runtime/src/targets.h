// What kernels are made for, by LOSSGEN_TARGET_ id: what can run here, and what a caller forces.
#ifndef LOSSGEN_RUNTIME_TARGETS_H
#define LOSSGEN_RUNTIME_TARGETS_H

#include <stdint.h>

#include "lossgen/lossgen.h"
#include "text.h"

namespace lossgen {

constexpr int kAnyTarget = -1;

bool is_host_target(int target);

// NULL when kernels of the target can run, else why not; any target, devices too.
const char *target_lacks(int target);

// "x86-64-v3, arm64" for a set of bits, each with what it lacks if wanted.
void add_targets(Text &text, uint32_t set, bool with_reasons);

// For host tensors: *target = the target that options.target (may be NULL) or else the environment variable
// LOSSGEN_TARGET forces, or kAnyTarget. The environment is read once.
lossgen_status resolve_target(const char *from_options, int *target);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_TARGETS_H
