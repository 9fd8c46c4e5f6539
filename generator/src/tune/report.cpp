#include "report.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <map>

#include "files.h"
#include "lossgen/kernel_names.h"
#include "svg.h"

namespace lossgen {

namespace {

const char *const kDefault = "#7f8c8d", *const kWinner = "#1e8449", *const kRoof = "#b9770e";
const std::vector<std::pair<std::string, std::string>> kRungs = {  // color, name
    {"#85c1e9", "1 sample"},
    {"#2e86c1", "2 neighbours"},
    {"#884ea0", "3 best"},
    {"#d35400", "4 final"},
    {"#1e8449", "5 confirmed"}};

const char *meaning(const std::string &parameter) {
  static const std::map<std::string, const char *> texts = {
      {"vector", "lanes of a vector; more than the machine's own are several registers, that is more independent sums"},
      {"unroll",
       "vectors per step along the classes: independent sums hide the latency of an addition, until the registers run "
       "out"},
      {"prefetch", "vectors (rows of few known classes: rows; cross entropy of any number of planes: classes) ahead of the one being read that are asked for; 0: the hardware's prefetcher alone"},
      {"class_group",
       "planes: classes added to a pixel's sum while it is in a register; rows: parts of one that are walked together, as many streams for "
       "the hardware to follow; rows of few known classes: lanes along them; "
       "GPU, a thread a row: loads that go out together"},
      {"tile",
       "pixels, or rows of few known classes, whose sums stay in L1 between the passes over the classes; GPU: rows "
       "that share a block"},
      {"threads", "GPU: threads of a block along the classes; where each has rows of its own, along the rows"},
      {"block_bytes",
       "logits handed to a kernel at once: small enough to be in cache for the second pass, large enough to make calls "
       "few"},
  };
  const auto found = texts.find(parameter);
  return found == texts.end() ? "" : found->second;
}

bool searched(const Step &s) { return s.measurement.failure.empty() && (s.rung[0] == '1' || s.rung[0] == '2'); }

// Numbers of an axis as short as they can be: 128K.
std::string brief(int value) {
  if (value >= 1 << 20 && value % (1 << 20) == 0) return std::to_string(value >> 20) + "M";
  return value >= 1024 && value % 1024 == 0 ? std::to_string(value / 1024) + "K" : std::to_string(value);
}

class Page {
 public:
  explicit Page(const ReportData &data, const std::string &pictures) : d_(data), pictures_(pictures) {}

  std::string html() {
    std::string text =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\"><title>lossgen tune</title><style>\n"
        "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}\n"
        "table{border-collapse:collapse;margin:.6em 0;display:block;overflow-x:auto}td,th{border-bottom:1px solid "
        "#ddd;padding:.25em "
        ".8em;text-align:left}\n"
        "td.n{text-align:right;font-variant-numeric:tabular-nums}h2{margin-top:2em}code{background:#f4f4f4;padding:."
        "1em .3em;overflow-wrap:anywhere}\n"
        "svg{margin:.4em .8em .4em 0;max-width:100%;height:auto}.why{color:#444}</style></head><body>\n<h1>lossgen "
        "tune</h1>\n";
    char date[32];
    const time_t now = time(nullptr);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime(&now));
    text += "<p><code>" + escaped(d_.command) + "</code>, seed " + std::to_string(d_.seed) + ", " + date +
            "</p>\n<table>\n";
    for (const char *key : {"gpu", "driver", "cpu", "cores", "caches", "system", "governor", "smt", "virtual", "load"})
      if (d_.machine.contains(key))
        text +=
            std::string("<tr><td>") + key + "</td><td>" + escaped(d_.machine.at(key).get<std::string>()) + "</td></tr>\n";
    text += "<tr><td>spoils timings</td><td>";
    if (!d_.machine.contains("disturbances")) text += "nothing known";
    else
      for (const auto &line : d_.machine.at("disturbances")) text += escaped(line.get<std::string>()) + "<br>";
    text += "</td></tr></table>\n<h2>All kernels</h2>\n" + summary();
    for (size_t i = 0; i < d_.found.size(); i++) text += unit(d_.found[i], i);
    return text + "</body></html>\n";
  }

 private:
  static std::string percent(double ratio) { return format("%.1f %%", std::fabs(ratio) * 100); }

  std::string summary() const {
    std::string text =
        "<table><tr><th>kernel</th><th>shape</th><th>default, ms</th><th>tuned, "
        "ms</th><th>faster</th><th>GB/s</th><th>of the roofline</th><th>numbers</th></tr>\n";
    for (const Found &f : d_.found) {
      if (f.base_seconds.empty()) continue;
      text += "<tr><td>" + escaped(f.unit.name()) + "</td><td>" + escaped(f.unit.shapes[0].text) +
              (f.unit.shapes.size() > 1 ? " and others" : "") + "</td><td class=n>" +
              format("%.4g", f.base_seconds[0] * 1e3) + "</td><td class=n>" + format("%.4g", f.seconds[0] * 1e3) +
              "</td><td class=n>" + (f.ratio < 1 ? format("%.3fx", 1 / f.ratio) : "default stays") + "</td>";
      if (f.unit.tensors() > 0)
        text += "<td class=n>" + format("%.1f", rate(f.unit, f.seconds)) + "</td><td class=n>" +
                percent(share_of_roof(f, f.seconds)) + "</td>";
      else text += "<td></td><td></td>";
      text += "<td>" + (f.ratio < 1 ? escaped(describe(f.unit, f.winner)) : "") + "</td></tr>\n";
    }
    return text + "</table>\n";
  }

