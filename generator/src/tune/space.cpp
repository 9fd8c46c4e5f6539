#include "space.h"

#include <algorithm>
#include <stdexcept>

#include "device_space.h"
#include "lossgen/kernel_names.h"
#include "storage.h"

namespace lossgen {

namespace {

// stages: what the call spends its time in. cut: see Unit. walks: its rows are read by sums along the classes, which
// is what their prefetch is for.
struct Call {
  const char *name, *op;
  std::vector<lossgen_stage_id> stages;
  int cut;
  bool walks;
  double tensors;
  const char *access;
};

// cross_entropy_forward cuts cross_entropy_forward_backward too, where it matters: a block's logits shall still be in
// cache when its gradient is made. So the latter decides, and comes later.
const std::vector<Call> &calls() {
  static const std::vector<Call> list = {
      {"log_softmax_forward",
       "log_softmax",
       {LOSSGEN_STAGE_log_softmax_forward},
       LOSSGEN_STAGE_log_softmax_forward,
       true,
       2,
       "copy"},
      {"log_softmax_backward",
       "log_softmax",
       {LOSSGEN_STAGE_log_softmax_backward},
       LOSSGEN_STAGE_log_softmax_backward,
       true,
       3,
       "copy"},
      {"nll_loss_forward",
       "nll_loss",
       {LOSSGEN_STAGE_nll_loss_forward},
       LOSSGEN_STAGE_nll_loss_forward,
       false,
       0,
       "read"},
      {"nll_loss_backward",
       "nll_loss",
       {LOSSGEN_STAGE_nll_loss_backward},
       LOSSGEN_STAGE_nll_loss_backward,
       false,
       1,
       "copy"},
      {"cross_entropy_forward",
       "cross_entropy",
       {LOSSGEN_STAGE_cross_entropy_forward, LOSSGEN_STAGE_cross_entropy_forward_exact},
       -1,
       true,
       1,
       "read"},
      {"cross_entropy_backward", "cross_entropy", {LOSSGEN_STAGE_cross_entropy_backward}, -1, false, 2, "copy"},
      {"cross_entropy_forward_backward",
       "cross_entropy",
       {LOSSGEN_STAGE_cross_entropy_forward_terms, LOSSGEN_STAGE_cross_entropy_backward_terms},
       LOSSGEN_STAGE_cross_entropy_forward,
       true,
       2,
       "update"},
      {"cross_entropy_general",
       "cross_entropy",
       {LOSSGEN_STAGE_cross_entropy_forward_general, LOSSGEN_STAGE_cross_entropy_backward_general},
       LOSSGEN_STAGE_cross_entropy_forward_general,
       true,
       2,
       "update"},
      {"cross_entropy_probs_forward",
       "cross_entropy_probs",
       {LOSSGEN_STAGE_cross_entropy_probs_forward},
       -1,
       true,
       2,
       "read"},
      {"cross_entropy_probs_forward_backward",
       "cross_entropy_probs",
       {LOSSGEN_STAGE_cross_entropy_probs_backward},
       LOSSGEN_STAGE_cross_entropy_probs_forward,
       false,
       3,
       "update"},
  };
  return list;
}

const Call &call_named(const std::string &name) {
  for (const Call &c : calls())
    if (name == c.name) return c;
  throw std::invalid_argument("no call " + name);
}

// The stages that a call of these shapes runs in place of the listed ones.
void settle_stages(Unit *unit) {
  if (unit->call != "cross_entropy_forward" && unit->call != "cross_entropy_forward_backward") return;
  const bool gradient = unit->call == "cross_entropy_forward_backward";
  if (unit->classes >= 1 && unit->classes <= LOSSGEN_MOST_UNROLLED && unit->layout != LOSSGEN_LAYOUT_strided) {
    unit->stages = {gradient ? LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled
                             : LOSSGEN_STAGE_cross_entropy_forward_unrolled};
    if (!has_reference(unit->key(unit->stages[0])))
      unit->stages.push_back(gradient ? LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled_exact
                                      : LOSSGEN_STAGE_cross_entropy_forward_unrolled_exact);
    return;
  }
  if (!gradient) return;
  const auto is_whole = [&](const Shape &s) {
    return unit->layout == LOSSGEN_LAYOUT_rows && lossgen_takes_whole_rows(s.classes, accumulator_type(unit->dtype).bytes());
  };
  const auto keeps_terms = [&](const Shape &s) {
    const int64_t bytes = storage_type(unit->dtype).bytes();
    return s.classes * bytes <= LOSSGEN_MOST_TERMS_BYTES && s.elements() * bytes >= LOSSGEN_FEWEST_TERMS_BYTES;
  };
  const auto whole = std::count_if(unit->shapes.begin(), unit->shapes.end(), is_whole);
  const bool terms = unit->layout != LOSSGEN_LAYOUT_strided &&
                     std::all_of(unit->shapes.begin(), unit->shapes.end(), [&](const Shape &s) { return is_whole(s) || keeps_terms(s); });
  if (whole == (int64_t)unit->shapes.size()) unit->stages.clear();
  else if (!terms) unit->stages = {LOSSGEN_STAGE_cross_entropy_backward};
  if (whole > 0) unit->stages.push_back(LOSSGEN_STAGE_cross_entropy_forward_backward);
}

std::vector<int> steps(int low, int high) {
  std::vector<int> values;
  for (int v = low; v <= high; v *= 2) values.push_back(v);
  return values;
}

void add_axes(Unit *unit, bool walks) {
  const auto add = [&](const char *param, std::vector<int> values) { add_axis(unit, param, std::move(values)); };
  const KernelKey key = unit->key(unit->stages[0]);
  const Params p = default_params(key);
  add("vector", steps(std::max(1, p.vector / 2), p.vector * 4));
  if (is_unrolled(unit->stages[0]) && unit->layout == LOSSGEN_LAYOUT_rows) {
    add("class_group", steps(1, 16));
    add("tile", steps(16, 256));
    if (walks) add("prefetch", {0, 32, 64, 128, 256});
  } else if (is_unrolled(unit->stages[0]) || unit->call == "nll_loss_forward") {
  } else if (unit->layout == LOSSGEN_LAYOUT_planes) {
    add("class_group", steps(1, 16));
    add("tile", steps(64, 512));
    const auto scattered = [&](const Shape &s) {
      return s.classes > kFollowedPlanes && s.inner * storage_type(unit->dtype).bytes() >= kPageBytes;
    };
    if (asks_with_loads(unit->stages[0]) || (asks_ahead(unit->stages[0]) && std::any_of(unit->shapes.begin(), unit->shapes.end(), scattered)))
      add("prefetch", {0, 8, 16, 32});
  } else {
    add("unroll", steps(1, 8));
    std::vector<int> distances = steps(16, 1024);
    distances.insert(distances.begin(), 0);
    if (walks && unit->layout == LOSSGEN_LAYOUT_rows) add("prefetch", distances);
    // Parts of a row are of whole blocks.
    const auto has_parts = [&](const Shape &s) { return s.classes >= 2 * (int64_t)p.vector * p.unroll * lanes_of(key, p).block; };
    if (asks_ahead(key.stage) && unit->layout == LOSSGEN_LAYOUT_rows && std::any_of(unit->shapes.begin(), unit->shapes.end(), has_parts))
      add("class_group", steps(1, 8));
  }
  if (unit->cut >= 0) add("block_bytes", steps(16 << 10, 1 << 20));
}

}  // namespace

Shape parse_shape(const std::string &text) {
  const std::invalid_argument error("shape '" + text +
                                    "' is not ROWSxCLASSES or NxCLASSESxD1x..., such as 4096x1000 or 8x21x256x256");
  Shape shape{text, 0, 0, 1};
  size_t from = 0;
  int count = 0;
  while (from <= text.size()) {
    const size_t to = std::min(text.find('x', from), text.size());
    const std::string digits = text.substr(from, to - from);
    if (digits.empty() || digits.size() > 9 || digits.find_first_not_of("0123456789") != std::string::npos ||
        std::stoll(digits) < 1)
      throw error;
    const int64_t extent = std::stoll(digits);
    if (count == 0) shape.rows = extent;
    else if (count == 1) shape.classes = extent;
    else shape.inner *= extent;
    if (shape.inner > (int64_t{1} << 31)) throw error;
    count++;
    from = to + 1;
  }
  if (count < 2 || shape.classes > kMaxClasses) throw error;
  if ((double)shape.rows * shape.classes * shape.inner > (double)(int64_t{1} << 32))
    throw std::invalid_argument("shape '" + text + "' has more than 2^32 logits");
  return shape;
}

std::string Unit::name() const {
  std::string text = call + " " + kDtypeNames[dtype] + " " + kLayoutNames[layout] + " " + kTargetNames[target];
  return classes ? text + " for " + std::to_string(classes) + " classes" : text;
}

double Unit::tensors() const { return call_named(call).tensors; }
std::string Unit::access() const { return call_named(call).access; }
std::string logits_of(lossgen_target_id target, lossgen_layout_id layout) {
  return !is_device(target) ? kLayoutNames[layout] : layout == LOSSGEN_LAYOUT_planes ? "planes" : "rows";
}

void add_axis(Unit *unit, const char *param, std::vector<int> values) {
  for (const ParamField &f : param_fields())
    if (param == std::string(f.name)) unit->axes.push_back({&f, std::move(values)});
}

std::vector<std::string> tunable_calls(const std::vector<std::string> &wanted) {
  std::string known;
  for (const Call &c : calls()) known += std::string(known.empty() ? "" : ", ") + c.name;
  for (const std::string &w : wanted)
    if (std::none_of(calls().begin(), calls().end(), [&](const Call &c) { return w == c.name || w == c.op; }))
      throw std::invalid_argument(
          "unknown op '" + w +
          "' (valid: log_softmax, nll_loss, cross_entropy, cross_entropy_probs, or one call: " + known + ")");
  std::vector<std::string> chosen;
  for (const Call &c : calls())
    if (wanted.empty() ||
        std::any_of(wanted.begin(), wanted.end(), [&](const std::string &w) { return w == c.name || w == c.op; }))
      chosen.push_back(c.name);
  return chosen;
}

std::vector<Unit> units_for(const Request &request, const std::vector<Shape> &shapes) {
  std::vector<Unit> units;
  std::vector<int64_t> counts = {0};
  counts.insert(counts.end(), request.classes.begin(), request.classes.end());
  for (int64_t c : request.classes)
    if (std::none_of(shapes.begin(), shapes.end(), [&](const Shape &s) { return s.classes == c; }))
      throw std::invalid_argument("no shape has " + std::to_string(c) + " classes, which --classes names");
  const bool natural = request.layouts.empty();
  const std::vector<std::string> layouts = natural ? std::vector<std::string>{"rows", "planes"} : request.layouts;
  for (const std::string &target : request.targets)
    for (const std::string &dtype : request.dtypes) {
      const auto target_id = (lossgen_target_id)index_of(kTargetNames, target.c_str());
      const auto dtype_id = (lossgen_dtype_id)index_of(kDtypeNames, dtype.c_str());
      if (is_device(target_id)) {
        add_device_units(request, target_id, dtype_id, shapes, &units);
        continue;
      }
      for (const std::string &layout : layouts)
        for (int64_t classes : counts)
          for (const std::string &name : tunable_calls(request.ops)) {
            const Call &call = call_named(name);
            Unit unit{name,
                      call.op,
                      dtype_id,
                      (lossgen_layout_id)index_of(kLayoutNames, layout.c_str()),
                      target_id,
                      classes,
                      kTargetMachines[target_id],
                      {},
                      call.stages,
                      call.cut,
                      {}};
            for (const Shape &s : shapes)
              if ((!classes || s.classes == classes) && (!natural || (s.inner > 1) == (layout == "planes")))
                unit.shapes.push_back(s);
            if (unit.shapes.empty() ||
                (classes && name.rfind("cross_entropy", 0) != 0 && name.rfind("log_softmax", 0) != 0))
              continue;
            settle_stages(&unit);
            add_axes(&unit, call.walks);
            units.push_back(unit);
          }
    }
  return units;
}

Params default_point(const Unit &unit) {
  Params point = default_params(unit.key(unit.stages[0]));
  if (unit.cut >= 0) point.block_bytes = default_params(unit.key((lossgen_stage_id)unit.cut)).block_bytes;
  return point;
}

namespace {
bool legal(const Unit &unit, const Params &point) {
  try {
    for (lossgen_stage_id stage : unit.stages) check_params(unit.key(stage), point);
    return true;
  } catch (const std::invalid_argument &) {
    return false;
  }
}
}  // namespace

std::vector<Params> whole_space(const Unit &unit) {
  std::vector<Params> points = {default_point(unit)};
  for (const Axis &axis : unit.axes) {
    std::vector<Params> wider;
    for (const Params &p : points)
      for (int value : axis.values) {
        wider.push_back(p);
        wider.back().*axis.field->value = value;
      }
    points = wider;
  }
  points.erase(std::remove_if(points.begin(), points.end(), [&](const Params &p) { return !legal(unit, p); }),
               points.end());
  return points;
}

std::vector<Params> neighbours(const Unit &unit, const Params &point) {
  std::vector<Params> found;
  for (const Axis &axis : unit.axes) {
    const auto at = std::lower_bound(axis.values.begin(), axis.values.end(), point.*axis.field->value);
    const auto add = [&](int value) {
      Params p = point;
      p.*axis.field->value = value;
      if (legal(unit, p)) found.push_back(p);
    };
    if (at != axis.values.begin()) add(*(at - 1));
    const auto after = at != axis.values.end() && *at == point.*axis.field->value ? at + 1 : at;
    if (after != axis.values.end()) add(*after);
  }
  return found;
}

nlohmann::json entries_for(const Unit &unit, const Params &point) {
  nlohmann::json list = nlohmann::json::array();
  const auto add = [&](lossgen_stage_id stage, const nlohmann::json &params) {
    list.push_back({{"op", kStageNames[stage]},
                    {"dtype", kDtypeNames[unit.dtype]},
                    {"layout", kLayoutNames[unit.layout]},
                    {"target", kTargetNames[unit.target]},
                    {"classes", {unit.classes, unit.classes}},
                    {"params", params}});
  };
  const bool cuts_itself = std::find(unit.stages.begin(), unit.stages.end(), unit.cut) != unit.stages.end();
  nlohmann::json params = nlohmann::json::object();
  for (const Axis &axis : unit.axes)
    if (cuts_itself || axis.field->value != &Params::block_bytes) params[axis.field->name] = point.*axis.field->value;
  for (lossgen_stage_id stage : unit.stages) add(stage, params);
  if (unit.cut >= 0 && !cuts_itself) add((lossgen_stage_id)unit.cut, {{"block_bytes", point.block_bytes}});
  return list;
}

std::string describe(const Unit &unit, const Params &point) {
  std::string text;
  for (const Axis &axis : unit.axes)
    text += (text.empty() ? "" : ", ") + std::string(axis.field->name) + " " + std::to_string(point.*axis.field->value);
  return text;
}

}  // namespace lossgen
