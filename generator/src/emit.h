// `lossgen emit`: objects, dispatch table, header and manifest, one folder per operating system and CPU.
#pragma once
#include <string>

#include "request.h"

namespace lossgen {

struct EmitOptions {
  std::string folder;
  int jobs = 0;         // 0: as many as cores and memory allow
  bool assembly = false;  // .s, .ll and .stmt beside each object
  std::string cache = {};  // folder of kernels that other build folders compiled, "": none
};

// Returns the number of kernels written. Throws std::runtime_error naming the kernel that failed.
int emit(const Request &request, const EmitOptions &options);

// Compilations at a time: as many as cores and memory allow.
int default_jobs();

// "linux-x86_64", "linux-aarch64"
std::string host_folder(const std::string &host);

}  // namespace lossgen