  std::string unit(const Found &f, size_t index) {
    std::string text = "<h2>" + escaped(f.unit.name()) + "</h2>\n";
    if (f.base_seconds.empty())
      return text + "<p>Stopped before anything was confirmed.</p>\n" + picture(history(f), index, "history");
    text += "<p>" + verdict(f) + "</p>\n<div>";
    if (f.unit.tensors() > 0) text += picture(roofline(f), index, "roofline");
    text += picture(history(f), index, "history") + "</div>\n<div>";
    for (const Axis &axis : f.unit.axes) text += picture(effect(f, axis), index, axis.field->name);
    return text + "</div>\n" + reasons(f) + failures(f);
  }

  std::string verdict(const Found &f) const {
    std::string text;
    if (f.ratio < 1)
      text = "<b>" + format("%.3f", 1 / f.ratio) + " times as fast as the default</b> (&plusmn; " + percent(f.doubt) +
             "), in fresh rounds beside it.";
    else if (!f.compared) text = "<b>No candidate came through</b>: the default stays, and the file as it is.";
    else text = "<b>Nothing beats the default</b> by 1 % and more than the noise: it stays, and the file has no entry.";
    text += " " + std::to_string(f.tried) + " of " + std::to_string(f.space) +
            " legal combinations were compiled and timed.";
    if (f.in_cache > 0)
      text += " The default reaches " + percent(share_of_roof(f, f.base_seconds)) +
              " of the roofline: memory of this size gives " + format("%.1f GB/s", f.memory) +
              ", the kernel with all its logits in cache " + format("%.1f GB/s.", f.in_cache);
    else if (f.memory > 0)
      text += " The default reaches " + percent(share_of_roof(f, f.base_seconds)) +
              " of the roofline: a copy of this size in the device's memory reads and writes " +
              format("%.1f GB/s.", f.memory);
    if (!f.complete) text += " Cut off: not all that were to be.";
    const auto general = d_.general.find(unit_text(f.unit));
    if (general != d_.general.end())
      text += gains(general->second)
                  ? " Known at compile time, the class count makes it " + format("%.3f", 1 / general->second.ratio) +
                        " times as fast as the general kernel."
                  : " Knowing the class count at compile time gains nothing over the general kernel: leave it out of "
                    "<code>CLASSES</code>.";
    return text;
  }

  Chart roofline(const Found &f) const {
    const double top = std::max({roof(f), rate(f.unit, f.seconds), rate(f.unit, f.base_seconds)}) * 1.12;
    const double step =
        std::pow(10, std::floor(std::log10(top))) / (top / std::pow(10, std::floor(std::log10(top))) < 3 ? 2 : 1);
    Chart chart(240, 240, "GB/s, " + f.unit.shapes[0].text, 0, top, step, "%.4g");
    chart.level(roof(f), kRoof,
                format("memory %.1f", f.memory) + (f.in_cache > 0 ? format(", in cache %.1f", f.in_cache) : ""));
    chart.bar(0.12, 0.3, rate(f.unit, f.base_seconds), kDefault, format("%.1f", rate(f.unit, f.base_seconds)));
    chart.bar(0.58, 0.3, rate(f.unit, f.seconds), kWinner, format("%.1f", rate(f.unit, f.seconds)));
    chart.x_label(0.27, "default");
    chart.x_label(0.73, f.ratio < 1 ? "tuned" : "default");
    return chart;
  }

  // The vertical axis of ratios: what is far above the default lies on its upper edge.
  static std::pair<double, double> range(const Found &f) {
    double low = 1, high = 1;
    for (const Step &s : f.history)
      if (s.measurement.failure.empty())
        low = std::min(low, s.measurement.ratio), high = std::max(high, s.measurement.ratio);
    return {std::floor(low * 20 - 0.2) / 20, std::min(1.6, std::ceil(high * 20 + 0.2) / 20)};
  }
  static double step(const std::pair<double, double> &range) {
    const double width = range.second - range.first;
    return width > 0.8 ? 0.2 : width > 0.35 ? 0.1 : 0.05;
  }

