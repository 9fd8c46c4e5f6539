#include "search.h"

#include <algorithm>
#include <list>
#include <map>
#include <set>
#include <stdexcept>

#include "schedule_file.h"
#include "storage.h"

namespace lossgen {

namespace {

constexpr size_t kBatch = 6;       // candidates timed beside one default
constexpr size_t kMostTried = 48;  // a larger sample finds no more
constexpr size_t kLeastTried = 12;
constexpr double kWorthIt = 0.99;  // a winner saves at least this much, or the default stays
constexpr double kWorst = 1.02;    // and on no shape it is slower than that

// splitmix64: the same order everywhere, which std::shuffle does not promise.
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
};

double worst_shape(const Measurement &m) {
  double worst = 0;
  for (size_t i = 0; i < m.seconds.size(); i++) worst = std::max(worst, m.seconds[i] / m.base_seconds[i]);
  return worst;
}

class Search {
 public:
  Search(const Unit &unit, const SearchOptions &options, Workshop &workshop, Log &log, const Report &progress)
      : unit_(unit), options_(options), workshop_(workshop), log_(log), progress_(progress) {}

  Found run() {
    found_.unit = unit_;
    found_.standard = found_.winner = default_point(unit_);
    std::vector<Params> space = whole_space(unit_);
    found_.space = space.size();
    const size_t allowed = std::max(std::min(space.size(), kLeastTried), std::min(kMostTried, space.size() / 10));

    make({found_.standard});
    Random random{options_.seed};
    for (size_t i = space.size(); i > 1; i--) std::swap(space[i - 1], space[random.next() % i]);
    // Around the default, where somebody has thought already, then anywhere; the rest of the allowance is for what lies
    // around the best of these.
    std::vector<Params> sample = neighbours(unit_, found_.standard);
    sample.resize(std::min(sample.size(), allowed / 2));
    for (const Params &p : space)
      if (sample.size() < allowed * 6 / 10 + 1 && !is(p, found_.standard) && !contains(sample, p)) sample.push_back(p);

    std::vector<Params> best = rung("1 sample", sample, kFirst, 0, 0.4);
    for (int step = 0; step < 2; step++) {
      std::vector<Params> near;
      for (size_t i = 0; i < std::min<size_t>(2, best.size()); i++)
        for (const Params &p : neighbours(unit_, best[i]))
          if (!is(p, found_.standard) && !seen_.count(to_json(p).dump()) && !contains(near, p) &&
              seen_.size() + near.size() < allowed)
            near.push_back(p);
      if (step == 0) near.resize(std::min(near.size(), (allowed - std::min(allowed, seen_.size()) + 1) / 2));
      const std::vector<Params> closer = rung("2 neighbours", near, kFirst, 0.4 + 0.15 * step, 0.55 + 0.15 * step);
      best.insert(best.begin(), closer.begin(), closer.end());
      sort(&best);
    }
    best.resize(std::min<size_t>(best.size(), std::max<size_t>(4, best.size() / 4)));
    best = better("3 best", best, kSecond, 0.7, 0.85);
    best.resize(std::min<size_t>(best.size(), 2));
    best = better("4 final", best, kFinal, 0.85, 0.93);
    found_.ratio = 1;
    // Where nothing came through, the default is timed beside itself: what it reaches is known then, too.
    if (best.empty() && found_.complete) best = {found_.standard};
    if (!best.empty() && !stop_asked()) {
      confirm(best[0]);
      if (unit_.tensors() > 0 && !is_device(unit_.target)) time_in_cache(best[0]);
    }
    found_.tried = seen_.size();
    progress_(1, found_.ratio, "done");
    return found_;
  }

 private:
  // No time for one more batch, and after it the confirmation, which is shorter.
  bool late() const { return stop_asked() || Clock::now() + 2 * longest_batch_ > options_.deadline; }
  static bool is(const Params &a, const Params &b) { return to_json(a) == to_json(b); }
  static bool contains(const std::vector<Params> &list, const Params &p) {
    return std::any_of(list.begin(), list.end(), [&](const Params &q) { return is(p, q); });
  }
  double ratio_of(const Params &p) const {
    const auto at = ratios_.find(to_json(p).dump());
    return at == ratios_.end() ? 1e9 : at->second;
  }
  void sort(std::vector<Params> *points) const {
    std::stable_sort(points->begin(), points->end(),
                     [&](const Params &a, const Params &b) { return ratio_of(a) < ratio_of(b); });
  }

  const Workshop::Candidate &candidate(const Params &p) const {
    for (const Workshop::Candidate &c : made_)
      if (is(c.point, p)) return c;
    throw std::logic_error("no such candidate");
  }

  // Compiles those that have not been; never while anything is timed.
  void make(const std::vector<Params> &points) {
    std::vector<Workshop::Candidate *> fresh;
    for (const Params &p : points) {
      if (std::any_of(made_.begin(), made_.end(), [&](const Workshop::Candidate &c) { return is(c.point, p); }))
        continue;
      nlohmann::json entries = options_.earlier;
      if (!is(p, found_.standard))
        for (const nlohmann::json &e : entries_for(unit_, p)) entries.push_back(e);
      made_.push_back({p, schedule_with(entries), "", ""});
      fresh.push_back(&made_.back());
    }
    if (!fresh.empty()) workshop_.make(unit_, fresh);
  }

