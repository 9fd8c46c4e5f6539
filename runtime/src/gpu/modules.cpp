// A device object holds its kernel as PTX and calls the five functions at the end of this file, which Halide emitted
// under the names of its own runtime and `lossgen emit` renamed. They find the call they belong to in a thread-local.
//
// A PTX text becomes an Image, known by its content: a plugin that is closed and opened again finds its image, and the
// address of an unloaded text is never trusted. Images stay for the life of the process; there is one per distinct
// kernel. Each has one module per device, loaded under a mutex by whoever comes first.
#include "modules.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>
#include <new>

#include "../error.h"
#include "../names.h"

namespace lossgen {
namespace {

constexpr int kMaxEntries = 4;
constexpr size_t kMaxName = 160;

struct Loaded {
  CuModule module;
  CuFunction functions[kMaxEntries];
};

struct Image {
  Image *next;
  size_t size;  // of text, with the terminator
  char *text;
  int entries;
  char names[kMaxEntries][kMaxName];
  std::atomic<Loaded *> loaded[kMaxDevices];
};

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Image *images = nullptr;
thread_local LaunchScope *current = nullptr;

struct Locked {
  Locked() { pthread_mutex_lock(&mutex); }
  ~Locked() { pthread_mutex_unlock(&mutex); }
};

// The names behind ".visible .entry".
bool find_entries(Image *image) {
  static const char kMark[] = ".visible .entry ";
  for (const char *at = image->text; (at = strstr(at, kMark)) != nullptr;) {
    at += sizeof(kMark) - 1;
    const size_t length = strcspn(at, "( \n\t");
    if (image->entries == kMaxEntries || length >= kMaxName) return false;
    memcpy(image->names[image->entries++], at, length);
  }
  return image->entries > 0;
}

// With the mutex held. size counts no terminator that the text may have.
lossgen_status find_image(const char *text, size_t size, Image **found) {
  for (Image *i = images; i != nullptr; i = i->next) {
    if (i->size != size + 1 || memcmp(i->text, text, size) != 0) continue;
    *found = i;
    return LOSSGEN_OK;
  }
  auto *image = static_cast<Image *>(calloc(1, sizeof(Image)));
  char *copy = static_cast<char *>(malloc(size + 1));
  if (image == nullptr || copy == nullptr) {
    free(image);
    free(copy);
    return fail(LOSSGEN_OUT_OF_MEMORY, "no memory for a kernel's PTX (%zu bytes)", size);
  }
  memcpy(copy, text, size);
  copy[size] = '\0';
  image->text = copy;
  image->size = size + 1;
  if (!find_entries(image)) {
    free(image);
    free(copy);
    return fail(LOSSGEN_DEVICE_ERROR, "a kernel's PTX has no entry or too many");
  }
  image->next = images;
  images = image;
  *found = image;
  return LOSSGEN_OK;
}

// With the mutex held.
lossgen_status load(const Driver &d, Image *image, int device) {
  if (image->loaded[device].load(std::memory_order_relaxed) != nullptr) return LOSSGEN_OK;
  auto *loaded = static_cast<Loaded *>(calloc(1, sizeof(Loaded)));
  if (loaded == nullptr) return fail(LOSSGEN_OUT_OF_MEMORY, "no memory for a module");
  lossgen_status status = LOSSGEN_OK;
  if (const CuResult result = d.module_load(&loaded->module, image->text, 0, nullptr, nullptr)) {
    status = driver_failed(d, "cuModuleLoadDataEx", result);
  } else {
    for (int i = 0; i < image->entries && status == LOSSGEN_OK; ++i) {
      if (const CuResult failed = d.module_function(&loaded->functions[i], loaded->module, image->names[i]))
        status = driver_failed(d, "cuModuleGetFunction", failed);
    }
    if (status != LOSSGEN_OK) d.module_unload(loaded->module);
  }
  if (status == LOSSGEN_OK) {
    image->loaded[device].store(loaded, std::memory_order_release);
  } else {
    free(loaded);
  }
  return status;
}

// Kernels are built without asserts and go on after a call that failed: the status goes round them.
int leave(lossgen_status status) {
  if (current != nullptr && current->status == LOSSGEN_OK) current->status = status;
  return status == LOSSGEN_OK ? 0 : -1;
}

}  // namespace

LaunchScope::LaunchScope(const Driver &d, int device_id, CuStream s, bool only_load)
    : driver(d), device(device_id), stream(s), load_only(only_load) {}

lossgen_status LaunchScope::enter() {
  DeviceState state;
  if (const lossgen_status failed = open_device(driver, device, &state)) return failed;
  capability_ = state.capability;
  LOSSGEN_DRIVER_TRY(driver, context_push, "cuCtxPushCurrent", state.context);
  entered_ = true;
  outer_ = current;
  current = this;
  return LOSSGEN_OK;
}

bool LaunchScope::can_run(int target) const {
  static const char kPrefix[] = "cuda-sm";
  const char *name = target_name(target);
  // PTX for one capability is compiled by the driver for this and every later one.
  return strncmp(name, kPrefix, sizeof(kPrefix) - 1) == 0 && capability_ >= atoi(name + sizeof(kPrefix) - 1);
}

LaunchScope::~LaunchScope() {
  if (!entered_) return;
  current = outer_;
  CuContext popped;
  driver.context_pop(&popped);  // fails only if the driver is going down: nothing to save then
}

lossgen_status LaunchScope::run(const lossgen_kernel *kernel, void **argv) {
  status = LOSSGEN_OK;
  const int result = kernel->run(argv);
  if (status == LOSSGEN_OK && result != 0) return fail(LOSSGEN_DEVICE_ERROR, "%s returned %d", kernel->name, result);
  return status;
}

void unload_modules(const Driver &d, int device) {
  Locked locked;
  for (Image *i = images; i != nullptr; i = i->next) {
    Loaded *loaded = i->loaded[device].exchange(nullptr);
    if (loaded == nullptr) continue;
    d.module_unload(loaded->module);
    free(loaded);
  }
}

}  // namespace lossgen

