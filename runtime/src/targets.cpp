#include "targets.h"

#include <stdlib.h>

#include "cpu.h"
#include "error.h"
#include "gpu/backend.h"
#include "names.h"

namespace lossgen {

bool is_host_target(int target) { return backend_of_machine(target_machine(target)) == nullptr; }

const char *target_lacks(int target) {
  const Backend *backend = backend_of_machine(target_machine(target));
  return backend != nullptr ? backend->lacks() : cpu_lacks(target);
}

void add_targets(Text &text, uint32_t set, bool with_reasons) {
  const char *separator = "";
  for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) {
    if (!(set >> id & 1)) continue;
    text.add("%s%s", separator, target_name(id));
    if (with_reasons && target_lacks(id) != nullptr) text.add(" (%s)", target_lacks(id));
    separator = ", ";
  }
}

namespace {

lossgen_status check_forced(const char *name, const char *source, int *target) {
  const int id = target_id(name);
  if (id < 0) {
    char known[256];
    Text text(known, sizeof(known));
    add_targets(text, ~0u, false);
    return fail(LOSSGEN_BAD_ARGUMENT, "%s = \"%.60s\" is not a target; targets are %s", source, name, known);
  }
  if (!is_host_target(id)) {
    return fail(LOSSGEN_BAD_ARGUMENT, "%s = \"%s\" is for device tensors, these are on the host", source, name);
  }
  if (const char *reason = cpu_lacks(id)) {
    return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "%s = \"%s\" cannot run here: %s", source, name, reason);
  }
  *target = id;
  return LOSSGEN_OK;
}

// A copy, because the program may change its environment while other threads run.
struct Environment {
  char target[64] = {};
  Environment() {
    if (const char *value = getenv("LOSSGEN_TARGET")) Text(target, sizeof(target)).add("%s", value);
  }
};

}  // namespace

lossgen_status resolve_target(const char *from_options, int *target) {
  static const Environment environment;
  *target = kAnyTarget;
  if (from_options != nullptr) return check_forced(from_options, "options.target", target);
  if (environment.target[0] != '\0') return check_forced(environment.target, "LOSSGEN_TARGET", target);
  return LOSSGEN_OK;
}

}  // namespace lossgen
