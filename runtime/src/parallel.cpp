// The thread pool. One job at a time: its owner publishes it, works on it itself, closes it and waits only for those
// workers that had joined; a worker that wakes too late finds it closed and never touches it. So a slow wake-up costs
// nothing but the missing help.
//
// `state` holds everything that decides who may touch the job, in one word: workers join by compare-and-swap, which
// fails once the owner has closed the job. Between joining and `left` the job's fields cannot change.
//
// Everything is constant-initialised and has no destructor; threads are stopped by a library destructor (exit,
// dlclose).
#include "parallel.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "cgroup.h"
#include "fp_mode.h"

namespace lossgen {
namespace {

constexpr int kMaxWorkers = 511;
// Back-to-back calls (a training step) come within this time; longer would steal time from the application's threads.
constexpr int64_t kSpinNanoseconds = 50 * 1000;

// state = job number << 32 | open << 31 | workers inside, ever << 16 | seats left
constexpr uint64_t kOpen = uint64_t{1} << 31;
constexpr uint64_t kOneJoined = (uint64_t{1} << 16) - 1;  // one more inside, one seat less
constexpr uint32_t seats_of(uint64_t state) { return state & 0xffff; }
constexpr uint32_t joined_of(uint64_t state) { return state >> 16 & 0x7fff; }
constexpr uint32_t job_of(uint64_t state) { return static_cast<uint32_t>(state >> 32); }

struct Job {
  lossgen_task task = nullptr;
  void *context = nullptr;
  int64_t count = 0;
  FpMode fp_mode{};
};

struct Pool {
  alignas(kLine) std::atomic<uint64_t> state{0};
  Job job;
  alignas(kLine) std::atomic<int64_t> next{0};   // the next task to hand out
  alignas(kLine) std::atomic<uint32_t> left{0};  // workers that are done with the job
  std::atomic<uint32_t> owner_sleeps{0};
  alignas(kLine) std::atomic<uint32_t> bell{0};  // rung for each job: what parked workers wait on
  std::atomic<uint32_t> sleepers{0};
  std::atomic<bool> stop{false};
  alignas(kLine) std::atomic<bool> busy{false};  // has an owner; what follows is the owner's
  bool cannot_grow = false;
  int workers = 0;
  pthread_t threads[kMaxWorkers] = {};
};

Pool pool;
std::atomic<int> allowed_for_testing{0};

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");  // waits some ten cycles; yield does nothing on most cores
#endif
}

int64_t now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * int64_t{1000000000} + t.tv_nsec;
}

void futex_wait(std::atomic<uint32_t> *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t> *word, int waiters) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, waiters, nullptr, nullptr, 0);
}

void run_tasks(const Job &job) {
  for (;;) {
    const int64_t index = pool.next.fetch_add(1, std::memory_order_relaxed);
    if (index >= job.count) return;
    job.task(job.context, index);
  }
}

bool try_join(uint32_t last_job) {
  uint64_t state = pool.state.load(std::memory_order_seq_cst);
  while ((state & kOpen) != 0 && seats_of(state) > 0 && job_of(state) != last_job) {
    if (pool.state.compare_exchange_weak(state, state + kOneJoined, std::memory_order_acq_rel)) return true;
  }
  return false;
}

void *worker_main(void *) {
  uint32_t last_job = 0;
  int64_t deadline = now() + kSpinNanoseconds;
  for (int turn = 0;; ++turn) {
    // Read before the checks: whatever is published after them rings the bell and makes futex_wait return at once.
    const uint32_t bell = pool.bell.load(std::memory_order_seq_cst);
    if (pool.stop.load(std::memory_order_relaxed)) return nullptr;
    if (try_join(last_job)) {
      last_job = job_of(pool.state.load(std::memory_order_relaxed));  // stays while we are inside
      set_fp_mode(pool.job.fp_mode);
      run_tasks(pool.job);
      pool.left.fetch_add(1, std::memory_order_seq_cst);
      if (pool.owner_sleeps.load(std::memory_order_seq_cst) != 0) futex_wake(&pool.left, 1);
      deadline = now() + kSpinNanoseconds;
    } else if (turn % 32 != 0 || now() < deadline) {
      pause_briefly();
    } else {
      pool.sleepers.fetch_add(1, std::memory_order_seq_cst);
      futex_wait(&pool.bell, bell);
      pool.sleepers.fetch_sub(1, std::memory_order_seq_cst);
    }
  }
}

// In a child after fork the threads are gone, whatever they and other threads' calls had in hand with them.
void forget_threads() {
  const bool stopped = pool.stop.load(std::memory_order_relaxed);
  pool.state.store(0, std::memory_order_relaxed);
  pool.left.store(0, std::memory_order_relaxed);
  pool.owner_sleeps.store(0, std::memory_order_relaxed);
  pool.sleepers.store(0, std::memory_order_relaxed);
  pool.workers = 0;
  pool.cannot_grow = false;
  pool.busy.store(stopped, std::memory_order_relaxed);
}

bool take_pool() { return !pool.busy.exchange(true, std::memory_order_acquire); }
void give_pool() { pool.busy.store(false, std::memory_order_release); }

