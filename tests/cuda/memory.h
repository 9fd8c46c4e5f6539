// Memory of a device for tests of the ops: CUDA device 0, as the stand-in has it (memory_of_stand_in.cpp) or a GPU
// (memory_of_gpu.cpp), or an OpenCL device (tests/opencl/memory_of_opencl.cpp).
#ifndef LOSSGEN_TESTS_CUDA_MEMORY_H
#define LOSSGEN_TESTS_CUDA_MEMORY_H

#include <cstddef>
#include <string>

#include "lossgen/lossgen.h"

namespace memory {

DLDevice device();
void *stream();  // for options.stream

struct Block {
  void *data = nullptr;      // as in DLTensor: an address, or a cl_mem
  uint64_t byte_offset = 0;  // of a cl_mem
};
// offset: bytes from a 256-byte boundary.
Block allocate(size_t bytes, size_t offset = 0);
void free_all();
void upload(const Block &to, const void *from, size_t bytes);
void download(void *to, const Block &from, size_t bytes);  // after all that was enqueued before
std::string last_problem();                                // what the device says of the last failure

}  // namespace memory

#endif  // LOSSGEN_TESTS_CUDA_MEMORY_H
