// Predicts a pixel from those above it and to its left. A simple guess, the median of W, N and W + N - NW, comes first;
// the model gives logits for the 256 possible differences to the guess (modulo 256), from how the neighbours differ from
// it: a convolution with a causal window, then two 1 x 1, all with trained weights. It works on patches, and the logits of
// a patch are planes [256, kPatch, kPatch].
#ifndef LOSSGEN_DEMO_PIXEL_MODEL_H
#define LOSSGEN_DEMO_PIXEL_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include <array>
#include <vector>

#include "image.h"

namespace demo {

constexpr int kClasses = 256;

// What a patch needs on its way through the network.
struct PatchState {
  std::array<std::vector<float>, 3> inputs;     // of each layer: [inputs, kPatchPixels]
  std::array<std::vector<float>, 3> gradients;  // of the loss with respect to the layers' weights
  std::vector<float> scratch, transposed;
};

class PixelModel {
 public:
  PixelModel();

  PatchState new_state() const;

  // logits [256, kPatchPixels] and classes [kPatchPixels] of the patch whose upper left pixel is (x, y); a pixel
  // outside of the image has class kOutside.
  void predict(const Image &image, int x, int y, PatchState *state, float *logits, int32_t *classes) const;

  // From the loss's gradient with respect to the logits to state->gradients.
  void backward(PatchState *state, const float *logits_gradient) const;

  // One step of Adam along the states' gradients, which are taken in order: the same bits for any number of threads.
  void learn(const std::vector<PatchState> &states, float rate);

  size_t parameters() const;

  static constexpr int kNeighbours = 14;     // in the window
  static constexpr int32_t kOutside = -100;  // PyTorch's ignored class, and lossgen's

 private:
  struct Layer {
    int inputs, outputs;
    std::vector<float> weights;       // [outputs, inputs]; the last input is always 1
    std::vector<float> mean, energy;  // Adam's
  };
  std::array<Layer, 3> layers_;
  int steps_ = 0;
};

}  // namespace demo
#endif  // LOSSGEN_DEMO_PIXEL_MODEL_H
