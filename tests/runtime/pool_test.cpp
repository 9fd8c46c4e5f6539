#include <dlfcn.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "fp_mode.h"
#include "parallel.h"

namespace {
std::atomic<int> threads_created{0};
std::atomic<int> creations_to_fail{0};
}  // namespace

// The pool's pthread_create comes here (linker option --wrap).
extern "C" int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
extern "C" int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                                     void *argument) {
  if (creations_to_fail.load() > 0) {
    creations_to_fail.fetch_sub(1);
    return EAGAIN;
  }
  threads_created.fetch_add(1);
  return __real_pthread_create(thread, attributes, start, argument);
}

namespace lossgen {
namespace {

constexpr int64_t kMuch = kParallelBytes;

int threads_of_process() {
  int count = 0;
  for (const auto &entry : std::filesystem::directory_iterator("/proc/self/task")) count += !entry.path().empty();
  return count;
}

// A joined thread may still be listed while the kernel takes it down: waits up to two seconds for the number.
int threads_after_settling(int expected) {
  for (int i = 0; i < 2000 && threads_of_process() != expected; i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return threads_of_process();
}

// Runs the tasks, each long enough that others join; which threads took part.
std::set<std::thread::id> participants(const lossgen_options *options, int64_t count, int64_t bytes) {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  parallel_for(options, count, bytes, [&](int64_t) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    std::lock_guard<std::mutex> lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  return ids;
}

// Plain memory on purpose: a task run twice, or not seen by the caller, is a data race for the thread sanitizer. On the
// stack, because some callers fork while others are here, and sanitizers' heaps do not survive that.
bool each_once(const lossgen_options *options, int64_t count) {
  int runs[1000] = {};
  parallel_for(options, count, kMuch, [&](int64_t i) { ++runs[i]; });
  for (int64_t i = 0; i < 1000; ++i) {
    if (runs[i] != (i < count)) return false;
  }
  return true;
}

// Exit status of a child that returns check(): 0 = true.
template <class Check>
int in_child(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

class PoolTest : public testing::Test {
 protected:
  void SetUp() override {
    set_allowed_cpus_for_testing(6);
    options_ = LOSSGEN_OPTIONS_INIT;
  }
  void TearDown() override { set_allowed_cpus_for_testing(0); }
  lossgen_options options_;
};

TEST_F(PoolTest, SerialCallsStartNothing) {
  const int created = threads_created, alive = threads_of_process();
  const std::set<std::thread::id> caller = {std::this_thread::get_id()};
  EXPECT_EQ(participants(nullptr, 8, kParallelBytes - 1), caller);
  EXPECT_EQ(participants(nullptr, 1, kMuch), caller);
  options_.threads = 1;
  EXPECT_EQ(participants(&options_, 8, kMuch), caller);
  set_allowed_cpus_for_testing(1);
  EXPECT_EQ(participants(nullptr, 8, kMuch), caller);
  EXPECT_EQ(threads_created, created);
  EXPECT_EQ(threads_of_process(), alive);
  for (int64_t count : {0, -1}) parallel_for(nullptr, count, kMuch, [](int64_t) { FAIL(); });
}

TEST_F(PoolTest, StartsOnFirstNeedAndStays) {
  participants(nullptr, 64, kMuch);
  const int created = threads_created;
  EXPECT_EQ(created, 5);
  EXPECT_GT(participants(nullptr, 64, kMuch).size(), 1u);
  EXPECT_EQ(threads_created, created);
}

TEST_F(PoolTest, AtMostThreads) {
  options_.threads = 3;
  for (int i = 0; i < 20; ++i) EXPECT_LE(participants(&options_, 30, kMuch).size(), 3u);
  EXPECT_LE(participants(nullptr, 2, kMuch).size(), 2u);
}

TEST_F(PoolTest, ThreadsThatACallWouldTake) {
  EXPECT_EQ(parallel_threads(nullptr, 100, kMuch), 6);
  EXPECT_EQ(parallel_threads(nullptr, 4, kMuch), 4);
  EXPECT_EQ(parallel_threads(nullptr, 1, kMuch), 1);
  EXPECT_EQ(parallel_threads(nullptr, 100, kParallelBytes - 1), 1);
  options_.threads = 2;
  EXPECT_EQ(parallel_threads(&options_, 100, kMuch), 2);
  options_.threads = 1000;
  EXPECT_EQ(parallel_threads(&options_, 100, kMuch), 6);
  options_.parallel_for = [](void *, lossgen_task, void *, int64_t) {};
  EXPECT_EQ(parallel_threads(&options_, 100, kMuch), 0);
}

TEST_F(PoolTest, EachTaskOnce) {
  for (int64_t count : {2, 3, 5, 17, 64, 1000}) {
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(each_once(nullptr, count)) << count;
  }
}

TEST_F(PoolTest, EachTaskOnceAfterParking) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(each_once(nullptr, 40));
    std::this_thread::sleep_for(std::chrono::microseconds(i * 5));  // around the time in which workers park
  }
}

TEST_F(PoolTest, NestedCallsRunOnTheTasksThread) {
  std::atomic<int> elsewhere{0}, runs{0};
  parallel_for(nullptr, 16, kMuch, [&](int64_t) {
    const auto thread = std::this_thread::get_id();
    parallel_for(nullptr, 16, kMuch, [&](int64_t) {
      elsewhere += std::this_thread::get_id() != thread;
      ++runs;
    });
  });
  EXPECT_EQ(elsewhere, 0);
  EXPECT_EQ(runs, 16 * 16);
}

TEST_F(PoolTest, ConcurrentCallers) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 300; ++i) wrong += !each_once(nullptr, 50);
    });
  }
  for (std::thread &caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(PoolTest, WorkersPark) {
  participants(nullptr, 64, kMuch);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const clock_t before = clock();  // processor time of the whole process
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(clock() - before, CLOCKS_PER_SEC / 20);
}

TEST_F(PoolTest, FewerThreadsWhereTheyCannotBeCreated) {
  // In children, so that each starts with an empty pool.
  for (int fail_after : {0, 2}) {
    EXPECT_EQ(in_child([&] {
                set_allowed_cpus_for_testing(fail_after + 1);
                bool good = each_once(nullptr, 100);
                set_allowed_cpus_for_testing(6);
                creations_to_fail = 1000;
                good &= each_once(nullptr, 100) && participants(nullptr, 30, kMuch).size() <= 1u + fail_after;
                return good && creations_to_fail >= 999;  // asks once, not at every call
              }),
              0);
  }
}

TEST_F(PoolTest, SurvivesFork) {
  EXPECT_GT(participants(nullptr, 64, kMuch).size(), 1u);
  EXPECT_EQ(in_child([] {
              const int created = threads_created;
              return each_once(nullptr, 100) && participants(nullptr, 64, kMuch).size() > 1u &&
                     threads_created - created == 5;
            }),
            0);
  EXPECT_TRUE(each_once(nullptr, 100));
}

TEST_F(PoolTest, SurvivesForkDuringAnotherThreadsCall) {
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) each_once(nullptr, 20);
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(in_child([] {
                for (int k = 0; k < 5; ++k) {
                  if (!each_once(nullptr, 20)) return false;
                }
                return true;
              }),
              0);
  }
  stop = true;
  other.join();
}

