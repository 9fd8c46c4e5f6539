// Trains the pixel model on some images and scores it on others, through lossgen.
#ifndef LOSSGEN_DEMO_IMAGES_TRAIN_H
#define LOSSGEN_DEMO_IMAGES_TRAIN_H

#include <stddef.h>

#include <vector>

#include "image.h"
#include "model.h"
#include "thread_pool.h"

namespace demo {

struct CurvePoint {
  size_t pixels;   // seen so far
  double trained;  // bits per pixel of the patches since the point before, each before it was learned
  double held;     // of a sample of the images held back
};

struct Training {
  size_t steps = 0;
  double seconds = 0;
  double loss_seconds = 0;  // of these in lossgen
  bool complete = true;     // false: time was up
  double first_bits = 0;    // bits per pixel of the first step
  std::vector<CurvePoint> curve;
};

constexpr int kBatch = 8;  // patches in a step: logits (8, 256, 16, 16)

// `steps` steps, fewer where `seconds` are over before. held: looked at for the curve, never learned from.
// Throws std::runtime_error with lossgen's message when a call fails.
Training train(const std::vector<Image> &images, const std::vector<Image> &held, size_t steps, double seconds,
               ThreadPool *pool, PixelModel *model);

// What each pixel costs, in bits.
std::vector<float> costs_of(const Image &image, const PixelModel &model, ThreadPool *pool);

}  // namespace demo
#endif  // LOSSGEN_DEMO_IMAGES_TRAIN_H
