// A device object holds its kernel as text and calls the functions at the end of this file, which Halide emitted under the names of
// its own runtime and `lossgen emit` renamed. They find the call they belong to in a thread-local. Each image has one module per
// context and device, loaded under a mutex by whoever comes first.
#include "modules.h"

#include <stdlib.h>
#include <string.h>

#include "../error.h"

namespace lossgen {
namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Image *images = nullptr;
thread_local LaunchScope *current = nullptr;

struct Locked {
  Locked() { pthread_mutex_lock(&mutex); }
  ~Locked() { pthread_mutex_unlock(&mutex); }
};

bool find_entries(Image *image, const char *mark) {
  static const char kFiller[] = "_at_least_one_kernel";  // Halide's, in OpenCL C
  for (const char *at = image->text; (at = strstr(at, mark)) != nullptr;) {
    at += strlen(mark);
    const size_t length = strcspn(at, "( \n\t");
    if (strncmp(at, kFiller, sizeof(kFiller) - 1) == 0) continue;
    if (image->entries == kMaxEntries || length >= kMaxEntryName) return false;
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
    return fail(LOSSGEN_OUT_OF_MEMORY, "no memory for a kernel's text (%zu bytes)", size);
  }
  memcpy(copy, text, size);
  copy[size] = '\0';
  image->text = copy;
  image->size = size + 1;
  if (!find_entries(image, current->backend.entry_mark)) {
    free(image);
    free(copy);
    return fail(LOSSGEN_DEVICE_ERROR, "a kernel's text has no entry or too many");
  }
  image->next = images;
  images = image;
  *found = image;
  return LOSSGEN_OK;
}

// NULL unless it was loaded for the scope's context and device.
Loaded *find_loaded(const Image &image, const LaunchScope &scope) {
  Loaded *l = image.loaded.load(std::memory_order_acquire);
  while (l != nullptr && (l->context != scope.context || l->unit != scope.unit)) l = l->next;
  return l;
}

// With the mutex held.
lossgen_status load(const LaunchScope &scope, Image *image) {
  if (find_loaded(*image, scope) != nullptr) return LOSSGEN_OK;
  auto *loaded = static_cast<Loaded *>(calloc(1, sizeof(Loaded)));
  if (loaded == nullptr) return fail(LOSSGEN_OUT_OF_MEMORY, "no memory for a module");
  loaded->context = scope.context;
  loaded->unit = scope.unit;
  pthread_mutex_init(&loaded->mutex, nullptr);
  if (const lossgen_status failed = scope.backend.load(scope, *image, loaded)) {
    free(loaded);
    return failed;
  }
  loaded->next = image->loaded.load(std::memory_order_relaxed);
  image->loaded.store(loaded, std::memory_order_release);
  return LOSSGEN_OK;
}

// Kernels are built without asserts and go on after a call that failed: the status goes round them.
int leave(lossgen_status status) {
  if (current != nullptr && current->status == LOSSGEN_OK) current->status = status;
  return status == LOSSGEN_OK ? 0 : -1;
}

// state: a pointer in the kernel's object, NULL at first.
int initialize(void **state, const char *text, int size) {
  if (current == nullptr) return -1;  // entered by someone else than the runtime
  auto *image = static_cast<Image *>(__atomic_load_n(state, __ATOMIC_ACQUIRE));
  if (image != nullptr && find_loaded(*image, *current) != nullptr) return 0;
  Locked locked;
  if (image == nullptr) {
    const size_t length = strnlen(text, size > 0 ? static_cast<size_t>(size) : 0);
    if (const lossgen_status status = find_image(text, length, &image)) return leave(status);
  }
  if (const lossgen_status status = load(*current, image)) return leave(status);
  __atomic_store_n(state, static_cast<void *>(image), __ATOMIC_RELEASE);
  return 0;
}

int run(void *state, const char *entry, const Launch &launch) {
  LaunchScope *call = current;
  if (call == nullptr || call->status != LOSSGEN_OK) return -1;
  if (call->load_only || launch.grid[0] == 0 || launch.grid[1] == 0 || launch.grid[2] == 0) return 0;
  const auto *image = static_cast<const Image *>(state);
  if (image == nullptr) return leave(fail(LOSSGEN_DEVICE_ERROR, "kernel %s was not initialized", entry));
  Loaded *loaded = find_loaded(*image, *call);
  int function = 0;
  while (function < image->entries && strcmp(image->names[function], entry) != 0) ++function;
  if (loaded == nullptr || function == image->entries)
    return leave(fail(LOSSGEN_DEVICE_ERROR, "kernel %s is not in its module", entry));
  if (launch.count > kMaxLaunchArguments) return leave(fail(LOSSGEN_DEVICE_ERROR, "kernel %s has too many arguments", entry));
  return leave(call->backend.launch(*call, loaded, function, launch));
}

size_t extent(int n) { return n > 0 ? static_cast<size_t>(n) : 0; }

int count_arguments(const size_t sizes[]) {
  int count = 0;
  while (count <= kMaxLaunchArguments && sizes[count] != 0) ++count;
  return count;
}

}  // namespace

