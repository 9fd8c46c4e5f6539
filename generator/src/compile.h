// From a kernel key to Halide outputs.
#pragma once
#include <map>
#include <string>

#include "request.h"

namespace lossgen {

// Builds, schedules and compiles one kernel; outputs as Halide names them. Fresh processes give equal bytes, a second
// compilation in one process does not (Halide numbers its names): callers fork.
void compile_kernel(const Kernel &kernel, const std::map<Halide::OutputFileType, std::string> &outputs);

}  // namespace lossgen
