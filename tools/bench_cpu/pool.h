// Threads for the roofline and the yardsticks, and memory that they touch first. lossgen brings its own threads.
#ifndef LOSSGEN_BENCH_POOL_H
#define LOSSGEN_BENCH_POOL_H

#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bench {

// Parts are bound to threads by their number, so that a part finds its share of the data in its own caches.
class Pool {
 public:
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool &) = delete;
  Pool &operator=(const Pool &) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // work(part) for part 0 (the caller) to parts - 1, each on a thread of its own; returns when all are done.
  void run(int parts, const std::function<void(int)> &work);

 private:
  void serve(int part);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  const std::function<void(int)> *work_ = nullptr;
  int parts_ = 0;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> running_{0};
  bool stop_ = false;
};

// Part `part` of `parts` of [0, count), cut at multiples of `grain`.
struct Range {
  int64_t begin, end;
};
Range share(int64_t count, int part, int parts, int64_t grain);

// Huge pages where the system gives them on request: page faults and TLB misses are not what is measured here.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes);  // throws std::bad_alloc
  ~Buffer();
  Buffer(Buffer &&other) noexcept;
  Buffer &operator=(Buffer &&other) noexcept;

  size_t bytes() const { return bytes_; }
  template <class T>
  T *as() const {
    return static_cast<T *>(data_);
  }

 private:
  void *data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace bench
#endif  // LOSSGEN_BENCH_POOL_H
