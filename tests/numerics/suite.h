// One problem of given shape, order and inputs, through every operation, against the reference.
#ifndef LOSSGEN_TESTS_SUITE_H
#define LOSSGEN_TESTS_SUITE_H

#include <gtest/gtest.h>
#include <lossgen/accuracy.h>

#include <map>
#include <string>

#include "inputs.h"
#include "layout.h"
#include "reference.h"

struct Shape {
  Order order;
  int64_t outer, classes, inner;
};

std::ostream &operator<<(std::ostream &os, const Shape &shape);

// The largest error seen of each kind as a share of its bound.
class Maxima {
 public:
  void note(const std::string &kind, double share) {
    double &largest = largest_[kind];
    if (share > largest) largest = share;
  }
  void print(const char *title) const {
    std::printf("%s: largest errors as shares of their bounds:", title);
    for (const auto &[kind, share] : largest_) std::printf(" %s %.3f", kind.c_str(), share);
    std::printf("\n");
  }

 private:
  std::map<std::string, double> largest_;
};

// Runs problems on one target. Memory is guarded; buffers lie against the guard page behind and in front in turn.
class Suite {
 public:
  explicit Suite(const char *target) : target_(target) {}

  // Every operation on `shape` with inputs of a family.
  void run(const Shape &shape, Family family, uint64_t seed);

  const Maxima &maxima() const { return maxima_; }

 private:
  struct Case;
  void check_cross_entropy(Case &c);
  void check_cross_entropy_reduced(Case &c);
  void check_log_softmax(Case &c);
  void check_nll_loss(Case &c);

  // got must be within bound of expected; not-a-numbers and infinities must be the same.
  void expect(const Case &c, const char *kind, int64_t row, int64_t column, float got, double expected, double bound);
  lossgen_options options() const;
  double slack() const;  // of the target

  const char *target_;
  Maxima maxima_;
  GuardedTensor logits_, grad_, out_;
  GuardedRows classes_, loss_, lse_, scalar_, total_weight_, weight_, upstream_;
  int failures_ = 0;
};

double ulp(double v);  // of f32, at least FLT_MIN

#endif  // LOSSGEN_TESTS_SUITE_H
