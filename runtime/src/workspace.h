// Memory beyond the stack: the caller's, or malloc's.
#ifndef LOSSGEN_RUNTIME_WORKSPACE_H
#define LOSSGEN_RUNTIME_WORKSPACE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <lossgen/lossgen.h>

#include "parallel.h"

namespace lossgen {

inline void *allocate(const lossgen_options &o, size_t bytes) {
  return o.allocate ? o.allocate(o.allocator_user, bytes) : malloc(bytes);
}
inline void release(const lossgen_options &o, void *memory) {
  o.release ? o.release(o.allocator_user, memory) : free(memory);
}

// From a cache line on; lives as long as the object.
class Workspace {
 public:
  explicit Workspace(const lossgen_options &options) : options_(options) {}
  ~Workspace() {
    if (memory_) release(options_, memory_);
  }
  Workspace(const Workspace &) = delete;
  // Null where there is no memory, or nothing asked for.
  char *take(size_t bytes) {
    if (bytes) memory_ = allocate(options_, bytes + kLine);
    return memory_ ? (char *)(((uintptr_t)memory_ + kLine - 1) / kLine * kLine) : nullptr;
  }
  bool taken() const { return memory_; }

 private:
  const lossgen_options &options_;
  void *memory_ = nullptr;
};

}  // namespace lossgen
#endif
