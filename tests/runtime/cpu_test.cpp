#include "cpu.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "names.h"

namespace lossgen {
namespace {

constexpr X86Registers kEverything = {~0u, ~0u, ~0u, ~uint64_t{0}};

TEST(X86, EverythingRunsEverything) {
  for (int level : {2, 3, 4}) EXPECT_EQ(x86_lacks(kEverything, level), nullptr) << level;
}

// Every bit that a level asks for, by taking each away: the levels of the psABI, complete and no more.
std::set<std::string> features(int level) {
  std::set<std::string> names;
  for (auto reg : {&X86Registers::leaf1_ecx, &X86Registers::leaf7_ebx, &X86Registers::extended1_ecx}) {
    for (int bit = 0; bit < 32; ++bit) {
      X86Registers registers = kEverything;
      registers.*reg &= ~(1u << bit);
      if (const char *reason = x86_lacks(registers, level)) names.insert(reason);
    }
  }
  return names;
}

std::set<std::string> lacking(const std::vector<std::string> &names) {
  std::set<std::string> set;
  for (const std::string &name : names) set.insert("CPU lacks " + name);
  return set;
}

TEST(X86, Levels) {
  std::vector<std::string> names = {"sse3", "ssse3", "cmpxchg16b", "sse4.1", "sse4.2", "popcnt", "lahf"};
  EXPECT_EQ(features(2), lacking(names));
  for (const char *name : {"avx", "avx2", "fma", "f16c", "bmi1", "bmi2", "lzcnt", "movbe"}) names.push_back(name);
  EXPECT_EQ(features(3), lacking(names));
  for (const char *name : {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"}) names.push_back(name);
  EXPECT_EQ(features(4), lacking(names));
}

TEST(X86, OperatingSystemMustSaveTheRegisters) {
  X86Registers registers = kEverything;
  registers.xcr0 = 0x07;  // x87, sse, avx
  EXPECT_EQ(x86_lacks(registers, 3), nullptr);
  EXPECT_STREQ(x86_lacks(registers, 4), "operating system does not save zmm registers");
  registers.xcr0 = 0x67;  // opmask and zmm0-15, not zmm16-31
  EXPECT_STREQ(x86_lacks(registers, 4), "operating system does not save zmm registers");
  for (uint64_t xcr0 : {0x00, 0x03, 0x05}) {
    registers.xcr0 = xcr0;
    EXPECT_EQ(x86_lacks(registers, 2), nullptr);
    EXPECT_STREQ(x86_lacks(registers, 3), "operating system does not save ymm registers");
    EXPECT_STREQ(x86_lacks(registers, 4), "operating system does not save ymm registers");
  }
}

TEST(X86, TheFirstMissingFeatureIsNamed) {
  EXPECT_STREQ(x86_lacks({}, 4), "CPU lacks sse3");
  X86Registers haswell = kEverything;
  haswell.leaf7_ebx &= ~0xf0000000u & ~(3u << 16);
  EXPECT_STREQ(x86_lacks(haswell, 4), "CPU lacks avx512f");
}

TEST(Cpu, OtherMachinesAreNamed) {
#if defined(__x86_64__)
  EXPECT_STREQ(cpu_lacks(LOSSGEN_TARGET_arm64), "this build is for x86-64");
  EXPECT_STREQ(cpu_lacks(LOSSGEN_TARGET_cuda_sm80), "this build is for x86-64");
#elif defined(__aarch64__)
  EXPECT_EQ(cpu_lacks(LOSSGEN_TARGET_arm64), nullptr);
  EXPECT_STREQ(cpu_lacks(LOSSGEN_TARGET_x86_64_v2), "this build is for arm64");
#endif
  EXPECT_STREQ(cpu_lacks(-1), "no such target");
  EXPECT_STREQ(cpu_lacks(LOSSGEN_TARGET_COUNT), "no such target");
}

#if defined(__x86_64__)
// The compiler's own detection: a second opinion where it has one.
TEST(Cpu, AgreesWithTheCompiler) {
  const bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
  const bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  EXPECT_EQ(cpu_lacks(LOSSGEN_TARGET_x86_64_v2) == nullptr, v2);
  EXPECT_EQ(cpu_lacks(LOSSGEN_TARGET_x86_64_v3) == nullptr, v3);
  EXPECT_EQ(cpu_lacks(LOSSGEN_TARGET_x86_64_v4) == nullptr, v4);
}
#endif

TEST(Cpu, FromManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) cpu_lacks(id);
    });
  }
  for (std::thread &thread : threads) thread.join();
}

TEST(Names, RoundTrip) {
  for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) EXPECT_EQ(target_id(target_name(id)), id);
  EXPECT_EQ(target_id("x86-64-v9"), -1);
  EXPECT_STREQ(target_name(-1), "?");
  EXPECT_STREQ(stage_name(LOSSGEN_STAGE_COUNT), "?");
  EXPECT_EQ(dtype_id(lossgen_dtype(kDLFloat, 32)), LOSSGEN_DTYPE_f32);
  EXPECT_EQ(dtype_id(lossgen_dtype(kDLInt, 64)), LOSSGEN_DTYPE_i64);
  EXPECT_EQ(dtype_id(lossgen_dtype(kDLInt, 7)), -1);
  EXPECT_STREQ(dtype_text(lossgen_dtype(kDLBfloat, 16)), "bf16");
  EXPECT_STREQ(dtype_text(lossgen_dtype(kDLUInt, 8)), "u8");
  EXPECT_STREQ(dtype_text(lossgen_dtype(kDLInt, 7)), "an unknown type");
  DLDataType vector = lossgen_dtype(kDLFloat, 32);
  vector.lanes = 4;
  EXPECT_EQ(dtype_id(vector), -1);
  EXPECT_STREQ(dtype_text(vector), "a vector type");
}

}  // namespace
}  // namespace lossgen
