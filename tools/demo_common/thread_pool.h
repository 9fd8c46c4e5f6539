// The threads that read and train the tables.
#ifndef LOSSGEN_DEMO_THREAD_POOL_H
#define LOSSGEN_DEMO_THREAD_POOL_H

#include <stdint.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace demo {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // task(i) for every i below count; returns when all are done. The caller works too.
  void run(int64_t count, const std::function<void(int64_t)> &task);

 private:
  void work();
  void take_tasks(std::unique_lock<std::mutex> *lock);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int64_t)> *task_ = nullptr;
  int64_t next_ = 0, count_ = 0, running_ = 0;
  bool stop_ = false;
};

}  // namespace demo
#endif  // LOSSGEN_DEMO_THREAD_POOL_H
