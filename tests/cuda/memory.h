// Memory of CUDA device 0 for tests of the ops: the stand-in's (memory_of_stand_in.cpp) or a GPU's (memory_of_gpu.cpp).
#ifndef LOSSGEN_TESTS_CUDA_MEMORY_H
#define LOSSGEN_TESTS_CUDA_MEMORY_H

#include <cstddef>
#include <string>

namespace memory {

// offset: bytes from a 256-byte boundary.
void *allocate(size_t bytes, size_t offset = 0);
void free_all();
void upload(void *to, const void *from, size_t bytes);
void download(void *to, const void *from, size_t bytes);  // after all that was enqueued before
std::string last_problem();                               // what the device says of the last failure

}  // namespace memory

#endif  // LOSSGEN_TESTS_CUDA_MEMORY_H
