// The same bits: every run, 1 to 16 threads, any alignment, any parallel_for; every operation, type and target.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <thread>
#include <tuple>

#include "layout.h"
#include "random.h"
#include "targets.h"

namespace {

// Large enough in f32 that every call is split over threads; other types have rows in proportion. Sizes divide by
// nothing.
struct Problem {
  const char *name;
  Order order;
  int64_t outer, classes, inner;
};
constexpr Problem kProblems[] = {
    {"rows", Order::rows, 1501, 101, 1},         {"few_long_rows", Order::rows, 7, 20011, 1},
    {"one_class", Order::rows, 150001, 1, 1},    {"planes", Order::planes, 2, 21, 3301},
    {"small_planes", Order::planes, 3001, 5, 9}, {"channels_last", Order::channels_last, 2, 21, 3203},
    {"gaps", Order::gaps, 59, 19, 131},          {"whole_rows", Order::rows, 701, 300, 1},
};

// Everything that the operations of one problem return, as bytes.
using Outputs = std::vector<std::vector<char>>;

using Param = std::tuple<HostTarget, Dtype>;

class Determinism : public testing::TestWithParam<Param> {
 protected:
  void SetUp() override {
    const HostTarget &target = std::get<HostTarget>(GetParam());
    if (!target.usable) GTEST_SKIP() << target.name << ": assembled, not run (" << target.reason << ")";
  }
  const Dtype &type() const { return std::get<Dtype>(GetParam()); }
  // The plain run spreads problems and thread counts over types and targets.
  bool skips(int i, int every) const {
    static const bool full = std::getenv("LOSSGEN_TEST_FULL") != nullptr;
    const std::string &target = std::get<HostTarget>(GetParam()).name;
    const int own = static_cast<int>(target.size()) + target.back() + type().mantissa;
    return !full && (i + own) % every != 0;
  }
  std::vector<Problem> problems() const {
    std::vector<Problem> list;
    for (size_t i = 0; i < std::size(kProblems); ++i) {
      if (skips(static_cast<int>(i), 5)) continue;
      list.push_back(kProblems[i]);
      int64_t &rows = list.back().inner > 9 ? list.back().inner : list.back().outer;
      rows = (rows * 4 / type().bytes()) | 1;
    }
    return list;
  }

