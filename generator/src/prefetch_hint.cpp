#include "prefetch_hint.h"

#include <elf.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "files.h"

namespace lossgen {

namespace {

// A memory operand as far as it takes to tell instructions apart: displacement and base register.
using Operand = std::pair<int32_t, std::string>;

const char *const kRegisters[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                  "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

// Of the assembly's prefetchnta instructions: `prefetchnta 16384(%rdi,%rax,4)`.
std::multiset<Operand> prefetches(const std::string &assembly) {
  const std::string word = "prefetchnta";
  std::multiset<Operand> found;
  for (size_t at = assembly.find(word); at != std::string::npos; at = assembly.find(word, at)) {
    at += word.size();
    const size_t base = assembly.find_first_not_of("(%", assembly.find('(', at));
    const size_t end = assembly.find_first_of(",)", base);
    const auto offset = (int32_t)std::strtol(assembly.c_str() + at, nullptr, 10);  // none counts as 0
    found.insert({offset, assembly[base - 1] == '%' ? assembly.substr(base, end - base) : ""});
  }
  return found;
}

// The memory operand whose ModRM byte is at `at`, behind 0F 18 and, if extended, a REX prefix.
Operand operand(const std::string &code, size_t at, bool extended) {
  const auto byte = [&](size_t i) { return (unsigned char)code[i]; };
  const int mod = byte(at) >> 6, rm = byte(at) & 7;
  const bool sib = rm == 4;
  const int base = sib ? byte(at + 1) & 7 : rm;
  const bool no_base = mod == 0 && base == 5;
  const size_t after = at + (sib ? 2 : 1);
  int32_t offset = 0;
  if (mod == 1) offset = (signed char)byte(after);
  else if (mod == 2 || no_base) std::memcpy(&offset, code.data() + after, 4);
  return {offset, no_base ? "" : kRegisters[base + (extended && (byte(at - 3) & 1) ? 8 : 0)]};
}

// Offsets of the ModRM bytes of what looks like 0F 18 /0 with a memory operand, in the executable sections. Bytes of
// other instructions might look so too; operands and their number, compared with the assembly, tell.
std::vector<size_t> candidates(const std::string &object) {
  Elf64_Ehdr header;
  if (object.size() < sizeof header) throw std::runtime_error("not an ELF object");
  std::memcpy(&header, object.data(), sizeof header);
  std::vector<size_t> found;
  for (int i = 0; i < header.e_shnum; i++) {
    Elf64_Shdr section;
    std::memcpy(&section, object.data() + header.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != SHT_PROGBITS || !(section.sh_flags & SHF_EXECINSTR)) continue;
    for (size_t at = section.sh_offset; at + 8 < section.sh_offset + section.sh_size; at++) {
      const auto modrm = (unsigned char)object[at + 2];
      if ((unsigned char)object[at] == 0x0f && object[at + 1] == 0x18 && (modrm & 0x38) == 0 && modrm < 0xc0)
        found.push_back(at + 2);
    }
  }
  return found;
}

}  // namespace

void prefetch_into_l2(const std::string &object_path, const std::string &assembly_path) {
  std::string object = read_file(object_path);
  const std::multiset<Operand> wanted = prefetches(read_file(assembly_path));
  std::vector<size_t> modrm;
  for (size_t at : candidates(object)) {
    const bool rex = ((unsigned char)object[at - 3] & 0xf0) == 0x40;
    if (wanted.count(operand(object, at, rex)) || wanted.count(operand(object, at, false))) modrm.push_back(at);
  }
  // Every prefetchnta is among them, so equal counts mean that nothing else is.
  if (modrm.size() != wanted.size())
    throw std::runtime_error("prefetch instructions in the object and in its assembly differ in number");
  for (size_t at : modrm) object[at] |= 0x10;  // 0F 18 /2
  std::ofstream(object_path, std::ios::binary) << object;
}

void prefetch_into_l2_text(const std::string &assembly_path) {
  std::string text = read_file(assembly_path);
  const std::string from = "prefetchnta", to = "prefetcht1";
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at))
    text.replace(at, from.size(), to);
  std::ofstream(assembly_path, std::ios::binary) << text;
}

}  // namespace lossgen
