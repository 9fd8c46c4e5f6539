#include "gpu.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

[[noreturn]] void stop(const std::string &why) {
  std::fprintf(stderr, "check-gpu: %s\n", why.c_str());
  std::exit(2);
}

void *symbol(const char *name) {
  static void *library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library) stop(std::string("no driver: ") + dlerror());
  void *found = dlsym(library, name);
  if (!found) stop(std::string("the driver has no ") + name);
  return found;
}

// Calls a function of the driver.
template <class... Arguments>
void cu(const char *name, Arguments... arguments) {
  const int result = reinterpret_cast<int (*)(Arguments...)>(symbol(name))(arguments...);
  if (result == 0) return;
  const char *text = nullptr;
  reinterpret_cast<int (*)(int, const char **)>(symbol("cuGetErrorName"))(result, &text);
  stop(std::string(name) + " failed: " + (text ? text : std::to_string(result)));
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

bool Gpu::present() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  const auto init = library ? reinterpret_cast<int (*)(unsigned)>(dlsym(library, "cuInit")) : nullptr;
  return init != nullptr && init(0) == 0 && device_count() > 0;
}

Gpu::Gpu(int ordinal) {
  cu("cuInit", 0u);
  const int devices = device_count();
  if (ordinal < 0 || ordinal >= devices) stop("there are " + std::to_string(devices) + " devices");
  cu("cuDeviceGet", &device_, ordinal);
  void *context = nullptr;
  cu("cuDevicePrimaryCtxRetain", &context, device_);
  cu("cuCtxPushCurrent_v2", context);
}

std::string Gpu::name() const {
  char text[256] = {};
  cu("cuDeviceGetName", static_cast<char *>(text), 255, device_);
  return text;
}
int Gpu::capability() const { return attribute(75, device_) * 10 + attribute(76, device_); }
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
void Gpu::release(void *memory) const { cu("cuMemFree_v2", address(memory)); }
void Gpu::upload(void *to, const void *from, size_t bytes) const { cu("cuMemcpyHtoD_v2", address(to), from, bytes); }
void Gpu::download(void *to, const void *from, size_t bytes) const { cu("cuMemcpyDtoH_v2", to, address(from), bytes); }
void Gpu::wait() const { cu("cuCtxSynchronize"); }

void Gpu::copy(void *to, const void *from, size_t bytes) const { cu("cuMemcpyDtoDAsync_v2", address(to), address(from), bytes, static_cast<void *>(nullptr)); }

double Gpu::time(const std::function<void()> &work, int repeats) const {
  std::vector<float> milliseconds(static_cast<size_t>(repeats));
  void *events[2], *stream = nullptr;
  for (void *&event : events) cu("cuEventCreate", &event, 0u);
  for (float &t : milliseconds) {
    cu("cuEventRecord", events[0], stream);
    work();
    cu("cuEventRecord", events[1], stream);
    cu("cuEventSynchronize", events[1]);
    cu("cuEventElapsedTime", &t, events[0], events[1]);
  }
  for (void *event : events) cu("cuEventDestroy_v2", event);
  std::sort(milliseconds.begin(), milliseconds.end());
  return milliseconds[milliseconds.size() / 2] * 1e-3;
}