using namespace lossgen;

// Halide's names and argument lists with another prefix; exported, because kernels may be in another library.
extern "C" {

// state: a pointer in the kernel's object, NULL at first.
LOSSGEN_API int lossgen_device_cuda_initialize_kernels(void *, void **state, const char *text, int size) {
  if (current == nullptr) return -1;  // entered by someone else than the runtime
  void *known = __atomic_load_n(state, __ATOMIC_ACQUIRE);
  auto *image = static_cast<Image *>(known);
  if (image != nullptr && image->loaded[current->device].load(std::memory_order_acquire) != nullptr) return 0;
  Locked locked;
  if (image == nullptr) {
    const size_t length = strnlen(text, size > 0 ? static_cast<size_t>(size) : 0);
    if (const lossgen_status status = find_image(text, length, &image)) return leave(status);
  }
  if (const lossgen_status status = load(current->driver, image, current->device)) return leave(status);
  __atomic_store_n(state, static_cast<void *>(image), __ATOMIC_RELEASE);
  return 0;
}

LOSSGEN_API void lossgen_device_cuda_finalize_kernels(void *, void *) {}

LOSSGEN_API const void *lossgen_device_cuda_device_interface() {
  static const char interface = 0;  // only ever handed back
  return &interface;
}

// Buffers are on the device already.
LOSSGEN_API int lossgen_device_copy_to_device(void *, lossgen_buffer *buffer, const void *) {
  if (buffer->device != 0) return 0;
  return leave(fail(LOSSGEN_DEVICE_ERROR, "a kernel argument is not on the device"));
}

LOSSGEN_API int lossgen_device_cuda_run(void *, void *state, const char *entry, int grid_x, int grid_y, int grid_z,
                                        int block_x, int block_y, int block_z, int shared_bytes, const size_t sizes[],
                                        void *arguments[], int8_t is_buffer[]) {
  constexpr int kMaxArguments = 256;  // Halide passes what does not depend on the thread precomputed: up to 70 here
  LaunchScope *call = current;
  if (call == nullptr || call->status != LOSSGEN_OK) return -1;
  if (call->load_only || grid_x <= 0 || grid_y <= 0 || grid_z <= 0) return 0;
  const auto *image = static_cast<const Image *>(state);
  if (image == nullptr) return leave(fail(LOSSGEN_DEVICE_ERROR, "kernel %s was not initialized", entry));
  const Loaded *loaded = image->loaded[call->device].load(std::memory_order_acquire);
  int index = 0;
  while (index < image->entries && strcmp(image->names[index], entry) != 0) ++index;
  if (loaded == nullptr || index == image->entries)
    return leave(fail(LOSSGEN_DEVICE_ERROR, "kernel %s is not in its module", entry));
  CuPointer pointers[kMaxArguments];
  void *values[kMaxArguments];
  int count = 0;
  for (; sizes[count] != 0; ++count) {
    if (count == kMaxArguments) return leave(fail(LOSSGEN_DEVICE_ERROR, "kernel %s has too many arguments", entry));
    pointers[count] = is_buffer[count] ? static_cast<const lossgen_buffer *>(arguments[count])->device : 0;
    values[count] = is_buffer[count] ? &pointers[count] : arguments[count];
  }
  if (const CuResult result = call->driver.launch(
          loaded->functions[index], static_cast<unsigned>(grid_x), static_cast<unsigned>(grid_y),
          static_cast<unsigned>(grid_z), static_cast<unsigned>(block_x), static_cast<unsigned>(block_y),
          static_cast<unsigned>(block_z), static_cast<unsigned>(shared_bytes), call->stream, values, nullptr))
    return leave(driver_failed(call->driver, "cuLaunchKernel", result));
  return 0;
}

}  // extern "C"
