// The CUDA driver as a program with tensors on a device uses it. Functions end the program with a message when the
// driver reports an error.
#ifndef LOSSGEN_CHECK_GPU_H
#define LOSSGEN_CHECK_GPU_H

#include <cstddef>
#include <functional>
#include <string>

class Gpu {
 public:
  static bool present();  // a driver with a device
  explicit Gpu(int device);

  std::string name() const;
  int capability() const;         // 80 for 8.0
  double peak_bandwidth() const;  // bytes per second by clock and bus width, 0 where the driver does not say
  size_t free_memory() const;

  void *allocate(size_t bytes) const;
  void release(void *memory) const;
  void upload(void *to, const void *from, size_t bytes) const;
  void download(void *to, const void *from, size_t bytes) const;
  void wait() const;
  void copy(void *to, const void *from, size_t bytes) const;  // on the device, enqueued
  // Seconds that the device spends on what work() enqueues: the median of so many.
  double time(const std::function<void()> &work, int repeats) const;

 private:
  int device_;
};

#endif  // LOSSGEN_CHECK_GPU_H
