#include "object_cache.h"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "files.h"
#include "stamps.h"

namespace lossgen {
namespace fs = std::filesystem;

constexpr size_t kHashBytes = 16;  // of hash_text

ObjectCache::ObjectCache(const std::string &folder) {
  if (folder.empty()) return;
  folder_ = fs::path(folder) / "lossgen-kernels";
  std::error_code error, ignored;
  fs::create_directories(folder_, error);
  if (!fs::is_directory(folder_, ignored))
    throw std::runtime_error("--cache " + folder + ": no folder, and none can be made (" + error.message() + ")");
}

fs::path ObjectCache::entry(const Kernel &kernel) const { return folder_ / (kernel.symbol + "-" + hash_inputs(kernel)); }

bool ObjectCache::fetch(const Kernel &kernel, const fs::path &object) const {
  if (folder_.empty()) return false;
  const fs::path path = entry(kernel);
  std::string bytes = read_file(path);
  if (bytes.size() < kHashBytes) return false;
  const std::string hash = bytes.substr(bytes.size() - kHashBytes);
  bytes.resize(bytes.size() - kHashBytes);
  if (hash_text(bytes) != hash) return false;
  std::error_code ignored;
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // trim() goes by when it was used
  return write_file(object, bytes);
}

void ObjectCache::store(const Kernel &kernel, const fs::path &object) const {
  if (folder_.empty()) return;
  const std::string bytes = read_file(object);
  // By way of a name that nobody else has.
  std::string fresh = (folder_ / "new-XXXXXX").string();
  const int file = mkstemp(fresh.data());
  if (file < 0) return;
  close(file);
  std::error_code error, ignored;
  fs::permissions(fresh, fs::perms::group_read | fs::perms::others_read, fs::perm_options::add, ignored);
  if (write_file(fresh, bytes + hash_text(bytes))) fs::rename(fresh, entry(kernel), error);
  fs::remove(fresh, ignored);  // if it is still there
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
  std::error_code error;  // another process trims, too, or somebody removes the folder
  for (fs::directory_iterator file(folder_, error), end; !error && file != end; file.increment(error)) {
    std::error_code gone, none;
    const Entry found{file->last_write_time(gone), file->file_size(none), file->path()};
    if (gone || none) continue;
    total += found.bytes;
    entries.push_back(found);
  }
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) { return a.used < b.used; });
  for (const Entry &oldest : entries) {
    if (total <= most_bytes) return;
    if (fs::remove(oldest.path, error)) total -= oldest.bytes;
  }
}

}  // namespace lossgen
