// A real device, and the tests' main: exit code 77 where there is none.
#include "memory_of_gpu.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <vector>

#include "../../tools/tune/gpu.h"

namespace {

const tune::Gpu *gpu = nullptr;
std::vector<void *> blocks;

}  // namespace

namespace memory {

DLDevice device() { return {kDLCUDA, 0}; }
void *stream() { return gpu->stream(); }
std::function<void()> capture(const std::function<void()> &work) { return gpu->capture(work); }
Block allocate(size_t bytes, size_t offset) {
  blocks.push_back(gpu->allocate(bytes + offset));
  return {static_cast<char *>(blocks.back()) + offset};
}
void free_all() {
  for (void *block : blocks) gpu->release(block);
  blocks.clear();
}
void upload(const Block &to, const void *from, size_t bytes) { gpu->upload(to.data, from, bytes); }
void download(void *to, const Block &from, size_t bytes) {
  gpu->wait();
  gpu->download(to, from.data, bytes);
}
std::string last_problem() { return "on " + gpu->name(); }

}  // namespace memory

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!tune::Gpu::present()) {
    std::printf("no GPU: libcuda.so.1 is missing or finds no device\n");
    return 77;
  }
  const tune::Gpu device(0);
  gpu = &device;
  std::printf("on %s\n", device.name().c_str());
  return RUN_ALL_TESTS();
}
