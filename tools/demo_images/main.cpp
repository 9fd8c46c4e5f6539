// lossgen_demo_images: learns to predict the pixels of images from their neighbours with lossgen's fused loss and
// gradient on planes, and scores itself on images that it has not seen, beside PNG.
#include <lossgen/lossgen.h>
#include <stdio.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "charts.h"
#include "cost_map.h"
#include "image.h"
#include "model.h"
#include "thread_pool.h"
#include "train.h"
#include "words.h"

#ifndef LOSSGEN_DEMO_OUT
#define LOSSGEN_DEMO_OUT "build/demo"
#endif

namespace {

struct Arguments {
  std::vector<std::string> files;
  std::string out = LOSSGEN_DEMO_OUT;
  double seconds = 50;
  int threads = 0;
  bool quick = false;
};

constexpr size_t kSteps = 6000, kQuickSteps = 250;
constexpr size_t kHoldBack = 3;  // every third image, from the first

double sum_of(const std::vector<float> &costs) {
  double sum = 0;
  for (const float cost : costs) sum += static_cast<double>(cost);
  return sum;
}

// Bytes by contender, for the contenders whose size is known for all images; and the model's last.
struct Score {
  std::string name;
  double pixels = 0;
  std::vector<demo::Mark> bits_per_pixel;
};

std::vector<Score> score(const std::vector<demo::Image> &images, const std::vector<std::vector<float>> &costs) {
  std::vector<std::string> rivals;
  for (const auto &size : images[0].sizes) {
    const bool everywhere = std::all_of(images.begin(), images.end(), [&](const demo::Image &image) {
      return std::any_of(image.sizes.begin(), image.sizes.end(), [&](const auto &s) { return s.first == size.first; });
    });
    if (everywhere && rivals.size() < std::size(demo::kRivalColors)) rivals.push_back(size.first);
  }
  std::vector<Score> scores;
  std::vector<double> totals(rivals.size() + 1);
  double pixels = 0;
  const auto add = [&](const std::string &name, double area, const std::vector<double> &bits) {
    Score one{name, area, {}};
    for (size_t i = 0; i < bits.size(); i++) {
      const bool model = i == rivals.size();
      one.bits_per_pixel.push_back(
          {model ? "model" : rivals[i], model ? demo::kModelColor : demo::kRivalColors[i], bits[i] / area});
    }
    scores.push_back(one);
  };
  for (size_t i = 0; i < images.size(); i++) {
    const std::map<std::string, size_t> sizes(images[i].sizes.begin(), images[i].sizes.end());
    std::vector<double> bits;
    for (const std::string &rival : rivals) bits.push_back(8.0 * static_cast<double>(sizes.at(rival)));
    bits.push_back(sum_of(costs[i]));
    for (size_t k = 0; k < bits.size(); k++) totals[k] += bits[k];
    pixels += static_cast<double>(images[i].area());
    add(images[i].name, static_cast<double>(images[i].area()), bits);
  }
  add("together", pixels, totals);
  return scores;
}

void print_scores(const std::vector<Score> &scores) {
  printf("\nimages held back, bits/pixel\n  %-20s %12s", "", "pixels");
  for (const demo::Mark &mark : scores[0].bits_per_pixel) printf(" %8s", mark.name.c_str());
  printf("\n");
  for (const Score &one : scores) {
    printf("  %-20s %12s", one.name.c_str(), demo::with_commas(static_cast<size_t>(one.pixels)).c_str());
    for (const demo::Mark &mark : one.bits_per_pixel) printf(" %8.3f", mark.value);
    printf("\n");
  }
  const std::vector<demo::Mark> &marks = scores.back().bits_per_pixel;
  for (size_t i = 0; i + 1 < marks.size(); i++) {
    const double less = 1 - marks.back().value / marks[i].value;
    printf("  the model needs %.1f %% %s than %s\n", 100 * std::abs(less), less >= 0 ? "less" : "more",
           marks[i].name.c_str());
  }
  if (marks.size() == 1) printf("  (what PNG needs is not known: the files' comments do not say)\n");
}

void draw(const demo::Training &training, const std::vector<Score> &scores, const std::string &curve,
          const std::string &bars) {
  std::vector<std::pair<double, double>> trained, held;
  for (const demo::CurvePoint &point : training.curve) {
    trained.emplace_back(point.pixels, point.trained);
    held.emplace_back(point.pixels, point.held);
  }
  std::vector<demo::Mark> levels = scores.back().bits_per_pixel;
  levels.pop_back();
  demo::write_curves(curve,
                     {"Loss curve of the lossgen demo on images", "A pixel model learning photographs",
                      "loss and gradient by lossgen, logits in planes; the others' numbers are of the images held back",
                      "bits per pixel"},
                     "pixels seen",
                     {{"images learned", demo::kRecentColor, 1.5, trained},
                      {"images held back, a sample", demo::kModelColor, 2.5, held}},
                     levels);
  std::vector<demo::Mark> all;
  for (const Score &one : scores) {
    for (demo::Mark mark : one.bits_per_pixel) {
      mark.first_of_group = mark.name == one.bits_per_pixel[0].name;
      mark.name = demo::shortened(one.name, 20) + ", " + mark.name;
      all.push_back(mark);
    }
  }
  demo::write_bars(bars,
                   {"Bits per pixel of the lossgen demo and of image formats", "Bits per pixel of images held back",
                    "the same pixels for all; less is better", "bits per pixel"},
                   all);
}

void run(const Arguments &arguments) {
  std::vector<demo::Image> learned, held;
  std::string names;
  for (size_t i = 0; i < arguments.files.size(); i++) {
    demo::Image image = demo::read_pgm(arguments.files[i]);
    if (i % kHoldBack == 0) {
      names += " " + image.name;
      held.push_back(std::move(image));
    } else {
      learned.push_back(mirrored(image));
      learned.push_back(std::move(image));
    }
  }
  if (learned.empty()) throw std::runtime_error("one image is not enough: some to learn from, some to hold back");
  std::filesystem::create_directories(arguments.out);
  demo::ThreadPool pool(arguments.threads ? arguments.threads
                                          : std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  demo::PixelModel model;
  printf("images    %zu: %zu to learn from, as they are and mirrored; held back (every third):%s\n",
         arguments.files.size(), arguments.files.size() - held.size(), names.c_str());
  printf("model     a network on a causal window of %d neighbours, %s parameters; nothing learned yet\n",
         demo::PixelModel::kNeighbours, demo::with_commas(model.parameters()).c_str());
  printf("training  logits (%d, %d, %d, %d), target (%d, %d, %d), %d thread%s, lossgen %s\n", demo::kBatch,
         demo::kClasses, demo::kPatch, demo::kPatch, demo::kBatch, demo::kPatch, demo::kPatch, pool.threads(),
         pool.threads() == 1 ? "" : "s", lossgen_version());
  fflush(stdout);
  const demo::Training training =
      demo::train(learned, held, arguments.quick ? kQuickSteps : kSteps, arguments.seconds, &pool, &model);
  printf("trained   %.1f s, %s steps%s, %.1f s of it in lossgen; bits/pixel %.3f at first, %.3f at last\n",
         training.seconds, demo::with_commas(training.steps).c_str(),
         training.complete ? "" : " (time was up: --seconds)", training.loss_seconds, training.first_bits,
         training.curve.back().trained);
  fflush(stdout);

  std::vector<std::vector<float>> costs;
  for (const demo::Image &image : held) costs.push_back(demo::costs_of(image, model, &pool));
  const std::vector<Score> scores = score(held, costs);
  print_scores(scores);
  const std::string curve = arguments.out + "/image_loss_curve.svg", bars = arguments.out + "/image_comparison.svg",
                    maps = arguments.out + "/image_costs.svg";
  draw(training, scores, curve, bars);
  constexpr size_t kMostMaps = 6;  // 0.7 MB each
  if (held.size() > kMostMaps) held.resize(kMostMaps);
  demo::write_cost_maps(maps, held, costs);
  printf("\nwritten   %s\n          %s\n          %s\n", curve.c_str(), bars.c_str(), maps.c_str());
}

}  // namespace

int main(int argc, char **argv) {
  Arguments arguments;
  CLI::App app("Learns to predict pixels with lossgen and compares itself with PNG on images that it has not seen.");
  app.add_option("FILE", arguments.files, "Grey PGM files; every third, from the first, is held back")->required();
  app.add_option("--out", arguments.out, "Folder for the pictures")->capture_default_str();
  app.add_option("--seconds", arguments.seconds, "Stop training after this long")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6));
  app.add_option("--threads", arguments.threads, "Threads (default: all cores)")->check(CLI::Range(1, 1024));
  app.add_flag("--quick", arguments.quick, "Few steps");
  CLI11_PARSE(app, argc, argv);
  try {
    run(arguments);
  } catch (const std::bad_alloc &) {
    fprintf(stderr, "lossgen_demo_images: out of memory\n");
    return 1;
  } catch (const std::exception &error) {
    fprintf(stderr, "lossgen_demo_images: %s\n", error.what());
    return 1;
  }
  return 0;
}
