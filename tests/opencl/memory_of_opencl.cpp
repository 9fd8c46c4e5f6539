// The tests of the ops (tests/cuda/ops_test.cpp) on an OpenCL device, and their main: exit code 77 where there is none.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../cuda/memory.h"
#include "device.h"

namespace {

std::vector<void *> blocks;

}  // namespace

const Device *device_of_tests = nullptr;

namespace memory {

DLDevice device() { return {kDLOpenCL, 0}; }
void *stream() { return device_of_tests->queue(); }
// A view into a larger buffer where the offset is not 0.
Block allocate(size_t bytes, size_t offset) {
  blocks.push_back(device_of_tests->allocate(bytes + offset));
  return {blocks.back(), offset};
}
void free_all() {
  device_of_tests->finish();
  for (void *block : blocks) device_of_tests->release(block);
  blocks.clear();
}
void upload(const Block &to, const void *from, size_t bytes) { device_of_tests->upload(to.data, to.byte_offset, from, bytes); }
void download(void *to, const Block &from, size_t bytes) { device_of_tests->download(to, from.data, from.byte_offset, bytes); }
std::string last_problem() { return "on " + device_of_tests->name(); }

}  // namespace memory

int main(int argc, char **argv) {
#ifdef LOSSGEN_SLICE
  if (!std::getenv("LOSSGEN_TEST_FULL")) GTEST_FLAG_SET(filter, LOSSGEN_SLICE);
#endif
  testing::InitGoogleTest(&argc, argv);
  const Device device;
  device_of_tests = &device;
  if (!device.error().empty()) {
    std::printf("no OpenCL device: %s\n", device.error().c_str());
    return 77;
  }
  std::printf("on %s\n", device.name().c_str());
  const int result = RUN_ALL_TESTS();
  std::fflush(nullptr);
  _Exit(result);  // without the drivers' own clean-up, in which some abort
}
