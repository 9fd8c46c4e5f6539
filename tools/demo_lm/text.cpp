#include "text.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace demo {
namespace {

void append_file(const std::string &path, size_t limit, Text *text) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    throw std::runtime_error("cannot read " + path + ": it is a folder; name one or more files");
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path + ": " + strerror(errno ? errno : EIO));
  char block[65536];
  while (text->bytes.size() < limit) {
    file.read(block, static_cast<std::streamsize>(std::min(sizeof block, limit - text->bytes.size())));
    if (file.gcount() <= 0) return;
    text->bytes.append(block, static_cast<size_t>(file.gcount()));
  }
  text->cut = text->cut || file.peek() != std::ifstream::traits_type::eof();
}

std::vector<std::string> matching(const std::string &pattern) {
  glob_t found = {};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  std::sort(paths.begin(), paths.end());  // glob sorts by locale
  return paths;
}

Text read_pattern(const std::string &pattern, size_t limit) {
  Text text;
  size_t files = 0;
  for (const std::string &path : matching(pattern)) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error || !std::filesystem::is_regular_file(path, error)) continue;
    if (text.bytes.size() + size > limit) {
      text.cut = true;
      break;
    }
    append_file(path, limit, &text);
    files++;
  }
  text.source = std::to_string(files) + " files, " + pattern;
  return text;
}

}  // namespace

Text read_files(const std::vector<std::string> &paths, size_t limit) {
  Text text;
  for (const std::string &path : paths) {
    if (text.bytes.size() == limit) {
      text.cut = true;
      break;
    }
    append_file(path, limit, &text);
  }
  text.source = paths.size() == 1 ? paths[0] : std::to_string(paths.size()) + " files, " + paths[0] + " ...";
  if (text.bytes.empty()) throw std::runtime_error(paths[0] + (paths.size() == 1 ? " is empty" : " ... are empty"));
  if (text.bytes.size() < kSmallestText) {
    throw std::runtime_error(text.source + ": " + std::to_string(text.bytes.size()) +
                             " bytes are too few to learn from, " + std::to_string(kSmallestText) + " are needed");
  }
  return text;
}

Text default_text(size_t limit) {
  std::vector<std::string> patterns;
  for (const char *folders : {"/usr/lib/python3.*", "/usr/lib64/python3.*"}) {
    for (const std::string &folder : matching(folders)) patterns.push_back(folder + "/*.py");
  }
  for (const std::string &folder : matching("/usr/include/c++/*")) patterns.push_back(folder + "/bits/*.h");
  patterns.push_back("/usr/share/common-licenses/*");
  constexpr size_t kEnough = 256 * 1024;
  for (const std::string &pattern : patterns) {
    Text text = read_pattern(pattern, limit);
    if (text.bytes.size() >= std::min(kEnough, limit / 2)) return text;
  }
  throw std::runtime_error(
      "no default text on this machine (looked for Python's library sources, C++ headers and "
      "/usr/share/common-licenses); name a file");
}

}  // namespace demo
