// Why a call finds no kernel, and what to do about it.
#include <string.h>

#include <initializer_list>

#include "error.h"
#include "names.h"
#include "registry.h"
#include "text.h"

namespace lossgen {
namespace {

// "cross_entropy_backward" -> "cross_entropy", the name that lossgen_add_library's OPS takes; NULL for helpers.
const char *op_of_stage(int stage) {
  for (const char *op : {"log_softmax", "nll_loss", "cross_entropy_probs", "cross_entropy"}) {
    if (strncmp(stage_name(stage), op, strlen(op)) == 0) return op;
  }
  return nullptr;
}

// What is linked, seen from a request that found nothing: how far down the list of its fields kernels still fit.
struct Findings {
  uint64_t kernels = 0, of_stage = 0, of_dtype = 0, of_both = 0, of_layout = 0;
  uint32_t targets = 0;       // bit per target, of those that fit all but it
  int64_t built_for[6] = {};  // class counts of the others
  uint32_t built_for_count = 0;

  void add(const lossgen_kernel &k, const KernelRequest &request) {
    ++kernels;
    of_stage += k.stage == request.stage;
    of_dtype += k.dtype == request.dtype;
    if (!request.fits_stage(k)) return;
    ++of_both;
    if (!request.fits_layout(k)) return;
    ++of_layout;
    if (k.target >= LOSSGEN_TARGET_COUNT) return;
    if (request.fits_classes(k)) {
      targets |= 1u << k.target;
      return;
    }
    for (uint32_t i = 0; i < built_for_count; ++i) {
      if (built_for[i] == k.classes) return;
    }
    if (built_for_count < sizeof(built_for) / sizeof(built_for[0])) built_for[built_for_count++] = k.classes;
  }
};

lossgen_status explain(const KernelRequest &request, const Findings &found) {
  // "f32 rows", "i64 targets"
  char what[64];
  Text(what, sizeof(what))
      .add("%s %s", dtype_name(request.dtype),
           request.stage == LOSSGEN_STAGE_target_classes ? "targets"
           : request.layout == LOSSGEN_LAYOUT_any        ? "logits"
           : request.layout == LOSSGEN_LAYOUT_strided    ? "strided logits"
                                                         : layout_name(request.layout));
  char buffer[512];
  Text text(buffer, sizeof(buffer));
  lossgen_status status = LOSSGEN_UNSUPPORTED_BY_BUILD;
  const char *op = op_of_stage(request.stage);

  if (found.kernels == 0) {
    text.add("no kernels are linked into this program; link a library made by lossgen_add_library");
  } else if (found.of_dtype == 0) {
    text.add("%s are not in this build", what);
    if (op != nullptr) text.add("; add DTYPES %s to lossgen_add_library", dtype_name(request.dtype));
  } else if (found.of_stage == 0) {
    text.add("%s is not in this build", stage_name(request.stage));
    if (op != nullptr) text.add("; add OPS %s to lossgen_add_library", op);
  } else if (found.of_both == 0 || found.of_layout == 0) {
    text.add("%s of %s is not in this build", stage_name(request.stage), what);
    if (found.of_both == 0 && op != nullptr) {
      text.add("; make a library with OPS %s and DTYPES %s by lossgen_add_library", op, dtype_name(request.dtype));
    }
  } else if (found.targets == 0) {
    text.add("%s of %s is in this build for", stage_name(request.stage), what);
    for (uint32_t i = 0; i < found.built_for_count; ++i) {
      text.add("%s %lld", i > 0 ? "," : "", static_cast<long long>(found.built_for[i]));
    }
    text.add(" classes only, %s %lld",
             request.general_only ? "general_kernels_only asks for any number, here" : "not for",
             static_cast<long long>(request.classes));
  } else if (request.target != kAnyTarget) {
    const char *name = target_name(request.target);
    text.add("%s of %s is not in this build for target %s, only for ", stage_name(request.stage), what, name);
    add_targets(text, found.targets, false);
    text.add("; add TARGETS %s to lossgen_add_library", name);
  } else {
    uint32_t for_hosts = 0;
    for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) for_hosts |= is_host_target(id) ? found.targets & 1u << id : 0;
    text.add("%s of %s is in this build for ", stage_name(request.stage), what);
    if (for_hosts != 0) {
      status = LOSSGEN_UNSUPPORTED_HARDWARE;
      add_targets(text, for_hosts, true);
      text.add(" only");
    } else {
      add_targets(text, found.targets, false);
      text.add(" only, the tensors are on the host; add a CPU target to TARGETS of lossgen_add_library");
    }
  }
  return fail(status, "%s", buffer);
}

}  // namespace

lossgen_status explain_missing(int stage, int dtype, int layout, int64_t classes, int target, bool general_only) {
  const KernelRequest request = {stage, dtype, layout, target, classes, general_only};
  Findings found;
  visit_kernels([&](const lossgen_kernel &k) { found.add(k, request); });
  const lossgen_status status = explain(request, found);  // may load a driver: not under the mutex
  tell_left_out();
  return status;
}

}  // namespace lossgen
