// One problem of the tuner: tensors of a call, the call itself, and what it should have given.
#ifndef LOSSGEN_TUNE_PROBLEM_H
#define LOSSGEN_TUNE_PROBLEM_H

#include <lossgen/lossgen.h>

#include <string>
#include <vector>

#include "memory.h"

namespace tune {

struct Shape {
  std::string call, dtype, layout, target;
  int64_t rows, classes, inner;  // logits [rows, classes, inner]
};

struct Matrix {
  Memory memory;
  int64_t shape[3], stride[3];
  DLTensor tensor;
};

class Problem {
 public:
  // Throws std::invalid_argument on names that are none, std::bad_alloc.
  Problem(const Shape &shape, int threads, bool check);
  Problem(const Problem &) = delete;

  lossgen_status run();
  // After the first run: the largest error in units of what accuracy.h allows, above 1 where a result is wrong.
  double worst_error();

 private:
  void allocate(Matrix *m);
  double get(const Matrix &m, int64_t row, int64_t c) const;  // row = n * inner + i; as it was when last fetched
  double loss_of(int64_t row) const;
  void fill(Matrix *m, uint64_t salt, double scale, double shift);
  template <class Real>
  double worst_error_in() const;

  Shape s_;
  const Gpu *gpu_;  // null: the tensors are the CPU's
  DLDevice where_;
  DLDataType type_;
  bool wide_;  // numbers per row are f64
  lossgen_options options_ = LOSSGEN_OPTIONS_INIT;
  Matrix x_, second_, out_;
  std::vector<double> kept_x_, kept_second_;  // as they were before the first run, row after row; only for checks
  std::vector<int64_t> target_;
  Memory target_memory_, loss_memory_, lse_memory_, workspace_;
  DLTensor y_, loss_, lse_, *grad_;
  int64_t row_shape_[2];
};

}  // namespace tune
#endif  // LOSSGEN_TUNE_PROBLEM_H
