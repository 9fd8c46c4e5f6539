#include "error.h"

#include <string.h>

#include "text.h"

namespace lossgen {
namespace {

// Plain data, so that no thread runs a destructor of ours: such a destructor would pin a dlopen'ed library for ever.
constexpr size_t kCapacity = 1024;
thread_local char message[kCapacity];
thread_local const char *current_op = nullptr;

}  // namespace

ErrorScope::ErrorScope(const char *op) : outer_(current_op) { current_op = op; }
ErrorScope::~ErrorScope() { current_op = outer_; }

lossgen_status fail(lossgen_status status, const char *format, ...) {
  char fresh[kCapacity];  // the arguments may point into message
  Text text(fresh, kCapacity);
  if (current_op != nullptr) text.add("%s: ", current_op);
  va_list arguments;
  va_start(arguments, format);
  text.add_list(format, arguments);
  va_end(arguments);
  memcpy(message, fresh, kCapacity - 1 < text.length() ? kCapacity : text.length() + 1);
  return status;
}

void fail_more(const char *format, ...) {
  char addition[kCapacity];
  Text text(addition, kCapacity);
  va_list arguments;
  va_start(arguments, format);
  text.add_list(format, arguments);
  va_end(arguments);
  const size_t used = strlen(message);
  Text tail(message + used, kCapacity - used);
  tail.add("%s", addition);
}

void clear_error() { message[0] = '\0'; }

}  // namespace lossgen

extern "C" {

const char *lossgen_status_string(lossgen_status status) {
  switch (status) {
    case LOSSGEN_OK:
      return "ok";
    case LOSSGEN_BAD_ARGUMENT:
      return "bad argument";
    case LOSSGEN_TARGET_OUT_OF_BOUNDS:
      return "target out of bounds";
    case LOSSGEN_UNSUPPORTED_BY_BUILD:
      return "unsupported by this build";
    case LOSSGEN_UNSUPPORTED_HARDWARE:
      return "unsupported hardware";
    case LOSSGEN_OUT_OF_MEMORY:
      return "out of memory";
    case LOSSGEN_DEVICE_ERROR:
      return "device error";
  }
  return "unknown status";  // a caller's cast
}

const char *lossgen_last_error(void) { return lossgen::message; }

#define LOSSGEN_TEXT_OF(x) #x
#define LOSSGEN_TEXT(x) LOSSGEN_TEXT_OF(x)
const char *lossgen_version(void) {
  return LOSSGEN_TEXT(LOSSGEN_VERSION_MAJOR) "." LOSSGEN_TEXT(LOSSGEN_VERSION_MINOR) "." LOSSGEN_TEXT(
      LOSSGEN_VERSION_PATCH);
}
#undef LOSSGEN_TEXT
#undef LOSSGEN_TEXT_OF

}  // extern "C"
