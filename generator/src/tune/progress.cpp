#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace lossgen {

TuneProgress::TuneProgress(size_t units, Clock::time_point deadline)
    : units_(units), terminal_(isatty(2)), start_(Clock::now()), deadline_(deadline) {}

void TuneProgress::begin(size_t unit, const std::string &name) {
  unit_ = unit;
  name_ = name;
  update(0, 1, "");
}

void TuneProgress::update(double fraction, double best_ratio, const std::string &what) {
  if (!terminal_) return;
  const Clock::time_point now = Clock::now();
  const double done = (unit_ + fraction) / units_, elapsed = std::chrono::duration<double>(now - start_).count();
  double left = elapsed * (1 - done) / std::max(done, 1e-3);
  if (deadline_ != Clock::time_point::max())
    left = std::min(left, std::max(0.0, std::chrono::duration<double>(deadline_ - now).count()));
  const int width = 20, filled = (int)(done * width);
  std::string bar(filled, '#');
  bar.resize(width, '.');
  std::fprintf(stderr, "\r\033[K[%s] %zu/%zu %s  %s  best %.2fx", bar.c_str(), unit_ + 1, units_, name_.c_str(),
               what.c_str(), 1 / best_ratio);
  if (done > 0.02) std::fprintf(stderr, "  %d:%02d left", (int)left / 60, (int)left % 60);
}

void TuneProgress::clear() const {
  if (terminal_) std::fprintf(stderr, "\r\033[K");
}

}  // namespace lossgen
