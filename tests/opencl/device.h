// An OpenCL device for tests, through the library that the runtime finds: context, queue, memory.
#ifndef LOSSGEN_TESTS_OPENCL_DEVICE_H
#define LOSSGEN_TESTS_OPENCL_DEVICE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

class Device {
 public:
  // The first device of the first platform. error() says why there is none.
  Device();
  ~Device();
  Device(const Device &) = delete;

  const std::string &error() const { return error_; }
  const std::string &name() const { return name_; }  // "device, platform"
  void *queue() const { return queue_; }
  void *create_queue(bool out_of_order) const;
  void *allocate(size_t bytes) const;  // filled with bytes 0x7f: NaN
  void release(void *memory) const;
  void upload(void *to, size_t at, const void *from, size_t bytes) const;
  void download(void *to, void *from, size_t at, size_t bytes) const;
  void finish() const;

 private:
  std::string error_, name_;
  void *device_ = nullptr, *context_ = nullptr, *queue_ = nullptr;
};

// Where memory:: lives (tests/cuda/memory.h).
extern const Device *device_of_tests;

#endif  // LOSSGEN_TESTS_OPENCL_DEVICE_H
