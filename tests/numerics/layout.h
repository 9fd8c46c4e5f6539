// Logical (outer, class, inner) tensors in the memory orders that kernels tell apart, in guarded memory.
#ifndef LOSSGEN_TESTS_LAYOUT_H
#define LOSSGEN_TESTS_LAYOUT_H

#include <lossgen/lossgen.h>

#include <cstdint>
#include <vector>

#include "guarded.h"

enum class Order {
  rows,           // (outer * inner, C)
  padded_rows,    // the same, with a gap after every row
  planes,         // (outer, C, inner)
  channels_last,  // (outer, C, inner), the class axis contiguous
  gaps,           // (outer, C, inner), nothing contiguous
};
constexpr const char *kOrderNames[] = {"rows", "padded_rows", "planes", "channels_last", "gaps"};

struct Layout {
  Layout(Order order, int64_t outer, int64_t classes, int64_t inner)
      : outer(outer), classes(classes), inner(inner), rows(outer * inner) {
    switch (order) {
      case Order::rows:
      case Order::padded_rows:
        shape = {rows, classes};
        strides = {classes + (order == Order::padded_rows ? 5 : 0), 1};
        row_shape = {rows};
        step = {strides[0] * inner, 1, strides[0]};
        return;
      case Order::planes:
        strides = {classes * inner, inner, 1};
        break;
      case Order::channels_last:
        strides = {classes * inner, 1, classes};
        break;
      case Order::gaps:
        strides = {2 * classes * inner + 3, 2 * inner, 2};
        break;
    }
    shape = {outer, classes, inner};
    row_shape = {outer, inner};
    step = {strides[0], strides[1], strides[2]};
  }

  // Row r = o * inner + i.
  int64_t offset(int64_t r, int64_t c) const { return r / inner * step[0] + c * step[1] + r % inner * step[2]; }
  size_t span() const { return rows == 0 || classes == 0 ? 0 : static_cast<size_t>(offset(rows - 1, classes - 1)) + 1; }

  int64_t outer, classes, inner, rows;
  std::vector<int64_t> shape, strides, row_shape, step;
};

// A matrix of floats in one of those orders.
class GuardedTensor {
 public:
  DLTensor *place(const Layout &layout, bool at_end) {
    layout_ = &layout;
    data_ = reinterpret_cast<float *>(memory_.place(layout.span() * sizeof(float), at_end));
    tensor_ = lossgen_tensor_strided(data_, lossgen_dtype(kDLFloat, 32), static_cast<int32_t>(layout.shape.size()),
                                     layout.shape.data(), layout.strides.data());
    return &tensor_;
  }
  void set(const std::vector<float> &dense) {
    for (int64_t r = 0, i = 0; r < layout_->rows; ++r) {
      for (int64_t c = 0; c < layout_->classes; ++c, ++i) data_[layout_->offset(r, c)] = dense[static_cast<size_t>(i)];
    }
  }
  float at(int64_t r, int64_t c) const { return data_[layout_->offset(r, c)]; }
  DLTensor *dl() { return &tensor_; }

  // Elements between those of the tensor, and the margin beside it, are as place() left them.
  bool surroundings_intact() const {
    if (!memory_.margin_intact()) return false;
    const size_t span = layout_->span();
    std::vector<bool> own(span);
    for (int64_t r = 0; r < layout_->rows; ++r) {
      for (int64_t c = 0; c < layout_->classes; ++c) own[static_cast<size_t>(layout_->offset(r, c))] = true;
    }
    for (size_t i = 0; i < span; ++i) {
      const char *bytes = reinterpret_cast<const char *>(data_ + i);
      if (!own[i] && (bytes[0] != GuardedMemory::kFill || bytes[3] != GuardedMemory::kFill)) return false;
    }
    return true;
  }

 private:
  GuardedMemory memory_;
  const Layout *layout_ = nullptr;
  float *data_ = nullptr;
  DLTensor tensor_ = {};
};

// One number per row (or just one), of any type.
class GuardedRows {
 public:
  DLTensor *place(const std::vector<int64_t> &shape, DLDataType type, bool at_end) {
    shape_ = shape;
    count_ = 1;
    for (int64_t n : shape_) count_ *= static_cast<size_t>(n);
    type_ = type;
    data_ = memory_.place(count_ * type.bits / 8, at_end);
    tensor_ = lossgen_tensor(data_, type, static_cast<int32_t>(shape_.size()), shape_.data());
    return &tensor_;
  }
  DLTensor *floats(const std::vector<int64_t> &shape, bool at_end) {
    return place(shape, lossgen_dtype(kDLFloat, 32), at_end);
  }
  void set_integer(size_t i, int64_t value) { memcpy(data_ + i * type_.bits / 8, &value, type_.bits / 8); }
  void set(size_t i, float value) { memcpy(data_ + i * 4, &value, 4); }
  float at(size_t i) const {
    float value;
    memcpy(&value, data_ + i * 4, 4);
    return value;
  }
  size_t count() const { return count_; }
  DLTensor *dl() { return &tensor_; }
  bool surroundings_intact() const { return memory_.margin_intact(); }

 private:
  GuardedMemory memory_;
  std::vector<int64_t> shape_;
  size_t count_ = 0;
  DLDataType type_ = {};
  char *data_ = nullptr;
  DLTensor tensor_ = {};
};

#endif  // LOSSGEN_TESTS_LAYOUT_H