  // Runs all operations with the logits (and gradients) `misalign` elements beyond a 64-byte boundary.
  Outputs run(const Problem &problem, lossgen_options o, size_t misalign) {
    const Layout layout(problem.order, problem.outer, problem.classes, problem.inner);
    const size_t size = static_cast<size_t>(type().bytes()), bytes = layout.span() * size;
    const std::vector<char> &x = inputs(problem, layout);
    Random random(43);
    std::vector<int64_t> y(static_cast<size_t>(layout.rows));
    for (int64_t &v : y) v = random.chance(0.1) ? -100 : random.below(problem.classes);
    const Dtype &acc = accumulator_of(type());
    auto numbers = [&](size_t count) {
      std::vector<char> bytes(count * static_cast<size_t>(acc.bytes()));
      for (size_t i = 0; i < count; ++i)
        acc.store(&bytes[i * static_cast<size_t>(acc.bytes())], random.uniform(0.5, 2));
      return bytes;
    };
    std::vector<char> w = numbers(static_cast<size_t>(problem.classes)), upstream = numbers(y.size());

    auto aligned = [&](std::vector<char> &storage) {
      storage.assign(bytes + 64 + misalign * size, 0);
      const auto address = reinterpret_cast<uintptr_t>(storage.data());
      return storage.data() + (64 - address % 64) % 64 + misalign * size;
    };
    std::vector<char> a, b, g;
    char *logits = aligned(a), *out = aligned(b), *grad = aligned(g);
    std::copy(x.begin(), x.end(), logits);
    auto tensor = [&](char *data) {
      return lossgen_tensor_strided(data, lossgen_dtype(type().code, type().bits),
                                    static_cast<int32_t>(layout.shape.size()), layout.shape.data(),
                                    layout.strides.data());
    };
    const DLDataType acc_type = lossgen_dtype(acc.code, acc.bits);
    const DLTensor tx = tensor(logits);
    DLTensor tout = tensor(out), tgrad = tensor(grad);
    const int32_t rank = static_cast<int32_t>(layout.row_shape.size());
    const DLTensor ty = lossgen_tensor(y.data(), lossgen_dtype(kDLInt, 64), rank, layout.row_shape.data());
    const DLTensor tw = lossgen_tensor(w.data(), acc_type, 1, &problem.classes);
    const DLTensor rows = lossgen_tensor(upstream.data(), acc_type, rank, layout.row_shape.data());
    o.target = std::get<HostTarget>(GetParam()).name.c_str();

    Outputs outputs;
    auto keep = [&](const void *data, size_t count) {
      outputs.emplace_back(static_cast<const char *>(data), static_cast<const char *>(data) + count);
    };
    auto ok = [](lossgen_status status) { ASSERT_EQ(status, LOSSGEN_OK) << lossgen_last_error(); };
    ok(lossgen_log_softmax_forward(&tx, &o, &tout));
    keep(out, bytes);
    std::copy(x.begin(), x.end(), grad);
    ok(lossgen_log_softmax_backward(&tgrad, &tout, &o, &tgrad));
    keep(grad, bytes);

    const struct {
      lossgen_reduction reduction;
      const DLTensor *weight, *rows;
      double label_smoothing, z_loss;
    } variants[] = {{LOSSGEN_REDUCTION_MEAN, &tw, nullptr, 0, 0},
                    {LOSSGEN_REDUCTION_SUM, nullptr, nullptr, 0, 0},
                    {LOSSGEN_REDUCTION_NONE, nullptr, &rows, 0, 0},
                    {LOSSGEN_REDUCTION_MEAN, &tw, &rows, 0.1, 1e-3}};
    for (const auto &v : variants) {
      o.reduction = v.reduction;
      o.weight = v.weight;
      const bool none = v.reduction == LOSSGEN_REDUCTION_NONE;
      o.grad_loss = none ? v.rows : nullptr;
      o.row_weight = none ? nullptr : v.rows;
      std::vector<char> loss((none ? y.size() : 1) * static_cast<size_t>(acc.bytes()));
      DLTensor tloss = lossgen_tensor(loss.data(), acc_type, none ? rank : 0, ty.shape);
      ok(lossgen_nll_loss_forward(&tx, &ty, &o, &tloss, nullptr));
      keep(loss.data(), loss.size());
      ok(lossgen_nll_loss_backward(&ty, &o, nullptr, &tgrad));
      keep(grad, bytes);
      o.label_smoothing = v.label_smoothing;
      o.z_loss = v.z_loss;
      ok(lossgen_cross_entropy_forward(&tx, &ty, &o, &tloss, nullptr));
      keep(loss.data(), loss.size());
      ok(lossgen_cross_entropy_backward(&tx, &ty, &o, nullptr, &tgrad));
      keep(grad, bytes);
      ok(lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tloss, &tgrad, nullptr));
      keep(loss.data(), loss.size());
      keep(grad, bytes);
      // The log-probs as probabilities, which may be any numbers.
      ok(lossgen_cross_entropy_probs_forward_backward(&tx, &tout, &o, &tloss, &tgrad, nullptr));
      keep(loss.data(), loss.size());
      keep(grad, bytes);
    }
    DLTensor in_place = tx;
    double loss = 0;
    DLTensor tloss = lossgen_tensor(&loss, acc_type, 0, nullptr);
    ok(lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tloss, &in_place, nullptr));
    keep(&loss, sizeof loss);
    keep(logits, bytes);
    return outputs;
  }

  // The logits' bytes, the same for every run; one row is for the exact pass.
  const std::vector<char> &inputs(const Problem &problem, const Layout &layout) {
    std::vector<char> &x = inputs_[problem.name];
    if (!x.empty()) return x;
    const size_t size = static_cast<size_t>(type().bytes());
    Random random(42);
    x.resize(layout.span() * size);
    for (size_t i = 0; i < layout.span(); ++i) type().store(&x[i * size], i == 3 ? 500 : 4 * random.normal());
    return x;
  }
  std::map<std::string, std::vector<char>> inputs_;

  void expect_same(const Outputs &expected, const Outputs &got, const Problem &problem, const std::string &how) {
    ASSERT_EQ(expected.size(), got.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(expected[i] == got[i]) << problem.name << ": output " << i << " differs, " << how;
    }
  }
};

lossgen_options with_threads(int threads) {
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.threads = threads;
  return o;
}

TEST_P(Determinism, RunsAndThreads) {
  for (const Problem &problem : problems()) {
    const Outputs expected = run(problem, with_threads(1), 0);
    expect_same(expected, run(problem, with_threads(1), 0), problem, "again");
    for (int threads = 0; threads <= 16; ++threads) {
      if (threads % 16 != 0 && skips(threads, 6)) continue;
      expect_same(expected, run(problem, with_threads(threads), 0), problem, std::to_string(threads) + " threads");
    }
  }
}

