// Logical (outer, class, inner) tensors in the memory orders that kernels tell apart, in guarded memory.
#ifndef LOSSGEN_TESTS_LAYOUT_H
#define LOSSGEN_TESTS_LAYOUT_H

#include <lossgen/lossgen.h>

#include <cstdint>
#include <vector>

#include "dtype.h"
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

// A matrix in one of those orders.
class GuardedTensor {
 public:
  DLTensor *place(const Layout &layout, const Dtype &type, bool at_end) {
    layout_ = &layout;
    type_ = type;
    data_ = memory_.place(layout.span() * size(), at_end);
    tensor_ =
        lossgen_tensor_strided(data_, lossgen_dtype(type.code, type.bits), static_cast<int32_t>(layout.shape.size()),
                               layout.shape.data(), layout.strides.data());
    return &tensor_;
  }
  // From and to dense rows.
  void set(const std::vector<double> &dense) {
    each([&](size_t i, char *element) { type_.store(element, dense[i]); });
  }
  // From a tensor of the same layout and type.
  void copy(const GuardedTensor &other) { memcpy(data_, other.data_, layout_->span() * size()); }
  std::vector<double> get() const {
    std::vector<double> dense(static_cast<size_t>(layout_->rows * layout_->classes));
    each([&](size_t i, const char *element) { dense[i] = type_.load(element); });
    return dense;
  }
  DLTensor *dl() { return &tensor_; }

  // Elements between those of the tensor, and the margin beside it, are as place() left them.
  bool surroundings_intact() const {
    if (data_ == nullptr) return true;
    if (!memory_.margin_intact()) return false;
    const size_t span = layout_->span();
    if (span == static_cast<size_t>(layout_->rows * layout_->classes)) return true;
    std::vector<bool> own(span);
    each([&](size_t, const char *element) { own[static_cast<size_t>(element - data_) / size()] = true; });
    for (size_t i = 0; i < span * size(); ++i) {
      if (!own[i / size()] && data_[i] != GuardedMemory::kFill) return false;
    }
    return true;
  }

 private:
  size_t size() const { return static_cast<size_t>(type_.bytes()); }
  template <class F>
  void each(F &&f) const {
    for (int64_t r = 0, i = 0; r < layout_->rows; ++r) {
      for (int64_t c = 0; c < layout_->classes; ++c, ++i) {
        f(static_cast<size_t>(i), data_ + static_cast<size_t>(layout_->offset(r, c)) * size());
      }
    }
  }

  GuardedMemory memory_;
  const Layout *layout_ = nullptr;
  Dtype type_ = kF32;
  char *data_ = nullptr;
  DLTensor tensor_ = {};
};

// One number per row (or just one), of any type.
class GuardedRows {
 public:
  DLTensor *place(const std::vector<int64_t> &shape, DLDataType type, bool at_end) {
    shape_ = shape;
    count_ = 1;
    for (int64_t n : shape_) count_ *= static_cast<size_t>(n);
    size_ = type.bits / 8;
    data_ = memory_.place(count_ * size_, at_end);
    tensor_ = lossgen_tensor(data_, type, static_cast<int32_t>(shape_.size()), shape_.data());
    return &tensor_;
  }
  DLTensor *place(const std::vector<int64_t> &shape, const Dtype &type, bool at_end) {
    type_ = type;
    return place(shape, lossgen_dtype(type.code, type.bits), at_end);
  }
  void set_integers(const std::vector<int64_t> &values) {
    for (size_t i = 0; i < count_; ++i) memcpy(data_ + i * size_, &values[i], size_);
  }
  int64_t integer(size_t i) const {  // not negative
    int64_t value = 0;
    memcpy(&value, data_ + i * size_, size_);
    return value;
  }
  void set(const std::vector<double> &values) {
    for (size_t i = 0; i < count_; ++i) type_.store(data_ + i * size_, values[i]);
  }
  std::vector<double> get() const {
    std::vector<double> values(count_);
    for (size_t i = 0; i < count_; ++i) values[i] = type_.load(data_ + i * size_);
    return values;
  }
  const Dtype &type() const { return type_; }
  DLTensor *dl() { return &tensor_; }
  bool surroundings_intact() const { return data_ == nullptr || memory_.margin_intact(); }

 private:
  GuardedMemory memory_;
  std::vector<int64_t> shape_;
  size_t count_ = 0, size_ = 0;
  Dtype type_ = kF32;
  char *data_ = nullptr;
  DLTensor tensor_ = {};
};

#endif  // LOSSGEN_TESTS_LAYOUT_H
