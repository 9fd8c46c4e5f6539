// Whole files.
#pragma once
#include <filesystem>
#include <string>

namespace lossgen {

// "" if it cannot be read.
std::string read_file(const std::filesystem::path &path);
// Whether all of it was written.
bool write_file(const std::filesystem::path &path, const std::string &text);
// The same for what has to be: throws std::runtime_error.
void save_file(const std::filesystem::path &path, const std::string &text);
// Leaves a file that has this content already as it is, with its time.
void write_if_changed(const std::filesystem::path &path, const std::string &text);

}  // namespace lossgen
