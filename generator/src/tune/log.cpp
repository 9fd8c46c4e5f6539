#include "log.h"

#include <fstream>
#include <stdexcept>

#include "lossgen/kernel_names.h"

namespace lossgen {

std::string unit_text(const Unit &unit) {
  std::string text = unit.name() + " of";
  for (const Shape &s : unit.shapes) text += " " + s.text;
  return text;
}

Log::Log(const std::string &path, const nlohmann::json &start, bool resume) : cpu_(start.at("machine").at("cpu")) {
  const auto gpu = [](const nlohmann::json &event) { return event.at("machine").value("gpu", ""); };
  std::ifstream old(path);
  bool same = false;
  for (std::string line; resume && std::getline(old, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) continue;  // a line that was cut off
    if (json.value("event", "") == "start")
      same = json.at("pipeline") == start.at("pipeline") && json.at("halide") == start.at("halide") &&
             json.at("machine").at("cpu") == cpu_ && gpu(json) == gpu(start) &&
             json.at("threads") == start.at("threads");
    if (!same || json.value("event", "") != "measured") continue;
    Measurement m;
    m.failure = json.value("failure", "");
    if (m.failure.empty()) {
      m.ratio = json.at("ratio");
      m.rounds = json.at("rounds").get<std::vector<double>>();
      m.seconds = json.at("seconds").get<std::vector<double>>();
      m.base_seconds = json.at("default_seconds").get<std::vector<double>>();
    }
    known_[key(json.at("unit"), json.at("params").dump(), json.at("rung"))] = m;
  }
  file_ = std::fopen(path.c_str(), "a");
  if (!file_) throw std::runtime_error("cannot write " + path);
  write(start);
}

Log::~Log() { std::fclose(file_); }

void Log::write(const nlohmann::json &line) {
  if (std::fprintf(file_, "%s\n", line.dump().c_str()) < 0 || std::fflush(file_) != 0)
    throw std::runtime_error("cannot write the log");
}

void Log::add(const Unit &unit, const Params &point, const std::string &rung, const Measurement &m) {
  nlohmann::json line = {{"event", "measured"},
                         {"unit", unit_text(unit)},
                         {"cpu", cpu_},
                         {"target", kTargetNames[unit.target]},
                         {"rung", rung},
                         {"schedule", schedule_id(point)},
                         {"params", to_json(point)}};
  if (!m.failure.empty()) {
    line["failure"] = m.failure;
  } else {
    line["ratio"] = m.ratio;
    line["rounds"] = m.rounds;
    line["seconds"] = m.seconds;
    line["default_seconds"] = m.base_seconds;
  }
  known_[key(unit_text(unit), line.at("params").dump(), rung)] = m;
  write(line);
}

const Measurement *Log::known(const Unit &unit, const Params &point, const std::string &rung) const {
  const auto found = known_.find(key(unit_text(unit), to_json(point).dump(), rung));
  return found == known_.end() ? nullptr : &found->second;
}

}  // namespace lossgen