// A row count and class counts with which the parts of a block (16 KiB) are no power of two of rows; in f64, sums taken in another
// order then differ in their last bits, for about one in five of these.
TEST_P(Determinism, SumsOfParts) {
  const size_t size = static_cast<size_t>(type().bytes());
  const Dtype &acc = accumulator_of(type());
  const DLDataType acc_type = lossgen_dtype(acc.code, acc.bits);
  const int64_t rows = 751, classes = 808 / type().bytes();
  const Layout layout(Order::rows, rows, classes, 1);
  for (uint64_t seed = 0; seed < (std::getenv("LOSSGEN_TEST_FULL") ? 100 : 12); ++seed) {
    Random random(seed);
    std::vector<char> x(layout.span() * size), gradient(x.size()), weight(static_cast<size_t>(classes * acc.bytes()));
    for (size_t i = 0; i < layout.span(); ++i) type().store(&x[i * size], random.normal());
    for (size_t i = 0; i < static_cast<size_t>(classes); ++i)
      acc.store(&weight[i * static_cast<size_t>(acc.bytes())], random.uniform(0.5, 2));
    std::vector<int64_t> y(static_cast<size_t>(rows));
    for (int64_t &v : y) v = random.below(classes);
    const DLTensor tx = lossgen_tensor(x.data(), lossgen_dtype(type().code, type().bits), 2, layout.shape.data());
    DLTensor tg = lossgen_tensor(gradient.data(), lossgen_dtype(type().code, type().bits), 2, layout.shape.data());
    const DLTensor ty = lossgen_tensor(y.data(), lossgen_dtype(kDLInt, 64), 1, layout.shape.data());
    const DLTensor tw = lossgen_tensor(weight.data(), acc_type, 1, &layout.shape[1]);
    for (const bool weighted : {false, true}) {
      double loss[2] = {}, total[2] = {};
      for (int threads = 1; threads <= 4; ++threads) {
        lossgen_options o = with_threads(threads);
        o.reduction = weighted ? LOSSGEN_REDUCTION_MEAN : LOSSGEN_REDUCTION_SUM;
        o.weight = weighted ? &tw : nullptr;
        o.target = std::get<HostTarget>(GetParam()).name.c_str();
        const int at = threads > 1;
        DLTensor tloss = lossgen_tensor(&loss[at], acc_type, 0, nullptr), ttotal = lossgen_tensor(&total[at], acc_type, 0, nullptr);
        lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
        extras.total_weight = &ttotal;
        ASSERT_EQ(lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tloss, &tg, &extras), LOSSGEN_OK) << lossgen_last_error();
        EXPECT_EQ(loss[0], loss[at]) << "seed " << seed << ", " << threads << " threads";
        EXPECT_EQ(total[0], total[at]) << "seed " << seed << ", " << threads << " threads";
      }
    }
  }
}

TEST_P(Determinism, Alignments) {
  for (const Problem &problem : problems()) {
    const Outputs expected = run(problem, with_threads(1), 0);
    for (size_t misalign : {1, 4, 15}) {
      expect_same(expected, run(problem, with_threads(1), misalign), problem,
                  std::to_string(misalign) + " elements off");
    }
  }
}