  // Times the points, batch by batch; returns those that came through, best first.
  std::vector<Params> rung(const std::string &name, const std::vector<Params> &points, const Pace &pace, double from,
                           double to) {
    std::vector<Params> through;
    for (size_t first = 0; first < points.size(); first += kBatch) {
      if (late()) {
        found_.complete = false;
        break;
      }
      const Clock::time_point begin = Clock::now();
      std::vector<Params> batch(points.begin() + first, points.begin() + std::min(points.size(), first + kBatch));
      progress_(from + (to - from) * first / points.size(), found_.ratio,
                name + " " + std::to_string(first) + "/" + std::to_string(points.size()));
      std::vector<Params> unknown;
      for (const Params &p : batch)
        if (!log_.known(unit_, p, name)) unknown.push_back(p);
      if (!unknown.empty()) {
        make(unknown);
        std::vector<const Workshop::Candidate *> candidates;
        for (const Params &p : unknown) candidates.push_back(&candidate(p));
        std::vector<Measurement> results;
        measure(unit_, candidate(found_.standard), candidates, options_.measure, pace, &results);
        for (size_t i = 0; i < unknown.size(); i++)
          if (results[i].failure != "stopped") log_.add(unit_, unknown[i], name, results[i]);
      }
      for (const Params &p : batch) {
        const Measurement *m = log_.known(unit_, p, name);
        if (!m) {  // stopped
          found_.complete = false;
          continue;
        }
        seen_.insert(to_json(p).dump());
        found_.history.push_back({name, p, *m});
        if (!m->failure.empty()) continue;
        ratios_[to_json(p).dump()] = m->ratio;
        found_.compared = true;
        if (pace.least > kFirst.least && worst_shape(*m) > kWorst) continue;
        through.push_back(p);
        if (m->ratio < found_.ratio) found_.ratio = m->ratio;
      }
      longest_batch_ = std::max(longest_batch_, Clock::now() - begin);
    }
    sort(&through);
    return through;
  }
  // As far as there is time for it.
  std::vector<Params> better(const std::string &name, const std::vector<Params> &points, const Pace &pace, double from,
                             double to) {
    const std::vector<Params> through = rung(name, points, pace, from, to);
    return through.empty() && !found_.complete ? points : through;
  }

  // Fresh rounds for the best one alone: of many candidates the best was lucky, too.
  void confirm(const Params &best) {
    const std::string name = "5 confirmed";
    const Measurement *known = alone(unit_, best, name);
    if (!known) return;
    const Measurement &m = *known;
    const bool itself = is(best, found_.standard);
    if (!itself) found_.history.push_back({name, best, m});
    if (!m.failure.empty()) return itself ? void() : confirm(found_.standard);
    found_.doubt = uncertainty(m.rounds);
    found_.base_seconds = found_.seconds = m.base_seconds;
    if (itself) return;
    if (m.ratio > kWorthIt || m.ratio + found_.doubt >= 1 || worst_shape(m) > kWorst) return;
    found_.winner = best;
    found_.ratio = m.ratio;
    found_.seconds = m.seconds;
  }

  // On so few rows that they stay in L2.
  void time_in_cache(const Params &best) {
    constexpr int64_t kBytes = 256 << 10;
    Unit few = unit_;
    Shape s = few.shapes[0];
    const int64_t rows = std::max<int64_t>(1, kBytes / storage_type(unit_.dtype).bytes() / s.classes);
    s.inner = std::min(s.inner, rows);
    s.rows = std::min(s.rows, rows / s.inner);
    s.text =
        std::to_string(s.rows) + "x" + std::to_string(s.classes) + (s.inner > 1 ? "x" + std::to_string(s.inner) : "");
    few.shapes = {s};
    const Measurement *m = alone(few, best, "in cache");
    if (m && m->failure.empty()) found_.in_cache = std::max(rate(few, m->seconds), rate(few, m->base_seconds));
  }

  const Measurement *alone(const Unit &unit, const Params &point, const std::string &name) {
    if (!log_.known(unit, point, name)) {
      make({point});
      std::vector<Measurement> results;
      measure(unit, candidate(found_.standard), {&candidate(point)}, options_.measure, kFinal, &results);
      if (results[0].failure == "stopped") return nullptr;
      log_.add(unit, point, name, results[0]);
    }
    return log_.known(unit, point, name);
  }

  const Unit &unit_;
  const SearchOptions &options_;
  Workshop &workshop_;
  Log &log_;
  const Report &progress_;
  Found found_;
  Clock::duration longest_batch_{};
  std::list<Workshop::Candidate> made_;  // the default first
  std::set<std::string> seen_;
  std::map<std::string, double> ratios_;  // of the last rung that a point went through
};

}  // namespace

double rate(const Unit &unit, const std::vector<double> &seconds) {
  if (seconds.empty()) return 0;
  return unit.tensors() * (double)unit.shapes[0].elements() * storage_type(unit.dtype).bytes() / seconds[0] / 1e9;
}

double roof(const Found &f) {
  const double lower = f.in_cache > 0 ? std::min(f.memory, f.in_cache) : f.memory;
  return std::max(lower, rate(f.unit, f.seconds));  // what was reached can be reached
}

nlohmann::json schedule_with(const nlohmann::json &entries) {
  return {{"schema_version", kScheduleSchemaVersion}, {"schedules", entries}};
}

Found search(const Unit &unit, const SearchOptions &options, Workshop &workshop, Log &log, const Report &progress) {
  return Search(unit, options, workshop, log, progress).run();
}

}  // namespace lossgen
