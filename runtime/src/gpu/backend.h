// What the ops need of an API for devices. CUDA (cuda.cpp) and OpenCL (opencl.cpp) fill in one table each; which kernels a call
// takes, with which arguments, is the same for both.
#ifndef LOSSGEN_RUNTIME_GPU_BACKEND_H
#define LOSSGEN_RUNTIME_GPU_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "lossgen/lossgen.h"

namespace lossgen {

struct Image;
struct Loaded;
class LaunchScope;

// CUDA: memory is NULL, `at` an address. OpenCL: a cl_mem and a byte in it.
struct Place {
  void *memory = nullptr;
  uint64_t at = 0;
  Place operator+(int64_t bytes) const { return {memory, at + static_cast<uint64_t>(bytes)}; }
};

// A launch as Halide's generated code asks for it. Of buffers arguments[i] is a lossgen_buffer, see Argument in call.h.
struct Launch {
  size_t grid[3], block[3], shared_bytes;
  int count;
  const size_t *sizes;
  void **arguments;
  const int8_t *is_buffer;
};
constexpr int kMaxLaunchArguments = 256;  // Halide passes what does not depend on the thread precomputed: up to 70 here

struct Backend {
  const char *machine;     // of its targets in kernel_abi.h
  const char *name;        // in messages
  const char *entry_mark;  // what stands before the name of a kernel in its text
  // NULL or why nothing runs: "no driver: libcuda.so.1 could not be loaded (...)". Looks once per process.
  const char *(*lacks)();
  // All below: with nothing lacking. enter sets the scope's context and what belongs to it, current on this thread until leave.
  lossgen_status (*enter)(LaunchScope *scope);
  void (*leave)();
  bool (*can_run)(const LaunchScope &scope, int target);
  lossgen_status (*refuse)(const LaunchScope &scope, int target);  // says why it cannot
  // Memory that a kernel may touch: anything else would be a fault that ends the caller's context.
  lossgen_status (*check_memory)(const LaunchScope &scope, const char *name, Place place, int64_t bytes);
  // Module and functions of an image for the scope's device. A failed load leaves nothing.
  lossgen_status (*load)(const LaunchScope &scope, const Image &image, Loaded *loaded);
  lossgen_status (*launch)(const LaunchScope &scope, Loaded *loaded, int function, const Launch &launch);
};

extern const Backend kCuda, kOpenCl;

// NULL for the host and for devices that there is no backend for.
const Backend *backend_of(DLDeviceType type);
const Backend *backend_of_machine(const char *machine);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_GPU_BACKEND_H
