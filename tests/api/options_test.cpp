// The options struct: zeroed = INIT = NULL = PyTorch's defaults, growth, the legacy pair, a caller's memory and
// threads.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "problem.h"

namespace {

std::vector<char> all_outputs(Problem &p) {
  std::vector<char> bytes;
  for (Argument *a : p.outputs()) bytes.insert(bytes.end(), a->memory.begin(), a->memory.end());
  return bytes;
}

TEST(Options, ZeroedInitAndNullAreTheSame) {
  for (Op op : kAllOps) {
    Problem null, init, zeroed, spelled;
    null.null_options = true;
    std::memset(&zeroed.options, 0, sizeof(zeroed.options));
    zeroed.options.size = sizeof(zeroed.options);
    spelled.options.reduction = LOSSGEN_REDUCTION_MEAN;
    spelled.options.ignore_mode = LOSSGEN_IGNORE_INDEX;
    spelled.options.ignore_index = -100;
    spelled.options.class_axis_given = 1;
    spelled.options.class_axis = 1;
    for (Problem *p : {&null, &init, &zeroed, &spelled}) {
      ASSERT_EQ(p->run(op), LOSSGEN_OK) << op_name(op) << ": " << lossgen_last_error();
      EXPECT_EQ(all_outputs(*p), all_outputs(null)) << op_name(op);
    }
  }
}

TEST(Options, FieldsBeyondAnOlderStructAreNotRead) {
  for (Op op : kAllOps) {
    Problem older, full;
    std::memset(&older.options, 0x77, sizeof(older.options));
    std::memset(&older.options, 0, offsetof(lossgen_options, weight));
    older.options.size = offsetof(lossgen_options, weight);
    ASSERT_EQ(older.run(op), LOSSGEN_OK) << op_name(op) << ": " << lossgen_last_error();
    ASSERT_EQ(full.run(op), LOSSGEN_OK);
    EXPECT_EQ(all_outputs(older), all_outputs(full)) << op_name(op);
  }
}

TEST(Options, ClassAxisCountsFromTheEndToo) {
  for (Op op : kAllOps) {
    Problem front(true), end(true);
    front.options.class_axis_given = end.options.class_axis_given = 1;
    front.options.class_axis = 1;
    end.options.class_axis = -3;
    ASSERT_EQ(front.run(op), LOSSGEN_OK) << lossgen_last_error();
    ASSERT_EQ(end.run(op), LOSSGEN_OK) << lossgen_last_error();
    EXPECT_EQ(all_outputs(front), all_outputs(end)) << op_name(op);
  }
}

// torch.nn._reduction.legacy_get_string: None counts as True once either is given.
TEST(Options, LegacyReductionAll27) {
  for (int size_average : {-1, 0, 1}) {
    for (int reduce : {-1, 0, 1}) {
      for (auto reduction : {LOSSGEN_REDUCTION_MEAN, LOSSGEN_REDUCTION_SUM, LOSSGEN_REDUCTION_NONE}) {
        lossgen_reduction expected = reduction;
        if (size_average != -1 || reduce != -1) {
          const bool average = size_average != 0, reduced = reduce != 0;
          expected = !reduced ? LOSSGEN_REDUCTION_NONE : average ? LOSSGEN_REDUCTION_MEAN : LOSSGEN_REDUCTION_SUM;
        }
        EXPECT_EQ(lossgen_reduction_from_legacy(size_average, reduce, reduction), expected)
            << size_average << " " << reduce << " " << reduction;
      }
    }
  }
}

struct Counts {
  int allocated = 0, released = 0;
};

// Strided weights need a dense copy, whose memory comes from the caller.
TEST(Options, AllocatorIsUsedAndBalanced) {
  Problem p;
  Counts counts;
  p.weight.reshape({3}, {2});
  for (int c = 0; c < 6; ++c) p.weight.as<float>()[c] = 1;
  p.options.weight = p.weight.get();
  p.options.allocator_user = &counts;
  p.options.allocate = [](void *user, size_t bytes) {
    ++static_cast<Counts *>(user)->allocated;
    return std::malloc(bytes);
  };
  p.options.release = [](void *user, void *memory) {
    ++static_cast<Counts *>(user)->released;
    std::free(memory);
  };
  ASSERT_EQ(p.run(Op::cross_entropy_forward_backward), LOSSGEN_OK) << lossgen_last_error();
  EXPECT_EQ(counts.allocated, counts.released);
}

TEST(Options, AllocatorThatFailsIsOutOfMemoryNotACrash) {
  Problem p;
  p.weight.reshape({3}, {2});
  p.options.weight = p.weight.get();
  p.options.allocate = [](void *, size_t) -> void * { return nullptr; };
  p.options.release = [](void *, void *) {};
  const lossgen_status status = p.run(Op::cross_entropy_forward_backward);
  // Either it needs no memory for three weights or it says that there was none.
  if (status == LOSSGEN_OK) return;
  EXPECT_EQ(status, LOSSGEN_OUT_OF_MEMORY) << lossgen_last_error();
  EXPECT_TRUE(Problem::untouched(p.out));
}

TEST(Explain, SaysWhichGradientsTakeOneKernel) {
  std::vector<float> x(4 * 1000);
  for (int64_t classes : {255, 256, 1000}) {
    const int64_t shape[] = {4, classes};
    const DLTensor logits = lossgen_tensor(x.data(), lossgen_dtype(kDLFloat, 32), 2, shape);
    lossgen_options o = LOSSGEN_OPTIONS_INIT;
    for (double z_loss : {0.0, 0.1}) {
      o.z_loss = z_loss;
      char text[4096] = "";
      ASSERT_GT(lossgen_explain("cross_entropy_forward_backward", &logits, &o, text, sizeof(text)), 0u) << lossgen_last_error();
      EXPECT_EQ(std::string(text).find("a row's gradient before the next row") != std::string::npos, classes >= 256 && z_loss == 0) << text;
    }
  }
#if defined(__x86_64__)  // Elsewhere nothing passes the caches.
  const int64_t large[] = {65536, 1000};  // explained, not read
  const DLTensor logits = lossgen_tensor(x.data(), lossgen_dtype(kDLFloat, 32), 2, large);
  char text[4096] = "";
  ASSERT_GT(lossgen_explain("cross_entropy_forward_backward", &logits, nullptr, text, sizeof(text)), 0u) << lossgen_last_error();
  EXPECT_NE(std::string(text).find("past the caches, 1 rows at a time"), std::string::npos) << text;
#endif
}

TEST(Explain, NamesTheTargetAndRefusesUnknownOps) {
  Problem p;
  for (Op op : kAllOps) {
    char text[4096];
    const size_t length = lossgen_explain(op_name(op), p.logits.get(), &p.options, text, sizeof(text));
    ASSERT_GT(length, 0u) << op_name(op) << ": " << lossgen_last_error();
    EXPECT_NE(std::string(text).find(op_name(op)), std::string::npos) << text;
    EXPECT_EQ(lossgen_explain(op_name(op), p.logits.get(), &p.options, nullptr, 0), length);
  }
  EXPECT_EQ(lossgen_explain("softmax", p.logits.get(), &p.options, nullptr, 0), 0u);
  const std::string message = lossgen_last_error();
  EXPECT_NE(message.find("softmax"), std::string::npos) << message;
  EXPECT_NE(message.find("cross_entropy_forward"), std::string::npos) << "valid names are listed: " << message;
  EXPECT_EQ(lossgen_explain(nullptr, p.logits.get(), &p.options, nullptr, 0), 0u);
  EXPECT_EQ(lossgen_explain("cross_entropy_forward", nullptr, &p.options, nullptr, 0), 0u);
}

TEST(Prepare, HostNeedsNothingAndUnknownDevicesAreRefused) {
  EXPECT_EQ(lossgen_prepare({kDLCPU, 0}), LOSSGEN_OK);
  EXPECT_NE(lossgen_prepare({static_cast<DLDeviceType>(99), 0}), LOSSGEN_OK);
  EXPECT_STRNE(lossgen_last_error(), "");
}

TEST(Status, EveryValueHasAName) {
  for (int s = LOSSGEN_OK; s <= LOSSGEN_DEVICE_ERROR; ++s) {
    EXPECT_STRNE(lossgen_status_string(static_cast<lossgen_status>(s)), "unknown status");
  }
  EXPECT_NE(lossgen_status_string(static_cast<lossgen_status>(1000)), nullptr);
}

}  // namespace
