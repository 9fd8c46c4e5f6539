// Compiled kernels that outlive the folder they are emitted into: `lossgen emit --cache FOLDER`.
#pragma once
#include <cstdint>
#include <filesystem>

#include "request.h"

namespace lossgen {

// One file per kernel, named after its symbol and all that decides its bytes (hash_inputs), with a hash of its content: what
// is damaged counts as missing. Kernels come under a name that all libraries give them: see emit.cpp. Processes may share a
// folder; files appear whole.
class ObjectCache {
 public:
  // "" stores nothing. Entries lie in a folder of their own below it, which is made.
  explicit ObjectCache(const std::string &folder);

  // Writes the kernel's object to `object` if it is here.
  bool fetch(const Kernel &kernel, const std::filesystem::path &object) const;
  // Stores a kernel just compiled. A folder that takes none (full, read only) is no error.
  void store(const Kernel &kernel, const std::filesystem::path &object) const;
  // Removes what has not been used for longest until no more than `most_bytes` are left.
  void trim(uintmax_t most_bytes = kMostBytes) const;

 private:
  static constexpr uintmax_t kMostBytes = 512 << 20;  // x86-64's default library with CUDA has 10 MB, with a sanitizer 20
  std::filesystem::path entry(const Kernel &kernel) const;

  std::filesystem::path folder_;
};

}  // namespace lossgen
