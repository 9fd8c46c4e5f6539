// What OpenCL kernels need beyond Halide's output.
#pragma once
#include <Halide.h>

namespace lossgen {

// To be called before the pipeline is lowered for OpenCL: Halide 21's back end stops with an internal error at vectors that
// strict_float compares ("EliminateBoolVectors.cpp:246").
void compare_vectors_plainly(Halide::Pipeline &pipeline);

// The module with kernels that take every buffer as two arguments: a cl_mem and the byte in it where the buffer starts. Halide's
// take one and leave the start to sub-buffers, which begin at multiples of 128 to 512 bytes only and cost an object each.
Halide::Module with_buffer_offsets(const Halide::Module &module);

}  // namespace lossgen
