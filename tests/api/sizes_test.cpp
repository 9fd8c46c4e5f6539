// Sizes at both ends: no rows, no classes, one class; offsets and counts beyond 2^31.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cmath>
#include <cstdlib>
#include <numeric>

#include "problem.h"

namespace {

constexpr lossgen_reduction kReductions[] = {LOSSGEN_REDUCTION_MEAN, LOSSGEN_REDUCTION_SUM, LOSSGEN_REDUCTION_NONE};

// Logits of this shape and type, class axis 1, in every op and reduction; then `check` sees what came out.
template <class Check>
void run_all(DLDataType dtype, const std::vector<int64_t> &shape, int64_t target, Check check) {
  std::vector<int64_t> rows = shape;
  rows.erase(rows.begin() + 1);
  for (Op op : kAllOps) {
    for (lossgen_reduction reduction : kReductions) {
      if (is_log_softmax(op) && reduction != LOSSGEN_REDUCTION_MEAN) continue;
      Problem p;
      for (Argument *a : {&p.logits, &p.probs, &p.grad, &p.out}) {
        a->tensor.dtype = dtype;
        a->reshape(shape);
      }
      p.target.reshape(rows);
      for (int r = 0; r < 12; ++r) p.target.as<int64_t>()[r] = target;
      p.loss.tensor.dtype = dtype;
      p.options.reduction = reduction;
      if (reduction == LOSSGEN_REDUCTION_NONE) p.loss.reshape(rows);
      ASSERT_EQ(p.run(op), LOSSGEN_OK) << op_name(op) << ": " << lossgen_last_error();
      check(op, p);
    }
  }
}

const DLDataType kFloatTypes[] = {f32, f64, lossgen_dtype(kDLFloat, 16), lossgen_dtype(kDLBfloat, 16)};

double first_number(const Argument &a) {
  double v;
  float f;
  if (a.tensor.dtype.bits == 64) return memcpy(&v, a.memory.data(), 8), v;
  if (a.tensor.dtype.bits == 32) return memcpy(&f, a.memory.data(), 4), f;
  uint16_t bits;  // 0, or NaN, which is all that these tests look for
  memcpy(&bits, a.memory.data(), 2);
  const int infinity = a.tensor.dtype.code == kDLBfloat ? 0x7f80 : 0x7c00;
  return (bits & 0x7fff) > infinity ? NAN : bits & 0x7fff;
}

// Nothing to sum: mean is NaN, sum 0, nothing else is written.
void expect_empty(Op op, Problem &p) {
  EXPECT_TRUE(Problem::untouched(p.out)) << op_name(op);
  if (!has_loss(op)) return;
  const double loss = first_number(p.loss);
  EXPECT_TRUE(p.options.reduction == LOSSGEN_REDUCTION_NONE ||
              (p.options.reduction == LOSSGEN_REDUCTION_MEAN ? std::isnan(loss) : loss == 0))
      << op_name(op) << ": " << loss;
}

TEST(Sizes, NoRows) {
  const std::vector<int64_t> shapes[] = {{0, 3}, {0, 3, 2}, {2, 3, 0}, {0, 1}, {0, 0}};
  for (const auto &shape : shapes) {
    for (DLDataType dtype : kFloatTypes) run_all(dtype, shape, 0, expect_empty);
  }
}

TEST(Sizes, NoClasses) {
  // No class is a valid target: ignored rows are all that there can be.
  const std::vector<int64_t> shapes[] = {{4, 0}, {2, 0, 3}, {1, 0}};
  for (const auto &shape : shapes) {
    for (DLDataType dtype : kFloatTypes) run_all(dtype, shape, -100, expect_empty);
  }
  for (Op op : kAllOps) {
    if (!takes_target(op)) continue;
    Problem p;
    for (Argument *a : {&p.logits, &p.out}) a->reshape({4, 0});
    EXPECT_EQ(p.run(op), LOSSGEN_TARGET_OUT_OF_BOUNDS) << op_name(op);
    EXPECT_STRNE(lossgen_last_error(), "");
  }
}

// One class is always right: the loss is exactly 0, and so is the gradient but for a probability, scaled and rounded
// here as a share of softmax, there by itself.
TEST(Sizes, OneClass) {
  const std::vector<int64_t> shapes[] = {{4, 1}, {2, 1, 3}, {1, 1}};
  for (const auto &shape : shapes) {
    const size_t rows =
        static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
    for (DLDataType dtype : kFloatTypes) {
      run_all(dtype, shape, 0, [&](Op op, Problem &p) {
        EXPECT_TRUE(!has_loss(op) || is_nll_loss(op) || first_number(p.loss) == 0) << op_name(op);
        if (!has_matrix_output(op) || takes_probs(op)) return;
        if (op == Op::log_softmax_backward || op == Op::nll_loss_backward) return;  // not of normalised log-probs
        for (size_t i = 0; i < rows * dtype.bits / 8; ++i) EXPECT_EQ(p.out.memory[i] & 0x7f, 0) << op_name(op);
      });
    }
  }
}

// Address space for far more than there is memory; only pages that are written to take any.
class Sparse {
 public:
  explicit Sparse(size_t bytes) : bytes_(bytes) {
    void *m = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m != MAP_FAILED) data_ = static_cast<char *>(m);
  }
  ~Sparse() {
    if (data_ != nullptr) munmap(data_, bytes_);
  }
  explicit operator bool() const { return data_ != nullptr; }
  template <class T>
  T *as() {
    return reinterpret_cast<T *>(data_);
  }

