// Charts for the report: just enough SVG.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace lossgen {

std::string escaped(const std::string &text);  // for XML
std::string format(const char *form, double value);

class Chart {
 public:
  // Values from low to high on the vertical axis, with a line and a number every step.
  Chart(double width, double height, const std::string &title, double low, double high, double step, const char *form);

  // x in [0, 1] of the plot, y a value of the axis.
  void dot(double x, double y, const std::string &color, double radius, const std::string &hint);
  void cross(double x, const std::string &hint);  // something that failed, on the upper edge
  void path(const std::vector<std::pair<double, double>> &points, const std::string &color);
  void level(double y, const std::string &color, const std::string &label);
  void bar(double x, double width, double y, const std::string &color, const std::string &label);
  void x_label(double x, const std::string &text, bool bold = false);
  void legend(const std::vector<std::pair<std::string, std::string>> &colors);  // color, name
  std::string svg() const;

 private:
  double px(double x) const { return left_ + x * (width_ - left_ - 12); }
  double py(double y) const;
  void text(double x, double y, const std::string &anchor, const std::string &words, const std::string &more = "");

  double width_, height_, low_, high_, left_ = 46, top_ = 34, bottom_ = 26;
  std::string body_;
};

}  // namespace lossgen
