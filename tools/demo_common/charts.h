// The demos' charts: curves while a model learns, and bars beside what others need.
#ifndef LOSSGEN_DEMO_CHARTS_H
#define LOSSGEN_DEMO_CHARTS_H

#include <string>
#include <utility>
#include <vector>

namespace demo {

constexpr const char *kModelColor = "#0b559f";
constexpr const char *kRecentColor = "#9ec9e2";
constexpr const char *kRivalColors[] = {"#d95f02", "#7a7a2e"};

struct Caption {
  std::string title, heading, subheading;
  std::string unit;  // of the values: "bits per byte"
};

struct Curve {
  std::string name, color;
  double width;
  std::vector<std::pair<double, double>> points;  // amount learned, value
};

// A value with a name: a bar, or a dashed level beside the curves.
struct Mark {
  std::string name, color;
  double value;
  bool first_of_group = false;  // a bar with some space above
};

// counted: "bytes scored", which the first numbers of the points count.
void write_curves(const std::string &path, const Caption &caption, const std::string &counted,
                  const std::vector<Curve> &curves, const std::vector<Mark> &levels);

void write_bars(const std::string &path, const Caption &caption, const std::vector<Mark> &bars);

}  // namespace demo
#endif  // LOSSGEN_DEMO_CHARTS_H