LaunchScope::LaunchScope(const Backend &b, int device_id, void *s, bool only_load)
    : backend(b), device(device_id), stream(s), load_only(only_load) {}

lossgen_status LaunchScope::enter() {
  if (const lossgen_status failed = backend.enter(this)) return failed;
  entered_ = true;
  outer_ = current;
  current = this;
  return LOSSGEN_OK;
}

LaunchScope::~LaunchScope() {
  if (!entered_) return;
  current = outer_;
  backend.leave();
}

lossgen_status LaunchScope::run(const lossgen_kernel *kernel, void **argv) {
  status = LOSSGEN_OK;
  const int result = kernel->run(argv);
  if (status == LOSSGEN_OK && result != 0) return fail(LOSSGEN_DEVICE_ERROR, "%s returned %d", kernel->name, result);
  return status;
}

void unload_modules(void *context, void (*unload)(void *module)) {
  Locked locked;
  for (Image *i = images; i != nullptr; i = i->next) {
    Loaded *l = i->loaded.exchange(nullptr);
    while (l != nullptr) {
      Loaded *next = l->next;
      if (l->context == context) {
        unload(l->module);
        free(l);
      } else {
        l->next = i->loaded.load();
        i->loaded.store(l);
      }
      l = next;
    }
  }
}

}  // namespace lossgen

using namespace lossgen;

// Halide's names and argument lists with another prefix; exported, because kernels may be in another library.
extern "C" {

#define LOSSGEN_DEFINE(api)                                                                                                \
  LOSSGEN_API int lossgen_device_##api##_initialize_kernels(void *, void **state, const char *text, int size) {            \
    return initialize(state, text, size);                                                                                  \
  }                                                                                                                        \
  LOSSGEN_API void lossgen_device_##api##_finalize_kernels(void *, void *) {}                                              \
  LOSSGEN_API const void *lossgen_device_##api##_device_interface() {                                                      \
    static const char interface = 0; /* only ever handed back */                                                           \
    return &interface;                                                                                                     \
  }                                                                                                                        \
  LOSSGEN_API int lossgen_device_##api##_run(void *, void *state, const char *entry, int grid_x, int grid_y, int grid_z,   \
                                             int block_x, int block_y, int block_z, int shared_bytes,                      \
                                             const size_t sizes[], void *arguments[], int8_t is_buffer[]) {                \
    return run(state, entry,                                                                                               \
               {{extent(grid_x), extent(grid_y), extent(grid_z)}, {extent(block_x), extent(block_y), extent(block_z)},     \
                extent(shared_bytes), count_arguments(sizes), sizes, arguments, is_buffer});                               \
  }
LOSSGEN_DEFINE(cuda)
LOSSGEN_DEFINE(opencl)
#undef LOSSGEN_DEFINE

// Buffers are on the device already.
LOSSGEN_API int lossgen_device_copy_to_device(void *, lossgen_buffer *buffer, const void *) {
  if (buffer->device != 0) return 0;
  return leave(fail(LOSSGEN_DEVICE_ERROR, "a kernel argument is not on the device"));
}

}  // extern "C"
