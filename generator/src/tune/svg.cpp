#include "svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lossgen {

std::string escaped(const std::string &text) {
  std::string out;
  for (char ch : text)
    out += ch == '<' ? "&lt;" : ch == '>' ? "&gt;" : ch == '&' ? "&amp;" : ch == '"' ? "&quot;" : std::string(1, ch);
  return out;
}

std::string format(const char *form, double value) {
  char text[64];
  std::snprintf(text, sizeof text, form, value);
  return text;
}

namespace {
std::string n(double value) { return format("%.1f", value); }
}  // namespace

Chart::Chart(double width, double height, const std::string &title, double low, double high, double step,
             const char *form)
    : width_(width), height_(height), low_(low), high_(high) {
  text(6, 15, "start", title, " font-weight=\"600\"");
  for (double y = std::ceil(low / step - 1e-9) * step; y <= high + step * 1e-6; y += step) {
    body_ += "<line x1=\"" + n(left_) + "\" x2=\"" + n(width_ - 12) + "\" y1=\"" + n(py(y)) + "\" y2=\"" + n(py(y)) +
             "\" stroke=\"#e4e4e4\"/>\n";
    text(left_ - 5, py(y) + 4, "end", format(form, std::fabs(y) < step / 2 ? 0 : y), " fill=\"#666\"");
  }
}

double Chart::py(double y) const {
  const double inside = std::min(high_, std::max(low_, y));
  return height_ - bottom_ - (inside - low_) / (high_ - low_) * (height_ - top_ - bottom_);
}

void Chart::text(double x, double y, const std::string &anchor, const std::string &words, const std::string &more) {
  body_ += "<text x=\"" + n(x) + "\" y=\"" + n(y) + "\" text-anchor=\"" + anchor + "\"" + more + ">" + escaped(words) +
           "</text>\n";
}

void Chart::dot(double x, double y, const std::string &color, double radius, const std::string &hint) {
  body_ += "<circle cx=\"" + n(px(x)) + "\" cy=\"" + n(py(y)) + "\" r=\"" + n(radius) + "\" fill=\"" + color +
           "\" fill-opacity=\".75\"><title>" + escaped(hint) + "</title></circle>\n";
}

void Chart::cross(double x, const std::string &hint) {
  body_ += "<text x=\"" + n(px(x)) + "\" y=\"" + n(top_ + 10) + "\" text-anchor=\"middle\" fill=\"#c0392b\">x<title>" +
           escaped(hint) + "</title></text>\n";
}

void Chart::path(const std::vector<std::pair<double, double>> &points, const std::string &color) {
  body_ += "<polyline fill=\"none\" stroke-width=\"1.8\" stroke=\"" + color + "\" points=\"";
  for (const auto &[x, y] : points) body_ += n(px(x)) + "," + n(py(y)) + " ";
  body_ += "\"/>\n";
}

void Chart::level(double y, const std::string &color, const std::string &label) {
  body_ += "<line x1=\"" + n(left_) + "\" x2=\"" + n(width_ - 12) + "\" y1=\"" + n(py(y)) + "\" y2=\"" + n(py(y)) +
           "\" stroke=\"" + color + "\" stroke-dasharray=\"5 3\"/>\n";
  text(width_ - 14, py(y) - 4, "end", label, " fill=\"" + color + "\"");
}

void Chart::bar(double x, double width, double y, const std::string &color, const std::string &label) {
  body_ += "<rect x=\"" + n(px(x)) + "\" y=\"" + n(py(y)) + "\" width=\"" + n(px(x + width) - px(x)) + "\" height=\"" +
           n(py(low_) - py(y)) + "\" fill=\"" + color + "\"/>\n";
  text(px(x + width / 2), py(y) + 14, "middle", label, " fill=\"#fff\"");
}

void Chart::x_label(double x, const std::string &words, bool bold) {
  text(px(x), height_ - 9, "middle", words, bold ? " font-weight=\"700\"" : " fill=\"#666\"");
}

void Chart::legend(const std::vector<std::pair<std::string, std::string>> &colors) {
  double x = left_;
  for (const auto &[color, name] : colors) {
    body_ += "<circle cx=\"" + n(x + 4) + "\" cy=\"" + n(top_ - 9) + "\" r=\"4\" fill=\"" + color + "\"/>\n";
    text(x + 12, top_ - 5, "start", name, " fill=\"#444\"");
    x += 24 + 6.2 * (double)name.size();
  }
}

std::string Chart::svg() const {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + n(width_) + "\" height=\"" + n(height_) +
         "\" viewBox=\"0 0 " + n(width_) + " " + n(height_) +
         "\" font-family=\"system-ui, sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" "
         "fill=\"#fff\"/>\n" +
         body_ + "</svg>\n";
}

}  // namespace lossgen
