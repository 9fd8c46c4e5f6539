// Every kernel of every stage, dtype, layout and target, each buffer beginning or ending at a page that may not be
// touched: no access outside, no input written, and the same bits wherever the buffers lie.
#include <gtest/gtest.h>

#include <memory>

#include "guarded.h"
#include "kernel_call.h"

namespace {

constexpr Shape kShapes[] = {{1, 1},   {1, 2},   {2, 1},  {3, 3},   {1, 7},   {5, 2},   {4, 16},   {17, 15},
                             {16, 17}, {33, 21}, {7, 64}, {2, 100}, {40, 33}, {512, 5}, {65, 129}, {1, 1000}, {3, 333}, {2, 4096},
                             {17, 8191}, {17, 8192}, {17, 10303}};  // in parts from 8192 classes on

class Guard : public testing::TestWithParam<int> {};  // of a stage

TEST_P(Guard, BuffersEndAtTheirLastByte) {
  const auto &list = arguments_of(GetParam());
  std::vector<GuardedMemory> memory(list.size());
  int kernels = 0;
  for (const lossgen_kernel *kernel : usable_kernels()) {
    if (kernel->stage != GetParam()) continue;
    ++kernels;
    for (const Shape &any : kShapes) {
      const Shape shape = fitting(*kernel, any);
      std::vector<std::vector<char>> outputs[2];
      for (const bool at_end : {false, true}) {
        SCOPED_TRACE(std::string(kernel->name) + ", " + std::to_string(shape.rows) + " rows of " +
                     std::to_string(shape.classes) + (at_end ? ", page behind" : ", page in front"));
        KernelCall call(*kernel, shape, [&](size_t i, size_t elements, size_t size) {
          return memory[i].place(elements * size, at_end);
        });
        std::vector<std::vector<char>> before;
        for (size_t i = 0; i < list.size(); ++i) before.push_back(call.bytes(i));
        ASSERT_EQ(call.run(), 0);
        for (size_t i = 0; i < list.size(); ++i) {
          if (list[i].is_scalar()) continue;
          EXPECT_TRUE(memory[i].margin_intact()) << list[i].name;
          if (list[i].is_output()) outputs[at_end].push_back(call.bytes(i));
          else EXPECT_EQ(call.bytes(i), before[i]) << list[i].name << " written";
        }
      }
      ASSERT_EQ(outputs[0], outputs[1]) << kernel->name << ": the bits depend on where the buffers lie";
    }
  }
  std::printf("%d kernels, %zu shapes\n", kernels, std::size(kShapes));
  if (kernels == 0) GTEST_SKIP() << "no kernel of this stage for the CPU";
}

const char *stage_name(int stage) {
#define LOSSGEN_X(stage) #stage,
  static const char *const names[] = {LOSSGEN_STAGES(LOSSGEN_X)};
#undef LOSSGEN_X
  return names[stage];
}

INSTANTIATE_TEST_SUITE_P(Stage, Guard, testing::Range(0, int{LOSSGEN_STAGE_cross_entropy_forward_backward} + 1),
                         [](const auto &info) { return std::string(stage_name(info.param)); });

}  // namespace