  Chart history(const Found &f) const {
    const auto axis = range(f);
    Chart chart(660, 240, "the search: time over the default's; a dot is a candidate, the line the best of each step",
                axis.first, axis.second, step(axis), "%.2f");
    chart.legend(kRungs);
    chart.level(1, kDefault, "default");
    std::vector<std::pair<double, double>> best;
    double lowest = 1;
    for (size_t i = 0; i < f.history.size(); i++) {
      const Step &s = f.history[i];
      const double x = (i + 0.5) / f.history.size();
      if (!s.measurement.failure.empty()) {
        chart.cross(x, describe(f.unit, s.point) + ": " + s.measurement.failure);
        continue;
      }
      if (best.empty() || s.rung != f.history[i - 1].rung)
        lowest = std::min(1.0, s.measurement.ratio);  // a rung counts for itself
      lowest = std::min(lowest, s.measurement.ratio);
      best.emplace_back(x, lowest);
      for (const auto &[color, name] : kRungs)
        if (name == s.rung)
          chart.dot(x, s.measurement.ratio, color, 3.5,
                    describe(f.unit, s.point) + ": " + format("%.3f", s.measurement.ratio));
    }
    chart.path(best, kWinner);
    return chart;
  }

  // The best ratio among the candidates with each value; 0 where there is none.
  static std::map<int, double> best_by_value(const Found &f, const Axis &axis) {
    std::map<int, double> best;
    for (const Step &s : f.history) {
      if (!searched(s)) continue;
      double &b = best[s.point.*axis.field->value];
      b = b == 0 ? s.measurement.ratio : std::min(b, s.measurement.ratio);
    }
    const int standard = f.standard.*axis.field->value;
    best[standard] = best.count(standard) ? std::min(1.0, best[standard]) : 1.0;
    return best;
  }

  Chart effect(const Found &f, const Axis &axis) const {
    const auto values = range(f);
    Chart chart(260, 200, std::string(axis.field->name) + ": time over the default's", values.first, values.second,
                step(values), "%.2f");
    chart.level(1, kDefault, "");
    const auto at = [&](int value) {
      const size_t i = std::find(axis.values.begin(), axis.values.end(), value) - axis.values.begin();
      return (i + 0.5) / axis.values.size();
    };
    for (int value : axis.values) chart.x_label(at(value), brief(value), value == f.winner.*axis.field->value);
    for (const Step &s : f.history)
      if (searched(s))
        chart.dot(at(s.point.*axis.field->value), s.measurement.ratio, "#85c1e9", 2.8,
                  describe(f.unit, s.point) + ": " + format("%.3f", s.measurement.ratio));
    std::vector<std::pair<double, double>> line;
    for (const auto &[value, ratio] : best_by_value(f, axis)) line.emplace_back(at(value), ratio);
    chart.path(line, "#2e86c1");
    chart.dot(at(f.standard.*axis.field->value), 1, kDefault, 5, "default");
    if (f.ratio < 1) chart.dot(at(f.winner.*axis.field->value), f.ratio, kWinner, 5, "winner");
    return chart;
  }

  // What each number is worth: how much slower the best schedule is that leaves it at its default.
  std::string reasons(const Found &f) const {
    std::string text =
        "<table class=why><tr><th>number</th><th>default</th><th>winner</th><th>left at the default, the best found "
        "is</th><th>what it does</th></tr>\n";
    for (const Axis &axis : f.unit.axes) {
      const int standard = f.standard.*axis.field->value, winner = f.winner.*axis.field->value;
      const std::map<int, double> best = best_by_value(f, axis);
      std::string worth = "the same";
      if (standard != winner) {
        const auto mine = best.find(winner);
        const double loss = mine == best.end() ? 0 : best.at(standard) / mine->second - 1;
        worth = loss > 0.005 ? percent(loss) + " slower" : "as fast: this number hardly matters";
      }
      text += std::string("<tr><td>") + axis.field->name + "</td><td class=n>" + std::to_string(standard) +
              "</td><td class=n><b>" + std::to_string(winner) + "</b></td><td>" + worth + "</td><td>" +
              meaning(axis.field->name) + "</td></tr>\n";
    }
    return text +
           "</table>\n<p class=why>Light dots: candidates with this value, whatever their other numbers; line: the "
           "best of them. Grey: default; green: winner, confirmed.</p>\n";
  }

  std::string failures(const Found &f) const {
    std::string text;
    for (const Step &s : f.history)
      if (!s.measurement.failure.empty())
        text += "<li>" + escaped(describe(f.unit, s.point) + ": " + s.measurement.failure) + "</li>\n";
    return text.empty() ? "" : "<p>Left out:</p><ul>" + text + "</ul>\n";
  }

  std::string picture(const Chart &chart, size_t index, const std::string &name) const {
    const std::string svg = chart.svg();
    if (!pictures_.empty()) {
      std::filesystem::create_directories(pictures_);
      write_if_changed(std::filesystem::path(pictures_) / (std::to_string(index + 1) + "-" + name + ".svg"), svg);
    }
    return svg;
  }

  const ReportData &d_;
  const std::string pictures_;
};

}  // namespace

void write_report(const std::string &page, const std::string &pictures, const ReportData &data) {
  const std::string html = Page(data, pictures).html();
  if (!page.empty()) write_if_changed(page, html);
}

}  // namespace lossgen
