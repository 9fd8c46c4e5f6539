// Memory that ends (or begins) at a page that may not be touched: an over-read or over-write of one element crashes.
#ifndef LOSSGEN_TESTS_GUARDED_H
#define LOSSGEN_TESTS_GUARDED_H

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

class GuardedMemory {
 public:
  GuardedMemory() = default;
  GuardedMemory(const GuardedMemory &) = delete;
  GuardedMemory &operator=(const GuardedMemory &) = delete;
  ~GuardedMemory() { unmap(); }

  // `bytes` bytes filled with kFill, right before the guard page behind (at_end) or right after the one in front. The
  // same memory serves again until more is asked for.
  char *place(size_t bytes, bool at_end) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t needed = (bytes + 2 * kMargin + page - 1) / page * page;
    if (needed > capacity_) {
      unmap();
      void *base = mmap(nullptr, needed + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (base == MAP_FAILED) abort();
      usable_ = static_cast<char *>(base) + page;
      capacity_ = needed;
      if (mprotect(usable_, capacity_, PROT_READ | PROT_WRITE) != 0) abort();
    }
    bytes_ = bytes;
    at_end_ = at_end;
    data_ = at_end ? usable_ + capacity_ - bytes : usable_;
    memset(at_end ? data_ - kMargin : data_, kFill, bytes + kMargin);
    return data_;
  }

  // Is the margin on the side without a guard page as it was?
  bool margin_intact() const {
    const char *margin = at_end_ ? data_ - kMargin : data_ + bytes_;
    for (size_t i = 0; i < kMargin; ++i) {
      if (margin[i] != kFill) return false;
    }
    return true;
  }

  static constexpr char kFill = 0x7e;  // as f32: 8.5e37, which no test expects

 private:
  static constexpr size_t kMargin = 256;

  void unmap() {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    if (usable_ != nullptr) munmap(usable_ - page, capacity_ + 2 * page);
    usable_ = nullptr;
  }

  char *usable_ = nullptr, *data_ = nullptr;
  size_t capacity_ = 0, bytes_ = 0;
  bool at_end_ = false;
};

#endif  // LOSSGEN_TESTS_GUARDED_H
