#include "registry.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "cpu.h"
#include "error.h"
#include "names.h"

namespace lossgen {
namespace {

constexpr int kForward = LOSSGEN_STAGE_cross_entropy_forward;
constexpr int kRows = LOSSGEN_LAYOUT_rows, kPlanes = LOSSGEN_LAYOUT_planes, kAny = LOSSGEN_LAYOUT_any;
constexpr int kF32 = LOSSGEN_DTYPE_f32;
#if defined(__aarch64__)
constexpr int kBaseline = LOSSGEN_TARGET_arm64, kForeign = LOSSGEN_TARGET_x86_64_v2;
const char *const kForeignReason = "x86-64-v2 (this build is for arm64)";
#else
constexpr int kBaseline = LOSSGEN_TARGET_x86_64_v2, kForeign = LOSSGEN_TARGET_arm64;
const char *const kForeignReason = "arm64 (this build is for x86-64)";
#endif

int no_kernel(void **) { return 0; }

lossgen_kernel kernel(const char *name, int target = kBaseline, int64_t classes = 0, int layout = kRows,
                      int stage = kForward, int dtype = kF32) {
  lossgen_kernel k = {};
  k.name = name;
  k.run = no_kernel;
  k.stage = static_cast<uint8_t>(stage);
  k.dtype = static_cast<uint8_t>(dtype);
  k.layout = static_cast<uint8_t>(layout);
  k.target = static_cast<uint8_t>(target);
  k.classes = classes;
  k.schedule = "s1";
  k.backend = "test";
  return k;
}

// A generated library that is loaded while this lives.
class Library {
 public:
  explicit Library(std::vector<lossgen_kernel> kernels, uint32_t abi = LOSSGEN_KERNEL_ABI, const char *name = "fake")
      : kernels_(std::move(kernels)), table_{abi, static_cast<uint32_t>(kernels_.size()), name, kernels_.data()} {
    LOSSGEN_REGISTER(&table_);
  }
  ~Library() { LOSSGEN_UNREGISTER(&table_); }
  Library(const Library &) = delete;
  Library &operator=(const Library &) = delete;
  const lossgen_kernel_table *table() const { return &table_; }

 private:
  std::vector<lossgen_kernel> kernels_;
  lossgen_kernel_table table_;
};

std::string found(int64_t classes = 10, int layout = kRows, int target = kAnyTarget, bool general_only = false,
                  int stage = kForward, int dtype = kF32) {
  const lossgen_kernel *k = find_kernel(stage, dtype, layout, classes, target, general_only);
  EXPECT_EQ(find_kernel(stage, dtype, layout, classes, target, general_only), k);  // remembered
  return k != nullptr ? k->name : "none";
}

std::string missing(lossgen_status expected, int64_t classes = 10, int layout = kRows, int target = kAnyTarget,
                    bool general_only = false, int stage = kForward, int dtype = kF32) {
  EXPECT_EQ(found(classes, layout, target, general_only, stage, dtype), "none");
  ErrorScope scope("op");
  EXPECT_EQ(explain_missing(stage, dtype, layout, classes, target, general_only), expected);
  return lossgen_last_error();
}

// As generated libraries do it, and earlier than any constructor of C++.
int early_registrations = 0;
const lossgen_kernel early_kernel = {
    "early", no_kernel, LOSSGEN_STAGE_nll_loss_backward, kF32, kAny, kBaseline, 0, 0, 0, "s", "test"};
const lossgen_kernel_table early_table = {LOSSGEN_KERNEL_ABI, 1, "early", &early_kernel};
__attribute__((constructor(101))) void register_early() {
  LOSSGEN_REGISTER(&early_table);
  LOSSGEN_REGISTER(&early_table);
  ++early_registrations;
}

class RegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    EXPECT_EQ(early_registrations, 1);
    LOSSGEN_UNREGISTER(&early_table);
    clear_error();
  }
  void TearDown() override { LOSSGEN_REGISTER(&early_table); }
};

TEST(RegistryAtStart, TablesOfConstructorsAreThere) {
  EXPECT_EQ(found(10, kRows, kAnyTarget, false, LOSSGEN_STAGE_nll_loss_backward), "early");
}

TEST_F(RegistryTest, ComesAndGoes) {
  EXPECT_EQ(found(), "none");
  {
    Library library({kernel("a")});
    EXPECT_EQ(found(), "a");
    LOSSGEN_REGISTER(library.table());
    EXPECT_EQ(found(), "a");
    LOSSGEN_UNREGISTER(library.table());
    EXPECT_EQ(found(), "none");
    LOSSGEN_UNREGISTER(library.table());
    LOSSGEN_UNREGISTER(nullptr);
    LOSSGEN_REGISTER(nullptr);
    EXPECT_EQ(found(), "none");
    LOSSGEN_REGISTER(library.table());
    EXPECT_EQ(found(), "a");
  }
  EXPECT_EQ(found(), "none");
}