 private:
  size_t bytes_;
  char *data_ = nullptr;
};

#define SKIP_WITHOUT(sparse)                                                                            \
  if (!sparse)                                                                                          \
  GTEST_SKIP() << "this system gives no address space beyond its memory (vm.overcommit_memory, ulimit " \
                  "-v)"

// The problem of 3 rows and 5 classes whose elements lie more than 2^31 elements apart, in every op: the same results
// as for the compact one, bit for bit.
TEST(Sizes, StridesBeyond32Bits) {
  constexpr int64_t kRows = 3, kClasses = 5, kFar = (int64_t{1} << 31) + 7;
  struct {
    const char *name;
    int64_t row, column;  // strides; a row may span 2^30 elements
  } const layouts[] = {{"rows", kFar, 1}, {"planes", 1, int64_t{1} << 27}, {"strided", kFar, 1 << 20}};
  for (const auto &layout : layouts) {
    const size_t span = static_cast<size_t>((kRows - 1) * layout.row + (kClasses - 1) * layout.column + 1);
    Sparse logits(span * 4), probs(span * 4), grad(span * 4), out(span * 4), target(static_cast<size_t>(kRows * kFar));
    SKIP_WITHOUT(logits && probs && grad && out && target);
    for (Op op : kAllOps) {
      Problem near, far;
      const std::vector<int64_t> target_step = {kFar};
      for (Problem *p : {&near, &far}) {
        for (Argument *a : {&p->logits, &p->probs, &p->grad, &p->out}) a->reshape({kRows, kClasses});
        p->target.tensor.dtype = lossgen_dtype(kDLUInt, 8);
        p->target.reshape({kRows});
        p->options.threads = 1;
      }
      auto at = [&](float *data, int64_t i) -> float & {
        return data[i / kClasses * layout.row + i % kClasses * layout.column];
      };
      // Planes and strided have a schedule of their own, hence other bits than rows: the near one lies alike.
      const std::vector<int64_t> alike = layout.column == 1 ? std::vector<int64_t>{kClasses, 1}
                                         : layout.row == 1  ? std::vector<int64_t>{1, kRows}
                                                            : std::vector<int64_t>{40, 2};
      for (Argument *a : {&near.logits, &near.probs, &near.grad, &near.out}) {
        a->memory.resize(1024);
        a->tensor.data = a->memory.data();
        a->reshape({kRows, kClasses}, alike);
      }
      for (int64_t i = 0; i < kRows * kClasses; ++i) {
        const int64_t n = i / kClasses * alike[0] + i % kClasses * alike[1];
        near.logits.as<float>()[n] = at(logits.as<float>(), i) = static_cast<float>(i * i % 7) - 3;
        near.probs.as<float>()[n] = at(probs.as<float>(), i) = 0.25f * static_cast<float>(i % 3);
        near.grad.as<float>()[n] = at(grad.as<float>(), i) = static_cast<float>(i % 4);
        at(out.as<float>(), i) = -1;
      }
      for (int64_t r = 0; r < kRows; ++r) {
        near.target.as<uint8_t>()[r] = target.as<uint8_t>()[r * kFar] = static_cast<uint8_t>(2 * r);
      }
      const std::pair<Argument *, Sparse *> huge[] = {
          {&far.logits, &logits}, {&far.probs, &probs}, {&far.grad, &grad}, {&far.out, &out}};
      for (auto [argument, memory] : huge) {
        argument->tensor.data = memory->as<char>();
        argument->reshape({kRows, kClasses}, {layout.row, layout.column});
      }
      far.target.tensor.data = target.as<char>();
      far.target.reshape({kRows}, {kFar});
      ASSERT_EQ(near.run(op), LOSSGEN_OK) << op_name(op) << " " << layout.name << ": " << lossgen_last_error();
      ASSERT_EQ(far.run(op), LOSSGEN_OK) << op_name(op) << " " << layout.name << ": " << lossgen_last_error();
      EXPECT_EQ(near.loss.memory, far.loss.memory) << op_name(op) << " " << layout.name;
      if (!has_matrix_output(op)) continue;
      for (int64_t i = 0; i < kRows * kClasses; ++i) {
        const int64_t n = i / kClasses * alike[0] + i % kClasses * alike[1];
        EXPECT_EQ(near.out.as<float>()[n], at(out.as<float>(), i)) << op_name(op) << " " << layout.name << " " << i;
      }
    }
  }
}

