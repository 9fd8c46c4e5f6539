#include "measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "lossgen/kernel_names.h"

namespace lossgen {

namespace {

// "cross_entropy_forward f32 rows x86-64-v4 4096 1000 1"
std::string problem(const Unit &unit, int64_t rows, int64_t classes, int64_t inner) {
  return unit.call + " " + kDtypeNames[unit.dtype] + " " + unit.logits() + " " + kTargetNames[unit.target] + " " +
         std::to_string(rows) + " " + std::to_string(classes) + " " + std::to_string(inner);
}

// The same class count on fewer rows: whole vectors and blocks, and a rest.
std::string check_problem(const Unit &unit, const Shape &s) {
  const int64_t least = is_device(unit.target) && unit.layout == LOSSGEN_LAYOUT_planes ? 128 : 3;  // pixels, for the kernel that is timed
  const int64_t most = std::max(least, std::min<int64_t>(601, (1 << 22) / s.classes));
  const int64_t inner = std::min(s.inner, most);
  return problem(unit, std::min(s.rows, std::max<int64_t>(1, most / inner)), s.classes, inner);
}

// One candidate while it is timed.
struct Lane {
  std::unique_ptr<Runner> runner;
  std::vector<std::vector<double>> seconds;  // by shape
  std::string failure;

  void start(const Unit &unit, const Workshop::Candidate &candidate, const MeasureOptions &options) {
    seconds.resize(unit.shapes.size());
    failure = candidate.failure;
    if (!failure.empty()) return;
    try {
      runner = std::make_unique<Runner>(candidate.program, options.runner, options.seconds);
      for (const Shape &s : unit.shapes) {
        const double worst = runner->ask("check " + check_problem(unit, s)).at("worst");
        if (!(worst <= 1))
          throw std::runtime_error("wrong results for " + s.text + ": " + std::to_string(worst) +
                                   " times the error allowed");
      }
    } catch (const std::exception &e) {
      fail(e.what());
    }
  }
  void time(const Unit &unit, const MeasureOptions &options, int samples, int round) {
    if (!runner) return;
    try {
      for (size_t i = 0; i < unit.shapes.size(); i++) {
        const Shape &s = unit.shapes[i];
        const nlohmann::json answer =
            runner->ask("time " + problem(unit, s.rows, s.classes, s.inner) + " " + std::to_string(options.threads) +
                        " " + std::to_string(samples) + " " + std::to_string(round));
        // The quickest: what disturbs a call only adds to it.
        const auto times = answer.at("seconds").get<std::vector<double>>();
        seconds[i].push_back(*std::min_element(times.begin(), times.end()));
      }
    } catch (const std::exception &e) {
      fail(e.what());
    }
  }
  void fail(const std::string &why) {
    failure = why;
    runner.reset();
  }
};

// Time over the default's in the last round, over all shapes.
double last_ratio(const Lane &lane, const Lane &standard) {
  double log_sum = 0;
  for (size_t i = 0; i < lane.seconds.size(); i++)
    log_sum += std::log(lane.seconds[i].back() / standard.seconds[i].back());
  return std::exp(log_sum / (double)lane.seconds.size());
}

// Looked at after every round, chance would look like a difference soon: hence twice the interval.
bool clear(const std::vector<double> &rounds) {
  const double doubt = uncertainty(rounds);
  return doubt < 0.004 || (doubt < 0.015 && std::fabs(median(rounds) - 1) > 2 * doubt);
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n == 0 ? NAN : n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double uncertainty(const std::vector<double> &values) {
  const double middle = median(values);
  std::vector<double> distances;
  for (double v : values) distances.push_back(std::fabs(v - middle));
  // 1.4826 MAD is a normal distribution's deviation; a median's is 1.2533 / sqrt(n) of it.
  return 2 * 1.4826 * 1.2533 * median(distances) / std::sqrt((double)values.size());
}

void measure(const Unit &unit, const Workshop::Candidate &standard,
             const std::vector<const Workshop::Candidate *> &candidates, const MeasureOptions &options,
             const Pace &pace, std::vector<Measurement> *results) {
  Lane base;
  const auto check_base = [&] {
    if (!base.failure.empty() && !stop_asked())
      throw std::runtime_error(unit.name() + " with the built-in schedule: " + base.failure);
  };
  base.start(unit, standard, options);
  check_base();
  std::vector<Lane> lanes(candidates.size());
  for (size_t i = 0; i < lanes.size(); i++) lanes[i].start(unit, *candidates[i], options);
  results->assign(candidates.size(), {});
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const auto long_enough = [&](int rounds) { return rounds >= 3 && elapsed() > pace.seconds; };
  int round = 0;
  for (double longest = 0; round < pace.most && !stop_asked() && seconds_left() > longest; round++) {
    const double begin = elapsed();
    if (long_enough(round)) break;
    bool all_clear = round >= pace.least;
    for (size_t i = 0; i < lanes.size(); i++)
      if (lanes[i].runner) all_clear = all_clear && clear((*results)[i].rounds);
    if (all_clear) break;
    base.time(unit, options, pace.samples, round);
    check_base();
    if (!base.runner) break;
    for (size_t i = 0; i < lanes.size(); i++) {
      const size_t k = round % 2 ? lanes.size() - 1 - i : i;  // so that nobody always follows the same neighbour
      lanes[k].time(unit, options, pace.samples, round);
      if (lanes[k].runner) (*results)[k].rounds.push_back(last_ratio(lanes[k], base));
    }
    longest = std::max(longest, elapsed() - begin);
  }
  const bool cut = round < pace.least && !long_enough(round);
  for (size_t i = 0; i < lanes.size(); i++) {
    Measurement &m = (*results)[i];
    m.failure = lanes[i].failure;
    if (cut && m.failure.empty()) m.failure = "stopped";
    if (!m.failure.empty()) continue;
    m.ratio = median(m.rounds);
    for (const auto &s : lanes[i].seconds) m.seconds.push_back(median(s));
    for (const auto &s : base.seconds) m.base_seconds.push_back(median(s));
  }
}

}  // namespace lossgen
