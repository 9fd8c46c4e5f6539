#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include <algorithm>

namespace demo {

Progress::Progress(const char *what, const char *unit)
    : what_(what), unit_(unit), terminal_(isatty(STDOUT_FILENO) != 0), start_(Clock::now()), last_(start_) {}

void Progress::update(size_t step, size_t steps, double score, double budget) {
  const Clock::time_point now = Clock::now();
  if (std::chrono::duration<double>(now - last_).count() < (terminal_ ? 0.2 : 5.0)) return;
  last_ = now;
  shown_ = true;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double left = elapsed / static_cast<double>(step) * static_cast<double>(steps - step);
  printf("%s  %s %3.0f %%  step %zu of %zu  %.3f %s so far  %.0f s left%s", terminal_ ? "\r" : "", what_,
         100.0 * static_cast<double>(step) / static_cast<double>(steps), step, steps, score, unit_,
         std::min(left, std::max(0.0, budget - elapsed)), terminal_ ? "   " : "\n");
  fflush(stdout);
}

void Progress::finish() {
  if (!terminal_ || !shown_) return;
  printf("\r\033[K");
  fflush(stdout);
}

}  // namespace demo
