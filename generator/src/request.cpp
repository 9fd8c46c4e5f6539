#include "request.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "lossgen/kernel_names.h"
#include "schedule_file.h"
#include "storage.h"

namespace lossgen {

namespace {

// The public ops and the stages that a call of each may run.
struct Op {
  const char *name;
  std::vector<lossgen_stage_id> stages;
};
const std::vector<Op> &ops() {
  static const std::vector<Op> list = {
      {"log_softmax", {LOSSGEN_STAGE_log_softmax_forward, LOSSGEN_STAGE_log_softmax_backward}},
      {"nll_loss",
       {LOSSGEN_STAGE_target_classes, LOSSGEN_STAGE_nll_loss_forward, LOSSGEN_STAGE_nll_loss_backward,
        LOSSGEN_STAGE_row_stats,
        LOSSGEN_STAGE_device_targets, LOSSGEN_STAGE_device_losses, LOSSGEN_STAGE_device_sums, LOSSGEN_STAGE_device_total,
        LOSSGEN_STAGE_device_total_of_rows, LOSSGEN_STAGE_device_scales}},
      {"cross_entropy",
       {LOSSGEN_STAGE_target_classes, LOSSGEN_STAGE_cross_entropy_forward, LOSSGEN_STAGE_cross_entropy_forward_exact,
        LOSSGEN_STAGE_cross_entropy_backward, LOSSGEN_STAGE_cross_entropy_forward_general,
        LOSSGEN_STAGE_cross_entropy_backward_general, LOSSGEN_STAGE_cross_entropy_forward_terms,
        LOSSGEN_STAGE_cross_entropy_backward_terms, LOSSGEN_STAGE_cross_entropy_forward_unrolled,
        LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled, LOSSGEN_STAGE_cross_entropy_forward_unrolled_exact,
        LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled_exact, LOSSGEN_STAGE_cross_entropy_forward_backward_streamed,
        LOSSGEN_STAGE_row_stats, LOSSGEN_STAGE_log_softmax_forward, LOSSGEN_STAGE_cross_entropy_forward_backward,
        LOSSGEN_STAGE_cross_entropy_forward_parts, LOSSGEN_STAGE_cross_entropy_forward_join,
        LOSSGEN_STAGE_device_targets, LOSSGEN_STAGE_device_losses, LOSSGEN_STAGE_device_sums, LOSSGEN_STAGE_device_total,
        LOSSGEN_STAGE_device_total_of_rows, LOSSGEN_STAGE_device_scales}},
      {"cross_entropy_probs",
       {LOSSGEN_STAGE_cross_entropy_probs_forward, LOSSGEN_STAGE_cross_entropy_probs_backward, LOSSGEN_STAGE_row_stats,
        LOSSGEN_STAGE_log_softmax_forward}},
  };
  return list;
}

std::string joined(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}

// Indices of the wanted names among the known ones, in the known order; all of them if none is named.
std::vector<int> select(const char *what, const std::vector<std::string> &wanted,
                        const std::vector<std::string> &known) {
  for (const std::string &w : wanted)
    if (std::find(known.begin(), known.end(), w) == known.end())
      throw std::invalid_argument(std::string("unknown ") + what + " '" + w + "' (valid: " + joined(known) + ")");
  std::vector<int> chosen;
  for (size_t i = 0; i < known.size(); i++)
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), known[i]) != wanted.end()) chosen.push_back((int)i);
  return chosen;
}

// Devices take the exact stage at once: they cannot ask the host for a second try.
bool has_stage(lossgen_target_id target, lossgen_stage_id stage) {
  if (!is_device(target)) return stage <= LOSSGEN_STAGE_cross_entropy_forward_backward;
  return stage != LOSSGEN_STAGE_target_classes && stage != LOSSGEN_STAGE_cross_entropy_forward && stage != LOSSGEN_STAGE_cross_entropy_forward_general &&
         stage != LOSSGEN_STAGE_cross_entropy_backward_general && stage != LOSSGEN_STAGE_cross_entropy_probs_forward &&
         stage != LOSSGEN_STAGE_cross_entropy_probs_backward && stage != LOSSGEN_STAGE_row_stats && !has_terms(stage) &&
         !is_unrolled(stage);
}

