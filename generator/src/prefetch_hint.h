// Halide prefetches with prefetchnta. On Intel servers that costs more than it gains: Xeon with a non-inclusive L3, one
// thread reading 256 MB: 15.4 GB/s without prefetch, 6.2 with prefetchnta, 15.9 with prefetcht0; Zen 5 takes either.
// It also leaves the line out of L2, where the gradient's pass looks for it. prefetcht1 brings it there and spares the few
// line buffers of L1: cross entropy forward on (65536, 1024), EPYC 9004: 20.5 ms with t0, 14.7 with t1.
#pragma once
#include <string>

namespace lossgen {

// Turns every prefetchnta of an x86 object into prefetcht1. assembly: the same kernel as text, from the same
// compilation; the number of instructions found must agree, or nothing is changed and std::runtime_error is thrown.
void prefetch_into_l2(const std::string &object_path, const std::string &assembly_path);

// The same for assembly text.
void prefetch_into_l2_text(const std::string &assembly_path);

}  // namespace lossgen
