// The CUDA driver, found at run time: the few functions that lossgen calls, declared here because no CUDA header may be
// needed to build.
#ifndef LOSSGEN_RUNTIME_GPU_DRIVER_H
#define LOSSGEN_RUNTIME_GPU_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#include "lossgen/lossgen.h"

namespace lossgen {

using CuResult = int;  // 0 = success
using CuDevice = int;
using CuPointer = uint64_t;
struct CuContextObject;
struct CuModuleObject;
struct CuFunctionObject;
struct CuStreamObject;
using CuContext = CuContextObject *;
using CuModule = CuModuleObject *;
using CuFunction = CuFunctionObject *;
using CuStream = CuStreamObject *;

// F(name here, exported name, arguments); all return a CuResult.
#define LOSSGEN_DRIVER_FUNCTIONS(F)                                                                          \
  F(init, "cuInit", (unsigned flags))                                                                        \
  F(device_count, "cuDeviceGetCount", (int *count))                                                          \
  F(device_get, "cuDeviceGet", (CuDevice * device, int ordinal))                                             \
  F(device_attribute, "cuDeviceGetAttribute", (int *value, int attribute, CuDevice device))                  \
  F(context_retain, "cuDevicePrimaryCtxRetain", (CuContext * context, CuDevice device))                      \
  F(context_release, "cuDevicePrimaryCtxRelease_v2", (CuDevice device))                                      \
  F(context_push, "cuCtxPushCurrent_v2", (CuContext context))                                                \
  F(context_pop, "cuCtxPopCurrent_v2", (CuContext * context))                                                \
  F(module_load, "cuModuleLoadDataEx",                                                                       \
    (CuModule * module, const void *image, unsigned count, const int *options, void **values))               \
  F(module_unload, "cuModuleUnload", (CuModule module))                                                      \
  F(module_function, "cuModuleGetFunction", (CuFunction * function, CuModule module, const char *name))      \
  F(launch, "cuLaunchKernel",                                                                                \
    (CuFunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,               \
     unsigned block_y, unsigned block_z, unsigned shared_bytes, CuStream stream, void **arguments,           \
     void **extra))                                                                                          \
  F(pointer_attributes, "cuPointerGetAttributes",                                                            \
    (unsigned count, const int *attributes, void **data, CuPointer pointer))                                 \
  F(error_name, "cuGetErrorName", (CuResult error, const char **name))

struct Driver {
#define LOSSGEN_X(name, symbol, arguments) CuResult(*name) arguments;
  LOSSGEN_DRIVER_FUNCTIONS(LOSSGEN_X)
#undef LOSSGEN_X
  int devices;
};

// NULL without a usable driver; *reason then says why ("no driver: libcuda.so.1 could not be loaded (...)"). Found out
// once per process.
const Driver *driver(const char **reason);

constexpr int kMaxDevices = 64;

// The primary context of a device, the one that the CUDA runtime and frameworks use; kept until the library is
// unloaded. capability: 80 for compute capability 8.0.
struct DeviceState {
  CuContext context;
  int capability;
};
lossgen_status open_device(const Driver &driver, int device, DeviceState *state);

// The status for a failed driver call, with the driver's name of the error: "cuLaunchKernel failed: CUDA_ERROR_...".
lossgen_status driver_failed(const Driver &driver, const char *function, CuResult result);

#define LOSSGEN_DRIVER_TRY(driver, name, exported, ...)                                                        \
  do {                                                                                                         \
    const ::lossgen::CuResult result_ = (driver).name(__VA_ARGS__);                                            \
    if (result_ != 0) return ::lossgen::driver_failed(driver, exported, result_);                              \
  } while (0)

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_GPU_DRIVER_H