// Whether a device's call on rows of so many classes may take this layout and stage.
bool device_takes(const KernelKey &k) {
  if (k.layout == LOSSGEN_LAYOUT_planes) return true;
  if (is_aligned(k.layout) && k.classes % 4) return false;
  const int bytes = storage_type(k.dtype).bytes();
  const lossgen_layout_id layout = lossgen_device_layout(k.classes, bytes);
  if (k.layout != layout && k.layout != lossgen_layout_in_fours(layout)) return false;
  const bool parts = lossgen_device_in_parts(k.classes, bytes);
  if (k.stage == LOSSGEN_STAGE_cross_entropy_forward_parts) return parts;
  return !parts || (k.stage != LOSSGEN_STAGE_cross_entropy_forward_exact && k.stage != LOSSGEN_STAGE_cross_entropy_forward_backward);
}

// Which class counts (0: any) a stage has kernels for.
bool has_classes(const KernelKey &k) {
  if (is_exact_unrolled(k.stage) && !does_without_reference(k)) return false;
  if (k.stage == LOSSGEN_STAGE_cross_entropy_forward_backward_streamed && !can_stream(k)) return false;
  if (is_unrolled(k.stage)) return k.layout != LOSSGEN_LAYOUT_strided && k.classes >= 1 && k.classes <= LOSSGEN_MOST_UNROLLED;
  if (has_terms(k.stage)) return k.layout != LOSSGEN_LAYOUT_strided;
  if (is_whole_row(k)) return k.layout == LOSSGEN_LAYOUT_rows && (k.classes == 0 || lossgen_takes_whole_rows(k.classes, accumulator_type(k.dtype).bytes()));
  if (!is_device(k.target)) return true;
  if (k.stage == LOSSGEN_STAGE_cross_entropy_forward_join) return k.layout == LOSSGEN_LAYOUT_rows && k.classes == 0;  // it walks along parts
  const bool rows = k.layout == LOSSGEN_LAYOUT_rows || k.layout == LOSSGEN_LAYOUT_rows4;
  if (k.stage == LOSSGEN_STAGE_cross_entropy_forward_parts && !rows) return false;
  return k.classes == 0 || device_takes(k);
}

// The kernels' layouts on a target for the layouts of a request: see kernel_abi.h for what differs on devices.
std::vector<lossgen_layout_id> kernel_layouts(lossgen_target_id target, const std::vector<int> &wanted) {
  std::vector<lossgen_layout_id> layouts;
  bool planes = false;
  for (int l : wanted) {
    const auto layout = (lossgen_layout_id)l;
    planes |= is_device(target) || layout != LOSSGEN_LAYOUT_rows;  // devices: also for rows of one to three classes
    if (!is_device(target) || layout == LOSSGEN_LAYOUT_rows) layouts.push_back(layout);
    if (is_device(target) && layout == LOSSGEN_LAYOUT_rows)
      for (const auto other : {LOSSGEN_LAYOUT_rows4, LOSSGEN_LAYOUT_middle, LOSSGEN_LAYOUT_middle4, LOSSGEN_LAYOUT_short,
                               LOSSGEN_LAYOUT_short4, LOSSGEN_LAYOUT_few})
        layouts.push_back(other);
  }
  if (is_device(target) && planes) layouts.push_back(LOSSGEN_LAYOUT_planes);
  return layouts;
}

std::string join_key(const KernelKey &k, const char *separator) {
  return std::string(kDtypeNames[k.dtype]) + separator + kLayoutNames[k.layout];
}

}  // namespace

