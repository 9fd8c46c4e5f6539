#include "fake_cuda.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "ptx.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace fake_cuda {
namespace {

constexpr int kDevices = 2;
constexpr int kInvalidValue = 1, kInvalidPtx = 218, kInvalidContext = 201, kNotFound = 500, kLaunchFailed = 719,
              kCaptureUnsupported = 900;

struct Context {
  int device;
};
struct Module {
  ptx::Module kernels;
  int device;
};
struct Function {
  std::shared_ptr<const ptx::Kernel> kernel;
  std::string name;
};
struct Block {
  size_t bytes;
  int device;
  bool managed;
};
struct GraphLaunch {
  std::shared_ptr<const ptx::Kernel> kernel;
  ptx::Launch launch;
  std::vector<std::vector<uint8_t>> values;  // of the arguments
};
using Graph = std::vector<GraphLaunch>;

std::mutex mutex;
State &the_state = *new State;
Context contexts[kDevices] = {{0}, {1}};
int the_capabilities[kDevices] = {80, 90};
// Plain data: still there when destructors use it at exit.
thread_local Context *current[16];
thread_local int depth = 0;
std::map<std::string, int> &counts = *new std::map<std::string, int>;
std::map<uint64_t, Block> &memory = *new std::map<uint64_t, Block>;
std::vector<void *> allocations;
std::vector<std::unique_ptr<Function>> functions;
bool execute = true;
Graph *captured = nullptr;  // while a stream is captured
void *captured_stream = nullptr;
struct Failure {
  std::string function;
  int at = -1, result = 0;
} &failure = *new Failure;

// Notes the call; what it must return if it is to fail.
int enter(const char *function) {
  the_state.calls.push_back(function);
  // What a capture does not allow: memory, copies, modules, and waiting.
  const std::string name = function;
  if (captured && (name.rfind("cuMem", 0) == 0 || name.rfind("cuModuleLoad", 0) == 0 || name.find("Synchronize") != name.npos))
    return kCaptureUnsupported;
  const int count = counts[function]++;
  return failure.function == function && failure.at == count ? failure.result : 0;
}

bool inside(uint64_t address, size_t bytes) {
  auto block = memory.upper_bound(address);
  if (block == memory.begin()) return false;
  --block;
  return address + bytes <= block->first + block->second.bytes;
}

int problem(int result, const std::string &why) {
  the_state.last_problem = why;
  return result;
}

void *add_block(size_t bytes, int device, size_t offset, bool managed) {
  auto *base = static_cast<char *>(aligned_alloc(256, (bytes + offset + 512) / 256 * 256));
  std::memset(base, 0xcd, (bytes + offset + 512) / 256 * 256);
  std::lock_guard<std::mutex> lock(mutex);
  allocations.push_back(base);
  memory[reinterpret_cast<uint64_t>(base + offset)] = {bytes, device, managed};
  return base + offset;
}

int run(const ptx::Kernel &kernel, const ptx::Launch &launch) {
  try {
    ptx::run(kernel, launch, [](uint64_t address, size_t bytes, bool) { return inside(address, bytes); });
  } catch (const std::exception &e) {
    return problem(kLaunchFailed, e.what());
  }
  return 0;
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// After the program's destructors: what is still held is a leak.
__attribute__((destructor)) void check_leaks() {
  if (!getenv("FAKE_CUDA_CHECK_LEAKS")) return;
  if (the_state.live_modules || the_state.retained || the_state.pushed) {
    fprintf(stderr, "leak: %d modules, %d contexts retained, %d pushed\n", the_state.live_modules, the_state.retained,
            the_state.pushed);
    _exit(99);
  }
}

}  // namespace

__attribute__((visibility("default"))) State &state() { return the_state; }
__attribute__((visibility("default"))) void forget_calls() {
  the_state.calls.clear();
  the_state.launches.clear();
  counts.clear();
}
__attribute__((visibility("default"))) void fail_call(const std::string &function, int count, int result) {
  failure = {function, count < 0 ? -1 : counts[function] + count, result};
}
__attribute__((visibility("default"))) int calls_of(const std::string &function) { return counts[function]; }
__attribute__((visibility("default"))) void set_capability(int device, int capability) {
  the_capabilities[device] = capability;
}
__attribute__((visibility("default"))) void execute_kernels(bool on) { execute = on; }
__attribute__((visibility("default"))) void *allocate(size_t bytes, int device, size_t offset) {
  return add_block(bytes, device, offset, false);
}
__attribute__((visibility("default"))) void *allocate_managed(size_t bytes) { return add_block(bytes, 0, 0, true); }
__attribute__((visibility("default"))) void free_all() {
  std::lock_guard<std::mutex> lock(mutex);
  for (void *a : allocations) free(a);
  allocations.clear();
  memory.clear();
}

}  // namespace fake_cuda

