// A libcuda.so.1 for tests, with two devices. It records every call, fails those it is told to fail, keeps "device
// memory" that is host memory with bounds, and runs kernels through ptx.h.
#ifndef LOSSGEN_TESTS_FAKE_CUDA_H
#define LOSSGEN_TESTS_FAKE_CUDA_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fake_cuda {

struct Launch {
  std::string kernel;
  unsigned grid[3], block[3];
  size_t shared_bytes;
  void *stream;
  int device;  // of the context that was current
};

struct State {
  std::vector<std::string> calls;  // names, in order
  std::vector<Launch> launches;
  int live_modules = 0, retained = 0, pushed = 0;
  std::string last_problem;  // why the driver gave an error by itself
};

State &state();
void forget_calls();

// The count-th call (from 0) of a function from now on returns this CUresult; -1: none.
void fail_call(const std::string &function, int count, int result);
int calls_of(const std::string &function);

// 80 for compute capability 8.0; before a device is used first.
void set_capability(int device, int capability);

// On by default: kernels run inside cuLaunchKernel.
void execute_kernels(bool on);

// Memory of a device with guards around it; offset bytes from a 256-byte boundary.
void *allocate(size_t bytes, int device = 0, size_t offset = 0);
void *allocate_managed(size_t bytes);
void free_all();

}  // namespace fake_cuda

#endif  // LOSSGEN_TESTS_FAKE_CUDA_H
