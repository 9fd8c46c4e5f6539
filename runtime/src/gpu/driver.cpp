#include "driver.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>

#include "../error.h"
#include "../text.h"
#include "modules.h"

namespace lossgen {
namespace {

constexpr CuResult kOutOfMemory = 2;

// Plain data that is never destroyed by itself: calls may come before constructors and after destructors.
struct State {
  Driver driver;
  void *library;
  bool usable;
  pid_t process;
  char reason[256];
};
State state;
pthread_once_t once = PTHREAD_ONCE_INIT;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;  // held while a context is retained
std::atomic<CuContext> contexts[kMaxDevices];
int capabilities[kMaxDevices];  // written before contexts

template <class... Values>
void unusable(const char *format, Values... values) {
  Text(state.reason, sizeof(state.reason)).add(format, values...);
}

const char *name_of(const Driver &driver, CuResult result, char (&number)[24]) {
  const char *name = nullptr;
  if (driver.error_name != nullptr && driver.error_name(result, &name) == 0 && name != nullptr) return name;
  Text(number, sizeof(number)).add("CUDA error %d", result);
  return number;
}

void load() {
  Driver &d = state.driver;
  // RTLD_NODELETE: the driver starts threads, and some drivers do not survive being unloaded.
  state.library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (state.library == nullptr) {
    const char *why = dlerror();
    return unusable("no driver: libcuda.so.1 could not be loaded (%.180s)", why != nullptr ? why : "no reason given");
  }
#define LOSSGEN_X(name, symbol, arguments)                                               \
  d.name = reinterpret_cast<CuResult(*) arguments>(dlsym(state.library, symbol));        \
  if (d.name == nullptr) return unusable("no driver: libcuda.so.1 has no " symbol);
  LOSSGEN_DRIVER_FUNCTIONS(LOSSGEN_X)
#undef LOSSGEN_X
  char number[24];
  if (const CuResult result = d.init(0)) return unusable("no driver: cuInit failed: %s", name_of(d, result, number));
  if (const CuResult result = d.device_count(&d.devices))
    return unusable("no driver: cuDeviceGetCount failed: %s", name_of(d, result, number));
  if (d.devices == 0) return unusable("no driver: libcuda.so.1 knows no device");
  state.process = getpid();
  state.usable = true;
}

// The library goes (dlclose or exit): give back what it holds. After a fork nothing of it belongs to the child.
__attribute__((destructor)) void unload() {
  if (!state.usable || state.process != getpid()) return;
  for (int i = 0; i < kMaxDevices; ++i) {
    CuContext context = contexts[i].exchange(nullptr);
    CuDevice device = 0;
    if (context == nullptr) continue;
    if (state.driver.context_push(context) == 0) {
      unload_modules(context, [](void *module) { state.driver.module_unload(static_cast<CuModule>(module)); });
      CuContext popped;
      state.driver.context_pop(&popped);
    }
    if (state.driver.device_get(&device, i) == 0) state.driver.context_release(device);
  }
}

}  // namespace

const Driver *driver(const char **reason) {
  pthread_once(&once, load);
  *reason = state.usable ? nullptr : state.reason;
  return state.usable ? &state.driver : nullptr;
}

lossgen_status driver_failed(const Driver &driver, const char *function, CuResult result) {
  char number[24];
  return fail(result == kOutOfMemory ? LOSSGEN_OUT_OF_MEMORY : LOSSGEN_DEVICE_ERROR, "%s failed: %s", function,
              name_of(driver, result, number));
}

namespace {

lossgen_status retain(const Driver &driver, int device) {
  constexpr int kMajor = 75, kMinor = 76;
  CuDevice handle = 0;
  CuContext context = nullptr;
  int major = 0, minor = 0;
  LOSSGEN_DRIVER_TRY(driver, device_get, "cuDeviceGet", &handle, device);
  LOSSGEN_DRIVER_TRY(driver, device_attribute, "cuDeviceGetAttribute", &major, kMajor, handle);
  LOSSGEN_DRIVER_TRY(driver, device_attribute, "cuDeviceGetAttribute", &minor, kMinor, handle);
  LOSSGEN_DRIVER_TRY(driver, context_retain, "cuDevicePrimaryCtxRetain", &context, handle);
  capabilities[device] = major * 10 + minor;
  contexts[device].store(context, std::memory_order_release);
  return LOSSGEN_OK;
}

}  // namespace

lossgen_status open_device(const Driver &driver, int device, DeviceState *state) {
  const int known = driver.devices < kMaxDevices ? driver.devices : kMaxDevices;
  if (device < 0 || device >= known)
    return fail(LOSSGEN_BAD_ARGUMENT, "device_id %d, the driver has %d device%s", device, known, known == 1 ? "" : "s");
  if (contexts[device].load(std::memory_order_acquire) == nullptr) {
    pthread_mutex_lock(&mutex);
    lossgen_status status = LOSSGEN_OK;
    if (contexts[device].load(std::memory_order_relaxed) == nullptr) status = retain(driver, device);
    pthread_mutex_unlock(&mutex);
    if (status != LOSSGEN_OK) return status;
  }
  *state = {contexts[device].load(std::memory_order_acquire), capabilities[device]};
  return LOSSGEN_OK;
}

}  // namespace lossgen
