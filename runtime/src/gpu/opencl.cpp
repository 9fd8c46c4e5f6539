// The backend for OpenCL. A call's device and context are those of its queue; of handles that the caller gives, the queue alone is
// taken as it is. Programs stay, and with them their contexts, for the life of the process: at its end drivers may be gone before
// any code of this library could release them.
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "modules.h"
#include "opencl_library.h"

namespace lossgen {
namespace {

const char *lacks() {
  const char *reason;
  opencl(&reason);
  return reason;
}

const OpenCl &the_library() {
  const char *reason;
  return *opencl(&reason);
}

// Whether handles of the device's platform are known to start with its table of functions.
bool has_icd(const OpenCl &cl, ClDevice device) {
  constexpr uint32_t kPlatform = 0x1031, kExtensions = 0x0904;
  void *platform = nullptr;
  size_t size = 0;
  if (cl.device_info(device, kPlatform, sizeof(platform), &platform, nullptr) != 0) return false;
  if (cl.platform_info(platform, kExtensions, 0, nullptr, &size) != 0) return false;
  auto *extensions = static_cast<char *>(calloc(size + 1, 1));
  if (extensions == nullptr) return false;
  const bool found = cl.platform_info(platform, kExtensions, size, extensions, nullptr) == 0 && strstr(extensions, "cl_khr_icd") != nullptr;
  free(extensions);
  return found;
}

// LaunchScope's capability: sums over rows are kept in double precision, and rows have up to 256 threads.
constexpr int kHasDoubles = 1, kHasWorkGroups = 2, kHasAll = 3;

lossgen_status enter(LaunchScope *scope) {
  constexpr uint32_t kContext = 0x1090, kDevice = 0x1091, kProperties = 0x1093, kDoubles = 0x1032, kWorkGroup = 0x1004;
  constexpr uint64_t kOutOfOrder = 1;
  const OpenCl &cl = the_library();
  if (scope->stream == nullptr)
    return fail(LOSSGEN_BAD_ARGUMENT, "options.stream is NULL; on OpenCL devices it is the cl_command_queue that the call goes to");
  uint64_t properties = 0, doubles = 0;
  LOSSGEN_OPENCL_TRY(cl, queue_info, "clGetCommandQueueInfo", scope->stream, kContext, sizeof(void *), &scope->context, nullptr);
  LOSSGEN_OPENCL_TRY(cl, queue_info, "clGetCommandQueueInfo", scope->stream, kDevice, sizeof(void *), &scope->unit, nullptr);
  LOSSGEN_OPENCL_TRY(cl, queue_info, "clGetCommandQueueInfo", scope->stream, kProperties, sizeof(properties), &properties, nullptr);
  if (properties & kOutOfOrder)
    return fail(LOSSGEN_BAD_ARGUMENT, "options.stream is an out-of-order queue; a call's kernels need an in-order one");
  cl.device_info(scope->unit, kDoubles, sizeof(doubles), &doubles, nullptr);  // old devices without doubles do not know the question
  size_t work_group = 0;
  LOSSGEN_OPENCL_TRY(cl, device_info, "clGetDeviceInfo", scope->unit, kWorkGroup, sizeof(work_group), &work_group, nullptr);
  scope->capability = (doubles != 0 ? kHasDoubles : 0) | (work_group >= 256 ? kHasWorkGroups : 0);
  // Two questions and a list of names, once per thread and device.
  thread_local ClDevice asked = nullptr;
  thread_local bool icd = false;
  if (asked != scope->unit) icd = has_icd(cl, scope->unit), asked = scope->unit;
  scope->icd = icd;
  return LOSSGEN_OK;
}

void leave() {}

bool can_run(const LaunchScope &scope, int target) { return target == LOSSGEN_TARGET_opencl && scope.capability == kHasAll; }

lossgen_status refuse(const LaunchScope &scope, int) {
  constexpr uint32_t kName = 0x102B;
  char name[128] = "";
  the_library().device_info(scope.unit, kName, sizeof(name) - 1, name, nullptr);
  return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "OpenCL device '%s' has no %s", name,
              scope.capability & kHasDoubles ? "work groups of 256" : "double precision (cl_khr_fp64), in which sums over rows are kept");
}

// The first word of a host array is no table of functions: the loader would jump through it.
bool may_be_handle(const LaunchScope &scope, const void *memory) {
  if (reinterpret_cast<uintptr_t>(memory) % sizeof(void *) != 0) return false;
  return !scope.icd || *static_cast<void *const *>(memory) == *static_cast<void *const *>(scope.stream);
}

lossgen_status check_memory(const LaunchScope &scope, const char *name, Place place, int64_t bytes) {
  constexpr uint32_t kType = 0x1100, kSize = 0x1102, kHostPointer = 0x1103, kContext = 0x1106, kBuffer = 0x10F0;
  constexpr ClStatus kInvalidMemory = -38;
  const OpenCl &cl = the_library();
  uint32_t type = 0;
  ClStatus status = kInvalidMemory;
  if (may_be_handle(scope, place.memory)) status = cl.memory_info(place.memory, kType, sizeof(type), &type, nullptr);
  if (status == kInvalidMemory || (status == 0 && type != kBuffer))
    return fail(LOSSGEN_BAD_ARGUMENT, "%s: %p is not a cl_mem of a buffer of the queue's platform, its tensor says OpenCL", name,
                place.memory);
  if (status != 0) return opencl_failed("clGetMemObjectInfo", status);
  void *context = nullptr, *host = nullptr;
  size_t size = 0;
  LOSSGEN_OPENCL_TRY(cl, memory_info, "clGetMemObjectInfo", place.memory, kContext, sizeof(context), &context, nullptr);
  LOSSGEN_OPENCL_TRY(cl, memory_info, "clGetMemObjectInfo", place.memory, kSize, sizeof(size), &size, nullptr);
  LOSSGEN_OPENCL_TRY(cl, memory_info, "clGetMemObjectInfo", place.memory, kHostPointer, sizeof(host), &host, nullptr);
  if (context != scope.context)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s is memory of another context than that of options.stream", name);
  if (place.at > size || static_cast<uint64_t>(bytes) > size - place.at)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s takes %lld bytes from byte %llu on, its cl_mem has %zu", name, static_cast<long long>(bytes),
                static_cast<unsigned long long>(place.at), size);
  // CL_MEM_USE_HOST_PTR alone lets a buffer start anywhere.
  if (reinterpret_cast<uintptr_t>(host) % 16 != 0)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s uses host memory at %p, which is not aligned to 16 bytes", name, host);
  return LOSSGEN_OK;
}

