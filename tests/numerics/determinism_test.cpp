// The same bits: every run, 1 to 16 threads, any alignment, any parallel_for.
#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <thread>

#include "layout.h"
#include "random.h"
#include "targets.h"

namespace {

struct Problem {
  const char *name;
  Order order;
  int64_t outer, classes, inner;
};

// Large enough that calls are split over threads, and of sizes that divide by nothing.
constexpr Problem kProblems[] = {
    {"rows", Order::rows, 1501, 101, 1},         {"few_long_rows", Order::rows, 7, 20011, 1},
    {"one_class", Order::rows, 50021, 1, 1},     {"planes", Order::planes, 2, 21, 3001},
    {"small_planes", Order::planes, 1009, 5, 9}, {"channels_last", Order::channels_last, 2, 21, 2003},
    {"gaps", Order::gaps, 3, 19, 701},
};

// Everything that the operations of one problem return, as bytes.
using Outputs = std::vector<std::vector<char>>;

class Determinism : public OnTarget {
 protected:
  // Runs all operations with the logits (and gradients) `misalign` floats beyond a 64-byte boundary.
  Outputs run(const Problem &problem, lossgen_options o, size_t misalign) {
    const Layout layout(problem.order, problem.outer, problem.classes, problem.inner);
    Random random(42);
    std::vector<float> x(layout.span());
    for (float &v : x) v = static_cast<float>(4 * random.normal());
    x[3] = 500;  // one row for the exact pass
    std::vector<int64_t> y(static_cast<size_t>(layout.rows));
    for (int64_t &v : y) v = random.chance(0.1) ? -100 : random.below(problem.classes);
    std::vector<float> w(static_cast<size_t>(problem.classes));
    for (float &v : w) v = static_cast<float>(random.uniform(0.5, 2));

    auto aligned = [&](std::vector<float> &storage) {
      storage.assign(layout.span() + 32 + misalign, 0);
      auto address = reinterpret_cast<uintptr_t>(storage.data());
      return storage.data() + ((64 - address % 64) % 64) / sizeof(float) + misalign;
    };
    std::vector<float> a, b, g;
    float *logits = aligned(a), *out = aligned(b), *grad = aligned(g);
    std::copy(x.begin(), x.end(), logits);
    auto tensor = [&](float *data) {
      return lossgen_tensor_strided(data, lossgen_dtype(kDLFloat, 32), static_cast<int32_t>(layout.shape.size()),
                                    layout.shape.data(), layout.strides.data());
    };
    const DLTensor tx = tensor(logits);
    DLTensor tout = tensor(out), tgrad = tensor(grad);
    const DLTensor ty = lossgen_tensor(y.data(), lossgen_dtype(kDLInt, 64),
                                       static_cast<int32_t>(layout.row_shape.size()), layout.row_shape.data());
    const int64_t weights[] = {problem.classes};
    const DLTensor tw = lossgen_tensor(w.data(), lossgen_dtype(kDLFloat, 32), 1, weights);
    o.target = target();

    Outputs outputs;
    auto keep = [&](const float *data, size_t count) {
      const char *bytes = reinterpret_cast<const char *>(data);
      outputs.emplace_back(bytes, bytes + count * sizeof(float));
    };
    auto ok = [](lossgen_status status) { ASSERT_EQ(status, LOSSGEN_OK) << lossgen_last_error(); };
    ok(lossgen_log_softmax_forward(&tx, &o, &tout));
    keep(out, layout.span());
    std::copy(x.rbegin(), x.rend(), grad);
    ok(lossgen_log_softmax_backward(&tgrad, &tout, &o, &tgrad));
    keep(grad, layout.span());

    struct {
      lossgen_reduction reduction;
      const DLTensor *weight;
    } const variants[] = {
        {LOSSGEN_REDUCTION_MEAN, &tw}, {LOSSGEN_REDUCTION_SUM, nullptr}, {LOSSGEN_REDUCTION_NONE, nullptr}};
    for (const auto &[reduction, weight] : variants) {
      o.reduction = reduction;
      o.weight = weight;
      const bool none = reduction == LOSSGEN_REDUCTION_NONE;
      std::vector<float> loss(none ? y.size() : 1);
      DLTensor tloss =
          lossgen_tensor(loss.data(), lossgen_dtype(kDLFloat, 32), none ? ty.ndim : 0, none ? ty.shape : nullptr);
      ok(lossgen_nll_loss_forward(&tx, &ty, &o, &tloss, nullptr));
      keep(loss.data(), loss.size());
      ok(lossgen_cross_entropy_forward(&tx, &ty, &o, &tloss, nullptr));
      keep(loss.data(), loss.size());
      ok(lossgen_nll_loss_backward(&ty, &o, nullptr, &tgrad));
      keep(grad, layout.span());
      ok(lossgen_cross_entropy_backward(&tx, &ty, &o, nullptr, &tgrad));
      keep(grad, layout.span());
      ok(lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tloss, &tgrad, nullptr));
      keep(loss.data(), loss.size());
      keep(grad, layout.span());
    }
    o.weight = nullptr;
    float loss = 0;
    DLTensor tloss = lossgen_tensor(&loss, lossgen_dtype(kDLFloat, 32), 0, nullptr);
    o.reduction = LOSSGEN_REDUCTION_MEAN;
    DLTensor in_place = tx;
    ok(lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tloss, &in_place, nullptr));
    keep(&loss, 1);
    keep(logits, layout.span());
    return outputs;
  }

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
  for (const Problem &problem : kProblems) {
    const Outputs expected = run(problem, with_threads(1), 0);
    expect_same(expected, run(problem, with_threads(1), 0), problem, "again");
    for (int threads : {0, 2, 3, 5, 8, 16}) {
      expect_same(expected, run(problem, with_threads(threads), 0), problem, std::to_string(threads) + " threads");
    }
  }
}

TEST_P(Determinism, Alignments) {
  for (const Problem &problem : kProblems) {
    const Outputs expected = run(problem, with_threads(1), 0);
    for (size_t misalign : {1, 2, 4, 7, 15}) {
      expect_same(expected, run(problem, with_threads(1), misalign), problem, std::to_string(misalign) + " floats off");
    }
  }
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
  for (const Problem &problem : kProblems) {
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

INSTANTIATE_TEST_SUITE_P(Target, Determinism, testing::ValuesIn(host_targets()), target_case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Determinism);

}  // namespace
