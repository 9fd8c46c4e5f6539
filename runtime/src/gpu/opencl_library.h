// The OpenCL library, found at run time: the few functions that lossgen calls, declared here because no OpenCL header may be
// needed to build.
#ifndef LOSSGEN_RUNTIME_GPU_OPENCL_LIBRARY_H
#define LOSSGEN_RUNTIME_GPU_OPENCL_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#include "lossgen/lossgen.h"

namespace lossgen {

using ClStatus = int32_t;  // 0 = success
using ClQueue = void *;    // handles
using ClContext = void *;
using ClDevice = void *;
using ClMemory = void *;
using ClProgram = void *;
using ClKernel = void *;

// F(result, name here, exported name, arguments)
#define LOSSGEN_OPENCL_FUNCTIONS(F)                                                                                     \
  F(ClStatus, queue_info, "clGetCommandQueueInfo", (ClQueue, uint32_t what, size_t, void *value, size_t *))             \
  F(ClStatus, memory_info, "clGetMemObjectInfo", (ClMemory, uint32_t what, size_t, void *value, size_t *))              \
  F(ClStatus, device_info, "clGetDeviceInfo", (ClDevice, uint32_t what, size_t, void *value, size_t *))                 \
  F(ClStatus, platform_info, "clGetPlatformInfo", (void *platform, uint32_t what, size_t, void *value, size_t *size))   \
  F(ClProgram, program_create, "clCreateProgramWithSource",                                                             \
    (ClContext, uint32_t count, const char **texts, const size_t *lengths, ClStatus *status))                           \
  F(ClStatus, program_build, "clBuildProgram",                                                                          \
    (ClProgram, uint32_t count, const ClDevice *, const char *options, void (*notify)(ClProgram, void *), void *user))  \
  F(ClStatus, program_build_info, "clGetProgramBuildInfo",                                                              \
    (ClProgram, ClDevice, uint32_t what, size_t, void *value, size_t *size))                                            \
  F(ClStatus, program_release, "clReleaseProgram", (ClProgram))                                                         \
  F(ClKernel, kernel_create, "clCreateKernel", (ClProgram, const char *name, ClStatus *status))                         \
  F(ClStatus, kernel_argument, "clSetKernelArg", (ClKernel, uint32_t index, size_t, const void *value))                 \
  F(ClStatus, kernel_release, "clReleaseKernel", (ClKernel))                                                            \
  F(ClStatus, enqueue, "clEnqueueNDRangeKernel",                                                                        \
    (ClQueue, ClKernel, uint32_t axes, const size_t *offset, const size_t *global, const size_t *local,                 \
     uint32_t events, const void *wait_list, void *event))

struct OpenCl {
#define LOSSGEN_X(result, name, symbol, arguments) result(*name) arguments;
  LOSSGEN_OPENCL_FUNCTIONS(LOSSGEN_X)
#undef LOSSGEN_X
};

// NULL without the library; *reason then says why ("no OpenCL: libOpenCL.so.1 could not be loaded (...)"). Found out once per
// process. It may know no device: calls bring a queue, and with it a device.
const OpenCl *opencl(const char **reason);

// The status for a failed call, with OpenCL's name of the error: "clSetKernelArg failed: CL_INVALID_ARG_SIZE".
lossgen_status opencl_failed(const char *function, ClStatus status);

#define LOSSGEN_OPENCL_TRY(cl, name, exported, ...)                                                     \
  do {                                                                                                  \
    const ::lossgen::ClStatus status_ = (cl).name(__VA_ARGS__);                                         \
    if (status_ != 0) return ::lossgen::opencl_failed(exported, status_);                               \
  } while (0)

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_GPU_OPENCL_LIBRARY_H
