#include "prefetch_hint.h"

#include <elf.h>

#include <cstring>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace lossgen {

namespace {

std::string read_file(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

size_t occurrences(const std::string &text, const std::string &word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size())) count++;
  return count;
}

// Offsets of the ModRM bytes of what looks like 0F 18 /0 with a memory operand, in the executable sections. Bytes of
// other instructions might look so too; the count against the assembly tells.
std::vector<size_t> candidates(const std::string &object) {
  Elf64_Ehdr header;
  if (object.size() < sizeof header) throw std::runtime_error("not an ELF object");
  std::memcpy(&header, object.data(), sizeof header);
  std::vector<size_t> found;
  for (int i = 0; i < header.e_shnum; i++) {
    Elf64_Shdr section;
    std::memcpy(&section, object.data() + header.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != SHT_PROGBITS || !(section.sh_flags & SHF_EXECINSTR)) continue;
    for (size_t at = section.sh_offset; at + 2 < section.sh_offset + section.sh_size; at++) {
      const auto modrm = (unsigned char)object[at + 2];
      if ((unsigned char)object[at] == 0x0f && object[at + 1] == 0x18 && (modrm & 0x38) == 0 && modrm < 0xc0)
        found.push_back(at + 2);
    }
  }
  return found;
}

}  // namespace

bool may_prefetch(const std::string &object_path) { return !candidates(read_file(object_path)).empty(); }

void prefetch_into_all_caches(const std::string &object_path, const std::string &assembly_path) {
  std::string object = read_file(object_path);
  const std::vector<size_t> modrm = candidates(object);
  const size_t expected = occurrences(read_file(assembly_path), "prefetchnta");
  if (expected == 0) return;
  // Every prefetchnta is among the candidates, so equal counts mean that nothing else is.
  if (modrm.size() != expected)
    throw std::runtime_error("prefetch instructions in the object and in its assembly differ in number");
  for (size_t at : modrm) object[at] |= 0x08;  // 0F 18 /1
  std::ofstream(object_path, std::ios::binary) << object;
}

void prefetch_into_all_caches_text(const std::string &assembly_path) {
  std::string text = read_file(assembly_path);
  const std::string from = "prefetchnta", to = "prefetcht0";
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at))
    text.replace(at, from.size(), to);
  std::ofstream(assembly_path, std::ios::binary) << text;
}

}  // namespace lossgen
