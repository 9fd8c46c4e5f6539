#include "device.h"

#include <elf.h>

#include <cstring>
#include <fstream>
#include <stdexcept>

#include "files.h"

namespace lossgen {

namespace {

constexpr char kTheirs[] = "halide_", kOurs[] = "lossgen_device_";

}  // namespace

void rename_runtime_symbols(const std::string &path) {
  std::string bytes = read_file(path);
  Elf64_Ehdr header;
  if (bytes.size() < sizeof header) throw std::runtime_error(path + " is not an ELF object");
  std::memcpy(&header, bytes.data(), sizeof header);
  auto section = [&](int i) { return reinterpret_cast<Elf64_Shdr *>(&bytes[header.e_shoff]) + i; };
  for (int i = 0; i < header.e_shnum; i++) {
    if (section(i)->sh_type != SHT_SYMTAB) continue;
    const int names = (int)section(i)->sh_link;
    // Longer names do not fit where the old ones are: the string table moves to the end of the file, old part first,
    // so that every offset into it stays right.
    std::string table = bytes.substr(section(names)->sh_offset, section(names)->sh_size);
    auto *symbols = reinterpret_cast<Elf64_Sym *>(&bytes[section(i)->sh_offset]);
    for (size_t s = 0; s < section(i)->sh_size / sizeof(Elf64_Sym); s++) {
      if (symbols[s].st_shndx != SHN_UNDEF || symbols[s].st_name == 0) continue;
      const std::string name = table.c_str() + symbols[s].st_name;
      if (name.compare(0, sizeof kTheirs - 1, kTheirs) != 0) continue;
      symbols[s].st_name = (Elf64_Word)table.size();
      table += kOurs + name.substr(sizeof kTheirs - 1) + '\0';
    }
    section(names)->sh_offset = bytes.size();
    section(names)->sh_size = table.size();
    bytes += table;
  }
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace lossgen
