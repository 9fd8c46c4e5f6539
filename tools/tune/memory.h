// Where a tensor lies: in this machine's memory or in its GPU's.
#ifndef LOSSGEN_TUNE_MEMORY_H
#define LOSSGEN_TUNE_MEMORY_H

#include <stddef.h>

#include <vector>

#include "gpu.h"

namespace tune {

class Memory {
 public:
  Memory() = default;
  Memory(size_t bytes, const Gpu *gpu);  // zeros, and touched; gpu: null for this machine's. Throws std::bad_alloc
  ~Memory();
  Memory(const Memory &) = delete;
  Memory &operator=(Memory &&other) noexcept;

  explicit operator bool() const { return data_ != nullptr; }
  void *data() const { return data_; }
  void fill(const void *values, size_t bytes);  // with these again and again
  // What it holds, as host() shows it from then on; without it of a GPU's memory nothing is seen.
  void fetch();
  const char *host() const { return gpu_ ? copy_.data() : static_cast<const char *>(data_); }

 private:
  const Gpu *gpu_ = nullptr;
  void *data_ = nullptr;
  size_t bytes_ = 0;
  std::vector<char> copy_;
};

}  // namespace tune
#endif  // LOSSGEN_TUNE_MEMORY_H
