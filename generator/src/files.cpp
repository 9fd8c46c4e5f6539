#include "files.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace lossgen {
namespace fs = std::filesystem;

std::string read_file(const fs::path &path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

bool write_file(const fs::path &path, const std::string &text) {
  std::ofstream out(path, std::ios::binary);
  return bool(out << text << std::flush);
}

void save_file(const fs::path &path, const std::string &text) {
  if (!write_file(path, text)) throw std::runtime_error("cannot write " + path.string());
}

void write_if_changed(const fs::path &path, const std::string &text) {
  if (!fs::exists(path) || read_file(path) != text) save_file(path, text);
}

}  // namespace lossgen
