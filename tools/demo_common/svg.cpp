#include "svg.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <fstream>
#include <stdexcept>

namespace demo {
namespace {

constexpr const char *kGrid = "#e3e3e3";
constexpr const char *kAxis = "#666666";

__attribute__((format(printf, 1, 2))) std::string format(const char *pattern, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, pattern);
  vsnprintf(buffer, sizeof buffer, pattern, arguments);
  va_end(arguments);
  return buffer;
}

// Text from file names may hold anything.
std::string escaped(const std::string &words) {
  std::string out;
  for (const char c : words) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      out += '?';
    else
      out += c;
  }
  return out;
}

std::string number(double value) {
  return format("%.10g", fabs(value) < 1e-9 ? 0.0 : value);
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  const double raw = (high - low) / count;
  const double power = pow(10, floor(log10(raw)));
  const double digit = raw / power;
  const double step = power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
  std::vector<double> ticks;
  for (double i = floor(low / step);; i++) {
    ticks.push_back(i * step);
    if (i * step >= high - step * 1e-9) return ticks;
  }
}

Svg::Svg(int width, int height, const std::string &title) {
  body_ = format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" ", width,
                 height, width, height);
  body_ += "font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">\n<title>" + escaped(title) + "</title>\n";
  rectangle(0, 0, width, height, "#ffffff");
}

void Svg::line(double x1, double y1, double x2, double y2, const std::string &color, double width,
               const std::string &dashes) {
  body_ += format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%g\"", x1, y1, x2,
                  y2, color.c_str(), width);
  if (!dashes.empty()) body_ += " stroke-dasharray=\"" + dashes + "\"";
  body_ += "/>\n";
}

void Svg::polyline(const std::vector<std::pair<double, double>> &points, const std::string &color, double width) {
  body_ += format("<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%g\" stroke-linejoin=\"round\" points=\"",
                  color.c_str(), width);
  for (const auto &point : points) body_ += format("%.1f,%.1f ", point.first, point.second);
  body_ += "\"/>\n";
}

void Svg::rectangle(double x, double y, double width, double height, const std::string &color) {
  body_ += format("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x, y, width, height,
                  color.c_str());
}

void Svg::image(double x, double y, double width, double height, const std::string &url) {
  body_ += format("<image x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" preserveAspectRatio=\"none\" href=\"", x,
                  y, width, height);
  body_ += url + "\"/>\n";
}

void Svg::text(double x, double y, const std::string &words, const std::string &anchor, int size,
               const std::string &color, const std::string &weight) {
  // A white rim keeps numbers readable where they cross the grid.
  body_ += format(
      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\" font-weight=\"%s\" fill=\"%s\" "
      "stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\">",
      x, y, anchor.c_str(), size, weight.c_str(), color.c_str());
  body_ += escaped(words) + "</text>\n";
}

void Svg::upward_text(double x, double y, const std::string &words) {
  body_ += format(
      "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\" font-size=\"13\" "
      "fill=\"#333333\">",
      x, y);
  body_ += escaped(words) + "</text>\n";
}

void Svg::x_axis(const Scale &scale, const std::vector<double> &ticks, double top, double bottom) {
  for (const double tick : ticks) {
    line(scale(tick), top, scale(tick), bottom, kGrid);
    line(scale(tick), bottom, scale(tick), bottom + 5, kAxis);
    text(scale(tick), bottom + 20, number(tick), "middle", 12);
  }
  line(scale.first_pixel, bottom, scale.last_pixel, bottom, kAxis);
}

void Svg::y_axis(const Scale &scale, const std::vector<double> &ticks, double left, double right) {
  for (const double tick : ticks) {
    line(left, scale(tick), right, scale(tick), kGrid);
    line(left - 5, scale(tick), left, scale(tick), kAxis);
    text(left - 9, scale(tick) + 4, number(tick), "end", 12);
  }
  line(left, scale.first_pixel, left, scale.last_pixel, kAxis);
}

void Svg::write(const std::string &path) const {
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << body_ << "</svg>\n";
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path + ": " + strerror(errno ? errno : EIO));
}

}  // namespace demo
