// The backend for CUDA, on the driver found at run time.
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "../names.h"
#include "driver.h"
#include "modules.h"

namespace lossgen {
namespace {

const char *lacks() {
  const char *reason;
  driver(&reason);
  return reason;
}

const Driver &the_driver() {
  const char *reason;
  return *driver(&reason);
}

// The device's primary context becomes current; leave puts the caller's back.
lossgen_status enter(LaunchScope *scope) {
  const Driver &d = the_driver();
  DeviceState state;
  if (const lossgen_status failed = open_device(d, scope->device, &state)) return failed;
  scope->context = state.context;
  scope->capability = state.capability;
  LOSSGEN_DRIVER_TRY(d, context_push, "cuCtxPushCurrent", state.context);
  return LOSSGEN_OK;
}

void leave() {
  CuContext popped;
  the_driver().context_pop(&popped);  // fails only if the driver is going down: nothing to save then
}

bool can_run(const LaunchScope &scope, int target) {
  static const char kPrefix[] = "cuda-sm";
  const char *name = target_name(target);
  // PTX for one capability is compiled by the driver for this and every later one.
  return strncmp(name, kPrefix, sizeof(kPrefix) - 1) == 0 && scope.capability >= atoi(name + sizeof(kPrefix) - 1);
}

lossgen_status refuse(const LaunchScope &scope, int target) {
  return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "CUDA device %d has compute capability %d.%d, too old for %s", scope.device,
              scope.capability / 10, scope.capability % 10, target_name(target));
}

// Device memory of this device, or managed memory.
lossgen_status check_memory(const LaunchScope &scope, const char *name, Place place, int64_t) {
  constexpr int kMemoryType = 2, kIsManaged = 8, kOrdinal = 9;
  constexpr unsigned kDeviceMemory = 2;
  constexpr CuResult kInvalidValue = 1;
  const Driver &d = the_driver();
  const int attributes[] = {kMemoryType, kIsManaged, kOrdinal}, device = scope.device;
  unsigned type = 0, managed = 0;
  int ordinal = -1;
  void *values[] = {&type, &managed, &ordinal};
  const CuResult result = d.pointer_attributes(3, attributes, values, place.at);
  if (result != 0 && result != kInvalidValue) return driver_failed(d, "cuPointerGetAttributes", result);
  if (result == 0 && managed != 0) return LOSSGEN_OK;
  if (result != 0 || type != kDeviceMemory)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s: %p is not device memory, its tensor says CUDA device %d", name,
                reinterpret_cast<void *>(place.at), device);
  if (ordinal != device)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s is memory of CUDA device %d, its tensor says device %d", name, ordinal, device);
  return LOSSGEN_OK;
}

lossgen_status load(const LaunchScope &, const Image &image, Loaded *loaded) {
  const Driver &d = the_driver();
  CuModule module = nullptr;
  LOSSGEN_DRIVER_TRY(d, module_load, "cuModuleLoadDataEx", &module, image.text, 0, nullptr, nullptr);
  for (int i = 0; i < image.entries; ++i) {
    CuFunction function = nullptr;
    if (const CuResult failed = d.module_function(&function, module, image.names[i])) {
      const lossgen_status status = driver_failed(d, "cuModuleGetFunction", failed);
      d.module_unload(module);
      return status;
    }
    loaded->functions[i] = function;
  }
  loaded->module = module;
  return LOSSGEN_OK;
}

lossgen_status launch(const LaunchScope &scope, Loaded *loaded, int function, const Launch &l) {
  const Driver &d = the_driver();
  CuPointer pointers[kMaxLaunchArguments];
  void *values[kMaxLaunchArguments];
  for (int i = 0; i < l.count; ++i) {
    pointers[i] = l.is_buffer[i] ? static_cast<const lossgen_buffer *>(l.arguments[i])->device : 0;
    values[i] = l.is_buffer[i] ? &pointers[i] : l.arguments[i];
  }
  const auto n = [](size_t extent) { return static_cast<unsigned>(extent); };
  LOSSGEN_DRIVER_TRY(d, launch, "cuLaunchKernel", static_cast<CuFunction>(loaded->functions[function]), n(l.grid[0]), n(l.grid[1]),
                     n(l.grid[2]), n(l.block[0]), n(l.block[1]), n(l.block[2]), n(l.shared_bytes),
                     static_cast<CuStream>(scope.stream), values, nullptr);
  return LOSSGEN_OK;
}

}  // namespace

extern const Backend kCuda = {"cuda",  "CUDA", ".visible .entry ", lacks, enter, leave,
                              can_run, refuse, check_memory,       load,  launch};

}  // namespace lossgen
