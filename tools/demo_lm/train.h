// Trains the model on a text and scores it on the way: every byte is scored before the model learns from it.
#ifndef LOSSGEN_DEMO_TRAIN_H
#define LOSSGEN_DEMO_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <vector>

#include "model.h"

namespace demo {

struct CurvePoint {
  size_t bytes;   // scored so far
  double recent;  // bits per byte since the point before
  double so_far;  // bits per byte over everything scored
};

struct Training {
  std::string scored;  // the bytes that were scored, stream after stream: the whole text unless time ran out
  double bits = 0;     // what the model's predictions of them cost
  int batch = 0;       // rows of logits in a step, one for each stream
  int64_t steps = 0;
  double seconds = 0;
  double loss_seconds = 0;  // of these in lossgen_cross_entropy_forward_backward
  bool complete = true;
  std::vector<CurvePoint> curve;
  std::vector<float> sample_logits;  // [batch, 256] and their classes: one of the last batches, before its loss
  std::vector<int32_t> sample_targets;

  double bits_per_byte() const { return bits / static_cast<double>(scored.size()); }
};

// How many streams, that is rows in a batch, suit a text of this length.
int batch_for(size_t bytes);

// The text is cut into `batch` streams of equal length that are read side by side; no context reaches from one into
// another, so that what is scored could be decoded in the same order. Stops early after `seconds`.
// Throws std::runtime_error with lossgen's message when a call fails.
Training train(const std::string &text, int batch, double seconds, ByteModel *model);

}  // namespace demo
#endif  // LOSSGEN_DEMO_TRAIN_H