// 2^32 + 2^16 log-probs, of which nll_loss reads one per row.
TEST(Sizes, MoreThan32BitsOfLogProbs) {
  constexpr int64_t kClasses = 1 << 16, kRows = kClasses + 1;
  Sparse memory(static_cast<size_t>(kRows * kClasses) * 4);
  SKIP_WITHOUT(memory);
  const int64_t shape[] = {kRows, kClasses};
  std::vector<uint16_t> y(kRows);
  double sum = 0;
  for (int64_t r = 0; r < kRows; r += 997) {  // the others' log-probs are 0
    y[static_cast<size_t>(r)] = static_cast<uint16_t>(r * 31);
    memory.as<float>()[r * kClasses + y[static_cast<size_t>(r)]] = -static_cast<float>(r);
    sum += static_cast<double>(r);
  }
  float loss = 0;
  const DLTensor x = lossgen_tensor(memory.as<float>(), f32, 2, shape);
  const DLTensor t = lossgen_tensor(y.data(), lossgen_dtype(kDLUInt, 16), 1, shape);
  DLTensor l = lossgen_tensor(&loss, f32, 0, nullptr);
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.reduction = LOSSGEN_REDUCTION_SUM;
  ASSERT_EQ(lossgen_nll_loss_forward(&x, &t, &o, &l, nullptr), LOSSGEN_OK) << lossgen_last_error();
  EXPECT_EQ(loss, static_cast<float>(sum));
}

