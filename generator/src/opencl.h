// What OpenCL kernels need beyond Halide's own lowering.
#pragma once
#include <Halide.h>

namespace lossgen {

// The pipeline lowered for OpenCL or, where a statement is wanted, for CUDA: its conceptual_stmt is what all that follows is made
// from, for OpenCL beyond what Halide 21 does by itself:
//  - Its back end stops with an internal error at vectors that strict_float compares ("EliminateBoolVectors.cpp:246").
//  - It writes every operation as a statement of its own, across which OpenCL C fuses no multiplication with an addition.
//  - Its kernels take a cl_mem for each buffer and leave the byte where it starts to sub-buffers, which begin at multiples of 128
//    to 512 bytes only and cost an object each. These take both.
//  - Its barriers order local memory alone.
Halide::Module lower_for_device(Halide::Pipeline &pipeline, const std::vector<Halide::Argument> &arguments, const std::string &symbol,
                                const Halide::Target &target);

}  // namespace lossgen