std::vector<std::string> known_ops() {
  std::vector<std::string> names;
  for (const Op &op : ops()) names.push_back(op.name);
  return names;
}
std::vector<std::string> known_dtypes() {
  std::vector<std::string> names;
  for (int i = 0; i < LOSSGEN_DTYPE_COUNT; i++)
    if (!is_target_dtype(i)) names.push_back(kDtypeNames[i]);
  return names;
}
std::vector<std::string> known_layouts() { return {"rows", "planes", "strided"}; }
// The CPUs among the targets' machines, each once.
static std::vector<std::string> hosts_of(const std::vector<int> &targets) {
  std::vector<std::string> hosts;
  for (int t : targets) {
    const std::string machine = kTargetMachines[t];
    if (!is_device_machine(kTargetMachines[t]) && std::find(hosts.begin(), hosts.end(), machine) == hosts.end()) hosts.push_back(machine);
  }
  return hosts;
}
std::vector<std::string> known_hosts() {
  std::vector<int> all(LOSSGEN_TARGET_COUNT);
  std::iota(all.begin(), all.end(), 0);
  return hosts_of(all);
}
std::vector<std::string> known_sanitizers() { return {"address", "thread"}; }
std::vector<std::string> known_targets() { return {std::begin(kTargetNames), std::end(kTargetNames)}; }

std::vector<std::string> default_targets() {
  std::vector<std::string> names;
  for (const char *name : kTargetNames)
    if (!std::strstr(LOSSGEN_TARGETS_ON_REQUEST, name)) names.push_back(name);
  return names;
}

std::string kernel_symbol(const std::string &library, const KernelKey &k) {
  std::string name = library + "_" + kStageNames[k.stage] + "__" + join_key(k, "_");
  if (k.classes) name += "_c" + std::to_string(k.classes);
  return name + "__" + kTargetIdentifiers[k.target];
}

// Whether a request has it.
static bool is_made(const KernelKey &key) {
  Request any;
  any.targets = {kTargetNames[key.target]};
  if (key.classes) any.classes = {key.classes};
  const std::vector<Kernel> kernels = expand(any);
  return std::any_of(kernels.begin(), kernels.end(), [&](const Kernel &k) {
    return k.key.stage == key.stage && k.key.dtype == key.dtype && k.key.layout == key.layout && k.key.classes == key.classes;
  });
}

KernelKey parse_kernel_name(const std::string &name) {
  const std::invalid_argument error("'" + name +
                                    "' is not a kernel name such as "
                                    "lossgen_cross_entropy_forward__f32_rows__x86_64_v4 (see `lossgen list`)");
  const size_t last = name.rfind("__"), first = last == std::string::npos || !last ? last : name.rfind("__", last - 1);
  if (first == std::string::npos || first == last) throw error;
  std::string head = name.substr(0, first), middle = name.substr(first + 2, last - first - 2);
  KernelKey key{};
  int stage = -1;
  for (int i = 0; i < LOSSGEN_STAGE_COUNT; i++) {
    const std::string s = kStageNames[i];
    const bool suffix = head.size() >= s.size() && head.compare(head.size() - s.size(), s.size(), s) == 0;
    if (suffix && (head.size() == s.size() || head[head.size() - s.size() - 1] == '_')) stage = i;
  }
  const int target = index_of(kTargetIdentifiers, name.substr(last + 2).c_str());
  const size_t constant = middle.find("_c");
  if (constant != std::string::npos) {
    const std::string digits = middle.substr(constant + 2);
    if (digits.empty() || digits.size() > 8 || digits.find_first_not_of("0123456789") != std::string::npos) throw error;
    key.classes = std::stoll(digits);
    middle.resize(constant);
  }
  const size_t split = middle.find('_');
  const int dtype = index_of(kDtypeNames, middle.substr(0, split).c_str());
  const int layout = split == std::string::npos ? -1 : index_of(kLayoutNames, middle.substr(split + 1).c_str());
  if (stage < 0 || target < 0 || dtype < 0 || layout < 0) throw error;
  if (is_target_dtype(dtype) != is_of_targets((lossgen_stage_id)stage)) throw error;
  if ((layout == LOSSGEN_LAYOUT_any) != is_row_stage((lossgen_stage_id)stage)) throw error;
  key.stage = (lossgen_stage_id)stage;
  key.target = (lossgen_target_id)target;
  key.dtype = (lossgen_dtype_id)dtype;
  key.layout = (lossgen_layout_id)layout;
  if (!is_made(key)) throw std::invalid_argument("no library has a kernel '" + name + "': its stage is not made for this target, dtype, layout or class count");
  return key;
}

