#include <cstring>

#include "fake_cuda.h"
#include "memory.h"

namespace memory {

void *allocate(size_t bytes, size_t offset) { return fake_cuda::allocate(bytes, 0, offset); }
void free_all() { fake_cuda::free_all(); }
void upload(void *to, const void *from, size_t bytes) { std::memcpy(to, from, bytes); }
void download(void *to, const void *from, size_t bytes) { std::memcpy(to, from, bytes); }
std::string last_problem() { return fake_cuda::state().last_problem; }

}  // namespace memory
