#include "object_file.h"

#include <elf.h>

#include <cstring>
#include <map>
#include <stdexcept>
#include <vector>

#include "files.h"

namespace lossgen {

namespace {

std::string read_object(const std::string &path) {
  std::string bytes = read_file(path);
  if (bytes.size() < sizeof(Elf64_Ehdr) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) ||
      bytes[EI_CLASS] != ELFCLASS64 || bytes[EI_DATA] != ELFDATA2LSB)
    throw std::runtime_error(path + " is not a 64-bit ELF object");
  return bytes;
}

template <class T>
std::vector<T> array_at(const std::string &bytes, size_t offset, size_t size) {
  std::vector<T> list(size / sizeof(T));
  std::memcpy(list.data(), bytes.data() + offset, list.size() * sizeof(T));
  return list;
}

template <class T>
void append(std::string &bytes, const T &value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
}

void align(std::string &bytes, size_t alignment) {
  if (alignment > 1) bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
}

// An object taken apart.
struct Object {
  explicit Object(const std::string &path) : bytes(read_object(path)) {
    std::memcpy(&header, bytes.data(), sizeof header);
    sections = array_at<Elf64_Shdr>(bytes, header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
    while (table_ < sections.size() && sections[table_].sh_type != SHT_SYMTAB) table_++;  // an object has one
    if (table_ == sections.size()) throw std::runtime_error(path + " has no symbols");
    symbols = array_at<Elf64_Sym>(bytes, table().sh_offset, table().sh_size);
    names = bytes.data() + sections[table().sh_link].sh_offset;
  }
  const Elf64_Shdr &table() const { return sections[table_]; }  // of symbols
  bool defined(const Elf64_Sym &s) const { return s.st_shndx != SHN_UNDEF && s.st_shndx < sections.size(); }
  std::string name(const Elf64_Sym &s) const { return names + s.st_name; }
  std::vector<Elf64_Rela> relocations(size_t section) const {
    std::vector<Elf64_Rela> list;
    for (const Elf64_Shdr &s : sections)
      if (s.sh_type == SHT_RELA && s.sh_info == section) list = array_at<Elf64_Rela>(bytes, s.sh_offset, s.sh_size);
    return list;
  }

  std::string bytes;
  Elf64_Ehdr header;
  std::vector<Elf64_Shdr> sections;
  std::vector<Elf64_Sym> symbols;
  const char *names = "";

 private:
  size_t table_ = 0;
};

// The new object's one section and what refers to it or out of it.
struct Text {
  std::string bytes;
  size_t code = 0, alignment = 1;       // code: where the constants begin
  std::map<size_t, size_t> begin;       // old section -> offset
  std::vector<Elf64_Rela> relocations;  // r_info holds the old symbol; 0 stands for the section itself
};

// Sections in the order in which they are reached from the entry.
std::vector<size_t> reachable(const Object &object, size_t entry) {
  std::vector<size_t> order = {entry};
  for (size_t i = 0; i < order.size(); i++)
    for (const Elf64_Rela &r : object.relocations(order[i])) {
      const Elf64_Sym &to = object.symbols[ELF64_R_SYM(r.r_info)];
      bool known = !object.defined(to);
      for (size_t s : order) known |= s == to.st_shndx;
      if (!known) order.push_back(to.st_shndx);
    }
  return order;
}

void place(const Object &object, const std::vector<size_t> &order, bool code, Text &text) {
  for (size_t s : order) {
    const Elf64_Shdr &section = object.sections[s];
    if (section.sh_type != SHT_PROGBITS || (section.sh_flags & SHF_WRITE))
      throw std::runtime_error("a kernel with writable data");
    if (bool(section.sh_flags & SHF_EXECINSTR) != code) continue;
    align(text.bytes, section.sh_addralign);
    text.alignment = std::max<size_t>(text.alignment, section.sh_addralign);
    text.begin[s] = text.bytes.size();
    text.bytes.append(object.bytes, section.sh_offset, section.sh_size);
  }
}

// Writes a reference into the code where that needs no address; false if the linker has to.
bool resolve(uint16_t machine, uint32_t type, int64_t distance, char *place) {
  uint32_t word;
  std::memcpy(&word, place, sizeof word);
  if (machine == EM_X86_64 && (type == R_X86_64_PC32 || type == R_X86_64_PLT32)) {
    word = (uint32_t)distance;
  } else if (machine == EM_AARCH64 && (type == R_AARCH64_CALL26 || type == R_AARCH64_JUMP26)) {
    word = (word & 0xfc000000u) | ((uint32_t)(distance >> 2) & 0x03ffffffu);
  } else {
    return false;
  }
  std::memcpy(place, &word, sizeof word);
  return true;
}

Text merge(const Object &object, const std::vector<size_t> &order) {
  Text text;
  place(object, order, true, text);
  text.code = text.bytes.size();
  place(object, order, false, text);
  for (size_t s : order)
    for (Elf64_Rela r : object.relocations(s)) {
      const Elf64_Sym &to = object.symbols[ELF64_R_SYM(r.r_info)];
      r.r_offset += text.begin[s];
      if (object.defined(to)) {
        const int64_t target = (int64_t)(text.begin[to.st_shndx] + to.st_value) + r.r_addend;
        if (resolve(object.header.e_machine, ELF64_R_TYPE(r.r_info), target - (int64_t)r.r_offset,
                    &text.bytes[r.r_offset]))
          continue;
        r.r_addend = target;
        r.r_info = ELF64_R_INFO(0, ELF64_R_TYPE(r.r_info));
      }
      text.relocations.push_back(r);
    }
  return text;
}

// The new file's symbols, local ones first.
struct Symbols {
  std::string names = std::string(1, '\0');
  std::vector<Elf64_Sym> list = {{}};

