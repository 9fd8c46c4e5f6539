// Problems in device memory, and what the reference says of them.
#ifndef LOSSGEN_TESTS_CUDA_PROBLEM_H
#define LOSSGEN_TESTS_CUDA_PROBLEM_H

#include <string>
#include <vector>

#include "../reference/reference.h"
#include "lossgen/lossgen.h"
#include "memory.h"

// A tensor on the device with the storage order given by strides; element k of the dense row-major order is
// found by walking the shape.
struct Tensor {
  std::vector<int64_t> shape, strides;
  DLTensor view{};
  memory::Block block;
  size_t bytes = 0;

  Tensor() = default;
  // order: axes from outermost to innermost in memory (empty = as they come); pad: extra elements per innermost run;
  // offset: bytes from a 256-byte boundary.
  Tensor(DLDataType type, std::vector<int64_t> shape, std::vector<int> order = {}, int64_t pad = 0, size_t offset = 0);
  Tensor(const Tensor &) = delete;
  Tensor(Tensor &&) = delete;

  int64_t size() const;
  int64_t offset_of(int64_t k) const;  // in elements
  void fill(const std::vector<double> &values);
  std::vector<double> read() const;
};

DLDataType f32();
DLDataType i64();

// Values in the order that the reference takes (rows of classes), for a tensor whose class axis is 1 (0 for rank 1).
std::vector<double> to_rows(const Tensor &t);
void from_rows(Tensor &t, const std::vector<double> &rows);

// options.stream, and options.workspace of the right size for an op.
void give_workspace(const char *op, const Tensor &logits, lossgen_options *options);

// Loss and gradient of six rows of equal logits, with everything right, for tests to spoil. order: of the matrices.
struct GoodCall {
  Tensor logits, target{i64(), {6}}, grad, loss{f32(), {}};
  lossgen_options options = LOSSGEN_OPTIONS_INIT;

  explicit GoodCall(const std::vector<int> &order = {});
  lossgen_status run();
};

#endif  // LOSSGEN_TESTS_CUDA_PROBLEM_H
