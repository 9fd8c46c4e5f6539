// The CUDA driver as a program with tensors on a device uses it, without a toolkit: libcuda.so.1 is loaded when it is
// needed. Functions throw std::runtime_error with the driver's name of what went wrong.
#ifndef LOSSGEN_TUNE_GPU_H
#define LOSSGEN_TUNE_GPU_H

#include <stddef.h>

#include <functional>
#include <string>

namespace tune {

class Gpu {
 public:
  static bool present();  // a driver with a device
  explicit Gpu(int device);
  ~Gpu();
  Gpu(const Gpu &) = delete;

  std::string name() const;
  int capability() const;         // 80 for 8.0
  std::string driver() const;     // "CUDA 13.0": what the driver supports
  double peak_bandwidth() const;  // bytes per second by clock and bus width, 0 where the driver does not say
  size_t free_memory() const;

  void *allocate(size_t bytes) const;
  void release(void *memory) const;  // what goes wrong is not told
  void upload(void *to, const void *from, size_t bytes) const;
  void download(void *to, const void *from, size_t bytes) const;
  void wait() const;

  // What follows is enqueued on this stream, work() on it or on the default one.
  void *stream() const { return stream_; }
  void clear(void *memory, size_t bytes) const;               // zeros
  void copy(void *to, const void *from, size_t bytes) const;  // on the device
  // What work() enqueues on stream(), captured as a CUDA graph: a function that launches it.
  std::function<void()> capture(const std::function<void()> &work) const;
  // Seconds that the device spends on what work() enqueues: the median of so many.
  double time(const std::function<void()> &work, int repeats) const;

 private:
  int device_;
  void *stream_ = nullptr;
};

// The first device for one of CUDA's targets, null for the others.
const Gpu *gpu_of(const std::string &target);

// Bytes per second of a copy from device memory to device memory, read and written: the median of so many.
double copy_rate(const Gpu &gpu, size_t bytes, int repeats);

}  // namespace tune
#endif  // LOSSGEN_TUNE_GPU_H
