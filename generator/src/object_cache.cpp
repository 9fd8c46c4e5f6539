#include "object_cache.h"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "stamps.h"

namespace lossgen {
namespace fs = std::filesystem;

namespace {

// By way of a name of this process' own, so that nobody reads half a file.
bool copy_whole(const fs::path &from, const fs::path &to) {
  const fs::path fresh = to.string() + "." + std::to_string(getpid());
  std::error_code error;
  if (!fs::copy_file(from, fresh, fs::copy_options::overwrite_existing, error)) return false;
  fs::rename(fresh, to, error);
  if (error) fs::remove(fresh);
  return !error;
}

}  // namespace

ObjectCache::ObjectCache(const std::string &folder) : folder_(folder) {
  std::error_code error;
  if (folder_.empty() || fs::is_directory(folder_)) return;
  if (!fs::create_directories(folder_, error))
    throw std::runtime_error("--cache " + folder + ": no folder, and none can be made (" + error.message() + ")");
}

fs::path ObjectCache::entry(const Kernel &kernel) const { return folder_ / (kernel.symbol + "-" + hash_inputs(kernel) + ".o"); }

bool ObjectCache::fetch(const Kernel &kernel, const fs::path &object) const {
  if (folder_.empty()) return false;
  const fs::path kept = entry(kernel);
  std::error_code error;
  fs::last_write_time(kept, fs::file_time_type::clock::now(), error);  // trim() goes by when it was used
  return copy_whole(kept, object);
}

void ObjectCache::keep(const Kernel &kernel, const fs::path &object) const {
  if (!folder_.empty()) copy_whole(object, entry(kernel));
}

void ObjectCache::trim(uintmax_t most_bytes) const {
  if (folder_.empty()) return;
  struct Entry {
    fs::file_time_type used;
    uintmax_t bytes;
    fs::path path;
  };
  std::vector<Entry> entries;
  uintmax_t total = 0;
  for (const auto &file : fs::directory_iterator(folder_)) {
    std::error_code gone;  // another process trims, too
    const Entry found{file.last_write_time(gone), file.file_size(gone), file.path()};
    if (gone) continue;
    total += found.bytes;
    entries.push_back(found);
  }
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) { return a.used < b.used; });
  for (const Entry &oldest : entries) {
    if (total <= most_bytes) return;
    std::error_code gone;
    fs::remove(oldest.path, gone);
    total -= oldest.bytes;
  }
}

}  // namespace lossgen
