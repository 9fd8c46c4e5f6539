#include "tensor.h"

#include <algorithm>

Layout make_layout(Random &random, const std::vector<int64_t> &shape, int axis, Kind kind) {
  const int rank = static_cast<int>(shape.size());
  Layout layout;
  layout.at_end = random.chance(0.5);
  layout.offset = random.chance(0.25) ? 1 + random.below(40) : 0;

  // Axes from the innermost to the outermost.
  std::vector<int> order;
  for (int i = rank - 1; i >= 0; --i) order.push_back(i);
  if (kind == Kind::permuted || kind == Kind::gaps) {
    for (int i = rank - 1; i > 0; --i) std::swap(order[static_cast<size_t>(i)], order[random.below(i + 1)]);
  }
  if (kind == Kind::channels_last && axis >= 0) {
    order.erase(std::find(order.begin(), order.end(), axis));
    order.insert(order.begin(), axis);
  }

  const int64_t sliced = rank > 0 ? random.below(rank) : 0;
  layout.strides.assign(shape.size(), 0);
  int64_t reach = 0;
  bool empty = false;
  for (size_t i = 0; i < order.size(); ++i) {
    const int a = order[i];
    int64_t stride = reach + 1;
    if (kind == Kind::padded && i > 0) stride += random.below(8);
    if (kind == Kind::slice && a == sliced) stride *= 2 + random.below(3);
    if (kind == Kind::gaps) stride = stride * (1 + random.below(i == 0 ? 3 : 2)) + random.below(4);
    if (kind == Kind::expanded && random.chance(0.5)) stride = 0;
    if (shape[a] > 1) reach += (shape[a] - 1) * stride;
    // Of an axis of one element the stride means nothing.
    if (shape[a] == 1 && kind != Kind::compact) stride = random.chance(0.5) ? random.below(1 << 20) : 0;
    empty = empty || shape[a] == 0;
    layout.strides[static_cast<size_t>(a)] = stride;
  }
  layout.span = empty ? 0 : reach + 1;
  layout.null_strides = kind == Kind::compact && random.chance(0.7);
  layout.kind = kKindNames[static_cast<int>(kind)];
  return layout;
}

DLTensor *Tensor::place(DLDataType type, const std::vector<int64_t> &shape, const Layout &layout, int axis) {
  const int64_t size = type.bits / 8;
  shape_ = shape;
  strides_ = layout.strides;
  present_ = true;
  bytes_ = static_cast<size_t>(layout.span * size);
  data_ = memory_.place(bytes_, layout.at_end);
  // The pointer that the call gets may point anywhere: only pointer + byte_offset is read.
  const uintptr_t base = reinterpret_cast<uintptr_t>(data_) - static_cast<uintptr_t>(layout.offset * size);
  tensor_ = lossgen_tensor_strided(reinterpret_cast<void *>(base), type, static_cast<int32_t>(shape.size()),
                                   shape_.data(), layout.null_strides ? nullptr : strides_.data());
  tensor_.byte_offset = static_cast<uint64_t>(layout.offset * size);

  columns_ = axis >= 0 ? shape[static_cast<size_t>(axis)] : 1;
  column_stride_ = axis >= 0 ? strides_[static_cast<size_t>(axis)] : 0;
  // Rows in the order of the other axes, last axis first.
  int64_t rows = 1;
  for (size_t i = 0; i < shape.size(); ++i) rows *= static_cast<int>(i) == axis ? 1 : shape[i];
  row_.assign(static_cast<size_t>(rows), 0);
  int64_t run = 1;  // rows that lie within one index of the axes seen so far
  for (int i = static_cast<int>(shape.size()) - 1; i >= 0; --i) {
    const int64_t extent = shape[static_cast<size_t>(i)];
    if (i == axis || extent < 2) continue;
    for (int64_t r = 0; r < rows; ++r) {
      row_[static_cast<size_t>(r)] += r / run % extent * strides_[static_cast<size_t>(i)];
    }
    run *= extent;
  }
  return &tensor_;
}

void Tensor::write(const Dtype &type, const std::vector<double> &values) {
  for (int64_t r = 0, i = 0; r < rows(); ++r) {
    for (int64_t c = 0; c < columns_; ++c, ++i) type.store(at(r, c), values[static_cast<size_t>(i)]);
  }
}

std::vector<double> Tensor::read(const Dtype &type) const {
  std::vector<double> values(static_cast<size_t>(size()));
  for (int64_t r = 0, i = 0; r < rows(); ++r) {
    for (int64_t c = 0; c < columns_; ++c, ++i) values[static_cast<size_t>(i)] = type.load(at(r, c));
  }
  return values;
}

void Tensor::write_integers(const std::vector<int64_t> &values) {
  for (int64_t r = 0; r < rows(); ++r) memcpy(at(r), &values[static_cast<size_t>(r)], tensor_.dtype.bits / 8);
}

std::vector<int64_t> Tensor::read_integers() const {
  std::vector<int64_t> values;
  for (int64_t r = 0; r < rows(); ++r) values.push_back(read_integer(tensor_.dtype, at(r)));
  return values;
}

void Tensor::keep() { kept_.assign(data_, data_ + bytes_); }

bool Tensor::untouched() const {
  return memory_.margin_intact() && (bytes_ == 0 || memcmp(kept_.data(), data_, bytes_) == 0);
}

bool Tensor::surroundings_intact() {
  // What belongs to the tensor back to what it was; then nothing may differ.
  const size_t size = tensor_.dtype.bits / 8;
  for (int64_t r = 0; r < rows(); ++r) {
    for (int64_t c = 0; c < columns_; ++c) memcpy(at(r, c), kept_.data() + (at(r, c) - data_), size);
  }
  return untouched();
}
