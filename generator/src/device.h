// What device objects need beyond Halide's output.
#pragma once
#include <string>

namespace lossgen {

// Renames the functions of Halide's runtime that an ELF object calls: halide_cuda_run becomes
// lossgen_device_cuda_run, ... lossgen's runtime defines those on the driver found at run time, so that an application
// may have another Halide runtime, or none.
void rename_runtime_symbols(const std::string &object_path);

}  // namespace lossgen
