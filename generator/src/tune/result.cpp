#include "result.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "files.h"
#include "lossgen/kernel_names.h"
#include "schedule_file.h"

namespace lossgen {

using nlohmann::json;

namespace {

bool same_kernels(const json &a, const json &b) {
  for (const char *key : {"op", "dtype", "layout", "target", "classes"})
    if (a.value(key, json()) != b.value(key, json())) return false;
  return true;
}

// Four digits: what differs below them is noise.
double rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return std::atof(text);
}
std::vector<double> in_ms(const std::vector<double> &seconds) {
  std::vector<double> list;
  for (double s : seconds) list.push_back(rounded(s * 1e3));
  return list;
}

json measured(const Found &f, int threads) {
  std::vector<std::string> shapes;
  for (const Shape &s : f.unit.shapes) shapes.push_back(s.text);
  return {{"call", f.unit.call},
          {"shapes", shapes},
          {"threads", threads},
          {"default_ms", in_ms(f.base_seconds)},
          {"tuned_ms", in_ms(f.seconds)},
          {"ratio", rounded(f.ratio)},
          {"doubt", rounded(f.doubt)},
          {"tried", f.tried},
          {"space", f.space}};
}

}  // namespace

void write_result(const std::string &path, const std::vector<Found> &found, const json &machine,
                  const std::string &command, uint64_t seed, int threads) {
  json entries = json::array();
  std::string commands = command, gpu = machine.value("gpu", "");
  if (std::filesystem::exists(path)) {
    const json old = read_schedule_file(path);
    const json with = old.value("tuned_with", json::object());
    for (const char *part : {"cpu", "gpu"}) {
      const std::string was = with.value(part, ""), is = machine.value(part, "");
      if (!was.empty() && !is.empty() && was != is)
        throw std::runtime_error(path + " was tuned on " + was + ", this is " + is +
                                 ": one file per machine, -o names another");
    }
    if (why_stale(path, old).empty()) {
      entries = old.at("schedules");
      if (gpu.empty()) gpu = with.value("gpu", "");
      const std::string before = with.value("command", "");
      if (before.find(command) != std::string::npos) commands = before;
      else if (!before.empty()) commands = before + " && " + command;
    }
  }
  for (const Found &f : found) {
    if (f.base_seconds.empty() || !f.compared) continue;  // nothing is known: stopped before, or no candidate came through
    // What the default won has no entry; neither has what was said of it before.
    const json mine = entries_for(f.unit, f.winner);
    json kept = json::array();
    for (const json &e : entries)
      if (std::none_of(mine.begin(), mine.end(), [&](const json &m) {
            return same_kernels(e, m) && e.value("measured", json::object()).value("call", f.unit.call) == f.unit.call;
          }))
        kept.push_back(e);
    entries = kept;
    if (f.ratio < 1)
      for (json e : mine) {
        e["measured"] = measured(f, threads);
        entries.push_back(e);
      }
  }
  nlohmann::ordered_json file = {{"schema_version", kScheduleSchemaVersion},
                                 {"tuned_with",
                                  {{"pipeline", pipeline_hash()},
                                   {"halide", halide_version()},
                                   {"cpu", machine.at("cpu")},
                                   {"command", commands},
                                   {"seed", seed},
                                   {"machine", machine}}}};
  if (!gpu.empty()) file["tuned_with"]["gpu"] = gpu;
  file["schedules"] = nlohmann::ordered_json::array();
  // Entries one a line: a file to commit and to compare.
  std::string text = file.dump(2);
  const size_t list = text.find("\"schedules\": [");
  text.resize(list);
  text += "\"schedules\": [";
  for (size_t i = 0; i < entries.size(); i++) {
    nlohmann::ordered_json e;
    for (const char *key : {"op", "dtype", "layout", "target", "classes", "params", "measured"})
      if (entries[i].contains(key)) e[key] = entries[i].at(key);
    text += (i ? ",\n    " : "\n    ") + e.dump();
  }
  text += "\n  ]\n}\n";
  const std::string fresh = path + ".new";
  write_if_changed(fresh, text);
  std::filesystem::rename(fresh, path);
}

std::vector<Tuned> read_result(const std::string &path, int *threads) {
  const json file = read_schedule_file(path);
  std::vector<Tuned> list;
  for (const json &entry : file.at("schedules")) {
    if (!entry.contains("measured")) continue;
    const json &m = entry.at("measured");
    Request request;
    request.ops = {m.at("call").get<std::string>()};
    request.dtypes = {entry.at("dtype").get<std::string>()};
    const std::string layout = entry.at("layout"), target = entry.at("target");
    request.layouts = {logits_of((lossgen_target_id)index_of(kTargetNames, target.c_str()),
                                 (lossgen_layout_id)index_of(kLayoutNames, layout.c_str()))};
    request.targets = {target};
    const int64_t classes = entry.at("classes")[0];
    if (classes) request.classes = {classes};
    std::vector<Shape> shapes;
    for (const json &s : m.at("shapes")) shapes.push_back(parse_shape(s.get<std::string>()));
    *threads = m.value("threads", 1);
    const Unit unit = units_for(request, shapes).back();
    if (!list.empty() && list.back().unit.name() == unit.name()) {
      list.back().entries.push_back(entry);
      continue;
    }
    list.push_back({unit, json::array({entry}), m.at("ratio").get<double>()});
  }
  if (list.empty()) throw std::runtime_error(path + " holds nothing that `lossgen tune` measured");
  return list;
}

}  // namespace lossgen