// What is in a row decides about that row alone: one that takes the exact pass leaves the bits of its neighbours as they are. 67
// classes take general kernels, with a second exp for such a row's gradient, 21 their own, which do whole vectors of rows again, 300 one
// kernel for both passes, which leaves such rows.
TEST_P(Determinism, RowsAreTheirOwn) {
  const auto check = [&](const Layout &layout, bool in_place) {
    const size_t size = static_cast<size_t>(type().bytes());
    const std::vector<int64_t> y(static_cast<size_t>(layout.rows), 7);
    const Dtype &acc = accumulator_of(type());
    const size_t acc_size = static_cast<size_t>(acc.bytes());
    const auto run = [&](const std::vector<int64_t> &overflows) {
      Random random(44);
      std::vector<char> x(layout.span() * size), gradient(x.size()), loss(y.size() * acc_size);
      for (size_t i = 0; i < layout.span(); ++i) type().store(&x[i * size], random.normal());
      for (const int64_t row : overflows) type().store(&x[static_cast<size_t>(layout.offset(row, 11)) * size], 2000);
      lossgen_options o = with_threads(1);
      o.reduction = LOSSGEN_REDUCTION_NONE;
      o.target = std::get<HostTarget>(GetParam()).name.c_str();
      const int32_t rank = static_cast<int32_t>(layout.row_shape.size());
      const auto matrix = [&](std::vector<char> &data) {
        return lossgen_tensor_strided(data.data(), lossgen_dtype(type().code, type().bits), static_cast<int32_t>(layout.shape.size()),
                                      layout.shape.data(), layout.strides.data());
      };
      DLTensor tx = matrix(x), tg = matrix(gradient);
      const DLTensor ty = lossgen_tensor(const_cast<int64_t *>(y.data()), lossgen_dtype(kDLInt, 64), rank, layout.row_shape.data());
      DLTensor tloss = lossgen_tensor(loss.data(), lossgen_dtype(acc.code, acc.bits), rank, layout.row_shape.data());
      EXPECT_EQ(lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tloss, in_place ? &tx : &tg, nullptr), LOSSGEN_OK)
          << lossgen_last_error();
      return std::make_pair(in_place ? x : gradient, loss);
    };
    // One of a vector, all of a vector and more, the last one.
    std::vector<int64_t> overflows = {30, layout.rows - 1};
    for (int64_t row = 70; row < 130; ++row) overflows.push_back(row);
    const auto plain = run({}), overflow = run(overflows);
    for (int64_t row = 0; row < layout.rows; ++row) {
      const size_t at_loss = static_cast<size_t>(row) * acc_size;
      bool same = std::equal(&plain.second[at_loss], &plain.second[at_loss] + acc_size, &overflow.second[at_loss]);
      for (int64_t c = 0; c < layout.classes; ++c) {
        const size_t at = static_cast<size_t>(layout.offset(row, c)) * size;
        same &= std::equal(&plain.first[at], &plain.first[at] + size, &overflow.first[at]);
      }
      const bool expected = std::find(overflows.begin(), overflows.end(), row) == overflows.end();
      EXPECT_EQ(same, expected) << layout.classes << " classes, row " << row << (in_place ? ", in place" : "");
    }
  };
  for (Order order : {Order::rows, Order::planes})
    for (int64_t classes : {21, 67, 300})
      for (bool in_place : {true, false}) check(Layout(order, 1, classes, 300), in_place);
}

// A caller's parallel_for: runs tasks in the order that *user says, on as many threads as it says.
struct Scheduler {
  std::function<void(std::vector<int64_t> &)> arrange;
  int threads;
  int64_t calls = 0;

  static void run(void *user, lossgen_task task, void *context, int64_t count) {
    auto *self = static_cast<Scheduler *>(user);
    ++self->calls;
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    self->arrange(order);
    auto work = [&](int first) {
      for (size_t i = static_cast<size_t>(first); i < order.size(); i += static_cast<size_t>(self->threads)) {
        task(context, order[i]);
      }
    };
    std::vector<std::thread> threads;
    for (int t = 1; t < self->threads; ++t) threads.emplace_back(work, t);
    work(0);
    for (std::thread &t : threads) t.join();
  }
};

TEST_P(Determinism, CallersParallelFor) {
  const auto reversed = [](std::vector<int64_t> &order) { std::reverse(order.begin(), order.end()); };
  const auto shuffled = [random = Random(7)](std::vector<int64_t> &order) mutable {
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[static_cast<size_t>(random.below(static_cast<int64_t>(i)))]);
  };
  for (const Problem &problem : problems()) {
    const Outputs expected = run(problem, with_threads(1), 0);
    for (const auto &[name, arrange, threads] :
         {std::tuple<const char *, std::function<void(std::vector<int64_t> &)>, int>{"in order", [](auto &) {}, 1},
          {"reversed", reversed, 1},
          {"shuffled", shuffled, 1},
          {"shuffled on 3 threads", shuffled, 3}}) {
      Scheduler scheduler{arrange, threads};
      lossgen_options o = with_threads(0);
      o.parallel_for = Scheduler::run;
      o.parallel_for_user = &scheduler;
      expect_same(expected, run(problem, o, 0), problem, name);
      EXPECT_GT(scheduler.calls, 0) << problem.name << ": the caller's parallel_for was not used";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Determinism,
                         testing::Combine(testing::ValuesIn(host_targets()), testing::ValuesIn(kDtypes)),
                         target_type_case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Determinism);

}  // namespace