  uint32_t name(const std::string &text) {
    const uint32_t at = (uint32_t)names.size();
    names += text + '\0';
    return at;
  }
  uint32_t add(uint32_t name, int binding, int type, uint16_t section, size_t value, size_t size) {
    list.push_back({name, (unsigned char)ELF64_ST_INFO(binding, type), STV_DEFAULT, section, value, size});
    return (uint32_t)list.size() - 1;
  }
};

}  // namespace

void slim_object(const std::string &path, const std::string &symbol) {
  const Object object(path);
  const std::string entry_name = symbol + "_argv";
  const Elf64_Sym *entry = nullptr;
  for (const Elf64_Sym &s : object.symbols)
    if (object.defined(s) && object.name(s) == entry_name) entry = &s;
  if (!entry) throw std::runtime_error(path + " has no " + entry_name);
  Text text = merge(object, reachable(object, entry->st_shndx));

  enum { kNone, kText, kSymbols, kNames, kStack, kRelocations };  // sections
  Symbols symbols;
  const uint32_t relocations_name = symbols.name(".rela.text"), symbols_name = symbols.name(".symtab"),
                 names_name = symbols.name(".strtab"), stack_name = symbols.name(".note.GNU-stack");
  const uint32_t whole = symbols.add(0, STB_LOCAL, STT_SECTION, kText, 0, 0);
  if (object.header.e_machine == EM_AARCH64) {  // tells linkers and disassemblers code from data
    symbols.add(symbols.name("$x"), STB_LOCAL, STT_NOTYPE, kText, 0, 0);
    symbols.add(symbols.name("$d"), STB_LOCAL, STT_NOTYPE, kText, text.code, 0);
  }
  for (const Elf64_Sym &s : object.symbols)  // for profilers
    if (&s != entry && ELF64_ST_TYPE(s.st_info) == STT_FUNC && text.begin.count(s.st_shndx))
      symbols.add(symbols.name(object.name(s)), STB_LOCAL, STT_FUNC, kText, text.begin[s.st_shndx] + s.st_value,
                  s.st_size);
  const uint32_t globals = symbols.add(symbols.name(entry_name), STB_GLOBAL, STT_FUNC, kText,
                                       text.begin[entry->st_shndx] + entry->st_value, entry->st_size);
  symbols.list[globals].st_other = STV_HIDDEN;
  std::map<uint64_t, uint32_t> undefined;
  for (Elf64_Rela &r : text.relocations) {
    const uint64_t old = ELF64_R_SYM(r.r_info);
    if (const std::string name = old ? object.name(object.symbols[old]) : ""; name.rfind("lossgen_", 0) == 0)
      throw std::runtime_error(name + " was not inlined: see generator/src/instructions.cpp");
    if (old && !undefined.count(old))
      undefined[old] =
          symbols.add(symbols.name(object.name(object.symbols[old])), STB_GLOBAL, STT_NOTYPE, SHN_UNDEF, 0, 0);
    r.r_info = ELF64_R_INFO((uint64_t)(old ? undefined[old] : whole), ELF64_R_TYPE(r.r_info));
  }

  std::string out(sizeof(Elf64_Ehdr), '\0');
  std::vector<Elf64_Shdr> sections(1);
  auto add = [&](uint32_t name, uint32_t type, uint64_t flags, uint64_t alignment, const void *data, size_t size) {
    align(out, alignment);
    Elf64_Shdr section = {};
    section.sh_name = name, section.sh_type = type, section.sh_flags = flags, section.sh_offset = out.size();
    section.sh_size = size, section.sh_addralign = alignment;
    sections.push_back(section);
    out.append(static_cast<const char *>(data), size);
    return &sections.back();
  };
  add(relocations_name + 5, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, text.alignment, text.bytes.data(),
      text.bytes.size());
  Elf64_Shdr *table = add(symbols_name, SHT_SYMTAB, 0, 8, symbols.list.data(), symbols.list.size() * sizeof(Elf64_Sym));
  table->sh_link = kNames, table->sh_info = globals, table->sh_entsize = sizeof(Elf64_Sym);
  add(names_name, SHT_STRTAB, 0, 1, symbols.names.data(), symbols.names.size());
  add(stack_name, SHT_PROGBITS, 0, 1, "", 0);
  if (!text.relocations.empty()) {
    Elf64_Shdr *list = add(relocations_name, SHT_RELA, SHF_INFO_LINK, 8, text.relocations.data(),
                           text.relocations.size() * sizeof(Elf64_Rela));
    list->sh_link = kSymbols, list->sh_info = kText, list->sh_entsize = sizeof(Elf64_Rela);
  }
  align(out, 8);
  Elf64_Ehdr header = object.header;
  header.e_shoff = out.size();
  header.e_shnum = (Elf64_Half)sections.size();
  header.e_shstrndx = kNames;
  for (const Elf64_Shdr &s : sections) append(out, s);
  std::memcpy(&out[0], &header, sizeof header);
  save_file(path, out);
}

void hide_symbols(const std::string &path) {
  Object object(path);
  for (Elf64_Sym &s : object.symbols) {
    if (ELF64_ST_BIND(s.st_info) != STB_LOCAL && s.st_shndx != SHN_UNDEF) s.st_other = STV_HIDDEN;
    if (s.st_shndx == SHN_UNDEF && object.name(s).rfind("__tsan_mem", 0) == 0) s.st_name += std::strlen("__tsan_");
  }
  std::memcpy(&object.bytes[object.table().sh_offset], object.symbols.data(), object.table().sh_size);
  save_file(path, object.bytes);
}

void rename_symbols(const std::string &path, const std::function<std::string(const std::string &, bool)> &rename) {
  Object object(path);
  Elf64_Shdr &names = object.sections[object.table().sh_link];
  // Longer names do not fit where the old ones are: the names move to the end of the file, the old ones first, so that every
  // offset into them stays right.
  std::string moved = object.bytes.substr(names.sh_offset, names.sh_size);
  for (Elf64_Sym &s : object.symbols) {
    const std::string name = rename(object.name(s), s.st_shndx != SHN_UNDEF);
    if (name.empty()) continue;
    s.st_name = (Elf64_Word)moved.size();
    moved += name + '\0';
  }
  std::memcpy(&object.bytes[object.table().sh_offset], object.symbols.data(), object.table().sh_size);
  names.sh_offset = object.bytes.size(), names.sh_size = moved.size();
  std::memcpy(&object.bytes[object.header.e_shoff], object.sections.data(), object.sections.size() * sizeof(Elf64_Shdr));
  save_file(path, object.bytes + moved);
}

}  // namespace lossgen
