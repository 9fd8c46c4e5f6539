// Structs that begin with their own size: a caller's, of this or an older version of the header.
#ifndef LOSSGEN_RUNTIME_SIZED_H
#define LOSSGEN_RUNTIME_SIZED_H

#include <string.h>

#include "error.h"

namespace lossgen {

// `given` over defaults; NULL is all defaults. name: "options" for lossgen_options.
template <class T>
lossgen_status read_sized(const char *name, const T *given, T *out) {
  if (!given) {
    memset(out, 0, sizeof(T));
    out->size = sizeof(T);
    return LOSSGEN_OK;
  }
  if (given->size == 0)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s.size is 0; set it to sizeof(lossgen_%s), or start from the _INIT macro", name, name);
  if (given->size % alignof(T) != 0)
    return fail(LOSSGEN_BAD_ARGUMENT, "%s.size is %zu, which cuts a field; set it to sizeof(lossgen_%s)", name,
                given->size, name);
  if (given->size > sizeof(T))
    return fail(LOSSGEN_BAD_ARGUMENT, "%s.size is %zu, this library knows %zu bytes: it is older than the header", name,
                given->size, sizeof(T));
  memcpy(out, given, given->size);
  memset((char *)out + given->size, 0, sizeof(T) - given->size);
  out->size = sizeof(T);
  return LOSSGEN_OK;
}

}  // namespace lossgen
#endif
