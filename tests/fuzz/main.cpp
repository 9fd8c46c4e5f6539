// lossgen_fuzz: random calls of the C API against the f64 reference.
//   --cases N --seed S   the cases S, S + 1, ... of a random order (default: 10000 of seed 1)
//   --jobs J             on J threads
//   --case NUMBER        just this one, with its description
//   --stream-from BYTES  gradients of so many bytes are written past the caches, where the library does that from 16 MiB on
//   --stream-by BYTES    16: by stores of so many bytes, as on CPUs without AVX
//   --only-full          nothing unless LOSSGEN_TEST_FULL is set
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

#include "runner.h"
#include "stream.h"

namespace {

constexpr int kMaxJobs = 64, kSkipped = 77;
std::atomic<uint64_t> running[kMaxJobs];  // 0: none
std::atomic<int> jobs_running{0};

// Where a sanitizer is linked, it ends the program in its own way, and says so here.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

void print_running() {
  char text[80];
  for (int i = 0; i < jobs_running; ++i) {
    const int n =
        std::snprintf(text, sizeof text, "died during lossgen_fuzz --case 0x%016" PRIx64 "\n", running[i].load());
    if (write(2, text, static_cast<size_t>(n)) < 0) break;
  }
}

void on_signal(int number) {
  print_running();
  signal(number, SIG_DFL);
  raise(number);
}

// Names of the targets that this machine runs, best last.
std::vector<std::string> kernel_targets() {
  std::vector<std::string> names;
  lossgen_list_targets(
      [](void *user, const lossgen_target_info *info) {
        const std::string name = info->name;
        const bool host = name.rfind("cuda", 0) != 0 && name.rfind("opencl", 0) != 0;
        if (host && info->kernels > 0 && info->usable) static_cast<std::vector<std::string> *>(user)->push_back(name);
        return 0;
      },
      &names);
  return names;
}

struct Job {
  Distribution distribution;
  std::vector<uint64_t> hashes;
  std::map<std::string, double> shares;
  int64_t mismatches = 0;
};

std::mutex printing;

void report(const Case &c, const std::string &problem) {
  const std::lock_guard<std::mutex> lock(printing);
  std::printf("MISMATCH %s\n  %s\n  lossgen_fuzz --case 0x%016" PRIx64 "\n", problem.c_str(), c.describe().c_str(),
              c.number);
  std::fflush(stdout);
}

int usage() {
  std::fprintf(stderr, "usage: lossgen_fuzz [--cases N] [--seed S] [--jobs J] [--case NUMBER] [--stream-from BYTES] [--stream-by BYTES]\n"
                       "                    [--only-full]\n");
  return 2;
}

}  // namespace

int main(int argc, char **argv) {
  int64_t cases = 10000;
  uint64_t seed = 1, only = 0;
  int jobs = 1;
  bool one = false;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--only-full") {
      if (std::getenv("LOSSGEN_TEST_FULL") == nullptr) {
        std::printf("skipped: a longer form, run when LOSSGEN_TEST_FULL is set (tools/test --full)\n");
        return kSkipped;
      }
      continue;
    }
    if (i + 1 == argc) return usage();
    const char *value = argv[++i];
    if (flag == "--cases") cases = std::atoll(value);
    else if (flag == "--seed") seed = std::strtoull(value, nullptr, 0);
    else if (flag == "--stream-from") lossgen::streamed_bytes = std::atoll(value);
    else if (flag == "--stream-by") lossgen::stream_store_bytes = std::atoi(value);
    else if (flag == "--jobs") jobs = std::min(kMaxJobs, std::max(1, std::atoi(value)));
    else if (flag == "--case") only = std::strtoull(value, nullptr, 0), one = true;
    else return usage();
  }
  const std::vector<std::string> targets = kernel_targets();
  if (targets.empty()) {
    std::printf("skipped: no kernels that this machine can run\n");
    return kSkipped;
  }
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(print_running);
  } else {
    for (int s : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) signal(s, on_signal);
  }
  if (one) {
    const Case c(only, targets);
    jobs_running = 1;
    running[0] = only;
    std::printf("%s\n", c.describe().c_str());
    std::fflush(stdout);
    const std::string problem = Runner(targets.back()).run(c);
    std::printf("%s\n", problem.empty() ? "as it should be" : problem.c_str());
    return problem.empty() ? 0 : 1;
  }

  const auto start = std::chrono::steady_clock::now();
  auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const uint64_t first = Random(seed).next();
  std::vector<Job> results(static_cast<size_t>(jobs));
  std::atomic<int64_t> next{0}, failed{0};
  const bool terminal = isatty(2);
  jobs_running = jobs;
  auto work = [&](int j) {
    Runner runner(targets.back());
    Job &job = results[static_cast<size_t>(j)];
    job.hashes.reserve(static_cast<size_t>(cases / jobs + 1));
    for (int64_t i; (i = next++) < cases;) {
      const Case c(first + static_cast<uint64_t>(i), targets);
      running[j] = c.number;
      job.distribution.count(c);
      job.hashes.push_back(std::hash<std::string>()(c.describe()));
      const std::string problem = runner.run(c);
      if (!problem.empty()) {
        ++job.mismatches;
        if (++failed <= 20) report(c, problem);
      }
      if (terminal && i % 4096 == 0) std::fprintf(stderr, "\r%" PRId64 " of %" PRId64 ", %.0f s ", i, cases, seconds());
    }
    job.shares = runner.largest_shares();
  };
  std::vector<std::thread> threads;
  for (int j = 1; j < jobs; ++j) threads.emplace_back(work, j);
  work(0);
  for (std::thread &t : threads) t.join();
  if (terminal) std::fprintf(stderr, "\r%40s\r", "");

  Job total;
  for (const Job &job : results) {
    total.distribution.add(job.distribution);
    total.hashes.insert(total.hashes.end(), job.hashes.begin(), job.hashes.end());
    total.mismatches += job.mismatches;
    for (const auto &[kind, share] : job.shares) total.shares[kind] = std::max(total.shares[kind], share);
  }
  std::sort(total.hashes.begin(), total.hashes.end());
  const auto distinct = std::unique(total.hashes.begin(), total.hashes.end()) - total.hashes.begin();
  total.distribution.print();
  std::printf("largest errors as shares of their bounds:");
  for (const auto &[kind, share] : total.shares) std::printf(" %s %.2f", kind.c_str(), share);
  std::printf("\nfuzz: seed %" PRIu64 ", %" PRId64 " cases, %" PRId64 " distinct, %" PRId64
              " mismatches, %.1f s, jobs %d\n",
              seed, cases, static_cast<int64_t>(distinct), total.mismatches, seconds(), jobs);
  return total.mismatches == 0 ? 0 : 1;
}
