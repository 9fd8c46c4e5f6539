#include "charts.h"

#include <algorithm>

#include "svg.h"
#include "words.h"

namespace demo {

void write_curves(const std::string &path, const Caption &caption, const std::string &counted,
                  const std::vector<Curve> &curves, const std::vector<Mark> &levels) {
  constexpr int kWidth = 860, kHeight = 480;
  constexpr double kLeft = 70, kRight = 835, kTop = 96, kBottom = 420;
  double last = 0, high = 0;
  for (const Mark &level : levels) high = std::max(high, level.value);
  for (const Curve &curve : curves) {
    for (const auto &point : curve.points) {
      last = std::max(last, point.first);
      high = std::max(high, point.second);
    }
  }
  if (last <= 0) return;
  const bool mega = last >= 2e6;
  const double unit = mega ? 1e6 : 1e3;

  // x ends with what was learned, y with a round number.
  std::vector<double> x_ticks = round_ticks(0, last / unit, 10);
  const Scale x = {0, last / unit, kLeft, kRight};
  while (x_ticks.back() > x.high) x_ticks.pop_back();
  const std::vector<double> y_ticks = round_ticks(0, high, 8);
  const Scale y = {0, y_ticks.back(), kBottom, kTop};

  Svg svg(kWidth, kHeight, caption.title);
  svg.text(kLeft, 28, caption.heading, "start", 16, "#111111", "bold");
  svg.text(kLeft, 48, caption.subheading, "start", 12);
  svg.x_axis(x, x_ticks, kTop, kBottom);
  svg.y_axis(y, y_ticks, kLeft, kRight);
  svg.text((kLeft + kRight) / 2, kBottom + 44, (mega ? "million " : "thousand ") + counted, "middle");
  svg.upward_text(24, (kTop + kBottom) / 2, caption.unit);

  for (const Mark &level : levels) svg.line(kLeft, y(level.value), kRight, y(level.value), level.color, 1.6, "7 4");
  // The legend stands above the axes, where no curve can be.
  double at = kLeft;
  const auto entry = [&](const std::string &name, const std::string &color, double width, const char *dashes) {
    svg.line(at, 72, at + 28, 72, color, width, dashes);
    svg.text(at + 34, 76, name, "start", 12);
    at += 34 + 7.2 * static_cast<double>(name.size()) + 22;
  };
  for (const Curve &curve : curves) {
    std::vector<std::pair<double, double>> points;
    for (const auto &point : curve.points) points.emplace_back(x(point.first / unit), y(point.second));
    svg.polyline(points, curve.color, curve.width);
    entry(curve.name, curve.color, curve.width, "");
  }
  for (const Mark &level : levels) entry(level.name + " (" + decimals(level.value, 3) + ")", level.color, 1.6, "7 4");
  svg.write(path);
}

void write_bars(const std::string &path, const Caption &caption, const std::vector<Mark> &bars) {
  constexpr int kWidth = 860;
  constexpr double kLeft = 220, kRight = 770, kTop = 70, kBar = 26, kGap = 8, kGroupGap = 14;
  double high = 0, bottom = kTop + kGap;
  for (const Mark &bar : bars) {
    high = std::max(high, bar.value);
    bottom += kBar + kGap + (bar.first_of_group ? kGroupGap : 0);
  }
  const std::vector<double> ticks = round_ticks(0, high, 8);
  const Scale x = {0, ticks.back(), kLeft, kRight};

  Svg svg(kWidth, static_cast<int>(bottom) + 62, caption.title);
  svg.text(20, 28, caption.heading, "start", 16, "#111111", "bold");
  svg.text(20, 48, caption.subheading, "start", 12);
  svg.x_axis(x, ticks, kTop, bottom);
  double at = kTop + kGap;
  for (const Mark &bar : bars) {
    if (bar.first_of_group) at += kGroupGap;
    svg.text(kLeft - 12, at + kBar / 2 + 5, bar.name, "end", 13);
    svg.rectangle(kLeft, at, x(bar.value) - kLeft, kBar, bar.color);
    svg.text(x(bar.value) + 8, at + kBar / 2 + 5, decimals(bar.value, 3), "start", 13, "#111111", "bold");
    at += kBar + kGap;
  }
  svg.line(kLeft, kTop, kLeft, bottom, "#666666");
  svg.text((kLeft + kRight) / 2, bottom + 46, caption.unit, "middle");
  svg.write(path);
}

}  // namespace demo