// Brings the pool to this many workers where it can; returns how many there are. The owner calls it.
int grow(int wanted) {
  static const int at_fork = pthread_atfork(nullptr, nullptr, forget_threads);
  if (at_fork != 0) return 0;  // no threads rather than a child that waits for lost ones
  if (pool.workers >= wanted || pool.cannot_grow) return std::min(pool.workers, wanted);
  // The application's signal handlers are not to run on our threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (pool.workers < wanted) {
    if (pthread_create(&pool.threads[pool.workers], nullptr, worker_main, nullptr) != 0) {
      pool.cannot_grow = true;
      break;
    }
    pthread_setname_np(pool.threads[pool.workers], "lossgen");
    ++pool.workers;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pool.workers;
}

void wait_for_joined(uint32_t joined) {
  if (joined == 0) return;
  const int64_t deadline = now() + kSpinNanoseconds;
  for (int turn = 1; pool.left.load(std::memory_order_acquire) != joined; ++turn) {
    if (turn % 32 != 0 || now() < deadline) {
      pause_briefly();
      continue;
    }
    pool.owner_sleeps.store(1, std::memory_order_seq_cst);
    const uint32_t left = pool.left.load(std::memory_order_seq_cst);
    if (left != joined) futex_wait(&pool.left, left);
    pool.owner_sleeps.store(0, std::memory_order_relaxed);
  }
}

void run_on_pool(const Job &job, int workers) {
  pool.job = job;
  pool.next.store(0, std::memory_order_relaxed);
  pool.left.store(0, std::memory_order_relaxed);
  uint32_t number = job_of(pool.state.load(std::memory_order_relaxed)) + 1;
  if (number == 0) number = 1;  // 0 is what a new worker has seen
  pool.state.store(uint64_t{number} << 32 | kOpen | static_cast<uint64_t>(workers), std::memory_order_seq_cst);
  pool.bell.fetch_add(1, std::memory_order_seq_cst);
  if (pool.sleepers.load(std::memory_order_seq_cst) > 0) futex_wake(&pool.bell, workers);
  run_tasks(job);
  wait_for_joined(joined_of(pool.state.fetch_and(~kOpen, std::memory_order_acq_rel)));
}

// Of the calling thread, asked anew each time: an application may pin its threads after the first call.
int allowed_cpus() {
  if (const int cpus = allowed_for_testing.load(std::memory_order_relaxed)) return cpus;
  static const int quota = cgroup_cpu_limit("");
  cpu_set_t set;
  CPU_ZERO(&set);
  // It fails on machines with more CPUs than the set holds.
  int cpus =
      sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  if (quota > 0 && quota < cpus) cpus = quota;
  return std::max(cpus, 1);
}

bool is_serial(const lossgen_options *options, int64_t count) {
  return count <= 1 || (options != nullptr && options->threads == 1);
}

// Exit and dlclose. Keeping the pool makes every later call run serially. A job of another thread is waited for, but
// not for ever: at exit that thread may never come back, and then the workers just end with the process.
__attribute__((destructor)) void stop_threads() {
  const int64_t deadline = now() + int64_t{1000000000};
  while (!take_pool()) {
    if (now() > deadline) return;
    sched_yield();
  }
  pool.stop.store(true, std::memory_order_seq_cst);
  pool.bell.fetch_add(1, std::memory_order_seq_cst);
  futex_wake(&pool.bell, kMaxWorkers);
  for (int i = 0; i < pool.workers; ++i) pthread_join(pool.threads[i], nullptr);
  pool.workers = 0;
}

// Tasks on the threads of the caller's parallel_for.
void run_in_fp_mode(void *context, int64_t index) {
  const Job &job = *static_cast<const Job *>(context);
  const FpMode before = get_fp_mode();
  set_fp_mode(job.fp_mode);
  job.task(job.context, index);
  set_fp_mode(before);
}

}  // namespace

int parallel_threads(const lossgen_options *options, int64_t count, int64_t bytes_of_work) {
  if (is_serial(options, count)) return 1;
  if (options != nullptr && options->parallel_for != nullptr) return 0;
  if (bytes_of_work < kParallelBytes) return 1;
  int64_t threads = std::min<int64_t>(count, std::min(allowed_cpus(), kMaxWorkers + 1));
  if (options != nullptr && options->threads > 0) threads = std::min<int64_t>(threads, options->threads);
  return static_cast<int>(threads);
}

void parallel_for(const lossgen_options *options, int64_t count, int64_t bytes_of_work, lossgen_task task,
                  void *context) {
  const int threads = parallel_threads(options, count, bytes_of_work);
  if (threads == 0) {
    Job job;
    job.task = task;
    job.context = context;
    job.fp_mode = get_fp_mode();
    options->parallel_for(options->parallel_for_user, run_in_fp_mode, &job, count);
    return;
  }
  if (threads > 1 && take_pool()) {
    const int workers = grow(threads - 1);
    if (workers > 0) {
      Job job;
      job.task = task;
      job.context = context;
      job.count = count;
      job.fp_mode = get_fp_mode();
      run_on_pool(job, std::min(workers, threads - 1));
      give_pool();
      return;
    }
    give_pool();
  }
  for (int64_t index = 0; index < count; ++index) task(context, index);
}

void set_allowed_cpus_for_testing(int cpus) { allowed_for_testing.store(cpus, std::memory_order_relaxed); }

}  // namespace lossgen