TEST_F(RegistryTest, MatchesEveryField) {
  Library library({kernel("a")});
  EXPECT_EQ(found(10, kPlanes), "none");
  EXPECT_EQ(found(10, kAny), "none");
  EXPECT_EQ(found(10, kRows, kAnyTarget, false, LOSSGEN_STAGE_cross_entropy_backward), "none");
  EXPECT_EQ(found(10, kRows, kAnyTarget, false, kForward, LOSSGEN_DTYPE_i32), "none");
  EXPECT_EQ(found(10, kRows, kForeign), "none");
  EXPECT_EQ(found(10, kRows, kBaseline), "a");
}

TEST_F(RegistryTest, AnyLayoutFitsEveryLayout) {
  Library library({kernel("any", kBaseline, 0, kAny), kernel("rows"), kernel("later any", kBaseline, 0, kAny)});
  EXPECT_EQ(found(10, kAny), "later any");
  EXPECT_EQ(found(10, kPlanes), "later any");
  EXPECT_EQ(found(10, kRows), "rows");
}

TEST_F(RegistryTest, MostSpecialisedWins) {
  Library general({kernel("general"), kernel("c21", kBaseline, 21)});
  EXPECT_EQ(found(10), "general");
  EXPECT_EQ(found(21), "c21");
  EXPECT_EQ(found(21, kRows, kAnyTarget, true), "general");
  Library later({kernel("later general")});
  EXPECT_EQ(found(10), "later general");
  EXPECT_EQ(found(21), "c21");
  Library also({kernel("later c21", kBaseline, 21)});
  EXPECT_EQ(found(21), "later c21");
}

TEST_F(RegistryTest, NewestUsableTargetWins) {
  int newest = kBaseline;
  std::vector<lossgen_kernel> kernels;
  for (int id = LOSSGEN_TARGET_COUNT - 1; id >= 0; --id) {
    kernels.push_back(kernel(target_name(id), id));
    if (cpu_lacks(id) == nullptr && id > newest) newest = id;
  }
  kernels.push_back(kernel("c21 for the baseline", kBaseline, 21));
  Library library(kernels);
  EXPECT_EQ(found(10), target_name(newest));
  if (newest != kBaseline) {
    EXPECT_EQ(found(21), target_name(newest)) << "the target comes first";
  }
  for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) EXPECT_EQ(found(10, kRows, id), target_name(id));
}

TEST_F(RegistryTest, ManyQuestionsFromOneThread) {
  std::vector<lossgen_kernel> kernels = {kernel("general")};
  std::vector<std::string> names(100);
  for (size_t c = 1; c < names.size(); c += 3) {
    names[c] = "c" + std::to_string(c);
    kernels.push_back(kernel(names[c].c_str(), kBaseline, static_cast<int64_t>(c)));
  }
  Library library(kernels);
  for (int round = 0; round < 3; ++round) {
    for (size_t c = 1; c < names.size(); ++c) {
      ASSERT_EQ(found(static_cast<int64_t>(c)), c % 3 == 1 ? names[c] : "general");
      ASSERT_EQ(found(static_cast<int64_t>(c), kRows, kBaseline, true), "general");
    }
  }
}

