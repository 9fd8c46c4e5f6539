// The log of a tuning: one JSON object a line, only ever appended to, so that a run that was cut off can go on from it.
#pragma once
#include <cstdio>
#include <map>
#include <string>

#include "space.h"

namespace lossgen {

// What is known of a candidate at a stage of the search.
struct Measurement {
  double ratio = 0;  // time over the default's, measured beside it: median of the rounds, geometric mean over shapes
  std::vector<double> rounds;                 // the ratio of each round
  std::vector<double> seconds, base_seconds;  // of a call, medians by shape; the default's
  std::string failure;
};

class Log {
 public:
  // With `resume`, what the file holds of this pipeline, CPU and GPU is known from the start.
  Log(const std::string &path, const nlohmann::json &start, bool resume);
  ~Log();
  Log(const Log &) = delete;

  void add(const Unit &unit, const Params &point, const std::string &rung, const Measurement &m);
  const Measurement *known(const Unit &unit, const Params &point, const std::string &rung) const;
  void write(const nlohmann::json &line);

 private:
  static std::string key(const std::string &unit, const std::string &params, const std::string &rung) {
    return unit + "\n" + params + "\n" + rung;
  }
  std::FILE *file_;
  nlohmann::json cpu_;
  std::map<std::string, Measurement> known_;
};

// The unit with its shapes, as it stands in log and result.
std::string unit_text(const Unit &unit);

}  // namespace lossgen
