// Which objects of a folder are up to date, so that emitting again compiles only what changed.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "request.h"

namespace lossgen {

// A hash of the bytes, as 16 hex digits.
std::string hash_text(const std::string &bytes);
// One over all that decides a kernel's bytes: this generator, libHalide, the kernel's name, schedule, host and sanitizer.
std::string hash_inputs(const Kernel &kernel);

// What lies in one output folder, kept there in the file .stamps.
class Stamps {
 public:
  explicit Stamps(const std::filesystem::path &folder);

  // Whether the kernel's object is there, unchanged, and made from this request by this generator.
  bool current(const Kernel &kernel) const;
  // Notes a kernel just compiled.
  void note(const Kernel &kernel);
  // Removes the objects of kernels that are not in the list, and writes the file.
  void finish(const std::vector<const Kernel *> &kernels);
  // One hash over all objects: changes when any of them does.
  std::string digest() const;

 private:
  struct Entry {
    std::string inputs, object;  // hashes
  };
  std::filesystem::path object_path(const std::string &symbol) const { return folder_ / (symbol + ".o"); }

  std::filesystem::path folder_;
  std::map<std::string, Entry> entries_;  // by symbol
};

}  // namespace lossgen
