#include "device.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace {

// F(result, name, arguments)
#define FUNCTIONS(F)                                                                                                  \
  F(int, clGetPlatformIDs, (unsigned, void **, unsigned *))                                                           \
  F(int, clGetPlatformInfo, (void *, unsigned, size_t, void *, size_t *))                                             \
  F(int, clGetDeviceIDs, (void *, uint64_t, unsigned, void **, unsigned *))                                           \
  F(int, clGetDeviceInfo, (void *, unsigned, size_t, void *, size_t *))                                               \
  F(void *, clCreateContext, (const intptr_t *, unsigned, void *const *, void *, void *, int *))                      \
  F(int, clReleaseContext, (void *))                                                                                  \
  F(void *, clCreateCommandQueue, (void *, void *, uint64_t, int *))                                                  \
  F(int, clReleaseCommandQueue, (void *))                                                                             \
  F(void *, clCreateBuffer, (void *, uint64_t, size_t, void *, int *))                                                \
  F(int, clReleaseMemObject, (void *))                                                                                \
  F(int, clEnqueueWriteBuffer, (void *, void *, unsigned, size_t, size_t, const void *, unsigned, void *, void *))    \
  F(int, clEnqueueReadBuffer, (void *, void *, unsigned, size_t, size_t, void *, unsigned, void *, void *))           \
  F(int, clFinish, (void *))

struct {
#define X(result, name, arguments) result(*name) arguments;
  FUNCTIONS(X)
#undef X
} cl;

bool load() {
  void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) return false;
#define X(result, name, arguments) \
  if (!(cl.name = reinterpret_cast<result(*) arguments>(dlsym(library, #name)))) return false;
  FUNCTIONS(X)
#undef X
  return true;
}

void check(int status, const char *what) {
  if (status == 0) return;
  std::fprintf(stderr, "%s: OpenCL error %d\n", what, status);
  std::abort();
}

}  // namespace

Device::Device() {
  constexpr unsigned kDeviceName = 0x102B, kPlatformName = 0x0902;
  constexpr uint64_t kAll = 0xFFFFFFFF;
  void *platforms[16];
  unsigned count = 0;
  if (!load()) {
    error_ = "libOpenCL.so.1 is missing";
    return;
  }
  if (cl.clGetPlatformIDs(16, platforms, &count) != 0) count = 0;
  for (unsigned i = 0; i < count && i < 16 && !device_; i++) {
    if (cl.clGetDeviceIDs(platforms[i], kAll, 1, &device_, nullptr) != 0) device_ = nullptr;
    char device[256] = "", platform[256] = "";
    if (device_) cl.clGetDeviceInfo(device_, kDeviceName, sizeof device - 1, device, nullptr);
    cl.clGetPlatformInfo(platforms[i], kPlatformName, sizeof platform - 1, platform, nullptr);
    name_ = std::string(device) + ", " + platform;
  }
  if (!device_) {
    error_ = "libOpenCL.so.1 finds no device";
    return;
  }
  int status = 0;
  context_ = cl.clCreateContext(nullptr, 1, &device_, nullptr, nullptr, &status);
  check(status, "clCreateContext");
  queue_ = create_queue(false);
}

Device::~Device() {
  if (!context_) return;
  cl.clReleaseCommandQueue(queue_);
  cl.clReleaseContext(context_);
}

void *Device::create_queue(bool out_of_order) const {
  int status = 0;
  void *queue = cl.clCreateCommandQueue(context_, device_, out_of_order ? 1 : 0, &status);
  check(status, "clCreateCommandQueue");
  return queue;
}

void *Device::allocate(size_t bytes) const {
  constexpr uint64_t kCopyHostPointer = 1 << 5;
  std::vector<char> fill(bytes ? bytes : 1, 0x7f);
  int status = 0;
  void *memory = cl.clCreateBuffer(context_, kCopyHostPointer, fill.size(), fill.data(), &status);
  check(status, "clCreateBuffer");
  return memory;
}

void Device::release(void *memory) const { cl.clReleaseMemObject(memory); }

void Device::upload(void *to, size_t at, const void *from, size_t bytes) const {
  if (bytes) check(cl.clEnqueueWriteBuffer(queue_, to, 1, at, bytes, from, 0, nullptr, nullptr), "clEnqueueWriteBuffer");
}

void Device::download(void *to, void *from, size_t at, size_t bytes) const {
  if (bytes) check(cl.clEnqueueReadBuffer(queue_, from, 1, at, bytes, to, 0, nullptr, nullptr), "clEnqueueReadBuffer");
}

void Device::finish() const { check(cl.clFinish(queue_), "clFinish"); }
