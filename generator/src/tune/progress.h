// How far the tuning is: one line that is rewritten on a terminal, nothing elsewhere.
#pragma once
#include <string>

#include "search.h"

namespace lossgen {

class TuneProgress {
 public:
  TuneProgress(size_t units, Clock::time_point deadline);
  void begin(size_t unit, const std::string &name);
  void update(double fraction, double best_ratio, const std::string &what);
  void clear() const;

 private:
  size_t units_, unit_ = 0;
  std::string name_;
  bool terminal_;
  Clock::time_point start_, deadline_;
};

}  // namespace lossgen