// Gradients of 16 MiB and more are written past the caches where they are apart from the logits: to the same bits as in
// their place, wherever they begin, on any number of threads, and nothing beside them.
TEST(Sizes, GradientsPastTheCaches) {
  struct Large {
    DLDataType dtype;
    std::vector<int64_t> shape;
  };
  const Large cases[] = {{f32, {5000, 1000}}, {f32, {9001, 1000}}, {f32, {70, 130003}}, {f32, {100001, 100}}, {f32, {2, 21, 450, 464}}, {f32, {2, 21, 450, 451}},
                         {f64, {4501, 1001}}, {kFloatTypes[3], {17001, 1000}}, {kFloatTypes[2], {1, 19, 1024, 1008}}};
  for (const Large &c : cases) {
    SCOPED_TRACE(testing::PrintToString(c.shape) + ", " + std::to_string(c.dtype.bits) + " bits");
    const size_t size = c.dtype.bits / 8;
    const int64_t classes = c.shape[1];
    const size_t logits = static_cast<size_t>(std::accumulate(c.shape.begin(), c.shape.end(), int64_t{1}, std::multiplies<>()));
    ASSERT_GE(logits * size, size_t{16} << 20);
    std::vector<char> x(logits * size), apart(logits * size + 192, 0x55);
    uint32_t random = 1;
    for (size_t i = 0; i < logits; ++i) {
      random = random * 1664525 + 1013904223;
      const float small = static_cast<float>(random >> 8) * 0x1p-22f - 2;
      const double wide = small;
      uint32_t bits;
      memcpy(&bits, &small, 4);
      const uint16_t half = c.dtype.code == kDLBfloat ? static_cast<uint16_t>(bits >> 16) : static_cast<uint16_t>(random >> 18);
      memcpy(&x[i * size], size == 8 ? static_cast<const void *>(&wide) : size == 4 ? static_cast<const void *>(&small) : &half, size);
    }
    std::vector<int64_t> rows = c.shape;
    rows.erase(rows.begin() + 1);
    std::vector<int32_t> y(logits / static_cast<size_t>(classes));
    for (size_t r = 0; r < y.size(); ++r) y[r] = r % 7 == 0 ? -100 : static_cast<int32_t>(r % static_cast<size_t>(classes));
    double loss[2] = {};
    const DLDataType loss_type = size == 8 ? f64 : f32;
    const int rank = static_cast<int>(c.shape.size());
    const DLTensor in = lossgen_tensor(x.data(), c.dtype, rank, c.shape.data());
    const DLTensor target = lossgen_tensor(y.data(), i32, rank - 1, rows.data());
    // Planes on a cache line, where they are streamed; rows off it.
    const size_t at = 64 - reinterpret_cast<uintptr_t>(apart.data()) % 64 + (rank == 2 ? size : 0);
    DLTensor out = lossgen_tensor(apart.data() + at, c.dtype, rank, c.shape.data());
    DLTensor first = lossgen_tensor(loss, loss_type, 0, nullptr), second = lossgen_tensor(loss + 1, loss_type, 0, nullptr);
    std::vector<char> once;
    for (int threads : {1, 3}) {
      lossgen_options o = LOSSGEN_OPTIONS_INIT;
      o.threads = threads;
      ASSERT_EQ(lossgen_cross_entropy_forward_backward(&in, &target, &o, &first, &out, nullptr), LOSSGEN_OK)
          << lossgen_last_error();
      if (once.empty()) once = apart;
      EXPECT_TRUE(apart == once) << threads << " threads";
    }
    DLTensor same = in;
    ASSERT_EQ(lossgen_cross_entropy_forward_backward(&in, &target, nullptr, &second, &same, nullptr), LOSSGEN_OK);
    EXPECT_EQ(loss[0], loss[1]);
#if defined(__x86_64__)  // Elsewhere nothing passes the caches, and a gradient apart takes its exp a second time.
    EXPECT_EQ(memcmp(x.data(), &apart[at], x.size()), 0);
#endif
    for (size_t i = 0; i < apart.size(); ++i) {
      EXPECT_TRUE((i >= at && i < at + x.size()) || apart[i] == 0x55) << i;
    }
  }
}

// A pass over 2^31 + 2^15 logits that are all there as addresses: zeros, but for one in the last row.
TEST(Sizes, MoreThan32BitsOfLogits) {
  if (std::getenv("LOSSGEN_TEST_FULL") == nullptr) GTEST_SKIP() << "a longer form, run when LOSSGEN_TEST_FULL is set";
  constexpr int64_t kClasses = 1 << 15, kRows = (1 << 16) + 1;
  Sparse memory(static_cast<size_t>(kRows * kClasses) * 4);
  SKIP_WITHOUT(memory);
  const int64_t shape[] = {kRows, kClasses};
  std::vector<int16_t> y(kRows);
  memory.as<float>()[kRows * kClasses - 1] = 20;
  y.back() = INT16_MAX;
  std::vector<float> loss(kRows);
  const DLTensor x = lossgen_tensor(memory.as<float>(), f32, 2, shape);
  const DLTensor t = lossgen_tensor(y.data(), lossgen_dtype(kDLInt, 16), 1, shape);
  DLTensor l = lossgen_tensor(loss.data(), f32, 1, shape);
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.reduction = LOSSGEN_REDUCTION_NONE;
  ASSERT_EQ(lossgen_cross_entropy_forward(&x, &t, &o, &l, nullptr), LOSSGEN_OK) << lossgen_last_error();
  for (int64_t r = 0; r + 1 < kRows; ++r) ASSERT_NEAR(loss[static_cast<size_t>(r)], std::log(32768.0), 1e-5) << r;
  EXPECT_NEAR(loss.back(), std::log1p(32767 * std::exp(-20.0)), 1e-9);
}

}  // namespace
