// The report of a tuning: one page with pictures, no script, nothing loaded.
#pragma once
#include <map>

#include "search.h"

namespace lossgen {

// A constant's time over the general kernel's.
struct OverGeneral {
  double ratio, doubt;
};
inline bool gains(const OverGeneral &g) { return g.ratio < 0.99 && g.ratio + g.doubt < 1; }

struct ReportData {
  const std::vector<Found> &found;
  const nlohmann::json &machine;
  const std::map<std::string, OverGeneral> &general;  // by unit_text
  std::string command;
  uint64_t seed;
};

// page: the file, or ""; pictures: a folder that gets each picture as SVG too, or "".
void write_report(const std::string &page, const std::string &pictures, const ReportData &data);

}  // namespace lossgen
