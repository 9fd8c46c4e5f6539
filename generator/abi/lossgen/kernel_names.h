// Names of targets, stages, dtypes and layouts, from the lists in kernel_abi.h.
#pragma once
#include <cstring>

#include "lossgen/kernel_abi.h"

namespace lossgen {

#define LOSSGEN_X(id, name, machine) name,
constexpr const char *kTargetNames[] = {LOSSGEN_TARGETS(LOSSGEN_X)};
#undef LOSSGEN_X
#define LOSSGEN_X(id, name, machine) machine,
constexpr const char *kTargetMachines[] = {LOSSGEN_TARGETS(LOSSGEN_X)};
#undef LOSSGEN_X
#define LOSSGEN_X(id, ...) #id,
constexpr const char *kTargetIdentifiers[] = {LOSSGEN_TARGETS(LOSSGEN_X)};
constexpr const char *kDtypeNames[] = {LOSSGEN_DTYPES(LOSSGEN_X)};
constexpr const char *kLayoutNames[] = {LOSSGEN_LAYOUTS(LOSSGEN_X)};
constexpr const char *kStageNames[] = {LOSSGEN_STAGES(LOSSGEN_X)};
#undef LOSSGEN_X

// A machine that is no CPU.
inline bool is_device_machine(const char *machine) { return !std::strcmp(machine, "cuda") || !std::strcmp(machine, "opencl"); }

// Index of text among the names, -1 if it is not there.
template <int Count>
int index_of(const char *const (&names)[Count], const char *text) {
  for (int i = 0; i < Count; i++)
    if (std::strcmp(names[i], text) == 0) return i;
  return -1;
}

}  // namespace lossgen
