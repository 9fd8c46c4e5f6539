#include "device_space.h"

#include <algorithm>
#include <stdexcept>

#include "lossgen/kernel_names.h"
#include "storage.h"

namespace lossgen {

namespace {

// Shapes whose calls take the same kernels. apart: a loss with its gradient makes a launch for each of them.
struct Group {
  lossgen_layout_id layout;
  bool apart;
  std::vector<Shape> shapes;
};

Group group_of(const Shape &s, const std::string &logits, int bytes) {
  Group g{logits == "rows" ? lossgen_device_layout(s.classes, bytes) : LOSSGEN_LAYOUT_planes, false, {s}};
  if (s.classes % 4 == 0) g.layout = lossgen_layout_in_fours(g.layout);
  const int64_t x = s.inner > 1 ? s.inner : s.rows, o = s.inner > 1 ? s.rows : 1;
  // No launch spans more elements: the runtime cuts o first.
  const int64_t most = std::max<int64_t>(1, LOSSGEN_DEVICE_MOST_ELEMENTS / std::max<int64_t>(1, s.classes * x));
  g.apart = g.layout == LOSSGEN_LAYOUT_planes ? !lossgen_device_fuses_planes(x, std::min(o, most)) : lossgen_device_in_parts(s.classes, bytes);
  return g;
}

std::vector<Group> groups_of(const Request &request, const std::vector<Shape> &shapes, int bytes) {
  const bool natural = request.layouts.empty();
  std::vector<Group> groups;
  for (const std::string &logits : natural ? std::vector<std::string>{"rows", "planes"} : request.layouts)
    for (const Shape &s : shapes) {
      if (natural && (s.inner > 1) != (logits == "planes")) continue;
      const Group g = group_of(s, logits, bytes);
      const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group &other) {
        return other.layout == g.layout && other.apart == g.apart;
      });
      if (same == groups.end()) groups.push_back(g);
      else same->shapes.push_back(s);
    }
  return groups;
}

// The stage that a call spends its time in; none: -1. Its others are launches over numbers per row.
int stage_of(const std::string &call, bool apart) {
  if (call == "log_softmax_forward") return LOSSGEN_STAGE_log_softmax_forward;
  if (call == "log_softmax_backward") return LOSSGEN_STAGE_log_softmax_backward;
  if (call == "cross_entropy_forward")
    return apart ? LOSSGEN_STAGE_cross_entropy_forward_parts : LOSSGEN_STAGE_cross_entropy_forward_exact;
  if (call == "cross_entropy_backward") return LOSSGEN_STAGE_cross_entropy_backward;
  if (call == "cross_entropy_forward_backward") return LOSSGEN_STAGE_cross_entropy_forward_backward;
  return -1;
}

// Where launches are apart a loss with its gradient is two calls, each with numbers of its own.
std::vector<std::string> calls_of(const Request &request, bool apart) {
  std::vector<std::string> calls = tunable_calls(request.ops);
  const auto both = std::find(calls.begin(), calls.end(), "cross_entropy_forward_backward");
  if (!apart || both == calls.end()) return calls;
  calls.erase(both);
  for (const char *part : {"cross_entropy_forward", "cross_entropy_backward"})
    if (std::find(calls.begin(), calls.end(), part) == calls.end()) calls.push_back(part);
  return calls;
}

// What check_params refuses is no part of the space.
void add_axes(Unit *unit) {
  if (unit->layout == LOSSGEN_LAYOUT_planes) {
    add_axis(unit, "threads", {32, 64, 128, 256, 512});
    add_axis(unit, "class_group", {1, 2, 4, 8, 16});
  } else if (unit->layout == LOSSGEN_LAYOUT_few) {
    add_axis(unit, "threads", {8, 16, 32, 64, 128});
    add_axis(unit, "tile", {2, 4, 8, 16, 32});
    add_axis(unit, "class_group", {1, 2, 4, 8});
  } else {
    add_axis(unit, "threads", {8, 16, 32, 64, 128, 256, 512});
    add_axis(unit, "tile", {1, 2, 4, 8, 16, 32});
    add_axis(unit, "unroll", {1, 2, 4, 8});
  }
}

}  // namespace

void add_device_units(const Request &request, lossgen_target_id target, lossgen_dtype_id dtype,
                      const std::vector<Shape> &shapes, std::vector<Unit> *units) {
  if (std::string(kTargetMachines[target]) != "cuda")
    throw std::invalid_argument(std::string("target ") + kTargetNames[target] +
                                ": only CPU and CUDA targets can be tuned");
  if (dtype == LOSSGEN_DTYPE_f64)
    throw std::invalid_argument(std::string("target ") + kTargetNames[target] + " has no f64 kernels");
  if (std::find(request.layouts.begin(), request.layouts.end(), "strided") != request.layouts.end())
    throw std::invalid_argument(std::string("target ") + kTargetNames[target] +
                                ": strided logits take the kernels of planes");
  const std::vector<std::string> calls = tunable_calls(request.ops);
  if (std::none_of(calls.begin(), calls.end(), [](const std::string &c) { return stage_of(c, false) >= 0; }))
    throw std::invalid_argument(std::string("target ") + kTargetNames[target] +
                                ": only log_softmax and cross_entropy can be tuned");
  std::vector<int64_t> counts = {0};
  counts.insert(counts.end(), request.classes.begin(), request.classes.end());
  for (const Group &group : groups_of(request, shapes, storage_type(dtype).bytes()))
    for (int64_t classes : counts)
      for (const std::string &call : calls_of(request, group.apart)) {
        const int stage = stage_of(call, group.apart && group.layout != LOSSGEN_LAYOUT_planes);
        if (stage < 0) continue;
        Unit unit;
        unit.call = call, unit.op = call.rfind("log_softmax", 0) == 0 ? "log_softmax" : "cross_entropy";
        unit.dtype = dtype, unit.layout = group.layout, unit.target = target, unit.classes = classes;
        unit.host = request.host;
        unit.stages = {(lossgen_stage_id)stage};
        for (const Shape &s : group.shapes)
          if (!classes || s.classes == classes) unit.shapes.push_back(s);
        if (unit.shapes.empty()) continue;
        // Groups differ in their launches, but a call may take the same kernel in both: all shapes of a kernel are tuned together.
        const auto same = std::find_if(units->begin(), units->end(), [&](const Unit &u) { return u.call == unit.call && u.same_kernels(unit) && u.stages == unit.stages; });
        if (same != units->end()) {
          same->shapes.insert(same->shapes.end(), unit.shapes.begin(), unit.shapes.end());
          continue;
        }
        add_axes(&unit);
        units->push_back(unit);
      }
}

}  // namespace lossgen