TEST_F(RegistryTest, LookUpsWhileLibrariesComeAndGo) {
  Library always({kernel("always")});
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      while (!stop) {
        wrong += find_kernel(kForward, kF32, kRows, 10 + t) == nullptr;
        wrong += find_kernel(kForward, kF32, kPlanes, 10 + t) != nullptr;
      }
    });
  }
  const lossgen_kernel other = kernel("other", kBaseline, 10);
  const lossgen_kernel_table table = {LOSSGEN_KERNEL_ABI, 1, "other", &other};
  for (int i = 0; i < 2000; ++i) {
    LOSSGEN_REGISTER(&table);
    EXPECT_STREQ(find_kernel(kForward, kF32, kRows, 10)->name, "other");
    LOSSGEN_UNREGISTER(&table);
    EXPECT_STREQ(find_kernel(kForward, kF32, kRows, 10)->name, "always");
  }
  stop = true;
  for (std::thread &reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(RegistryTest, SaysWhatIsMissing) {
  const auto build = LOSSGEN_UNSUPPORTED_BY_BUILD;
  EXPECT_EQ(missing(build), "op: no kernels are linked into this program; link a library made by lossgen_add_library");
  {
    Library library({kernel("a", kBaseline, 0, kAny, LOSSGEN_STAGE_target_classes, LOSSGEN_DTYPE_i32)});
    EXPECT_EQ(missing(build), "op: f32 rows are not in this build; add DTYPES f32 to lossgen_add_library");
    EXPECT_EQ(missing(build, 10, kAny, kAnyTarget, false, LOSSGEN_STAGE_target_classes, LOSSGEN_DTYPE_i64),
              "op: i64 targets are not in this build");
  }
  {
    Library library({kernel("a", kBaseline, 0, kRows, LOSSGEN_STAGE_log_softmax_forward)});
    EXPECT_EQ(missing(build),
              "op: cross_entropy_forward is not in this build; add OPS cross_entropy to lossgen_add_library");
    EXPECT_EQ(missing(build, 10, kPlanes, kAnyTarget, false, LOSSGEN_STAGE_log_softmax_forward),
              "op: log_softmax_forward of f32 planes is not in this build");
  }
  {
    Library library({kernel("a", kBaseline, 21), kernel("b", kBaseline, 50257), kernel("c", kForeign, 21)});
    EXPECT_EQ(missing(build),
              "op: cross_entropy_forward of f32 rows is in this build for 21, 50257 classes only, not for 10");
    EXPECT_EQ(missing(build, 21, kRows, kAnyTarget, true),
              "op: cross_entropy_forward of f32 rows is in this build for 21, 50257 classes only, "
              "general_kernels_only asks for any number, here 21");
  }
}

TEST_F(RegistryTest, SaysWhichTargetsAreMissing) {
  {
    Library library({kernel("a", kForeign)});
    EXPECT_EQ(missing(LOSSGEN_UNSUPPORTED_HARDWARE),
              std::string("op: cross_entropy_forward of f32 rows is in this build for ") + kForeignReason + " only");
    EXPECT_EQ(missing(LOSSGEN_UNSUPPORTED_BY_BUILD, 10, kRows, kBaseline),
              std::string("op: cross_entropy_forward of f32 rows is not in this build for target ") +
                  target_name(kBaseline) + ", only for " + target_name(kForeign) + "; add TARGETS " +
                  target_name(kBaseline) + " to lossgen_add_library");
  }
  Library library({kernel("a", LOSSGEN_TARGET_cuda_sm80)});
  EXPECT_EQ(missing(LOSSGEN_UNSUPPORTED_BY_BUILD),
            "op: cross_entropy_forward of f32 rows is in this build for cuda-sm80 only, the tensors are on the host; "
            "add a CPU target to TARGETS of lossgen_add_library");
}

TEST_F(RegistryTest, TablesOfAnotherAbiAreLeftOutAndNamed) {
  {
    Library old({kernel("a")}, LOSSGEN_KERNEL_ABI + 1, "old_losses");
    LOSSGEN_REGISTER(old.table());
    EXPECT_EQ(missing(LOSSGEN_UNSUPPORTED_BY_BUILD),
              "op: no kernels are linked into this program; link a library made by lossgen_add_library "
              "(kernels of library old_losses are left out: kernel ABI 2, this runtime has 1)");
  }
  EXPECT_EQ(missing(LOSSGEN_UNSUPPORTED_BY_BUILD).find("old_losses"), std::string::npos);
}

TEST_F(RegistryTest, TargetFromOptions) {
  int target = 99;
  EXPECT_EQ(resolve_target(nullptr, &target), LOSSGEN_OK);
  EXPECT_EQ(target, kAnyTarget);
  EXPECT_EQ(resolve_target(target_name(kBaseline), &target), LOSSGEN_OK);
  EXPECT_EQ(target, kBaseline);
  EXPECT_EQ(resolve_target("pentium", &target), LOSSGEN_BAD_ARGUMENT);
  EXPECT_STREQ(lossgen_last_error(),
               "options.target = \"pentium\" is not a target; targets are x86-64-v2, x86-64-v3, x86-64-v4, arm64, "
               "cuda-sm75, cuda-sm80, cuda-sm86, opencl");
  EXPECT_EQ(resolve_target("", &target), LOSSGEN_BAD_ARGUMENT);
  EXPECT_EQ(resolve_target(target_name(kForeign), &target), LOSSGEN_UNSUPPORTED_HARDWARE);
  EXPECT_EQ(std::string(lossgen_last_error()),
            std::string("options.target = \"") + target_name(kForeign) + "\" cannot run here: " + cpu_lacks(kForeign));
  EXPECT_EQ(resolve_target("cuda-sm80", &target), LOSSGEN_BAD_ARGUMENT);
  EXPECT_STREQ(lossgen_last_error(), "options.target = \"cuda-sm80\" is for device tensors, these are on the host");
}

// The environment is read once, so each value needs a process of its own.
int resolve_with(const char *value) {
  setenv("LOSSGEN_TARGET", value, 1);
  int target = 99;
  const lossgen_status status = resolve_target(nullptr, &target);
  setenv("LOSSGEN_TARGET", "nonsense", 1);
  int again = 99;
  if (resolve_target(nullptr, &again) != status || again != target) return 100;
  int from_options = 99;
  if (resolve_target(target_name(kBaseline), &from_options) != LOSSGEN_OK || from_options != kBaseline) return 101;
  return status == LOSSGEN_OK ? 10 + target : status;
}

TEST(RegistryDeathTest, TargetFromTheEnvironment) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(_exit(resolve_with(target_name(kBaseline))), testing::ExitedWithCode(10 + kBaseline), "");
  EXPECT_EXIT(_exit(resolve_with("")), testing::ExitedWithCode(10 + kAnyTarget), "");
  EXPECT_EXIT(_exit(resolve_with("pentium")), testing::ExitedWithCode(LOSSGEN_BAD_ARGUMENT), "");
  EXPECT_EXIT(_exit(resolve_with(target_name(kForeign))), testing::ExitedWithCode(LOSSGEN_UNSUPPORTED_HARDWARE), "");
  EXPECT_EXIT(_exit(resolve_with(std::string(500, 'x').c_str())), testing::ExitedWithCode(LOSSGEN_BAD_ARGUMENT), "");
}

