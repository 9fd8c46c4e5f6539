// One line that is rewritten on a terminal, a new line every five seconds elsewhere.
#ifndef LOSSGEN_DEMO_PROGRESS_H
#define LOSSGEN_DEMO_PROGRESS_H

#include <stddef.h>

#include <chrono>

namespace demo {

class Progress {
 public:
  Progress(const char *what, const char *unit);

  // score: in the unit, so far; budget: seconds after which the work stops whether or not it is done.
  void update(size_t step, size_t steps, double score, double budget);
  void finish();  // clears the rewritten line

 private:
  using Clock = std::chrono::steady_clock;
  const char *what_, *unit_;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point start_, last_;
};

}  // namespace demo
#endif  // LOSSGEN_DEMO_PROGRESS_H
