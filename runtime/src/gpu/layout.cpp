#include "layout.h"

#include <algorithm>

#include "../error.h"

namespace lossgen {
namespace {

// Blocks along the classes are limited to 65535 of 1024 classes or more by the hardware.
constexpr int64_t kMaxClassesPerBlockRow = int64_t{65535} * 1024;

// Planes that take both passes in one launch read the class in every thread of a block, also those beyond the last row, which do nothing
// with it. What follows is written by others at the same time.
constexpr int64_t kReadBeyondLastRow = 255;

int64_t pieces(int64_t extent, int64_t step) { return (extent + step - 1) / step; }

}  // namespace

int64_t parts_of_rows(int64_t classes, int bytes_per_class) {
  return lossgen_device_in_parts(classes, bytes_per_class) ? pieces(classes, LOSSGEN_DEVICE_PART) : 0;
}

WorkspaceLayout lay_out_workspace(int64_t rows, int64_t parts) {
  WorkspaceLayout w{};
  auto take = [&](int64_t count, int64_t bytes) {
    const size_t at = w.bytes;
    w.bytes += static_cast<size_t>((count * bytes + 255) / 256 * 256);
    return at;
  };
  w.blocks = pieces(rows, LOSSGEN_DEVICE_BLOCK);
  w.cls = take(rows + kReadBeyondLastRow, 4);
  w.nll = take(rows, 4);
  w.w = take(rows, 4);
  w.ref = take(rows, 4);
  w.sum = take(rows, 4);
  w.lse = take(rows, 4);
  w.peaks = take(rows * parts, 4);
  w.others = take(rows * parts, 4);
  w.partial = take(4 * w.blocks, 8);
  w.divisor = take(1, 8);
  w.one = take(1, 4);
  w.scale = take(1, 4);
  w.flag = take(1, 4);
  w.loss = take(1, 4);
  w.total_weight = take(1, 4);
  return w;
}

lossgen_status Slabs::cut(const Problem &p, bool flat_matrices) {
  problem_ = &p;
  o_ = Axis{};
  o_.extent = 1;
  walked_ = p.outer_size;
  if (p.outer_count > 0) {
    o_ = p.outer[p.outer_count - 1];
    walked_ = 1;
    for (int i = 0; i + 1 < p.outer_count; ++i) walked_ *= p.outer[i].extent;
  }
  const int64_t x = p.inner.extent;
  bool one_stride = true;
  for (int t = 0; t < kRowTensors; ++t) one_stride &= o_.row[t] == x * p.inner.row[t];
  if (flat_matrices)
    for (int t = 0; t < kMatrices; ++t) one_stride &= o_.matrix[t] == x * p.inner.matrix[t];

  x_step_ = std::max<int64_t>(1, std::min(x, kMaxSpan));
  o_step_ = one_stride ? std::max<int64_t>(1, std::min(o_.extent, kMaxSpan / x_step_)) : 1;
  for (int t = 0; t < kMatrices; ++t) {
    if (!p.matrix[t].defined()) continue;
    const int64_t row = (p.classes - 1) * p.class_stride[t];
    if (row >= kMaxSpan)
      return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "%s: %lld elements from the first class of a row to the last, more than %lld",
                  p.matrix[t].name, static_cast<long long>(row), static_cast<long long>(kMaxSpan));
    const int64_t along_x = p.inner.matrix[t], along_o = o_.matrix[t];
    if (along_x > 0) x_step_ = std::min(x_step_, (kMaxSpan - row - 1) / along_x + 1);
    const int64_t left = kMaxSpan - row - 1 - (x_step_ - 1) * along_x;
    if (along_o > 0) o_step_ = std::min(o_step_, left / along_o + 1);
  }
  // Numbers per row are counted in 32 bits too.
  for (int t = 0; t < kRowTensors; ++t)
    if (p.row[t].defined() && p.inner.row[t] > 0) x_step_ = std::min(x_step_, kMaxSpan / p.inner.row[t] + 1);
  if (x_step_ < x) o_step_ = 1;
  x_pieces_ = pieces(x, x_step_);
  o_pieces_ = pieces(o_.extent, o_step_);
  return LOSSGEN_OK;
}

Slab Slabs::at(int64_t index) const {
  const Problem &p = *problem_;
  const int64_t x = index % x_pieces_ * x_step_;
  const int64_t o = index / x_pieces_ % o_pieces_ * o_step_;
  int64_t rest = index / x_pieces_ / o_pieces_;
  Slab s{};
  s.first_row = (rest * o_.extent + o) * p.inner.extent + x;
  s.x_extent = std::min(x_step_, p.inner.extent - x);
  s.o_extent = std::min(o_step_, o_.extent - o);
  auto step = [&](const Axis &axis, int64_t by) {
    for (int t = 0; t < kMatrices; ++t) s.matrix[t] += by * axis.matrix[t];
    for (int t = 0; t < kRowTensors; ++t) s.row[t] += by * axis.row[t];
  };
  step(p.inner, x);
  step(o_, o);
  for (int i = p.outer_count - 2; i >= 0; --i) {
    step(p.outer[i], rest % p.outer[i].extent);
    rest /= p.outer[i].extent;
  }
  return s;
}

lossgen_layout_id device_layout(const Problem &p) {
  if (p.layout != LOSSGEN_LAYOUT_rows || p.classes > kMaxClassesPerBlockRow) return LOSSGEN_LAYOUT_planes;
  bool fours = p.classes % 4 == 0;
  for (int t = 0; t < kMatrices; ++t) {
    if (!p.matrix[t].defined()) continue;
    fours &= reinterpret_cast<uintptr_t>(p.matrix[t].data) % 16 == 0 && p.inner.matrix[t] % 4 == 0;
    for (int i = 0; i < p.outer_count; ++i) fours &= p.outer[i].matrix[t] % 4 == 0;
  }
  const lossgen_layout_id layout = lossgen_device_layout(p.classes, p.matrix[kIn0].bytes());
  return fours ? lossgen_layout_in_fours(layout) : layout;
}

}  // namespace lossgen
