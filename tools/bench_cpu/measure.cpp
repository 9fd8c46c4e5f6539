#include "measure.h"

#include <math.h>

#include <algorithm>
#include <chrono>

namespace bench {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const size_t n = times.size();
  return n % 2 == 1 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

double time_of(const Contender &contender, int64_t calls) {
  if (contender.prepare) contender.prepare();
  const double start = now();
  for (int64_t k = 0; k < calls; k++) contender.call();
  return (now() - start) / static_cast<double>(calls);
}

// A check reads the result of one call on fresh data; then as many calls a sample as make it long enough to time.
int64_t warmed_up(const Contender &contender, const Pace &pace) {
  double seconds = time_of(contender, 1);
  if (contender.check) contender.check();
  if (seconds < pace.sample) seconds = std::min(seconds, time_of(contender, 10));  // the first call also loads code
  return std::clamp<int64_t>(static_cast<int64_t>(ceil(pace.sample / std::max(seconds, 1e-9))), 1, 100000);
}

}  // namespace

std::vector<Row> measure(const Batches &batches, int threads, std::vector<Contender> &contenders, const Pace &pace) {
  const size_t n = contenders.size();
  std::vector<int64_t> calls;
  for (const Contender &contender : contenders) calls.push_back(warmed_up(contender, pace));

  std::vector<std::vector<double>> times(n);
  const double start = now();
  for (int round = 0; round < pace.rounds || (round < pace.most_rounds && now() - start < pace.seconds); round++) {
    for (size_t i = 0; i < n; i++) {
      const size_t k = round % 2 == 0 ? i : n - 1 - i;  // so that nobody always follows the same neighbour
      times[k].push_back(time_of(contenders[k], calls[k]));
    }
  }

  const auto rate = [&](size_t k) { return contenders[k].bytes / median(times[k]) / 1e9; };
  const auto roofline = [&](Roofline kind) {
    for (size_t k = 0; k < n; k++) {
      if (contenders[k].is_roofline && contenders[k].roofline == kind) return rate(k);  // the first one: plain stores
    }
    return static_cast<double>(NAN);
  };
  std::vector<Row> rows;
  for (size_t k = 0; k < n; k++) {
    const Contender &c = contenders[k];
    Row row;
    row.name = batches.shape.name;
    row.op = c.op;
    row.dtype = name_of(batches.dtype);
    row.layout = batches.shape.layout();
    row.shape = batches.shape.shape;
    row.threads = threads;
    row.target = c.target;
    row.impl = c.impl;
    row.median_s = median(times[k]);
    row.min_s = *std::min_element(times[k].begin(), times[k].end());
    row.gbps = rate(k);
    row.roofline_gbps = roofline(c.roofline);
    row.ratio = row.gbps / row.roofline_gbps;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace bench
