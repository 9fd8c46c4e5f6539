#include "charts.h"

#include <math.h>
#include <stdio.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <stdexcept>

#include "cases.h"
#include "svg.h"

namespace bench {
namespace {

using demo::Scale;
using demo::Svg;

constexpr const char *kBlue = "#2b6cb0", *kGreen = "#2f855a", *kOrange = "#dd6b20", *kDark = "#1a202c";
constexpr const char *kBand = "#dfe5ec", *kGrid = "#e3e3e3", *kMuted = "#666666";

struct Panel {
  const char *op, *title, *against;
};
constexpr Panel kPanels[] = {
    {"cross_entropy_forward", "Loss", "flat read"},
    {"cross_entropy_forward_backward", "Loss and gradient", "flat copy"},
    {"cross_entropy_forward_backward_in_place", "Loss and gradient, in place", "flat copy"},
};

std::string text(const char *pattern, double value) {
  char buffer[64];
  snprintf(buffer, sizeof buffer, pattern, value);
  return buffer;
}

std::string seconds(double s) {
  return s < 9.9e-7 ? text("%g ns", s * 1e9) : s < 9.9e-4 ? text("%g us", s * 1e6)
         : s < 0.99 ? text("%g ms", s * 1e3)              : text("%g s", s);
}

bool starts_with(const std::string &word, const char *start) {
  return word.rfind(start, 0) == 0;
}

// Machine, versions, date, load and command, in lines that fit.
std::vector<std::string> caption(const Results &results) {
  std::vector<std::string> lines(1);
  const auto add = [&](const std::string &words) {
    if (!lines.back().empty() && lines.back().size() + words.size() > 165) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : "  |  ") + words;
  };
  for (const char *name : {"cpu", "cores", "caches", "memory", "system", "compiler", "lossgen", "peers", "date", "load"}) {
    const std::string fact = results.fact(name);
    if (!fact.empty()) add(std::string(name) + ": " + fact);
  }
  std::string command = results.fact("command");
  for (const char *sign = "command: "; !command.empty(); sign = "    ") {
    const size_t end = command.size() <= 160 ? command.size() : command.rfind(' ', 160);
    const size_t cut = end == std::string::npos || end == 0 ? command.size() : end;
    lines.push_back(sign + command.substr(0, cut));
    command.erase(0, cut);
  }
  return lines;
}

void draw_caption(Svg *svg, const std::vector<std::string> &lines, double left, double top) {
  for (size_t i = 0; i < lines.size(); i++) svg->text(left, top + 15.0 * i, lines[i], "start", 11, kMuted);
}

using Test = std::function<bool(const Row &)>;
// The row with the shortest time among those that pass.
const Row *fastest(const std::vector<const Row *> &rows, const Test &test) {
  const Row *best = nullptr;
  for (const Row *row : rows) {
    if (test(*row) && (best == nullptr || row->median_s < best->median_s)) best = row;
  }
  return best;
}

void bars(const Results &results, int threads, const std::string &path) {
  // In the order of the rows; the tiny shapes are a matter of microseconds, not of bandwidth.
  std::vector<std::string> keys, labels;
  std::vector<std::vector<const Row *>> groups;
  bool peers = false;
  for (const Row &row : results.rows) {
    if (row.threads != threads || starts_with(row.name, "against-") || row.name == "D0" || row.name == "D1") continue;
    const std::string key = row.name + ' ' + text_of(row.shape) + ' ' + row.dtype;
    size_t k = std::find(keys.begin(), keys.end(), key) - keys.begin();
    if (k == keys.size()) {
      keys.push_back(key);
      labels.push_back(row.name + "  " + text_of(row.shape) + (row.dtype == "f32" ? "" : "  " + row.dtype));
      groups.emplace_back();
    }
    groups[k].push_back(&row);
    peers |= starts_with(row.impl, "peer");
  }
  const std::vector<std::string> words = caption(results);
  const int left = 190, panel = 300, gap = 38, top = 128, pitch = 30;
  const int width = left + 3 * panel + 2 * gap + 70, bottom = top + pitch * static_cast<int>(groups.size());
  const int height = bottom + 50 + 15 * static_cast<int>(words.size());
  Svg svg(width, height, "lossgen beside the roofline");
  const std::string who = threads == 1 ? "one thread" : std::to_string(threads) + " threads";
  svg.text(20, 30, "Cross entropy beside what memory gives, " + who, "start", 18, kDark, "bold");
  double x = 20;
  const auto legend = [&](const char *color, double h, double w, const std::string &name) {
    svg.rectangle(x, 50 - h / 2, w, h, color);
    svg.text(x + w + 6, 54, name, "start", 12, kDark);
    x += w + 26 + 6.6 * name.size();
  };
  legend(kBand, 18, 26, "flat loop over the same bytes = 1");
  legend(kBlue, 10, 26, "lossgen");
  legend(kDark, 18, 3, "written by hand for this CPU");
  if (peers) legend(kOrange, 18, 3, "best of the peers");
  svg.text(20, 76, "Longer is faster. Numbers: share of the roofline, GB/s. All contenders alternate within one process; "
                   "medians.", "start", 12, kMuted);

  for (int p = 0; p < 3; p++) {
    const double first = left + p * (panel + gap);
    double most = 1.25;
    const auto shown = [&](const std::vector<const Row *> &rows, const char *impl) {
      const Row *exact = fastest(rows, [&](const Row &r) { return r.op == kPanels[p].op && r.impl == impl; });
      if (exact != nullptr) return exact;
      return fastest(rows, [&](const Row &r) { return r.op == kPanels[p].op && starts_with(r.impl, impl); });
    };
    for (const auto &group : groups) {
      for (const char *impl : {"lossgen", "yardstick"}) {
        const Row *row = shown(group, impl);
        if (row != nullptr && std::isfinite(row->ratio)) most = std::max(most, std::min(row->ratio, 2.0));
      }
    }
    const Scale scale = {0, ceil(most * 4) / 4, first, first + panel - 66};
    svg.text(first, top - 26, kPanels[p].title, "start", 13, kDark, "bold");
    svg.text(first, top - 11, std::string("1 = ") + kPanels[p].against, "start", 11, kMuted);
    for (double tick = 0; tick <= scale.high + 1e-9; tick += 0.5) {
      svg.line(scale(tick), top, scale(tick), bottom, kGrid);
      svg.text(scale(tick), bottom + 14, text("%g", tick), "middle", 11, kMuted);
    }
    for (size_t k = 0; k < groups.size(); k++) {
      const double middle = top + pitch * (k + 0.5);
      if (p == 0) svg.text(20, middle + 4, labels[k], "start", 12, kDark);
      const Row *ours = shown(groups[k], "lossgen");
      if (ours == nullptr || !std::isfinite(ours->ratio)) continue;
      const auto end = [&](double ratio) { return scale(std::min(ratio, scale.high)); };
      svg.rectangle(first, middle - 10, scale(1) - first, 20, kBand);
      svg.rectangle(first, middle - 6, std::max(1.0, end(ours->ratio) - first), 12, kBlue);
      double furthest = std::max(end(1), end(ours->ratio));
      for (const auto &mark : {std::make_pair("yardstick", kDark), std::make_pair("peer", kOrange)}) {
        const Row *row = shown(groups[k], mark.first);
        if (row == nullptr || !std::isfinite(row->ratio)) continue;
        svg.rectangle(end(row->ratio) - 1.5, middle - 10, 3, 20, mark.second);
        furthest = std::max(furthest, end(row->ratio));
      }
      svg.text(furthest + 6, middle + 1, text("%.2f", ours->ratio), "start", 12, kBlue, "bold");
      svg.text(furthest + 6, middle + 12, text("%.3g GB/s", ours->gbps), "start", 10, kMuted);
    }
  }
  draw_caption(&svg, words, 20, bottom + 46);
  svg.write(path);
}

// Times of one series over the axis that varies, as points.
struct Series {
  std::string op, impl, name;
  const char *color, *dashes;
};
const Series kSeries[] = {
    {"cross_entropy_forward", "lossgen", "loss", kBlue, ""},
    {"cross_entropy_forward_backward", "lossgen", "loss and gradient", kGreen, ""},
    {"cross_entropy_forward_backward_in_place", "lossgen", "loss and gradient, in place", kOrange, ""},
    {"roofline_read", "flat loop", "flat read", kMuted, "2 3"},
    {"roofline_copy", "flat loop", "flat copy", kMuted, "7 3"},
};

void curves(const Results &results, const char *name, const std::vector<int> &threads, const std::string &path) {
  const bool over_rows = std::string(name) == "against-N";
  const auto place = [&](const Row &row) { return static_cast<double>(row.shape[over_rows ? 0 : 1]); };
  double low = INFINITY, high = 0, shortest = INFINITY, longest = 0;
  for (const Row &row : results.rows) {
    if (row.name != name) continue;
    low = std::min(low, place(row)), high = std::max(high, place(row));
    if (starts_with(row.op, "cross_entropy_forward")) {
      shortest = std::min(shortest, row.median_s), longest = std::max(longest, row.median_s);
    }
  }
  const double floor_decade = floor(log10(shortest)), top_decade = ceil(log10(longest));
  const std::vector<std::string> words = caption(results);
  const int left = 72, panel = 430, gap = 70, top = 118, tall = 360, bottom = top + tall;
  const int width = std::max(left + static_cast<int>(threads.size()) * (panel + gap), 1072);
  const int height = bottom + 74 + 15 * static_cast<int>(words.size());
  Svg svg(width, height, std::string("time ") + name);
  svg.text(20, 30, over_rows ? "Time against the number of rows N, f32 logits (N, 1024)"
                             : "Time against the number of classes C, f32 logits (1024, C)", "start", 18, kDark, "bold");
  double x = 20;
  for (const Series &series : kSeries) {
    svg.line(x, 54, x + 28, 54, series.color, 2.5, series.dashes);
    svg.text(x + 34, 58, series.name, "start", 12, kDark);
    x += 62 + 6.8 * series.name.size();
  }
  for (size_t t = 0; t < threads.size(); t++) {
    const double first = left + t * (panel + gap);
    const Scale across = {log2(low), std::max(log2(high), log2(low) + 1), first, first + panel};
    const Scale up = {floor_decade, std::max(top_decade, floor_decade + 1), static_cast<double>(bottom),
                      static_cast<double>(top)};
    svg.text(first, top - 14, threads[t] == 1 ? "one thread" : std::to_string(threads[t]) + " threads", "start", 13, kDark,
             "bold");
    for (double decade = up.low; decade <= up.high; decade++) {
      svg.line(first, up(decade), first + panel, up(decade), kGrid);
      svg.text(first - 8, up(decade) + 4, seconds(pow(10, decade)), "end", 11, kMuted);
    }
    const int step = across.high - across.low > 12 ? 4 : across.high - across.low > 6 ? 2 : 1;
    for (double power = ceil(across.low / step) * step; power <= across.high; power += step) {
      svg.line(across(power), top, across(power), bottom, kGrid);
      svg.text(across(power), bottom + 16, power < 10 ? text("%g", pow(2, power))
               : power < 20 ? text("%gKi", pow(2, power - 10)) : text("%gMi", pow(2, power - 20)), "middle", 11, kMuted);
    }
    svg.text(first + panel / 2.0, bottom + 36, over_rows ? "rows N" : "classes C", "middle", 12, kDark);
    for (const Series &series : kSeries) {
      std::vector<std::pair<double, double>> points;
      for (const Row &row : results.rows) {
        if (row.name != name || row.op != series.op || row.impl != series.impl || row.threads != threads[t]) continue;
        if (row.median_s < pow(10, up.low) || !std::isfinite(row.median_s)) continue;
        points.emplace_back(across(log2(place(row))), up(log10(row.median_s)));
      }
      std::sort(points.begin(), points.end());
      // Dashes by hand: a polyline has none here.
      for (size_t i = 1; i < points.size() && *series.dashes != '\0'; i++) {
        svg.line(points[i - 1].first, points[i - 1].second, points[i].first, points[i].second, series.color, 1.5,
                 series.dashes);
      }
      if (*series.dashes == '\0' && points.size() > 1) svg.polyline(points, series.color, 2.5);
    }
  }
  draw_caption(&svg, words, 20, bottom + 66);
  svg.write(path);
}

}  // namespace

std::vector<std::string> draw_charts(const Results &results, const std::string &folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw std::runtime_error("cannot make the folder " + folder + ": " + failed.message());
  std::set<int> shapes;
  std::set<std::pair<std::string, int>> sweeps;
  for (const Row &row : results.rows) {
    if (starts_with(row.name, "against-")) sweeps.insert({row.name, row.threads});
    else if (starts_with(row.op, "cross_entropy_forward") && row.name != "D0" && row.name != "D1") shapes.insert(row.threads);
  }
  std::vector<std::string> files;
  for (const int threads : shapes) {
    files.push_back(folder + "/roofline-" + std::to_string(threads) + (threads == 1 ? "-thread.svg" : "-threads.svg"));
    bars(results, threads, files.back());
  }
  for (const char *name : {"against-N", "against-C"}) {
    std::vector<int> threads;
    for (const auto &sweep : sweeps) {
      if (sweep.first == name) threads.push_back(sweep.second);
    }
    if (threads.empty()) continue;
    files.push_back(folder + "/time-" + name + ".svg");
    curves(results, name, threads, files.back());
  }
  return files;
}

}  // namespace bench
