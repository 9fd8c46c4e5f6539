#include "train.h"

#include <lossgen/lossgen.h>
#include <math.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>

#include "progress.h"

namespace demo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr float kFirstRate = 4e-3f, kLastRate = 1e-5f;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Place {
  const Image *image;
  int x, y;
};

// Patches on their way through model and loss.
class Batch {
 public:
  std::vector<PatchState> states;
  std::vector<float> losses;
  double loss_seconds = 0;

  Batch(const PixelModel &model, ThreadPool *pool)
      : states(kBatch, model.new_state()),
        losses(kBatch * kPatchPixels),
        model_(model),
        pool_(pool),
        logits_(kBatch * size_t{kClasses} * kPatchPixels),
        classes_(kBatch * kPatchPixels) {
    // lossgen works on the same threads as the model.
    options_.reduction = LOSSGEN_REDUCTION_NONE;
    options_.threads = pool->threads();
    options_.parallel_for_user = pool;
    options_.parallel_for = [](void *user, lossgen_task task, void *context, int64_t count) {
      static_cast<ThreadPool *>(user)->run(count, [&](int64_t i) { task(context, i); });
    };
  }

  // Fills in losses [patches, kPatch, kPatch], in nats; with_gradient: the states' gradients as well.
  void run(const std::vector<Place> &places, bool with_gradient) {
    constexpr size_t kLogits = size_t{kClasses} * kPatchPixels;
    const int64_t count = static_cast<int64_t>(places.size());
    pool_->run(count, [&](int64_t i) {
      const size_t p = static_cast<size_t>(i);
      model_.predict(*places[p].image, places[p].x, places[p].y, &states[p], logits_.data() + p * kLogits,
                     classes_.data() + p * kPatchPixels);
    });
    const Clock::time_point begin = Clock::now();
    const int64_t shape[] = {count, kClasses, kPatch, kPatch}, pixels[] = {count, kPatch, kPatch};
    DLTensor x = lossgen_tensor(logits_.data(), lossgen_dtype(kDLFloat, 32), 4, shape);
    DLTensor y = lossgen_tensor(classes_.data(), lossgen_dtype(kDLInt, 32), 3, pixels);
    DLTensor l = lossgen_tensor(losses.data(), lossgen_dtype(kDLFloat, 32), 3, pixels);
    const lossgen_status status = with_gradient
                                      ? lossgen_cross_entropy_forward_backward(&x, &y, &options_, &l, &x, nullptr)
                                      : lossgen_cross_entropy_forward(&x, &y, &options_, &l, nullptr);
    if (status != LOSSGEN_OK) throw std::runtime_error(lossgen_last_error());
    loss_seconds += seconds_since(begin);
    if (!with_gradient) return;
    pool_->run(count, [&](int64_t i) {
      const size_t p = static_cast<size_t>(i);
      model_.backward(&states[p], logits_.data() + p * kLogits);
    });
  }

  double bits(size_t patches) const {
    double sum = 0;
    for (size_t i = 0; i < patches * kPatchPixels; i++) sum += static_cast<double>(losses[i]);
    return sum / M_LN2;
  }

 private:
  const PixelModel &model_;
  ThreadPool *pool_;
  std::vector<float> logits_;
  std::vector<int32_t> classes_;
  lossgen_options options_ = LOSSGEN_OPTIONS_INIT;
};

// Patches of the images, each as likely as any other that lies inside.
class Places {
 public:
  explicit Places(const std::vector<Image> &images) : images_(images), random_(1) {
    for (const Image &image : images) ends_.push_back((ends_.empty() ? 0 : ends_.back()) + image.area());
  }
  std::vector<Place> draw(int count) {
    std::vector<Place> places;
    for (int i = 0; i < count; i++) {
      const size_t pixel = static_cast<size_t>(random_() / 4294967296.0 * static_cast<double>(ends_.back()));
      const auto end = std::upper_bound(ends_.begin(), ends_.end(), pixel);
      const Image &image = images_[static_cast<size_t>(end - ends_.begin())];
      places.push_back({&image, below(image.width - kPatch + 1), below(image.height - kPatch + 1)});
    }
    return places;
  }

