// lossgen_demo: trains a byte-level language model on real text with lossgen's fused loss and gradient, compares it
// with gzip and xz, times the fused call against plain loops, and draws what happened.
#include <lossgen/lossgen.h>
#include <stdio.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "charts.h"
#include "compare.h"
#include "model.h"
#include "text.h"
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
  double seconds = 90;
  double megabytes = 8;
  int threads = 0;
  bool quick = false;
};

void print_row(const std::string &name, double coded, size_t bytes) {
  printf("  %-16s %7.3f bits/byte  %12s bytes\n", name.c_str(), coded * 8 / static_cast<double>(bytes),
         demo::with_commas(static_cast<size_t>(coded)).c_str());
}

std::vector<demo::Mark> compare(const demo::Training &training) {
  const size_t bytes = training.scored.size();
  std::vector<demo::Mark> contenders;
  const auto add = [&](const std::string &name, const char *color, double coded) {
    print_row(name, coded, bytes);
    contenders.push_back({name, color, coded * 8 / static_cast<double>(bytes)});
  };
  printf("\n%s the same %s bytes%s\n", training.complete ? "on" : "time was up (--seconds); on",
         demo::with_commas(bytes).c_str(), training.complete ? "" : ", the first part of every stream");
  const auto compressor = [&](const std::vector<std::string> &command, const std::string &name, const char *color) {
    if (const auto size = demo::compressed_size(command, training.scored)) add(name, color, static_cast<double>(*size));
    else printf("  %-16s not on this machine\n", name.c_str());
    fflush(stdout);
  };
  compressor({"gzip", "-9", "-c"}, "gzip -9", demo::kRivalColors[0]);
  compressor({"xz", "-9e", "-c"}, "xz -9e", demo::kRivalColors[1]);
  add("lossgen's model", demo::kModelColor, training.bits / 8);
  return contenders;
}

void report_step(const demo::Training &training, int rounds) {
  const demo::StepTime time = demo::time_step(training.sample_logits, training.sample_targets, rounds);
  printf("\nloss and gradient of one step, (%d, %d) logits of this training, medians of %d runs in turn, 1 thread\n",
         training.batch, demo::kClasses, rounds);
  printf("  plain loops       %8.1f us  log_softmax, nll, gradient; std::exp, -O3\n", time.unfused * 1e6);
  printf("  lossgen, fused    %8.1f us  %.1f times as fast\n", time.fused * 1e6, time.unfused / time.fused);
  printf("  difference: loss %.1e relative, gradient %.1e absolute\n", time.loss_difference, time.gradient_difference);
  if (!time.agree) throw std::runtime_error("the fused call and the plain loops disagree");
}

// contenders: the last one is the model.
void draw(const std::string &source, const demo::Training &training, const std::vector<demo::Mark> &contenders,
          const std::string &curve, const std::string &bars) {
  const std::string text = demo::shortened(source, 70);
  std::vector<std::pair<double, double>> recent, so_far;
  for (const demo::CurvePoint &point : training.curve) {
    recent.emplace_back(point.bytes, point.recent);
    so_far.emplace_back(point.bytes, point.so_far);
  }
  demo::write_curves(
      curve,
      {"Loss curve of the lossgen demo", "A byte model learning " + text,
       "each byte is scored before the model learns from it; loss and gradient by lossgen", "bits per byte"},
      "bytes scored",
      {{"model, recent bytes", demo::kRecentColor, 1.5, recent},
       {"model, so far (" + demo::decimals(training.curve.back().so_far, 3) + ")", demo::kModelColor, 2.5, so_far}},
      {contenders.begin(), contenders.end() - 1});
  demo::write_bars(
      bars,
      {"Bits per byte of the lossgen demo and of compressors", "Bits per byte: " + text,
       std::to_string(training.scored.size()) + " bytes, the same for all; less is better", "bits per byte"},
      contenders);
}

void run(Arguments arguments) {
  if (arguments.quick) {
    arguments.megabytes = std::min(arguments.megabytes, 0.5);
    arguments.seconds = std::min(arguments.seconds, 20.0);
  }
  const size_t limit = static_cast<size_t>(arguments.megabytes * 1e6);
  const demo::Text text =
      arguments.files.empty() ? demo::default_text(limit) : demo::read_files(arguments.files, limit);
  std::filesystem::create_directories(arguments.out);
  printf("text      %s: %s bytes%s\n", text.source.c_str(), demo::with_commas(text.bytes.size()).c_str(),
         text.cut ? arguments.quick ? " (the rest left out: --quick)" : " (the rest left out: --megabytes)" : "");

  demo::ThreadPool pool(arguments.threads ? arguments.threads
                                          : std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  const int batch = demo::batch_for(text.bytes.size());
  demo::ByteModel model(batch, &pool);
  printf("model     %zu tables of logits, contexts of 0 to %d bytes and words, at most %zu MB; nothing learned yet\n",
         model.tables(), demo::ByteModel::context_bytes(), model.bytes() >> 20);
  printf("training  %d streams side by side, %d thread%s, lossgen %s; bytes are scored before they are learned\n",
         batch, pool.threads(), pool.threads() == 1 ? "" : "s", lossgen_version());
  fflush(stdout);
  const demo::Training training = demo::train(text.bytes, batch, arguments.seconds, &model);
  printf("trained   %.1f s, %s steps, %s parameters, %.1f s of it in lossgen; bits/byte %.3f at first, %.3f at last\n",
         training.seconds, demo::with_commas(static_cast<size_t>(training.steps)).c_str(),
         demo::with_commas(model.parameters()).c_str(), training.loss_seconds, training.curve.front().recent,
         training.curve.back().recent);

  const std::vector<demo::Mark> contenders = compare(training);
  if (contenders.size() > 1 && contenders.front().name == "gzip -9") {
    const double less = 1 - contenders.back().value / contenders.front().value;
    printf("  the model needs %.1f %% %s than gzip\n", 100 * std::abs(less), less >= 0 ? "less" : "more");
  }
  report_step(training, arguments.quick ? 50 : 300);

  const std::string curve = arguments.out + "/loss_curve.svg", bars = arguments.out + "/comparison.svg";
  draw(text.source, training, contenders, curve, bars);
  printf("\nwritten   %s\n          %s\n", curve.c_str(), bars.c_str());
}

}  // namespace

int main(int argc, char **argv) {
  Arguments arguments;
  CLI::App app("Trains a byte-level language model on real text with lossgen and compares it with gzip and xz.");
  app.add_option("FILE", arguments.files,
                 "Text to learn; several files are joined (default: Python's library sources)");
  app.add_option("--out", arguments.out, "Folder for loss_curve.svg and comparison.svg")->capture_default_str();
  app.add_option("--seconds", arguments.seconds, "Stop training after this long")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6));
  app.add_option("--megabytes", arguments.megabytes, "Take at most this much of the text")
      ->capture_default_str()
      ->check(CLI::Range(0.02, 1024.0));
  app.add_option("--threads", arguments.threads, "Threads (default: all cores)")->check(CLI::Range(1, 1024));
  app.add_flag("--quick", arguments.quick, "Half a megabyte, at most 20 s");
  CLI11_PARSE(app, argc, argv);
  try {
    run(arguments);
  } catch (const std::bad_alloc &) {
    fprintf(stderr, "lossgen_demo: out of memory\n");
    return 1;
  } catch (const std::exception &error) {
    fprintf(stderr, "lossgen_demo: %s\n", error.what());
    return 1;
  }
  return 0;
}