TEST_F(RegistryTest, ListsKernels) {
  Library first({kernel("a"), kernel("b", kForeign, 21, kPlanes)}, LOSSGEN_KERNEL_ABI, "first");
  Library empty({}, LOSSGEN_KERNEL_ABI, "empty");
  Library second({kernel("c")}, LOSSGEN_KERNEL_ABI, "second");
  std::vector<lossgen_kernel_info> seen;
  auto visit = [](void *user, const lossgen_kernel_info *info) {
    static_cast<std::vector<lossgen_kernel_info> *>(user)->push_back(*info);
    lossgen_list_targets([](void *, const lossgen_target_info *) { return 0; }, nullptr);  // allowed inside
    return 0;
  };
  lossgen_list_kernels(visit, &seen);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_STREQ(seen[0].name, "a");
  EXPECT_STREQ(seen[0].op, "cross_entropy_forward");
  EXPECT_STREQ(seen[0].dtype, "f32");
  EXPECT_STREQ(seen[0].layout, "rows");
  EXPECT_STREQ(seen[0].target, target_name(kBaseline));
  EXPECT_STREQ(seen[0].schedule, "s1");
  EXPECT_STREQ(seen[0].backend, "test");
  EXPECT_STREQ(seen[0].library, "first");
  EXPECT_EQ(seen[0].size, sizeof(lossgen_kernel_info));
  EXPECT_EQ(seen[0].usable, 1);
  EXPECT_EQ(seen[1].usable, 0);
  EXPECT_EQ(seen[1].classes, 21);
  EXPECT_STREQ(seen[1].layout, "planes");
  EXPECT_STREQ(seen[2].library, "second");

  int visits = 0;
  auto stop = [](void *user, const lossgen_kernel_info *) { return ++*static_cast<int *>(user) == 2 ? 1 : 0; };
  lossgen_list_kernels(stop, &visits);
  EXPECT_EQ(visits, 2);
  lossgen_list_kernels(nullptr, nullptr);
}

TEST_F(RegistryTest, ListsTargets) {
  Library library({kernel("a"), kernel("b"), kernel("c", kForeign)});
  std::vector<lossgen_target_info> seen;
  auto visit = [](void *user, const lossgen_target_info *info) {
    static_cast<std::vector<lossgen_target_info> *>(user)->push_back(*info);
    return 0;
  };
  lossgen_list_targets(visit, &seen);
  ASSERT_EQ(seen.size(), static_cast<size_t>(LOSSGEN_TARGET_COUNT));
  for (int id = 0; id < LOSSGEN_TARGET_COUNT; ++id) {
    EXPECT_STREQ(seen[id].name, target_name(id));
    EXPECT_EQ(seen[id].kernels, id == kBaseline ? 2 : id == kForeign ? 1 : 0);
    EXPECT_EQ(seen[id].usable, seen[id].reason == nullptr);
  }
  EXPECT_EQ(seen[kBaseline].usable, 1);
  EXPECT_STREQ(seen[kForeign].reason, cpu_lacks(kForeign));
  lossgen_list_targets(nullptr, nullptr);
}

TEST_F(RegistryTest, IdsOutOfRangeAreHarmless) {
  Library library({kernel("odd", 200, 0, 200, 200, 200)});
  EXPECT_EQ(found(), "none");
  missing(LOSSGEN_UNSUPPORTED_BY_BUILD);
  lossgen_list_kernels(
      [](void *, const lossgen_kernel_info *info) {
        EXPECT_STREQ(info->op, "?");
        EXPECT_STREQ(info->target, "?");
        EXPECT_EQ(info->usable, 0);
        return 0;
      },
      nullptr);
}

}  // namespace
}  // namespace lossgen
