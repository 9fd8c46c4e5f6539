// The search of one unit: successive halving over a sample of the space, with the neighbourhood of the best ones looked
// at in between.
#pragma once
#include <chrono>
#include <functional>

#include "measure.h"

namespace lossgen {

struct Step {  // of the history: one candidate at one rung
  std::string rung;
  Params point;
  Measurement measurement;
};

struct Found {
  Unit unit;
  Params standard, winner;                    // the same where nothing was clearly faster
  double ratio = 1;                           // winner's time over the default's, confirmed in fresh rounds
  double doubt = 0;                           // half the width of its interval
  std::vector<double> seconds, base_seconds;  // by shape
  size_t space = 0, tried = 0;                // legal combinations, and those that were compiled
  std::vector<Step> history;
  bool complete = true;  // not cut off by Ctrl-C or the budget
  bool compared = false;  // a candidate gave right results, and times
  // Of the roofline, GB/s: what memory of this size gives one thread that does nothing else; and the better one of
  // default and winner when all of its logits are in cache, so that only its instructions take time (0 on a GPU, which
  // such a call does not fill).
  double memory = 0, in_cache = 0;
};

using Clock = std::chrono::steady_clock;

struct SearchOptions {
  MeasureOptions measure;
  uint64_t seed = 1;
  Clock::time_point deadline = Clock::time_point::max();
  nlohmann::json earlier = nlohmann::json::array();  // entries of the units before, which candidates build on
};

// GB/s: of a call on the unit's first shape; the lower part of the roofline.
double rate(const Unit &unit, const std::vector<double> &seconds);
double roof(const Found &found);
inline double share_of_roof(const Found &found, const std::vector<double> &seconds) {
  return roof(found) > 0 ? rate(found.unit, seconds) / roof(found) : 0;
}

// progress: fraction of this unit, best ratio so far, what is going on.
using Report = std::function<void(double, double, const std::string &)>;

Found search(const Unit &unit, const SearchOptions &options, Workshop &workshop, Log &log, const Report &progress);

// The content of a schedule file with these entries, and no more.
nlohmann::json schedule_with(const nlohmann::json &entries);

}  // namespace lossgen
