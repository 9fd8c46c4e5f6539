#include "opencl_library.h"

#include <dlfcn.h>
#include <pthread.h>

#include "../error.h"
#include "../text.h"

namespace lossgen {
namespace {

OpenCl functions;
bool usable = false;
char reason[256];
pthread_once_t once = PTHREAD_ONCE_INIT;

template <class... Values>
void unusable(const char *format, Values... values) {
  Text(reason, sizeof(reason)).add(format, values...);
}

void load() {
  // RTLD_NODELETE: implementations start threads, and programs made of them stay for the life of the process.
  void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char *why = dlerror();
    return unusable("no OpenCL: libOpenCL.so.1 could not be loaded (%.180s)", why != nullptr ? why : "no reason given");
  }
#define LOSSGEN_X(result, name, symbol, arguments)                                      \
  functions.name = reinterpret_cast<result(*) arguments>(dlsym(library, symbol));       \
  if (functions.name == nullptr) return unusable("no OpenCL: libOpenCL.so.1 has no " symbol);
  LOSSGEN_OPENCL_FUNCTIONS(LOSSGEN_X)
#undef LOSSGEN_X
  usable = true;
}

struct {
  ClStatus status;
  const char *name;
} const kErrors[] = {{-4, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
                     {-5, "CL_OUT_OF_RESOURCES"},
                     {-6, "CL_OUT_OF_HOST_MEMORY"},
                     {-11, "CL_BUILD_PROGRAM_FAILURE"},
                     {-30, "CL_INVALID_VALUE"},
                     {-33, "CL_INVALID_DEVICE"},
                     {-34, "CL_INVALID_CONTEXT"},
                     {-36, "CL_INVALID_COMMAND_QUEUE"},
                     {-38, "CL_INVALID_MEM_OBJECT"},
                     {-46, "CL_INVALID_KERNEL_NAME"},
                     {-48, "CL_INVALID_KERNEL"},
                     {-50, "CL_INVALID_ARG_VALUE"},
                     {-51, "CL_INVALID_ARG_SIZE"},
                     {-52, "CL_INVALID_KERNEL_ARGS"},
                     {-54, "CL_INVALID_WORK_GROUP_SIZE"},
                     {-55, "CL_INVALID_WORK_ITEM_SIZE"}};

}  // namespace

const OpenCl *opencl(const char **why) {
  pthread_once(&once, load);
  *why = usable ? nullptr : reason;
  return usable ? &functions : nullptr;
}

lossgen_status opencl_failed(const char *function, ClStatus status) {
  const bool memory = status == -4 || status == -6;
  for (const auto &error : kErrors) {
    if (error.status == status)
      return fail(memory ? LOSSGEN_OUT_OF_MEMORY : LOSSGEN_DEVICE_ERROR, "%s failed: %s", function, error.name);
  }
  return fail(LOSSGEN_DEVICE_ERROR, "%s failed: OpenCL error %d", function, static_cast<int>(status));
}

}  // namespace lossgen
