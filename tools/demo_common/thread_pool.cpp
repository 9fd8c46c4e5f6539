#include "thread_pool.h"

namespace demo {

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < threads; i++) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread &worker : workers_) worker.join();
}

// Tasks here take 10 us and more, so one lock per task costs nothing that can be seen.
void ThreadPool::take_tasks(std::unique_lock<std::mutex> *lock) {
  while (next_ < count_) {
    const int64_t i = next_++;
    running_++;
    lock->unlock();
    (*task_)(i);
    lock->lock();
    running_--;
  }
}

void ThreadPool::run(int64_t count, const std::function<void(int64_t)> &task) {
  std::unique_lock<std::mutex> lock(mutex_);
  task_ = &task;
  next_ = 0;
  count_ = count;
  if (count > 1) wake_.notify_all();
  take_tasks(&lock);
  done_.wait(lock, [this] { return running_ == 0; });
}

void ThreadPool::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || next_ < count_; });
    if (stop_) return;
    take_tasks(&lock);
    if (running_ == 0) done_.notify_one();
  }
}

}  // namespace demo
