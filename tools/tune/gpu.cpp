#include "gpu.h"

#include <dlfcn.h>
#include <stdint.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

namespace tune {
namespace {

void *library() {
  static void *const loaded = dlopen("libcuda.so.1", RTLD_NOW);
  return loaded;
}

void *symbol(const char *name) {
  if (!library()) throw std::runtime_error("no CUDA driver: libcuda.so.1 could not be loaded");
  void *found = dlsym(library(), name);
  if (!found) throw std::runtime_error(std::string("the CUDA driver has no ") + name);
  return found;
}

// Calls a function of the driver.
template <class... Arguments>
int result_of(const char *name, Arguments... arguments) {
  return reinterpret_cast<int (*)(Arguments...)>(symbol(name))(arguments...);
}
template <class... Arguments>
void cu(const char *name, Arguments... arguments) {
  const int result = result_of(name, arguments...);
  if (result == 0) return;
  const char *text = nullptr;
  result_of("cuGetErrorName", result, &text);
  throw std::runtime_error(std::string(name) + " failed: " + (text ? text : std::to_string(result)));
}

uint64_t address(const void *p) { return reinterpret_cast<uint64_t>(p); }

int device_count() {
  int devices = 0;
  cu("cuDeviceGetCount", &devices);
  return devices;
}

int attribute(int which, int device) {
  int value = 0;
  cu("cuDeviceGetAttribute", &value, which, device);
  return value;
}

}  // namespace

bool Gpu::present() { return library() && result_of("cuInit", 0u) == 0 && device_count() > 0; }

Gpu::Gpu(int ordinal) {
  cu("cuInit", 0u);
  const int devices = device_count();
  if (ordinal < 0 || ordinal >= devices)
    throw std::runtime_error("no CUDA device " + std::to_string(ordinal) + ": the driver knows " +
                             std::to_string(devices));
  cu("cuDeviceGet", &device_, ordinal);
  void *context = nullptr;
  cu("cuDevicePrimaryCtxRetain", &context, device_);
  cu("cuCtxPushCurrent_v2", context);
  cu("cuStreamCreate", &stream_, 0u);
}
Gpu::~Gpu() {
  void *context = nullptr;
  result_of("cuStreamDestroy_v2", stream_);
  result_of("cuCtxPopCurrent_v2", &context);
  result_of("cuDevicePrimaryCtxRelease_v2", device_);
}

std::string Gpu::name() const {
  char text[256] = {};
  cu("cuDeviceGetName", static_cast<char *>(text), 255, device_);
  return text;
}
int Gpu::capability() const { return attribute(75, device_) * 10 + attribute(76, device_); }
std::string Gpu::driver() const {
  int version = 0;
  cu("cuDriverGetVersion", &version);
  return "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}
double Gpu::peak_bandwidth() const {
  const double clock = attribute(36, device_) * 1e3, bits = attribute(37, device_);  // two transfers per clock
  return 2 * clock * bits / 8;
}
size_t Gpu::free_memory() const {
  size_t free = 0, total = 0;
  cu("cuMemGetInfo_v2", &free, &total);
  return free;
}

void *Gpu::allocate(size_t bytes) const {
  uint64_t memory = 0;
  cu("cuMemAlloc_v2", &memory, bytes ? bytes : size_t{1});
  return reinterpret_cast<void *>(memory);
}
void Gpu::release(void *memory) const { result_of("cuMemFree_v2", address(memory)); }
void Gpu::upload(void *to, const void *from, size_t bytes) const { cu("cuMemcpyHtoD_v2", address(to), from, bytes); }
void Gpu::download(void *to, const void *from, size_t bytes) const { cu("cuMemcpyDtoH_v2", to, address(from), bytes); }
void Gpu::wait() const { cu("cuCtxSynchronize"); }

void Gpu::clear(void *memory, size_t bytes) const {
  cu("cuMemsetD8Async", address(memory), static_cast<unsigned char>(0), bytes, stream_);
}
void Gpu::copy(void *to, const void *from, size_t bytes) const {
  cu("cuMemcpyDtoDAsync_v2", address(to), address(from), bytes, stream_);
}

std::function<void()> Gpu::capture(const std::function<void()> &work) const {
  constexpr int kGlobal = 0;  // what no capture allows is an error, whoever does it
  void *graph = nullptr, *program = nullptr;
  cu("cuStreamBeginCapture_v2", stream_, kGlobal);
  try {
    work();
  } catch (...) {
    if (result_of("cuStreamEndCapture", stream_, &graph) == 0 && graph) result_of("cuGraphDestroy", graph);
    throw;
  }
  cu("cuStreamEndCapture", stream_, &graph);
  const std::shared_ptr<void> captured(graph, [](void *p) { result_of("cuGraphDestroy", p); });
  cu("cuGraphInstantiateWithFlags", &program, graph, 0ull);
  const std::shared_ptr<void> held(program, [](void *p) { result_of("cuGraphExecDestroy", p); });
  return [this, held] { cu("cuGraphLaunch", held.get(), stream_); };
}

double Gpu::time(const std::function<void()> &work, int repeats) const {
  std::vector<float> milliseconds(static_cast<size_t>(repeats));
  void *events[2];
  for (void *&event : events) cu("cuEventCreate", &event, 0u);
  for (float &t : milliseconds) {
    cu("cuEventRecord", events[0], stream_);
    work();
    cu("cuEventRecord", events[1], stream_);
    cu("cuEventSynchronize", events[1]);
    cu("cuEventElapsedTime", &t, events[0], events[1]);
  }
  for (void *event : events) cu("cuEventDestroy_v2", event);
  std::sort(milliseconds.begin(), milliseconds.end());
  return milliseconds[milliseconds.size() / 2] * 1e-3;
}

const Gpu *gpu_of(const std::string &target) {
  if (target.rfind("cuda", 0) != 0) return nullptr;
  static const Gpu gpu(0);
  return &gpu;
}

double copy_rate(const Gpu &gpu, size_t bytes, int repeats) {
  const auto block = [&] { return std::shared_ptr<void>(gpu.allocate(bytes), [&](void *p) { gpu.release(p); }); };
  const std::shared_ptr<void> from = block(), to = block();
  gpu.clear(from.get(), bytes);
  gpu.copy(to.get(), from.get(), bytes);
  const double seconds = gpu.time([&] { gpu.copy(to.get(), from.get(), bytes); }, repeats);
  return seconds > 0 ? 2.0 * static_cast<double>(bytes) / seconds : 0;
}

}  // namespace tune