 private:
  int below(int limit) { return static_cast<int>(random_() / 4294967296.0 * limit); }
  const std::vector<Image> &images_;
  std::vector<size_t> ends_;
  std::mt19937 random_;
};

// At most `count` patches, spread evenly over the images.
std::vector<Place> spread(const std::vector<Image> &images, size_t count) {
  std::vector<Place> all, some;
  for (const Image &image : images) {
    for (int y = 0; y + kPatch <= image.height; y += kPatch) {
      for (int x = 0; x + kPatch <= image.width; x += kPatch) all.push_back({&image, x, y});
    }
  }
  const size_t stride = (all.size() + count - 1) / count;
  for (size_t i = 0; i < all.size(); i += stride) some.push_back(all[i]);
  return some;
}

}  // namespace

Training train(const std::vector<Image> &images, const std::vector<Image> &held, size_t steps, double seconds,
               ThreadPool *pool, PixelModel *model) {
  constexpr size_t kPoints = 40, kSample = 320;
  Batch batch(*model, pool);
  Places places(images);
  const std::vector<Place> sample = spread(held, kSample);

  Training result;
  const size_t steps_per_point = std::max<size_t>(25, steps / kPoints);
  double bits = 0;
  size_t pixels = 0, step = 0;
  const auto add_point = [&] {
    if (pixels == 0) return;
    double held_bits = 0;
    for (size_t begin = 0; begin < sample.size(); begin += kBatch) {
      const size_t end = std::min(sample.size(), begin + kBatch);
      batch.run({sample.begin() + static_cast<ptrdiff_t>(begin), sample.begin() + static_cast<ptrdiff_t>(end)}, false);
      held_bits += batch.bits(end - begin);
    }
    result.curve.push_back({step * kBatch * kPatchPixels, bits / static_cast<double>(pixels),
                            held_bits / static_cast<double>(sample.size() * kPatchPixels)});
    bits = 0;
    pixels = 0;
  };
  Progress progress("training", "bits/pixel");
  const Clock::time_point start = Clock::now();
  while (step < steps) {
    if (step > 0 && seconds_since(start) > seconds) break;
    batch.run(places.draw(kBatch), true);
    bits += batch.bits(kBatch);
    if (step == 0) result.first_bits = bits / (kBatch * kPatchPixels);
    pixels += kBatch * kPatchPixels;
    // From the first rate down to the last along half a cosine.
    const float done = static_cast<float>(step) / static_cast<float>(steps);
    model->learn(batch.states, kLastRate + (kFirstRate - kLastRate) * (1 + cosf(done * static_cast<float>(M_PI))) / 2);
    step++;
    if (step % steps_per_point == 0) add_point();
    progress.update(step, steps, result.curve.empty() ? 8 : result.curve.back().held, seconds);
  }
  progress.finish();
  add_point();
  result.steps = step;
  result.complete = step == steps;
  result.seconds = seconds_since(start);
  result.loss_seconds = batch.loss_seconds;
  return result;
}

std::vector<float> costs_of(const Image &image, const PixelModel &model, ThreadPool *pool) {
  Batch batch(model, pool);
  std::vector<float> costs(image.area());
  std::vector<Place> places;
  const auto flush = [&] {
    batch.run(places, false);
    for (size_t i = 0; i < places.size() * kPatchPixels; i++) {
      const Place &place = places[i / kPatchPixels];
      const int p = static_cast<int>(i % kPatchPixels), x = place.x + p % kPatch, y = place.y + p / kPatch;
      if (x < image.width && y < image.height) {
        costs[static_cast<size_t>(y) * static_cast<size_t>(image.width) + static_cast<size_t>(x)] =
            batch.losses[i] / static_cast<float>(M_LN2);
      }
    }
    places.clear();
  };
  for (int y = 0; y < image.height; y += kPatch) {
    for (int x = 0; x < image.width; x += kPatch) {
      places.push_back({&image, x, y});
      if (places.size() == kBatch) flush();
    }
  }
  if (!places.empty()) flush();
  return costs;
}

}  // namespace demo