using namespace fake_cuda;

#define ENTER(function)                       \
  std::lock_guard<std::mutex> lock(mutex);    \
  if (const int failed = enter(function)) return failed

EXPORT int cuInit(unsigned) {
  ENTER("cuInit");
  return 0;
}
EXPORT int cuDeviceGetCount(int *count) {
  ENTER("cuDeviceGetCount");
  *count = kDevices;
  return 0;
}
EXPORT int cuDeviceGet(int *device, int ordinal) {
  ENTER("cuDeviceGet");
  *device = ordinal;
  return ordinal < kDevices ? 0 : kInvalidValue;
}
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) {
  ENTER("cuDeviceGetAttribute");
  if (attribute == 75) *value = the_capabilities[device] / 10;
  else if (attribute == 76) *value = the_capabilities[device] % 10;
  else if (attribute == 36 || attribute == 37) *value = 0;  // no memory clock, no bus
  else return kInvalidValue;
  return 0;
}
EXPORT int cuDevicePrimaryCtxRetain(Context **context, int device) {
  ENTER("cuDevicePrimaryCtxRetain");
  *context = &contexts[device];
  the_state.retained++;
  return 0;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
  ENTER("cuDevicePrimaryCtxRelease");
  the_state.retained--;
  return 0;
}
EXPORT int cuCtxPushCurrent_v2(Context *context) {
  ENTER("cuCtxPushCurrent");
  if (depth == 16) return problem(kInvalidContext, "too many contexts");
  current[depth++] = context;
  the_state.pushed++;
  return 0;
}
EXPORT int cuCtxPopCurrent_v2(Context **context) {
  ENTER("cuCtxPopCurrent");
  if (depth == 0) return problem(kInvalidContext, "pop without push");
  *context = current[--depth];
  the_state.pushed--;
  return 0;
}
EXPORT int cuModuleLoadDataEx(Module **module, const void *image, unsigned, const int *, void **) {
  ENTER("cuModuleLoadDataEx");
  if (depth == 0) return problem(kInvalidContext, "load without context");
  try {
    *module = new Module{ptx::parse(static_cast<const char *>(image)), current[depth - 1]->device};
  } catch (const std::exception &e) {
    return problem(kInvalidPtx, e.what());
  }
  the_state.live_modules++;
  return 0;
}
EXPORT int cuModuleUnload(Module *module) {
  ENTER("cuModuleUnload");
  delete module;
  the_state.live_modules--;
  return 0;
}
EXPORT int cuModuleGetFunction(Function **function, Module *module, const char *name) {
  ENTER("cuModuleGetFunction");
  const auto found = module->kernels.kernels.find(name);
  if (found == module->kernels.kernels.end()) return problem(kNotFound, std::string("no kernel ") + name);
  functions.push_back(std::make_unique<Function>(Function{found->second, name}));
  *function = functions.back().get();
  return 0;
}
EXPORT int cuLaunchKernel(Function *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared_bytes, void *stream, void **arguments,
                          void **) {
  ENTER("cuLaunchKernel");
  if (depth == 0) return problem(kInvalidContext, "launch without context");
  the_state.launches.push_back({function->name, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes,
                                stream, current[depth - 1]->device});
  // The limits of every device since compute capability 3.
  if (grid_x == 0 || grid_y == 0 || grid_z == 0 || grid_y > 65535 || grid_z > 65535 || grid_x > 0x7fffffffu ||
      block_x * block_y * block_z == 0 || block_x * block_y * block_z > 1024 || shared_bytes > 48 * 1024)
    return problem(kInvalidValue, "launch of " + function->name + " out of limits");
  const ptx::Launch launch = {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, arguments};
  if (captured && stream == captured_stream) {
    captured->push_back({function->kernel, launch, ptx::values_of(*function->kernel, arguments)});
    return 0;
  }
  return execute ? run(*function->kernel, launch) : 0;
}
EXPORT int cuPointerGetAttributes(unsigned count, const int *attributes, void **data, uint64_t pointer) {
  ENTER("cuPointerGetAttributes");
  auto block = memory.upper_bound(pointer);
  bool known = block != memory.begin();
  if (known) known = pointer < (--block)->first + block->second.bytes;
  // As the driver does it: success and zeros for memory it does not know.
  for (unsigned i = 0; i < count; i++) {
    if (attributes[i] == 2) *static_cast<unsigned *>(data[i]) = known ? 2 : 0;
    else if (attributes[i] == 8) *static_cast<unsigned *>(data[i]) = known && block->second.managed;
    else if (attributes[i] == 9) *static_cast<int *>(data[i]) = known ? block->second.device : -2;
    else return kInvalidValue;
  }
  return 0;
}
EXPORT int cuGetErrorName(int error, const char **name) {
  static const std::map<int, const char *> kNames = {{1, "CUDA_ERROR_INVALID_VALUE"},
                                                     {2, "CUDA_ERROR_OUT_OF_MEMORY"},
                                                     {100, "CUDA_ERROR_NO_DEVICE"},
                                                     {218, "CUDA_ERROR_INVALID_PTX"},
                                                     {201, "CUDA_ERROR_INVALID_CONTEXT"},
                                                     {500, "CUDA_ERROR_NOT_FOUND"},
                                                     {719, "CUDA_ERROR_LAUNCH_FAILED"},
                                                     {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"}};
  const auto found = kNames.find(error);
  if (found == kNames.end()) return kInvalidValue;
  *name = found->second;
  return 0;
}

// ---- What programs with tensors on a device call; lossgen itself calls none of it. ----

EXPORT int cuDeviceGetName(char *name, int length, int) {
  snprintf(name, static_cast<size_t>(length), "stand-in device");
  return 0;
}
EXPORT int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  *free_bytes = *total = size_t{1} << 30;
  return 0;
}
EXPORT int cuDriverGetVersion(int *version) {
  *version = 12040;
  return 0;
}
EXPORT int cuMemAlloc_v2(uint64_t *memory_address, size_t bytes) {
  {
    ENTER("cuMemAlloc");
  }
  *memory_address = reinterpret_cast<uint64_t>(allocate(bytes));
  return 0;
}
EXPORT int cuMemFree_v2(uint64_t address) {
  ENTER("cuMemFree");
  if (!memory.erase(address)) return kInvalidValue;
  const auto block = std::find(allocations.begin(), allocations.end(), reinterpret_cast<void *>(address));
  if (block == allocations.end()) return 0;  // one with an offset, which a test made
  free(*block);
  allocations.erase(block);
  return 0;
}
EXPORT int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  ENTER("cuMemcpyHtoD");
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  return 0;
}
EXPORT int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  ENTER("cuMemcpyDtoH");
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return 0;
}
EXPORT int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *) {
  ENTER("cuMemcpyDtoDAsync");
  std::memcpy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes);
  return 0;
}
EXPORT int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *) {
  ENTER("cuMemsetD8Async");
  std::memset(reinterpret_cast<void *>(to), value, bytes);
  return 0;
}
EXPORT int cuCtxSynchronize() {
  ENTER("cuCtxSynchronize");
  return 0;
}
EXPORT int cuStreamCreate(void **stream, unsigned) {
  *stream = new char;
  return 0;
}
EXPORT int cuStreamDestroy_v2(void *stream) {
  delete static_cast<char *>(stream);
  return 0;
}
EXPORT int cuEventCreate(double **event, unsigned) {
  *event = new double(0);
  return 0;
}
EXPORT int cuEventRecord(double *event, void *) {
  *event = now();
  return 0;
}
EXPORT int cuEventSynchronize(double *) {
  ENTER("cuEventSynchronize");
  return 0;
}
EXPORT int cuEventElapsedTime(float *milliseconds, const double *from, const double *to) {
  *milliseconds = static_cast<float>((*to - *from) * 1e3);
  return 0;
}
EXPORT int cuEventDestroy_v2(double *event) {
  delete event;
  return 0;
}

