#include "yardstick.h"

#include <math.h>

#include <algorithm>
#include <vector>

#include "pool.h"

namespace bench {
namespace {

constexpr int64_t kTile = 256;           // pixels; 8 planes of a tile and its sums are 9 KiB
constexpr int64_t kBlockBytes = 1 << 16;  // of logits whose classes are converted at a time

struct alignas(64) Part {
  double loss = 0;
  int64_t kept = 0;
  bool bad = false;
};

// Scratch lives as long as its thread: an allocation per call is not what is measured.
float *scratch_of(size_t floats) {
  thread_local Buffer buffer;
  if (buffer.bytes() < floats * sizeof(float)) buffer = Buffer(floats * sizeof(float));
  return buffer.as<float>();
}

void rows_part(const YardstickKernels &kernels, const Batch &b, float scale, Range range, Part *part) {
  const int64_t per_block = std::clamp<int64_t>(kBlockBytes / 4 / b.classes / 16 * 16, 16, 1024);
  const int64_t need = b.classes <= 32 ? 32 * b.classes + 64 : b.classes + 32;
  float *scratch = scratch_of(need);
  int32_t cls[1024];
  for (int64_t r = range.begin; r < range.end; r += per_block) {
    const int64_t n = std::min(per_block, range.end - r);
    part->kept += kernels.classes_of(b.target + r, n, b.classes, cls, &part->bad);
    if (part->bad) return;
    part->loss += kernels.rows(b.logits + r * b.classes, b.gradient != nullptr ? b.gradient + r * b.classes : nullptr,
                               cls, n, b.classes, scale, b, scratch);
  }
}

void planes_part(const YardstickKernels &kernels, const Batch &b, float scale, Range range, Part *part) {
  float *scratch = scratch_of(2 * kTile + 64);
  const int64_t tiles = (b.inner + kTile - 1) / kTile;
  int32_t cls[kTile];
  for (int64_t t = range.begin; t < range.end; t++) {
    const int64_t batch = t / tiles, pixel = t % tiles * kTile, n = std::min(kTile, b.inner - pixel);
    part->kept += kernels.classes_of(b.target + batch * b.inner + pixel, n, b.classes, cls, &part->bad);
    if (part->bad) return;
    const int64_t offset = batch * b.classes * b.inner + pixel;
    part->loss += kernels.planes(b.logits + offset, b.gradient != nullptr ? b.gradient + offset : nullptr, cls, n,
                                 b.inner, b.classes, scale, b, scratch);
  }
}

}  // namespace

double run_yardstick(const YardstickKernels &kernels, const Batch &b, Pool &pool, int threads) {
  const int64_t rows = b.outer * b.inner;
  // A thread's wake-up costs microseconds: not for a batch that fits into L1.
  if (rows * b.classes < 8192) threads = 1;
  threads = std::min(threads, pool.threads());
  std::vector<Part> parts(threads);
  const auto sum_up = [&] {
    Part all;
    for (const Part &part : parts) {
      all.loss += part.loss;
      all.kept += part.kept;
      all.bad |= part.bad;
    }
    return all;
  };

  float scale = 0;
  if (b.gradient != nullptr) {  // the denominator and the check come before the first write
    pool.run(threads, [&](int k) {
      const Range range = share(rows, k, threads, 1024);
      parts[k].kept = kernels.classes_of(b.target + range.begin, range.end - range.begin, b.classes, nullptr,
                                         &parts[k].bad);
    });
    const Part all = sum_up();
    if (all.bad) return NAN;
    scale = 1.0f / static_cast<float>(all.kept);
    std::fill(parts.begin(), parts.end(), Part());
  }
  const int64_t tiles = (b.inner + kTile - 1) / kTile;
  pool.run(threads, [&](int k) {
    if (b.inner == 1) {
      rows_part(kernels, b, scale, share(rows, k, threads, b.classes <= 1024 ? 16 : 1), &parts[k]);
    } else {
      planes_part(kernels, b, scale, share(b.outer * tiles, k, threads, 1), &parts[k]);
    }
  });
  const Part all = sum_up();
  return all.bad ? NAN : all.loss / static_cast<double>(all.kept);
}

}  // namespace bench
