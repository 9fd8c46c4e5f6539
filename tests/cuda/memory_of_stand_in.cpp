#include <cstring>

#include "fake_cuda.h"
#include "memory.h"

namespace memory {

DLDevice device() { return {kDLCUDA, 0}; }
void *stream() { return nullptr; }
Block allocate(size_t bytes, size_t offset) { return {fake_cuda::allocate(bytes, 0, offset)}; }
void free_all() { fake_cuda::free_all(); }
void upload(const Block &to, const void *from, size_t bytes) { std::memcpy(to.data, from, bytes); }
void download(void *to, const Block &from, size_t bytes) { std::memcpy(to, from.data, bytes); }
std::string last_problem() { return fake_cuda::state().last_problem; }

}  // namespace memory
