// Tensors of any type, shape and strides in guarded memory.
#ifndef LOSSGEN_TESTS_FUZZ_TENSOR_H
#define LOSSGEN_TESTS_FUZZ_TENSOR_H

#include <lossgen/lossgen.h>

#include <vector>

#include "dtype.h"
#include "guarded.h"
#include "integers.h"
#include "random.h"

// How a tensor lies in memory.
struct Layout {
  const char *kind = "compact";
  std::vector<int64_t> strides;
  bool null_strides = false;  // given as NULL: compact
  bool at_end = false;        // against the guard page behind it, not the one in front
  int64_t offset = 0;         // byte_offset, in elements
  int64_t span = 0;           // elements from the first to the last
};

enum class Kind { compact, padded, permuted, channels_last, slice, gaps, expanded };
constexpr const char *kKindNames[] = {"compact", "padded", "permuted", "channels_last", "slice", "gaps", "expanded"};
constexpr int kKinds = 7;

// Strides of a kind; axis: the class axis, -1 for tensors without. Axes of one element may have any stride.
Layout make_layout(Random &random, const std::vector<int64_t> &shape, int axis, Kind kind);

class Tensor {
 public:
  // Memory for it, filled with GuardedMemory::kFill; axis: which one set() and get() take as columns (-1: one column).
  DLTensor *place(DLDataType type, const std::vector<int64_t> &shape, const Layout &layout, int axis);
  // Not part of the call.
  void absent() { present_ = false; }
  DLTensor *dl() { return present_ ? &tensor_ : nullptr; }
  const std::vector<int64_t> &shape() const { return shape_; }

  int64_t rows() const { return static_cast<int64_t>(row_.size()); }
  int64_t columns() const { return columns_; }
  int64_t size() const { return rows() * columns_; }
  char *at(int64_t r, int64_t c = 0) const {
    return data_ + (row_[static_cast<size_t>(r)] + c * column_stride_) * (tensor_.dtype.bits / 8);
  }

  // Elements in the order of rows and columns, whatever the strides.
  void write(const Dtype &type, const std::vector<double> &values);
  std::vector<double> read(const Dtype &type) const;
  void write_integers(const std::vector<int64_t> &values);
  std::vector<int64_t> read_integers() const;

  // Remembers the memory as it is now.
  void keep();
  // Since keep(): has nothing changed; nothing but the tensor's own elements?
  bool untouched() const;
  bool surroundings_intact();

 private:
  GuardedMemory memory_;
  std::vector<int64_t> shape_, strides_, row_;  // row_: offset of each row's first element
  int64_t columns_ = 1, column_stride_ = 0;
  size_t bytes_ = 0;
  bool present_ = false;
  char *data_ = nullptr;
  DLTensor tensor_ = {};
  std::vector<char> kept_;
};

#endif  // LOSSGEN_TESTS_FUZZ_TENSOR_H
