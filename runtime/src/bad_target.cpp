// The message about a class out of bounds.
#include <stdio.h>

#include "convert.h"
#include "error.h"
#include "loss.h"

namespace lossgen {

// The first bad target in the tensor's own order, by a plain walk: rare, and the message wants its index.
lossgen_status report_bad_target(const LossCall &call) {
  const Problem &p = call.problem;
  const Tensor &t = p.row[kTarget];
  int64_t index[kMaxRank] = {};
  for (int64_t left = t.size(); left > 0; left--) {
    int64_t offset = 0;
    for (int i = 0; i < t.rank; i++) offset += index[i] * t.stride[i];
    const int64_t y = load_integer(t.data + offset * t.bytes(), t.type);
    const bool huge = t.type.code == kDLUInt && y < 0;  // u64 beyond i64
    if ((y < 0 || y >= p.classes) && (huge || !(call.has_ignore && y == call.ignore_index))) {
      char value[32], ignore[48];
      snprintf(value, sizeof value, huge ? "%llu" : "%lld", (long long)y);
      if (call.has_ignore) snprintf(ignore, sizeof ignore, "ignore_index = %lld", (long long)call.ignore_index);
      else snprintf(ignore, sizeof ignore, "no ignore_index");
      char at[160] = "";
      for (int i = 0, used = 0; i < t.rank && used < 140; i++)
        used += snprintf(at + used, sizeof at - used, "%s%lld", i ? "," : "[", (long long)index[i]);
      return fail(LOSSGEN_TARGET_OUT_OF_BOUNDS, "target%s%s = %s is out of bounds for %lld classes (%s)", at,
                  t.rank ? "]" : "", value, (long long)p.classes, ignore);
    }
    for (int i = t.rank - 1; i >= 0; i--) {
      if (++index[i] < t.shape[i]) break;
      index[i] = 0;
    }
  }
  return fail(LOSSGEN_TARGET_OUT_OF_BOUNDS, "a target changed while the call read it");
}

}  // namespace lossgen
