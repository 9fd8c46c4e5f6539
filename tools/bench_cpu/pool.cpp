#include "pool.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace bench {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

// Long enough to bridge the gap between two calls of one sample, short enough not to steal the core from what is
// measured next.
constexpr std::chrono::microseconds kSpin{20};

}  // namespace

Pool::Pool(int threads) {
  for (int part = 1; part < threads; part++) workers_.emplace_back([this, part] { serve(part); });
}

Pool::~Pool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    generation_++;
  }
  wake_.notify_all();
  for (std::thread &worker : workers_) worker.join();
}

void Pool::run(int parts, const std::function<void(int)> &work) {
  parts = std::min(parts, threads());
  if (parts <= 1) {
    work(0);
    return;
  }
  running_.store(parts - 1, std::memory_order_relaxed);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    work_ = &work;
    parts_ = parts;
    generation_++;
  }
  wake_.notify_all();
  work(0);
  while (running_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
}

void Pool::serve(int part) {
  uint64_t seen = 0;
  for (;;) {
    const auto until = std::chrono::steady_clock::now() + kSpin;
    while (generation_.load(std::memory_order_acquire) == seen && std::chrono::steady_clock::now() < until) {
    }
    const std::function<void(int)> *work;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
      seen = generation_;
      if (stop_) return;
      work = part < parts_ ? work_ : nullptr;
    }
    if (work != nullptr) {
      (*work)(part);
      running_.fetch_sub(1, std::memory_order_release);
    }
  }
}

Range share(int64_t count, int part, int parts, int64_t grain) {
  const int64_t grains = (count + grain - 1) / grain;
  const int64_t each = grains / parts, more = grains % parts;
  const int64_t first = part * each + std::min<int64_t>(part, more);
  const int64_t last = first + each + (part < more ? 1 : 0);
  return {std::min(first * grain, count), std::min(last * grain, count)};
}

Buffer::Buffer(size_t bytes) : bytes_(bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : 4096;
  // Past the end too: the loops of the roofline and prefetches may look one vector further.
  const size_t whole = (bytes + 4096 + alignment - 1) / alignment * alignment;
  data_ = aligned_alloc(alignment, whole);
  if (data_ == nullptr) throw std::bad_alloc();
  if (alignment == kHugePage) madvise(data_, whole, MADV_HUGEPAGE);
}

Buffer::~Buffer() {
  free(data_);
}

Buffer::Buffer(Buffer &&other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {
}

Buffer &Buffer::operator=(Buffer &&other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace bench
