#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <new>
#include <utility>

namespace tune {

Memory::Memory(size_t bytes, const Gpu *gpu) : gpu_(gpu), bytes_(bytes) {
  data_ = gpu ? gpu->allocate(bytes) : aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!data_) throw std::bad_alloc();
  if (gpu) gpu->clear(data_, bytes);
  else memset(data_, 0, bytes);  // the first touch is not timed
}

Memory::~Memory() {
  if (!data_) return;
  if (gpu_) gpu_->release(data_);
  else free(data_);
}

Memory &Memory::operator=(Memory &&other) noexcept {
  std::swap(gpu_, other.gpu_), std::swap(data_, other.data_), std::swap(bytes_, other.bytes_),
      std::swap(copy_, other.copy_);
  return *this;
}

void Memory::fill(const void *values, size_t bytes) {
  char *to = static_cast<char *>(data_);
  if (!gpu_) {
    for (size_t at = 0; at < bytes_; at += bytes) memcpy(to + at, values, std::min(bytes, bytes_ - at));
    return;
  }
  size_t full = std::min(bytes, bytes_);
  gpu_->wait();  // for the zeros
  gpu_->upload(to, values, full);
  for (size_t more; full < bytes_; full += more) gpu_->copy(to + full, to, more = std::min(full, bytes_ - full));
}

void Memory::fetch() {
  if (!gpu_) return;
  copy_.resize(bytes_);
  gpu_->wait();
  gpu_->download(copy_.data(), data_, bytes_);
}

}  // namespace tune