EXPORT int cuStreamBeginCapture_v2(void *stream, int) {
  ENTER("cuStreamBeginCapture");
  if (captured || !stream) return kCaptureUnsupported;
  captured = new Graph;
  captured_stream = stream;
  return 0;
}
EXPORT int cuStreamEndCapture(void *stream, Graph **graph) {
  ENTER("cuStreamEndCapture");
  if (!captured || stream != captured_stream) return kInvalidValue;
  *graph = captured;
  captured = nullptr;
  return 0;
}
EXPORT int cuGraphInstantiateWithFlags(Graph **program, const Graph *graph, unsigned long long) {
  ENTER("cuGraphInstantiateWithFlags");
  *program = new Graph(*graph);
  return 0;
}
EXPORT int cuGraphLaunch(Graph *program, void *) {
  ENTER("cuGraphLaunch");
  for (GraphLaunch &node : *program) {
    std::vector<void *> arguments;
    for (std::vector<uint8_t> &value : node.values) arguments.push_back(value.data());
    ptx::Launch launch = node.launch;
    launch.arguments = arguments.data();
    if (const int failed = run(*node.kernel, launch)) return failed;
  }
  return 0;
}
EXPORT int cuGraphDestroy(Graph *graph) {
  delete graph;
  return 0;
}
EXPORT int cuGraphExecDestroy(Graph *program) {
  delete program;
  return 0;
}
