// The kernels linked into the process, and which of them a call takes.
#ifndef LOSSGEN_RUNTIME_REGISTRY_H
#define LOSSGEN_RUNTIME_REGISTRY_H

#include "lossgen/kernel_abi.h"
#include "lossgen/lossgen.h"

namespace lossgen {

constexpr int kAnyTarget = -1;

struct KnownKernels;

// The kernels for a dtype, layout and class count, stage by stage; NULL when none is linked that can run (need says why, in
// the error). target: one LOSSGEN_TARGET_ id, taken as it is (resolve_target has checked it; device code passes its
// own), or kAnyTarget: the newest CPU target usable here. Within a target a kernel for exactly this class count beats
// the general one (general_only: only general ones count), one for the layout beats "any", the last registered wins.
// Costs a few nanoseconds when the thread asked before. To be used up before the thread makes another one.
class KernelsFor {
 public:
  KernelsFor(int dtype, int layout, int64_t classes, int target = kAnyTarget, bool general_only = false);
  const lossgen_kernel *find(int stage);
  lossgen_status need(int stage, const lossgen_kernel **kernel);

 private:
  int dtype_, layout_, target_;
  bool general_only_;
  int64_t classes_;
  KnownKernels *known_;  // the thread's memory
};

inline const lossgen_kernel *find_kernel(int stage, int dtype, int layout, int64_t classes, int target = kAnyTarget,
                                         bool general_only = false) {
  return KernelsFor(dtype, layout, classes, target, general_only).find(stage);
}

// Call after NULL was found, with the same arguments: LOSSGEN_UNSUPPORTED_BY_BUILD or _HARDWARE and a message that says
// what to do.
lossgen_status explain_missing(int stage, int dtype, int layout, int64_t classes, int target = kAnyTarget,
                               bool general_only = false);

// The index-th kernel registered, NULL past the last; for walks over all of them while no library comes or goes.
const lossgen_kernel *kernel_at(uint32_t index);

// For host tensors: *target = the target that options.target (may be NULL) or else the environment variable
// LOSSGEN_TARGET forces, or kAnyTarget. The environment is read once.
lossgen_status resolve_target(const char *from_options, int *target);

// NULL when kernels of the target can run, else why not; any target, devices too.
const char *target_lacks(int target);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_REGISTRY_H
