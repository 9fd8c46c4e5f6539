// Kernels on their way to a device: their texts (PTX, OpenCL C), the modules made of them, and the launch in progress.
#ifndef LOSSGEN_RUNTIME_GPU_MODULES_H
#define LOSSGEN_RUNTIME_GPU_MODULES_H

#include <pthread.h>

#include <atomic>

#include "backend.h"
#include "lossgen/kernel_abi.h"

namespace lossgen {

constexpr int kMaxEntries = 4;
constexpr size_t kMaxEntryName = 160;

// An image for one context and device.
struct Loaded {
  Loaded *next;
  void *context, *unit;  // as in LaunchScope
  void *module;          // CUmodule, cl_program
  void *functions[kMaxEntries];
  pthread_mutex_t mutex;  // OpenCL: arguments are set in the kernel itself, launch by launch
};

// A text, known by its content: a plugin that is closed and opened again finds its image, and the address of an unloaded text is
// never trusted. Images stay for the life of the process; there is one per distinct kernel.
struct Image {
  Image *next;
  size_t size;  // of text, with the terminator
  char *text;
  int entries;
  char names[kMaxEntries][kMaxEntryName];
  std::atomic<Loaded *> loaded;
};

// What the functions that a kernel calls need to know of the call. A scope: the innermost on this thread counts.
class LaunchScope {
 public:
  // load_only: kernels load their modules and return before the launch.
  LaunchScope(const Backend &backend, int device, void *stream, bool load_only);
  ~LaunchScope();
  LaunchScope(const LaunchScope &) = delete;
  LaunchScope &operator=(const LaunchScope &) = delete;

  lossgen_status enter();  // once, before any kernel
  // Runs a kernel; its arguments as in kernel_abi.h.
  lossgen_status run(const lossgen_kernel *kernel, void **argv);

  const Backend &backend;
  const int device;
  void *const stream;  // CUstream, cl_command_queue
  const bool load_only;
  lossgen_status status = LOSSGEN_OK;  // of the first function that failed
  // Set by Backend::enter.
  void *context = nullptr;  // CUcontext, cl_context
  void *unit = nullptr;     // cl_device_id
  int capability = 0;       // CUDA: 80 for compute capability 8.0. OpenCL: 1 with double precision
  bool icd = false;         // OpenCL: handles start with the platform's table of functions

 private:
  LaunchScope *outer_ = nullptr;
  bool entered_ = false;
};

// Takes what was loaded for a context out of the images and hands it to `unload`.
void unload_modules(void *context, void (*unload)(void *module));

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_GPU_MODULES_H
