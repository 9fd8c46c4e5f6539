// Runs one case through the C API and compares everything it did with the reference.
#ifndef LOSSGEN_TESTS_FUZZ_RUNNER_H
#define LOSSGEN_TESTS_FUZZ_RUNNER_H

#include <map>
#include <string>

#include "bounds.h"
#include "case.h"
#include "reference.h"

class Runner {
 public:
  // best_target: the kernels that are taken where none are forced.
  explicit Runner(std::string best_target) : best_target_(std::move(best_target)) {}

  // "", or the first thing that is wrong.
  std::string run(const Case &c);

  // The largest error of each kind of result as a share of its bound.
  const std::map<std::string, double> &largest_shares() const { return shares_; }

 private:
  void make_inputs();
  void make_matrices(Random &random);
  void make_targets(Random &random);
  void make_probabilities(Random &random);
  void make_row_numbers(Random &random);
  void make_outputs();
  lossgen_options options();
  lossgen_status call();
  lossgen_status expected_status() const;

  void check_error(lossgen_status status);
  void check_memory();
  void check_log_softmax();
  void check_losses();
  void check_gradient(const reference::Result &expected, const bounds::Loss &within);
  void check_extras(const reference::Result &expected);

  bool kept(int64_t r) const { return y_[static_cast<size_t>(r)] >= 0; }
  Tensor &result() {
    return case_->output == Case::separate ? out_ : case_->output == Case::over_first ? first_ : second_;
  }
  void expect(const char *kind, const Dtype &type, int64_t r, int64_t c, double got, double expected, double bound);
  double equal_terms(int64_t r) const;
  std::string kind(const char *what) const;
  double long_row() const;
  void wrong(const std::string &what) {
    if (problem_.empty()) problem_ = what;
  }

  const Case *case_ = nullptr;
  const std::string best_target_;
  bounds::Kernel kernel_;
  std::string problem_;
  std::map<std::string, double> shares_;

  Tensor first_, second_, out_, target_, weight_, row_weight_, upstream_, saved_lse_, saved_total_weight_;
  Tensor loss_, lse_, total_weight_, log_probs_, entropy_, argmax_, correct_;
  DLTensor in_place_ = {};

  // The inputs as the call sees them, dense.
  std::vector<double> x_, log_probs_in_, probs_;
  std::vector<int64_t> given_y_, y_;  // as in memory; -1 where the row does not count
  int64_t first_bad_ = -1;
  bool unspecified_ = false;  // targets out of bounds that the caller promised were none
  reference::Options o_;
};

#endif  // LOSSGEN_TESTS_FUZZ_RUNNER_H
