// `lossgen tune`: finds the numbers of schedules by measuring, and writes them as a schedule file.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace lossgen {

struct TuneOptions {
  std::string out = "tuned.json", check, report, pictures, log, work, share;
  std::string runner, cxx;
  std::vector<std::string> ops, dtypes = {"f32"}, layouts, targets, shapes;
  std::vector<int64_t> classes;
  double budget = 0;    // minutes, 0: none
  double timeout = 60;  // seconds that a child may take for an answer
  uint64_t seed = 1;
  int threads = 1, jobs = 0;
  bool resume = false;
};

// The exit status: with `check`, 1 where a schedule no longer wins.
int tune(const TuneOptions &options);

}  // namespace lossgen
