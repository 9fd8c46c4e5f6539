// Compiled kernels that several libraries, build folders and checkouts share: `lossgen emit --cache FOLDER`.
#pragma once
#include <cstdint>
#include <filesystem>

#include "request.h"

namespace lossgen {

// One file per kernel, named after its symbol and everything that decides its bytes: the generator, the schedule, the sanitizer.
// Processes may share a folder at any time: files appear whole, and only whole.
class ObjectCache {
 public:
  // "" keeps nothing. Makes the folder.
  explicit ObjectCache(const std::string &folder);

  // Writes the kernel's object to `object` if it is here.
  bool fetch(const Kernel &kernel, const std::filesystem::path &object) const;
  // Keeps a kernel just compiled. A cache that cannot be written to (full, read only) keeps none, and is no error.
  void keep(const Kernel &kernel, const std::filesystem::path &object) const;
  // Removes what has not been used for longest until no more than `most_bytes` are left.
  void trim(uintmax_t most_bytes = kMostBytes) const;

 private:
  static constexpr uintmax_t kMostBytes = 512 << 20;  // the default library of x86-64 with CUDA has 10 MB; each sanitizer's twice as much
  std::filesystem::path entry(const Kernel &kernel) const;

  std::filesystem::path folder_;
};

}  // namespace lossgen