std::vector<Kernel> expand(const Request &request) {
  const std::vector<int> wanted_ops = select("op", request.ops, known_ops());
  const std::vector<int> layouts = select("layout", request.layouts, known_layouts());
  const std::vector<int> targets = select("target", request.targets.empty() ? default_targets() : request.targets, known_targets());
  std::vector<int> dtypes;
  for (int i : select("dtype", request.dtypes, known_dtypes()))
    dtypes.push_back(index_of(kDtypeNames, known_dtypes()[i].c_str()));
  for (int64_t c : request.classes)
    if (c < 1 || c > kMaxClasses)
      throw std::invalid_argument("class count " + std::to_string(c) + " is outside [1, " +
                                  std::to_string(kMaxClasses) + "]");
  if (request.library.empty() || (request.library[0] >= '0' && request.library[0] <= '9') ||
      request.library.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
          std::string::npos)
    throw std::invalid_argument("library name '" + request.library + "' is not a C identifier");

  if (!request.sanitize.empty()) select("sanitizer", {request.sanitize}, known_sanitizers());

  // Device kernels go with the objects of every CPU in the request.
  select("host", {request.host}, known_hosts());
  std::vector<std::string> hosts = hosts_of(targets);
  if (hosts.empty()) hosts.push_back(request.host);

  std::vector<lossgen_stage_id> stages;
  for (int op : wanted_ops)
    for (lossgen_stage_id stage : ops()[op].stages)
      if (std::find(stages.begin(), stages.end(), stage) == stages.end()) stages.push_back(stage);

  std::vector<int64_t> classes = request.classes;
  classes.insert(classes.begin(), 0);
  std::vector<Kernel> kernels;
  auto add = [&](KernelKey key) {
    const std::string machine = kTargetMachines[key.target];
    for (const std::string &host : hosts)
      if (is_device(key.target) || machine == host)
        kernels.push_back({key, default_params(key), host, kernel_symbol(request.library, key),
                           is_device(key.target) ? "" : request.sanitize, ""});
  };
  for (int t : targets) {
    const auto target = (lossgen_target_id)t;
    for (lossgen_stage_id stage : stages) {
      if (!has_stage(target, stage)) continue;
      if (is_of_targets(stage)) {
        for (int dtype = 0; dtype < LOSSGEN_DTYPE_COUNT; dtype++)
          if (is_target_dtype(dtype)) add({stage, (lossgen_dtype_id)dtype, LOSSGEN_LAYOUT_any, target, 0});
        continue;
      }
      if (is_row_stage(stage)) {  // numbers per row are f32 whatever the logits are
        add({stage, LOSSGEN_DTYPE_f32, LOSSGEN_LAYOUT_any, target, 0});
        continue;
      }
      for (int dtype : dtypes) {
        if (is_device(target) && dtype == LOSSGEN_DTYPE_f64) continue;
        for (lossgen_layout_id layout : kernel_layouts(target, layouts))
          for (int64_t c : classes)
            if (const KernelKey key{stage, (lossgen_dtype_id)dtype, layout, target, c}; has_classes(key)) add(key);
      }
    }
  }
  std::vector<Kernel *> all;
  for (Kernel &kernel : kernels) all.push_back(&kernel);
  merge_schedule_files(request.schedule_files, request.stale, all);
  return kernels;
}

}  // namespace lossgen
