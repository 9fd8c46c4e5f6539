// lossgen.h states how much of a thread's stack a call takes: each runs on a stack of its own, painted before, looked at after.
#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "dtype.h"
#include "layout.h"
#include "targets.h"

namespace {

constexpr size_t kStack = 1 << 20;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kStated = 512 << 10;  // a sanitizer's frames are larger
#else
constexpr size_t kStated = 128 << 10;
#endif

// From the thread's start on: what the C library keeps at the top of the stack counts, too.
size_t stack_of(std::function<void()> body) {
  std::vector<uint64_t> memory(kStack / sizeof(uint64_t), 0x5a5a5a5a5a5a5a5a);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread;
  void *(*const start)(void *) = [](void *f) -> void * {
    (*static_cast<std::function<void()> *>(f))();
    return nullptr;
  };
  std::function<void()> nothing = [] {};
  size_t used[2];
  for (auto *f : {&nothing, &body}) {
    std::fill(memory.begin(), memory.end(), 0x5a5a5a5a5a5a5a5a);
    EXPECT_EQ(pthread_attr_setstack(&attributes, memory.data(), kStack), 0);
    EXPECT_EQ(pthread_create(&thread, &attributes, start, f), 0);
    EXPECT_EQ(pthread_join(thread, nullptr), 0);
    const auto touched = std::find_if(memory.begin(), memory.end(), [](uint64_t w) { return w != 0x5a5a5a5a5a5a5a5a; });
    used[f == &body] = static_cast<size_t>(memory.end() - touched) * sizeof(uint64_t);
  }
  pthread_attr_destroy(&attributes);
  return used[1] - used[0];
}

class Stack : public OnTarget {};

TEST_P(Stack, OfACall) {
  size_t most = 0;
  for (const Dtype &type : kDtypes) {
    for (const Order order : {Order::rows, Order::planes}) {
      for (const int64_t classes : {2, 10, 21, 1000}) {  // with and without kernels of their own
        for (const int64_t rows : {1, 13, 77, 700}) {
          const Layout layout(order, 1, classes, rows);
          // Every other row out of the range of exp without a reference, as far as f16 reaches.
          std::vector<char> x(static_cast<size_t>(layout.span()) * 8), g(x.size());
          std::vector<int64_t> y(static_cast<size_t>(rows), classes - 1);
          for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = 0; c < classes; ++c) type.store(x.data() + layout.offset(r, c) * type.bytes(), r % 2 ? 1 : c == classes - 1 ? -60 : 60);
          const int32_t rank = static_cast<int32_t>(layout.row_shape.size());
          const auto matrix = [&](std::vector<char> &data) {
            return lossgen_tensor_strided(data.data(), lossgen_dtype(type.code, type.bits), static_cast<int32_t>(layout.shape.size()), layout.shape.data(), layout.strides.data());
          };
          DLTensor tx = matrix(x), tg = matrix(g);
          const DLTensor ty = lossgen_tensor(y.data(), lossgen_dtype(kDLInt, 64), rank, layout.row_shape.data());
          double loss = 0;
          DLTensor tl = lossgen_tensor(&loss, lossgen_dtype(type.code, type.bits), 0, nullptr);
          for (DLTensor *out : {&tg, &tx}) {  // in place last
            for (const double smoothing : {0.0, 0.1}) {
              lossgen_options o = LOSSGEN_OPTIONS_INIT;
              o.threads = 1;
              o.target = target();
              o.label_smoothing = smoothing;
              lossgen_status status = LOSSGEN_OK;
              const size_t used = stack_of([&] { status = lossgen_cross_entropy_forward_backward(&tx, &ty, &o, &tl, out, nullptr); });
              EXPECT_EQ(status, LOSSGEN_OK);
              EXPECT_LE(used, kStated) << type.name << ", " << rows << " rows of " << classes << " classes, order " << static_cast<int>(order) << ", smoothing " << smoothing
                                       << (out == &tx ? ", in place" : "");
              most = std::max(most, used);
            }
          }
        }
      }
    }
  }
  RecordProperty("most", static_cast<int>(most));
}

INSTANTIATE_TEST_SUITE_P(Target, Stack, testing::ValuesIn(host_targets()), target_case_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Stack);

}  // namespace
