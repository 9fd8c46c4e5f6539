// Calls captured into CUDA graphs: launched again on other logits, a graph gives the bits of a direct call.
#include <gtest/gtest.h>

#include "../reference/random.h"
#include "memory_of_gpu.h"
#include "problem.h"

namespace {

struct Layout {
  const char *name;
  std::vector<int64_t> shape;
};
// One launch for both passes, rows in parts, a thread per row; and more rows than are summed at once.
const Layout kLayouts[] = {{"few", {300, 21}},
                           {"middle4", {11, 1000}},
                           {"in_parts", {5, 9001}},
                           {"planes", {3, 21, 7, 20}},
                           {"many_rows", {9000, 3}}};

class Graphs : public testing::TestWithParam<Layout> {
 protected:
  ~Graphs() override { memory::free_all(); }
};

TEST_P(Graphs, GiveTheBitsOfDirectCalls) {
  std::vector<int64_t> rows = GetParam().shape;
  const int64_t classes = rows[1];
  rows.erase(rows.begin() + 1);
  Tensor x(f32(), GetParam().shape), grad(f32(), x.shape), log_probs(f32(), x.shape), target(i64(), rows),
      loss(f32(), {}), lse(f32(), rows);
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  give_workspace("cross_entropy_forward_backward", x, &options);
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  extras.lse = &lse.view;
  const auto call = [&] {
    ASSERT_EQ(LOSSGEN_OK,
              lossgen_cross_entropy_forward_backward(&x.view, &target.view, &options, &loss.view, &grad.view, &extras))
        << lossgen_last_error() << memory::last_problem();
    ASSERT_EQ(LOSSGEN_OK, lossgen_log_softmax_forward(&x.view, &options, &log_probs.view)) << lossgen_last_error();
  };
  const auto results = [&] {
    return std::vector<std::vector<double>>{loss.read(), lse.read(), grad.read(), log_probs.read()};
  };
  Random random(7);
  const auto draw = [&] {
    std::vector<double> logits(x.size()), y(target.size());
    for (double &v : logits) v = random.normal() * 3;
    for (double &v : y) v = random.below(11) ? (double)random.below(classes) : -100.0;
    x.fill(logits), target.fill(y);
  };

  draw();
  ASSERT_EQ(LOSSGEN_OK, lossgen_prepare(memory::device()));
  const std::function<void()> launch = memory::capture(call);
  ASSERT_FALSE(HasFatalFailure());
  std::vector<std::vector<double>> before;
  for (int turn = 0; turn < 3; turn++) {
    draw();
    call();
    const auto want = results();
    EXPECT_NE(before, want);
    for (Tensor *t : {&loss, &lse, &grad, &log_probs}) t->fill(std::vector<double>(t->size(), -7));
    launch();
    EXPECT_EQ(want, results()) << "launch " << turn;
    before = want;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Graphs, testing::ValuesIn(kLayouts),
                         [](const auto &info) { return std::string(info.param.name); });

}  // namespace
