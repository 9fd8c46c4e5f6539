#include "charts.h"

#include <math.h>
#include <stdio.h>

#include <algorithm>

#include "svg.h"

namespace demo {
namespace {

constexpr const char *kRecent = "#9ec9e2";
constexpr const char *kSoFar = "#0b559f";

std::string decimals(double value, int digits) {
  char buffer[64];
  snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

std::string shortened(const std::string &words, size_t length) {
  return words.size() <= length ? words : "..." + words.substr(words.size() - length + 3);
}

}  // namespace

void write_loss_curve(const std::string &path, const std::string &source, const Training &training,
                      const std::vector<Contender> &compressors) {
  constexpr int kWidth = 860, kHeight = 480;
  constexpr double kLeft = 70, kRight = 835, kTop = 96, kBottom = 420;
  if (training.curve.empty()) return;
  const double last = static_cast<double>(training.curve.back().bytes);
  const bool mega = last >= 2e6;
  const double unit = mega ? 1e6 : 1e3;
  double high = 0;
  for (const CurvePoint &point : training.curve) high = std::max({high, point.recent, point.so_far});
  for (const Contender &c : compressors) high = std::max(high, c.bits_per_byte);

  // x ends with the text, y with a round number.
  std::vector<double> x_ticks = round_ticks(0, last / unit, 10);
  const Scale x = {0, last / unit, kLeft, kRight};
  while (x_ticks.back() > x.high) x_ticks.pop_back();
  const std::vector<double> y_ticks = round_ticks(0, high, 8);
  const Scale y = {0, y_ticks.back(), kBottom, kTop};

  Svg svg(kWidth, kHeight, "Loss curve of the lossgen demo");
  svg.text(kLeft, 28, "A byte model learning " + shortened(source, 70), "start", 16, "#111111", "bold");
  svg.text(kLeft, 48, "each byte is scored before the model learns from it; loss and gradient by lossgen", "start", 12);
  svg.x_axis(x, x_ticks, kTop, kBottom);
  svg.y_axis(y, y_ticks, kLeft, kRight);
  svg.text((kLeft + kRight) / 2, kBottom + 44, mega ? "million bytes scored" : "thousand bytes scored", "middle");
  svg.upward_text(24, (kTop + kBottom) / 2, "bits per byte");

  for (const Contender &c : compressors)
    svg.line(kLeft, y(c.bits_per_byte), kRight, y(c.bits_per_byte), c.color, 1.6, "7 4");
  std::vector<std::pair<double, double>> recent, so_far;
  for (const CurvePoint &point : training.curve) {
    const double at = x(static_cast<double>(point.bytes) / unit);
    recent.emplace_back(at, y(point.recent));
    so_far.emplace_back(at, y(point.so_far));
  }
  svg.polyline(recent, kRecent, 1.5);
  svg.polyline(so_far, kSoFar, 2.5);

  // The legend stands above the axes, where no curve can be.
  double at = kLeft;
  const auto entry = [&](const std::string &name, const std::string &color, double width, const char *dashes) {
    svg.line(at, 72, at + 28, 72, color, width, dashes);
    svg.text(at + 34, 76, name, "start", 12);
    at += 34 + 7.2 * static_cast<double>(name.size()) + 22;
  };
  entry("model, so far (" + decimals(training.curve.back().so_far, 3) + ")", kSoFar, 2.5, "");
  entry("model, recent bytes", kRecent, 2, "");
  for (const Contender &c : compressors) entry(c.name + " (" + decimals(c.bits_per_byte, 3) + ")", c.color, 1.6, "7 4");
  svg.write(path);
}

void write_comparison(const std::string &path, const std::string &source, size_t bytes,
                      const std::vector<Contender> &contenders) {
  constexpr int kWidth = 860;
  constexpr double kLeft = 150, kRight = 770, kTop = 70, kBar = 34, kGap = 18;
  const double bottom = kTop + static_cast<double>(contenders.size()) * (kBar + kGap) + kGap;
  double high = 0;
  for (const Contender &c : contenders) high = std::max(high, c.bits_per_byte);
  const std::vector<double> ticks = round_ticks(0, high, 8);
  const Scale x = {0, ticks.back(), kLeft, kRight};

  Svg svg(kWidth, static_cast<int>(bottom) + 62, "Bits per byte of the lossgen demo and of compressors");
  svg.text(20, 28, "Bits per byte: " + shortened(source, 70), "start", 16, "#111111", "bold");
  svg.text(20, 48, std::to_string(bytes) + " bytes, the same for all; less is better", "start", 12);
  svg.x_axis(x, ticks, kTop, bottom);
  double at = kTop + kGap;
  for (const Contender &c : contenders) {
    svg.text(kLeft - 12, at + kBar / 2 + 5, c.name, "end", 13);
    svg.rectangle(kLeft, at, x(c.bits_per_byte) - kLeft, kBar, c.color);
    svg.text(x(c.bits_per_byte) + 8, at + kBar / 2 + 5, decimals(c.bits_per_byte, 3), "start", 13, "#111111", "bold");
    at += kBar + kGap;
  }
  svg.line(kLeft, kTop, kLeft, bottom, "#666666");
  svg.text((kLeft + kRight) / 2, bottom + 46, "bits per byte", "middle");
  svg.write(path);
}

}  // namespace demo