lossgen_status build_failed(const OpenCl &cl, const LaunchScope &scope, ClProgram program, ClStatus status) {
  constexpr uint32_t kLog = 0x1183;
  const lossgen_status failed = opencl_failed("clBuildProgram", status);
  size_t size = 0;
  if (cl.program_build_info(program, scope.unit, kLog, 0, nullptr, &size) != 0 || size < 2) return failed;
  char *log = static_cast<char *>(malloc(size));  // less than all of it cannot be asked for
  if (log != nullptr && cl.program_build_info(program, scope.unit, kLog, size, log, nullptr) == 0) fail_more(": %.300s", log);
  free(log);
  return failed;
}

lossgen_status create_kernels(const OpenCl &cl, const LaunchScope &scope, const Image &image, Loaded *loaded) {
  // Division is correctly rounded where the device can.
  constexpr uint32_t kFloats = 0x101B;
  constexpr uint64_t kRoundsDivision = 1 << 7;
  uint64_t floats = 0;
  LOSSGEN_OPENCL_TRY(cl, device_info, "clGetDeviceInfo", scope.unit, kFloats, sizeof(floats), &floats, nullptr);
  const char *options = floats & kRoundsDivision ? "-cl-fp32-correctly-rounded-divide-sqrt" : "";
  if (const ClStatus status = cl.program_build(loaded->module, 1, &scope.unit, options, nullptr, nullptr))
    return build_failed(cl, scope, loaded->module, status);
  for (int i = 0; i < image.entries; ++i) {
    ClStatus status = 0;
    loaded->functions[i] = cl.kernel_create(loaded->module, image.names[i], &status);
    if (status != 0) return opencl_failed("clCreateKernel", status);
  }
  return LOSSGEN_OK;
}

lossgen_status load(const LaunchScope &scope, const Image &image, Loaded *loaded) {
  const OpenCl &cl = the_library();
  const char *text = image.text;
  ClStatus status = 0;
  loaded->module = cl.program_create(scope.context, 1, &text, nullptr, &status);
  if (status != 0) return opencl_failed("clCreateProgramWithSource", status);
  const lossgen_status failed = create_kernels(cl, scope, image, loaded);
  if (failed == LOSSGEN_OK) return LOSSGEN_OK;
  for (void *kernel : loaded->functions)
    if (kernel != nullptr) cl.kernel_release(kernel);
  cl.program_release(loaded->module);
  return failed;
}

// A buffer is two arguments: see opencl.cpp in the generator. Behind all of them stands the shared memory.
lossgen_status set_arguments(const OpenCl &cl, ClKernel kernel, const Launch &l) {
  uint32_t index = 0;
  for (int i = 0; i < l.count; ++i) {
    if (!l.is_buffer[i]) {
      LOSSGEN_OPENCL_TRY(cl, kernel_argument, "clSetKernelArg", kernel, index++, l.sizes[i], l.arguments[i]);
      continue;
    }
    const auto *buffer = static_cast<const lossgen_buffer *>(l.arguments[i]);
    const auto memory = reinterpret_cast<ClMemory>(buffer->device);
    const auto start = static_cast<int64_t>(reinterpret_cast<uintptr_t>(buffer->padding));
    LOSSGEN_OPENCL_TRY(cl, kernel_argument, "clSetKernelArg", kernel, index++, sizeof(memory), &memory);
    LOSSGEN_OPENCL_TRY(cl, kernel_argument, "clSetKernelArg", kernel, index++, sizeof(start), &start);
  }
  LOSSGEN_OPENCL_TRY(cl, kernel_argument, "clSetKernelArg", kernel, index, l.shared_bytes > 0 ? l.shared_bytes : 1, nullptr);
  return LOSSGEN_OK;
}

lossgen_status launch(const LaunchScope &scope, Loaded *loaded, int function, const Launch &l) {
  const OpenCl &cl = the_library();
  const ClKernel kernel = loaded->functions[function];
  size_t global[3];
  for (int i = 0; i < 3; ++i) global[i] = l.grid[i] * l.block[i];
  pthread_mutex_lock(&loaded->mutex);
  lossgen_status status = set_arguments(cl, kernel, l);
  if (status == LOSSGEN_OK) {
    if (const ClStatus failed = cl.enqueue(scope.stream, kernel, 3, nullptr, global, l.block, 0, nullptr, nullptr))
      status = opencl_failed("clEnqueueNDRangeKernel", failed);
  }
  pthread_mutex_unlock(&loaded->mutex);
  return status;
}

}  // namespace

extern const Backend kOpenCl = {"opencl", "OpenCL", "__kernel void ", lacks, enter, leave,
                                can_run,  refuse,   check_memory,     load,  launch};

}  // namespace lossgen