// Runs after the library's own destructor, which has no priority.
bool call_after_the_end = false;
__attribute__((destructor(101))) void last_of_all() {
  if (call_after_the_end) _exit(each_once(nullptr, 100) && threads_created == 5 ? 7 : 1);
}

// In processes of their own from the start: they end by exit().
TEST(PoolDeathTest, ExitsWithThreadsRunning) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  auto started = [] {
    set_allowed_cpus_for_testing(6);
    return each_once(nullptr, 100) && threads_created == 5 ? 0 : 1;
  };
  EXPECT_EXIT(exit(started()), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(std::quick_exit(started()), testing::ExitedWithCode(0), "");
  EXPECT_EXIT((call_after_the_end = true, exit(started())), testing::ExitedWithCode(7), "");
}

struct Reversed {
  int calls = 0;
  int64_t count = 0;
};

void run_reversed(void *user, lossgen_task task, void *context, int64_t count) {
  auto *reversed = static_cast<Reversed *>(user);
  ++reversed->calls;
  reversed->count = count;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([=] {
      for (int64_t i = count - 1 - t; i >= 0; i -= 3) task(context, i);
    });
  }
  for (std::thread &thread : threads) thread.join();
}

TEST_F(PoolTest, CallersParallelFor) {
  const int created = threads_created;
  Reversed reversed;
  options_.parallel_for = run_reversed;
  options_.parallel_for_user = &reversed;
  EXPECT_TRUE(each_once(&options_, 100));
  EXPECT_EQ(reversed.calls, 1);
  EXPECT_EQ(reversed.count, 100);
  EXPECT_TRUE(each_once(&options_, 1));
  options_.threads = 1;
  EXPECT_TRUE(each_once(&options_, 100));
  EXPECT_EQ(reversed.calls, 1);  // neither of the last two is anything to share
  EXPECT_EQ(threads_created, created);
}

