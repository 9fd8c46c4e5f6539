// Kernels on their way to a device: PTX texts, the modules made of them, and the launch in progress.
#ifndef LOSSGEN_RUNTIME_GPU_MODULES_H
#define LOSSGEN_RUNTIME_GPU_MODULES_H

#include "driver.h"
#include "lossgen/kernel_abi.h"

namespace lossgen {

// What the functions that a kernel calls need to know of the call. A scope: the innermost on this thread counts. It
// makes the device's primary context current and puts the caller's back.
class LaunchScope {
 public:
  // load_only: kernels load their modules and return before the launch.
  LaunchScope(const Driver &driver, int device, CuStream stream, bool load_only);
  ~LaunchScope();
  LaunchScope(const LaunchScope &) = delete;
  LaunchScope &operator=(const LaunchScope &) = delete;

  lossgen_status enter();  // once, before any kernel
  int capability() const { return capability_; }  // of the device, 80 for 8.0
  bool can_run(int target) const;                 // a CUDA target, by its compute capability
  // Runs a kernel; its arguments as in kernel_abi.h, buffers with `device` set.
  lossgen_status run(const lossgen_kernel *kernel, void **argv);

  const Driver &driver;
  const int device;
  const CuStream stream;
  const bool load_only;
  lossgen_status status = LOSSGEN_OK;  // of the first function that failed

 private:
  LaunchScope *outer_ = nullptr;
  bool entered_ = false;
  int capability_ = 0;
};

// With the device's context current.
void unload_modules(const Driver &driver, int device);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_GPU_MODULES_H
