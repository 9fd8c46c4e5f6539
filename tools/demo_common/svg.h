// Just enough SVG for charts: shapes, text, images, and axes with round numbers.
#ifndef LOSSGEN_DEMO_SVG_H
#define LOSSGEN_DEMO_SVG_H

#include <string>
#include <utility>
#include <vector>

namespace demo {

// Round numbers, at most about `count`, that cover [low, high]: the first is <= low, the last >= high.
std::vector<double> round_ticks(double low, double high, int count);

// A range of values drawn along a range of pixels.
struct Scale {
  double low, high, first_pixel, last_pixel;
  double operator()(double value) const {
    return first_pixel + (value - low) / (high - low) * (last_pixel - first_pixel);
  }
};

class Svg {
 public:
  Svg(int width, int height, const std::string &title);

  void line(double x1, double y1, double x2, double y2, const std::string &color, double width = 1,
            const std::string &dashes = "");
  void polyline(const std::vector<std::pair<double, double>> &points, const std::string &color, double width);
  void rectangle(double x, double y, double width, double height, const std::string &color);
  // url: also the picture itself, "data:image/png;base64,...".
  void image(double x, double y, double width, double height, const std::string &url);
  // anchor: start, middle or end. weight: normal or bold.
  void text(double x, double y, const std::string &words, const std::string &anchor = "start", int size = 13,
            const std::string &color = "#333333", const std::string &weight = "normal");
  void upward_text(double x, double y, const std::string &words);  // an axis title, centred on y

  // Grid line and number for each tick of a horizontal or vertical value axis.
  void x_axis(const Scale &scale, const std::vector<double> &ticks, double top, double bottom);
  void y_axis(const Scale &scale, const std::vector<double> &ticks, double left, double right);

  // Throws std::runtime_error where the file cannot be written.
  void write(const std::string &path) const;

 private:
  std::string body_;
};

}  // namespace demo
#endif  // LOSSGEN_DEMO_SVG_H
