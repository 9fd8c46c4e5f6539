#include "cpu.h"

#include <string.h>

#include "names.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace lossgen {
namespace {

// The psABI's levels; what each adds to the one below. Baseline x86-64 has SSE2 and is not checked.
struct Feature {
  int level;
  uint32_t X86Registers::*reg;
  int bit;
  const char *lacking;
};

constexpr Feature kFeatures[] = {
    {2, &X86Registers::leaf1_ecx, 0, "CPU lacks sse3"},        {2, &X86Registers::leaf1_ecx, 9, "CPU lacks ssse3"},
    {2, &X86Registers::leaf1_ecx, 13, "CPU lacks cmpxchg16b"}, {2, &X86Registers::leaf1_ecx, 19, "CPU lacks sse4.1"},
    {2, &X86Registers::leaf1_ecx, 20, "CPU lacks sse4.2"},     {2, &X86Registers::leaf1_ecx, 23, "CPU lacks popcnt"},
    {2, &X86Registers::extended1_ecx, 0, "CPU lacks lahf"},    {3, &X86Registers::leaf1_ecx, 28, "CPU lacks avx"},
    {3, &X86Registers::leaf7_ebx, 5, "CPU lacks avx2"},        {3, &X86Registers::leaf1_ecx, 12, "CPU lacks fma"},
    {3, &X86Registers::leaf1_ecx, 29, "CPU lacks f16c"},       {3, &X86Registers::leaf7_ebx, 3, "CPU lacks bmi1"},
    {3, &X86Registers::leaf7_ebx, 8, "CPU lacks bmi2"},        {3, &X86Registers::extended1_ecx, 5, "CPU lacks lzcnt"},
    {3, &X86Registers::leaf1_ecx, 22, "CPU lacks movbe"},      {4, &X86Registers::leaf7_ebx, 16, "CPU lacks avx512f"},
    {4, &X86Registers::leaf7_ebx, 17, "CPU lacks avx512dq"},   {4, &X86Registers::leaf7_ebx, 28, "CPU lacks avx512cd"},
    {4, &X86Registers::leaf7_ebx, 30, "CPU lacks avx512bw"},   {4, &X86Registers::leaf7_ebx, 31, "CPU lacks avx512vl"},
};

constexpr uint64_t kSavesYmm = 0x06;  // xmm, upper halves of ymm
constexpr uint64_t kSavesZmm = 0xe6;  // and opmask, upper halves of zmm0-15, zmm16-31

#if defined(__x86_64__)
constexpr const char *kMachine = "x86-64";
constexpr const char *kOtherMachine = "this build is for x86-64";

X86Registers read_registers() {
  X86Registers r = {};
  uint32_t a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d)) r.leaf1_ecx = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) r.leaf7_ebx = b;
  if (__get_cpuid(0x80000001u, &a, &b, &c, &d)) r.extended1_ecx = c;
  constexpr uint32_t kOsxsave = 1u << 27;  // without it xgetbv is an illegal instruction
  if (r.leaf1_ecx & kOsxsave) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    r.xcr0 = static_cast<uint64_t>(high) << 32 | low;
  }
  return r;
}
#elif defined(__aarch64__)
constexpr const char *kMachine = "arm64";
constexpr const char *kOtherMachine = "this build is for arm64";
#else
constexpr const char *kMachine = "";
constexpr const char *kOtherMachine = "this build is for another processor";
#endif

struct Answers {
  const char *lacks[LOSSGEN_TARGET_COUNT];
};

Answers detect() {
  Answers answers;
  for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) {
    answers.lacks[id] = strcmp(target_machine(id), kMachine) == 0 ? nullptr : kOtherMachine;
  }
#if defined(__x86_64__)
  const X86Registers registers = read_registers();
  answers.lacks[LOSSGEN_TARGET_x86_64_v2] = x86_lacks(registers, 2);
  answers.lacks[LOSSGEN_TARGET_x86_64_v3] = x86_lacks(registers, 3);
  answers.lacks[LOSSGEN_TARGET_x86_64_v4] = x86_lacks(registers, 4);
#endif
  return answers;  // arm64: every aarch64 Linux has NEON
}

}  // namespace

const char *x86_lacks(const X86Registers &registers, int level) {
  for (const Feature &feature : kFeatures) {
    if (feature.level <= level && !(registers.*feature.reg >> feature.bit & 1)) return feature.lacking;
  }
  // The processor alone is not enough: registers that a context switch does not save must not be used.
  if (level >= 3 && (registers.xcr0 & kSavesYmm) != kSavesYmm) return "operating system does not save ymm registers";
  if (level >= 4 && (registers.xcr0 & kSavesZmm) != kSavesZmm) return "operating system does not save zmm registers";
  return nullptr;
}

const char *cpu_lacks(int target_id) {
  static const Answers answers = detect();
  return target_id >= 0 && target_id < LOSSGEN_TARGET_COUNT ? answers.lacks[target_id] : "no such target";
}

}  // namespace lossgen
