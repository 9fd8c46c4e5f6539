// The demo's two pictures.
#ifndef LOSSGEN_DEMO_CHARTS_H
#define LOSSGEN_DEMO_CHARTS_H

#include <stddef.h>

#include <string>
#include <vector>

#include "train.h"

namespace demo {

// One way to store the text: a compressor, or the model's predictions.
struct Contender {
  std::string name;  // "gzip -9"
  std::string color;
  double bits_per_byte;
};

// Bits per byte while training, with the compressors as horizontal lines.
void write_loss_curve(const std::string &path, const std::string &source, const Training &training,
                      const std::vector<Contender> &compressors);

// A bar for each contender; the last one is the model.
void write_comparison(const std::string &path, const std::string &source, size_t bytes,
                      const std::vector<Contender> &contenders);

}  // namespace demo
#endif  // LOSSGEN_DEMO_CHARTS_H
