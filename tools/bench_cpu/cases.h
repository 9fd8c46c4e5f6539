// What is measured: shapes, and the batches of them in memory.
#ifndef LOSSGEN_BENCH_CASES_H
#define LOSSGEN_BENCH_CASES_H

#include <stdint.h>

#include <string>
#include <vector>

#include "pool.h"

namespace bench {

enum class Dtype { f32, f64, bf16, f16 };
const char *name_of(Dtype dtype);
Dtype dtype_named(const std::string &name);  // throws std::invalid_argument
int64_t size_of(Dtype dtype);

struct Case {
  std::string name;
  std::vector<int64_t> shape;  // class axis 1
  std::vector<Dtype> dtypes;
  bool every_target = false;  // f32: for each instruction set that this machine has, not only the best

  int64_t outer() const { return shape[0]; }
  int64_t classes() const { return shape[1]; }
  int64_t inner() const;
  int64_t rows() const { return outer() * inner(); }
  int64_t logits() const { return rows() * classes(); }
  const char *layout() const { return inner() == 1 ? "rows" : "planes"; }
};

std::vector<Case> standard_cases();
std::vector<Case> quick_cases();            // for tests: milliseconds, not meant as measurements
std::vector<Case> sweep_cases(bool large);  // time against N and against C, up to 2^27 logits, or 2^31
Case case_of_shape(const std::string &shape);  // "4x21x512x512"; throws std::invalid_argument

std::string text_of(const std::vector<int64_t> &shape);

// One case in one dtype: logits of N(0, 3), uniform targets.
struct Batches {
  Batches(const Case &which, Dtype type, Pool &pool, bool with_gradient, bool with_in_place, bool with_log_probs);

  // Sets the in-place buffer back to the logits.
  void refresh(Pool &pool) const;

  double logit(int64_t row, int64_t c) const { return element(logits, row, c); }
  double element(const Buffer &buffer, int64_t row, int64_t c) const;

  Case shape;
  Dtype dtype;
  int64_t bytes;  // of the logits
  Buffer logits, gradient, in_place, log_probs, target;
};

// Bytes of memory that Batches takes.
double memory_needed(const Case &which, Dtype dtype, bool with_gradient, bool with_in_place, bool with_log_probs);

}  // namespace bench
#endif  // LOSSGEN_BENCH_CASES_H