#if defined(__x86_64__) || defined(__aarch64__)
// Flush to zero and rounding change bits: a task sees the caller's on whichever thread it runs.
TEST_F(PoolTest, TasksSeeTheCallersFloatingPointMode) {
#if defined(__x86_64__)
  const FpMode modes[] = {{0xe040}, {0x8000}, {0}};
#else
  const FpMode modes[] = {{0x01c00000}, {0x01000000}, {0}};
#endif
  const FpMode before = get_fp_mode();
  Reversed reversed;
  for (bool own : {false, true}) {
    if (own) {
      options_.parallel_for = run_reversed;
      options_.parallel_for_user = &reversed;
    }
    for (FpMode mode : modes) {
      set_fp_mode(mode);
      EXPECT_EQ(get_fp_mode().bits, mode.bits);
      std::atomic<int> wrong{0};
      parallel_for(&options_, 30, kMuch, [&](int64_t) {
        wrong += get_fp_mode().bits != mode.bits;
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      });
      EXPECT_EQ(wrong, 0);
    }
  }
  set_fp_mode(before);
}
#endif

TEST_F(PoolTest, HonoursAffinity) {
  set_allowed_cpus_for_testing(0);
  std::thread([] {  // a thread of its own, whose affinity ends with it
    cpu_set_t allowed, one;
    ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    EXPECT_LE(parallel_threads(nullptr, 1000, kMuch), CPU_COUNT(&allowed));
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
      if (CPU_ISSET(cpu, &allowed)) CPU_SET(cpu, &one);
    }
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(parallel_threads(nullptr, 1000, kMuch), 1);
  })
      .join();
}

TEST_F(PoolTest, SurvivesDlclose) {
  std::thread([] {}).join();  // the thread sanitizer starts one of its own with the first
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // until that one has left the list
  const int alive = threads_of_process();
  for (int i = 0; i < 20; ++i) {
    void *plugin = dlopen(POOL_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(plugin, nullptr) << dlerror();
    auto sum = reinterpret_cast<long (*)(int, int)>(dlsym(plugin, "plugin_sum"));
    ASSERT_NE(sum, nullptr);
    EXPECT_EQ(sum(4, 100), 4950);
    EXPECT_EQ(threads_of_process(), alive + 3);
    dlclose(plugin);
    EXPECT_EQ(threads_after_settling(alive), alive);
    EXPECT_EQ(dlopen(POOL_PLUGIN, RTLD_NOW | RTLD_NOLOAD), nullptr) << "still loaded";
  }
  EXPECT_EQ(in_child([] { return each_once(nullptr, 10); }), 0);  // no fork handler of the plugin is left
}

}  // namespace
}  // namespace lossgen
