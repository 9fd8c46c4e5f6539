// Names of the enums in kernel_abi.h, and DLPack types by name.
#ifndef LOSSGEN_RUNTIME_NAMES_H
#define LOSSGEN_RUNTIME_NAMES_H

#include <string.h>

#include "lossgen/kernel_abi.h"
#include "lossgen/lossgen.h"

namespace lossgen {

#define LOSSGEN_X(id, name, machine) name,
constexpr const char *kTargetNames[] = {LOSSGEN_TARGETS(LOSSGEN_X)};
#undef LOSSGEN_X
#define LOSSGEN_X(id, name, machine) machine,
constexpr const char *kTargetMachines[] = {LOSSGEN_TARGETS(LOSSGEN_X)};
#undef LOSSGEN_X
#define LOSSGEN_X(id, ...) #id,
constexpr const char *kDtypeNames[] = {LOSSGEN_DTYPES(LOSSGEN_X)};
constexpr const char *kLayoutNames[] = {LOSSGEN_LAYOUTS(LOSSGEN_X)};
constexpr const char *kStageNames[] = {LOSSGEN_STAGES(LOSSGEN_X)};
#undef LOSSGEN_X

// Ids come out of generated tables: one out of range (a table written by hand) reads "?" instead of past the array.
inline const char *target_name(int id) { return id >= 0 && id < LOSSGEN_TARGET_COUNT ? kTargetNames[id] : "?"; }
inline const char *target_machine(int id) { return id >= 0 && id < LOSSGEN_TARGET_COUNT ? kTargetMachines[id] : "?"; }
inline const char *dtype_name(int id) { return id >= 0 && id < LOSSGEN_DTYPE_COUNT ? kDtypeNames[id] : "?"; }
inline const char *layout_name(int id) { return id >= 0 && id < LOSSGEN_LAYOUT_COUNT ? kLayoutNames[id] : "?"; }
inline const char *stage_name(int id) { return id >= 0 && id < LOSSGEN_STAGE_COUNT ? kStageNames[id] : "?"; }

// -1 for a name that no target has.
inline int target_id(const char *name) {
  for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) {
    if (strcmp(kTargetNames[id], name) == 0) return id;
  }
  return -1;
}

// The LOSSGEN_DTYPE_ id of a tensor's type, -1 when the kernel ABI has no such type.
inline int dtype_id(DLDataType type) {
#define LOSSGEN_X(id, dl_code, dl_bits) \
  if (type.lanes == 1 && type.code == dl_code && type.bits == dl_bits) return LOSSGEN_DTYPE_##id;
  LOSSGEN_DTYPES(LOSSGEN_X)
#undef LOSSGEN_X
  return -1;
}

// For messages, any DLPack type: "f32", "bf16", "u8", ...
inline const char *dtype_text(DLDataType type) {
  static constexpr struct {
    int code, bits;
    const char *text;
  } kTypes[] = {{0, 8, "i8"},   {0, 16, "i16"}, {0, 32, "i32"},  {0, 64, "i64"}, {1, 1, "bool"},   {1, 8, "u8"},
                {1, 16, "u16"}, {1, 32, "u32"}, {1, 64, "u64"},  {2, 16, "f16"}, {2, 32, "f32"},   {2, 64, "f64"},
                {2, 8, "f8"},   {3, 64, "ptr"}, {4, 16, "bf16"}, {5, 64, "c64"}, {5, 128, "c128"}, {6, 8, "bool"}};
  if (type.lanes != 1) return "a vector type";
  for (const auto &t : kTypes) {
    if (t.code == type.code && t.bits == type.bits) return t.text;
  }
  return "an unknown type";
}

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_NAMES_H
