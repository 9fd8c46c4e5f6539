// What tests can do on a CUDA device beyond memory.h.
#ifndef LOSSGEN_TESTS_CUDA_MEMORY_OF_GPU_H
#define LOSSGEN_TESTS_CUDA_MEMORY_OF_GPU_H

#include <functional>

#include "memory.h"

namespace memory {

// What work() enqueues on stream(), captured as a CUDA graph: a function that launches it.
std::function<void()> capture(const std::function<void()> &work);

}  // namespace memory

#endif  // LOSSGEN_TESTS_CUDA_MEMORY_OF_GPU_H
