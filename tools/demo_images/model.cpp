#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <random>

#include "multiply.h"

namespace demo {
namespace {

struct Offset {
  int x, y;
};

// Near ones first; all are decoded before the pixel itself.
constexpr Offset kOffsets[PixelModel::kNeighbours] = {{-1, 0}, {0, -1}, {-1, -1}, {1, -1},  {-2, 0},
                                                      {0, -2}, {2, -1}, {-2, -1}, {-1, -2}, {1, -2},
                                                      {-3, 0}, {0, -3}, {-2, -2}, {2, -2}};
constexpr int kCount = PixelModel::kNeighbours;
// For each neighbour its difference to the guess, in units of the surroundings' roughness and on a logarithmic scale;
// three roughnesses; a constant.
constexpr int kFeatures = 2 * kCount + 4;
constexpr int kHidden = 48;
static_assert(kFeatures % 16 == 0 && kHidden % 16 == 0 && kFeatures <= kHidden,
              "as multiply() and the scratch want it");

// sign(d) log2(1 + |d|) / 4, from -2 to 2.
const std::array<float, 511> kLog = [] {
  std::array<float, 511> table;
  for (int d = -255; d <= 255; d++) {
    table[static_cast<size_t>(d + 255)] = copysignf(log2f(1 + static_cast<float>(abs(d))) / 4, static_cast<float>(d));
  }
  return table;
}();

float log_scale(int d) {
  return kLog[static_cast<size_t>(d + 255)];
}

int guess(int w, int n, int nw) {
  return std::max(std::min(w, n), std::min(std::max(w, n), w + n - nw));
}

// Features of pixel (x, y) into column p of [kFeatures, kPatchPixels]; returns the guess.
int describe(const Image &image, int x, int y, float *features) {
  int values[kCount];
  for (int i = 0; i < kCount; i++) values[i] = image.at(x + kOffsets[i].x, y + kOffsets[i].y);
  const int w = values[0], n = values[1], nw = values[2], ne = values[3], ww = values[4], nn = values[5];
  const int g = guess(w, n, nw);
  const int across = abs(w - ww) + abs(n - nw) + abs(n - ne);
  const int down = abs(w - nw) + abs(n - nn) + abs(ne - image.at(x + 1, y - 2));
  int far = 0;
  for (int i = 4; i < kCount; i++) far += abs(values[i] - values[i - 4]);
  const float scale = 1 / (1 + static_cast<float>(across + down) / 6);
  float *to = features;
  const auto put = [&](float value) {
    *to = value;
    to += kPatchPixels;
  };
  for (int value : values) {
    put(std::max(-4.0f, std::min(4.0f, static_cast<float>(value - g) * scale)));
    put(log_scale(value - g));
  }
  put(log2f(1 + static_cast<float>(across)) / 4);
  put(log2f(1 + static_cast<float>(down)) / 4);
  put(log2f(1 + static_cast<float>(far)) / 4);
  put(1);
  return g;
}

// [rows, kPatchPixels] to [kPatchPixels, rows].
void transpose(int rows, const float *from, float *to) {
  constexpr int kBlock = 16;
  for (int p0 = 0; p0 < kPatchPixels; p0 += kBlock) {
    for (int r = 0; r < rows; r++) {
      for (int p = p0; p < p0 + kBlock; p++) to[p * rows + r] = from[r * kPatchPixels + p];
    }
  }
}

size_t patch_of(int features) {
  return static_cast<size_t>(features) * kPatchPixels;
}

}  // namespace

PixelModel::PixelModel() {
  const int sizes[] = {kFeatures, kHidden, kHidden, kClasses};
  std::mt19937 random(1);
  for (size_t l = 0; l < layers_.size(); l++) {
    Layer &layer = layers_[l];
    layer.inputs = sizes[l];
    layer.outputs = sizes[l + 1];
    layer.weights.assign(static_cast<size_t>(layer.inputs * layer.outputs), 0.0f);
    layer.mean = layer.energy = layer.weights;
    if (l + 1 == layers_.size()) break;  // logits begin at 0: every difference is as likely as any other
    const double width = sqrt(6.0 / layer.inputs) / 4294967296.0;  // He's
    for (float &weight : layer.weights) weight = static_cast<float>((random() - 2147483648.0) * 2 * width);
  }
}

PatchState PixelModel::new_state() const {
  PatchState state;
  int widest = 0;
  for (size_t l = 0; l < layers_.size(); l++) {
    state.inputs[l].resize(patch_of(layers_[l].inputs));
    state.gradients[l].resize(layers_[l].weights.size());
    widest = std::max(widest, layers_[l].inputs);
  }
  state.scratch.resize(2 * patch_of(widest));
  state.transposed.resize(patch_of(widest));
  return state;
}

void PixelModel::predict(const Image &image, int x, int y, PatchState *state, float *logits, int32_t *classes) const {
  for (int p = 0; p < kPatchPixels; p++) {
    const int px = x + p % kPatch, py = y + p / kPatch;
    const bool inside = px < image.width && py < image.height;
    const int g =
        describe(image, std::min(px, image.width - 1), std::min(py, image.height - 1), state->inputs[0].data() + p);
    classes[p] = inside ? (image.at(px, py) - g + 128) & 255 : kOutside;
  }
  for (size_t l = 0; l < layers_.size(); l++) {
    const Layer &layer = layers_[l];
    const bool last = l + 1 == layers_.size();
    float *out = last ? logits : state->inputs[l + 1].data();
    multiply(layer.outputs, kPatchPixels, layer.inputs, layer.weights.data(), layer.inputs, 1, state->inputs[l].data(),
             out, false);
    if (last) return;
    for (size_t i = 0; i < patch_of(layer.outputs - 1); i++) out[i] = std::max(out[i], 0.0f);
    std::fill(out + patch_of(layer.outputs - 1), out + patch_of(layer.outputs), 1.0f);
  }
}

void PixelModel::backward(PatchState *state, const float *logits_gradient) const {
  const float *gradient = logits_gradient;
  float *next = state->scratch.data();
  for (size_t l = layers_.size(); l-- > 0;) {
    const Layer &layer = layers_[l];
    transpose(layer.inputs, state->inputs[l].data(), state->transposed.data());
    multiply(layer.outputs, layer.inputs, kPatchPixels, gradient, kPatchPixels, 1, state->transposed.data(),
             state->gradients[l].data(), false);
    if (l == 0) return;
    multiply(layer.inputs, kPatchPixels, layer.outputs, layer.weights.data(), 1, layer.inputs, gradient, next, false);
    const float *input = state->inputs[l].data();
    for (size_t i = 0; i < patch_of(layer.inputs); i++) next[i] = input[i] > 0 ? next[i] : 0.0f;
    std::fill(next + patch_of(layer.inputs - 1), next + patch_of(layer.inputs), 0.0f);  // the constant
    gradient = next;
    next = next == state->scratch.data() ? next + patch_of(kHidden) : state->scratch.data();
  }
}

void PixelModel::learn(const std::vector<PatchState> &states, float rate) {
  constexpr float kMean = 0.9f, kEnergy = 0.99f, kFloor = 1e-8f;
  steps_++;
  const float step =
      rate * sqrtf(1 - powf(kEnergy, static_cast<float>(steps_))) / (1 - powf(kMean, static_cast<float>(steps_)));
  for (size_t l = 0; l < layers_.size(); l++) {
    Layer &layer = layers_[l];
    for (size_t i = 0; i < layer.weights.size(); i++) {
      float g = 0;
      for (const PatchState &state : states) g += state.gradients[l][i];
      g /= static_cast<float>(states.size() * kPatchPixels);
      layer.mean[i] += (1 - kMean) * (g - layer.mean[i]);
      layer.energy[i] += (1 - kEnergy) * (g * g - layer.energy[i]);
      layer.weights[i] -= step * layer.mean[i] / (sqrtf(layer.energy[i]) + kFloor);
    }
  }
}

size_t PixelModel::parameters() const {
  size_t count = 0;
  for (const Layer &layer : layers_) count += layer.weights.size();
  return count;
}

}  // namespace demo
