// What the model is held against: compressors on the same bytes, and the loss written as three plain loops.
#ifndef LOSSGEN_DEMO_COMPARE_H
#define LOSSGEN_DEMO_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include <optional>
#include <string>
#include <vector>

namespace demo {

// Size of what `command` (a program and its options) writes for these bytes on its standard input; nothing where the
// program is not installed or fails.
std::optional<size_t> compressed_size(const std::vector<std::string> &command, const std::string &bytes);

struct StepTime {
  double fused = 0;  // seconds, medians, one thread
  double unfused = 0;
  double loss_difference = 0;      // relative
  double gradient_difference = 0;  // largest absolute
  bool agree = false;
};

// Both on the same logits [rows, 256], in turn; `rounds` times. Throws std::runtime_error when a call fails.
StepTime time_step(const std::vector<float> &logits, const std::vector<int32_t> &targets, int rounds);

}  // namespace demo
#endif  // LOSSGEN_DEMO_COMPARE_H
