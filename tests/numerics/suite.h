// One problem of given shape, order, type and inputs, through every operation on every target, against the reference.
#ifndef LOSSGEN_TESTS_SUITE_H
#define LOSSGEN_TESTS_SUITE_H

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "bounds.h"
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
  double &of(const std::string &kind) { return largest_[kind]; }
  void print(const std::string &title) const {
    std::printf("%s: largest errors as shares of their bounds:", title.c_str());
    for (const auto &[kind, share] : largest_) std::printf(" %s %.3f", kind.c_str(), share);
    std::printf("\n");
  }

 private:
  std::map<std::string, double> largest_;
};

// Runs problems with logits of one type. Memory is guarded; buffers lie against the guard page behind and in front in
// turn. What a problem does not fix follows from its seed: types of targets, losses and weights, ignored rows, options.
class Suite {
 public:
  Suite(const Dtype &logits, std::vector<std::string> targets) : type_(logits), targets_(std::move(targets)) {}

  // Every operation on `shape` with inputs of a family.
  void run(const Shape &shape, Family family, uint64_t seed);

  const std::map<std::string, Maxima> &maxima() const { return maxima_; }  // by target

 private:
  struct Case;
  struct Variant;

  void set_options(Case &c, const Variant &v, bool nll);
  void check_cross_entropy(Case &c, const Variant &v);
  void check_nll_loss(Case &c, const Variant &v);
  void check_extras(const Case &c, const reference::Result &expected, const reference::RowStatistics &stats,
                    const std::vector<double> &log_probs);
  void check_log_softmax(Case &c);

  // got[i] must be within bound[i] of expected[i]; not-a-numbers and infinities must be the same. `summed`: the rows
  // whose sums the results come from, to allow for equal terms; null if there are none.
  void expect(const Case &c, const char *kind, const Dtype &type, const std::vector<double> &got,
              const std::vector<double> &expected, const std::vector<double> &bound,
              const std::vector<double> *summed = nullptr);

  const Dtype type_;
  const std::vector<std::string> targets_;
  std::map<std::string, Maxima> maxima_;
  GuardedTensor logits_, grad_, out_, log_probs_;
  GuardedRows classes_, loss_, weight_, row_weight_, upstream_, lse_, entropy_, total_weight_, argmax_, correct_;
  int failures_ = 0;
};

#endif  // LOSSGEN_TESTS_SUITE_H
