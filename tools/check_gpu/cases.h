// Shapes, and numbers in device memory's types.
#ifndef LOSSGEN_CHECK_GPU_CASES_H
#define LOSSGEN_CHECK_GPU_CASES_H

#include <lossgen/lossgen.h>

#include <string>
#include <vector>

struct Case {
  const char *name;
  std::vector<int64_t> shape;
  bool channels_last;  // the class axis, number 1, is the innermost in memory

  int64_t count() const;
  int64_t rows() const { return count() / shape[1]; }
  std::vector<int64_t> strides() const;
  std::vector<int64_t> row_shape() const;
  std::string dimensions() const;  // "(1024, 50257)"
};
// small: a few thousand elements each.
std::vector<Case> cases(bool small);

struct Type {
  const char *name;
  DLDataType type;
  double rounding;

  size_t bytes() const { return type.bits / 8; }
  uint32_t encode(float v) const;  // by truncation: good enough to make inputs
  double decode(uint32_t bits) const;
};
extern const Type kTypes[3];

// The largest difference between two results, and whether each is within what sums and one rounding allow.
struct Difference {
  double largest = 0;
  bool allowed = true;
};
Difference compare(const Type &type, const std::vector<char> &want, const std::vector<char> &got, double absolute);

#endif  // LOSSGEN_CHECK_GPU_CASES_H
