// The kernels linked into the process, and which of them a call takes.
#ifndef LOSSGEN_RUNTIME_REGISTRY_H
#define LOSSGEN_RUNTIME_REGISTRY_H

#include "cpu.h"
#include "lossgen/kernel_abi.h"
#include "lossgen/lossgen.h"
#include "targets.h"

namespace lossgen {

// What a kernel must fit. general_only: kernels for one class count do not.
struct KernelRequest {
  int stage, dtype, layout, target;
  int64_t classes;
  bool general_only;

  bool fits_stage(const lossgen_kernel &k) const { return k.stage == stage && k.dtype == dtype; }
  bool fits_layout(const lossgen_kernel &k) const { return k.layout == layout || k.layout == LOSSGEN_LAYOUT_any; }
  bool fits_classes(const lossgen_kernel &k) const { return k.classes == 0 || (k.classes == classes && !general_only); }
  bool fits_target(const lossgen_kernel &k) const {
    return target == kAnyTarget ? cpu_lacks(k.target) == nullptr : k.target == target;
  }
};

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

// Every kernel. No library comes or goes meanwhile, and visit asks the registry nothing.
void visit_kernels(void (*visit)(void *user, const lossgen_kernel &kernel), void *user);
template <class Visit>
void visit_kernels(Visit visit) {
  visit_kernels([](void *user, const lossgen_kernel &kernel) { (*static_cast<Visit *>(user))(kernel); }, &visit);
}

// Adds to the error the tables that could not be taken: of another ABI, or for want of memory.
void tell_left_out();

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_REGISTRY_H
