#include "stamps.h"

#include <elf.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>

#include "files.h"

namespace lossgen {
namespace fs = std::filesystem;

namespace {

void append_build_id(const char *note, size_t size, std::string &ids) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, note, sizeof header);
    const size_t name = (header.n_namesz + 3) & ~size_t{3}, bytes = (header.n_descsz + 3) & ~size_t{3};
    const size_t length = sizeof header + name + bytes;
    if (length > size) return;
    if (header.n_type == NT_GNU_BUILD_ID) ids.append(note + sizeof header + name, header.n_descsz);
    note += length;
    size -= length;
  }
}

// The linker's build ids of this program and of libHalide: a hash over their content that costs nothing to read.
// System libraries do not change what is generated.
int collect_build_ids(dl_phdr_info *info, size_t, void *context) {
  const bool program = !info->dlpi_name || !*info->dlpi_name;
  if (!program && !std::strstr(info->dlpi_name, "libHalide")) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_NOTE)
      append_build_id(reinterpret_cast<const char *>(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
                      info->dlpi_phdr[i].p_memsz, *static_cast<std::string *>(context));
  return 0;
}

const std::string &generator_id() {
  static const std::string id = [] {
    std::string ids;
    dl_iterate_phdr(collect_build_ids, &ids);
    if (const char *llvm = std::getenv("HL_LLVM_ARGS")) ids += llvm;  // Halide hands it to LLVM
    return hash_text(ids);
  }();
  return id;
}

}  // namespace

std::string hash_text(const std::string &bytes) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (unsigned char ch : bytes) hash = (hash ^ ch) * 1099511628211u;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
  return text;
}

std::string hash_inputs(const Kernel &kernel) {
  return hash_text(generator_id() + "\n" + kernel.symbol + "\n" + kernel.host + "\n" + to_json(kernel.params).dump() +
                   "\n" + kernel.sanitize);
}

Stamps::Stamps(const fs::path &folder) : folder_(folder) {
  std::istringstream lines(read_file(folder / ".stamps"));
  for (std::string symbol, inputs, object; lines >> symbol >> inputs >> object;) entries_[symbol] = {inputs, object};
}

bool Stamps::current(const Kernel &kernel) const {
  const auto entry = entries_.find(kernel.symbol);
  return entry != entries_.end() && entry->second.inputs == hash_inputs(kernel) &&
         entry->second.object == hash_text(read_file(object_path(kernel.symbol)));
}

void Stamps::note(const Kernel &kernel) {
  entries_[kernel.symbol] = {hash_inputs(kernel), hash_text(read_file(object_path(kernel.symbol)))};
}

void Stamps::finish(const std::vector<const Kernel *> &kernels) {
  std::set<std::string> wanted;
  for (const Kernel *kernel : kernels) wanted.insert(kernel->symbol);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (wanted.count(entry->first)) {
      ++entry;
      continue;
    }
    for (const char *extension : {".o", ".s", ".ll", ".stmt"}) {
      std::error_code ignored;
      fs::remove(folder_ / (entry->first + extension), ignored);
    }
    entry = entries_.erase(entry);
  }
  std::string text;
  for (const auto &[symbol, entry] : entries_) text += symbol + " " + entry.inputs + " " + entry.object + "\n";
  write_if_changed(folder_ / ".stamps", text);
}

std::string Stamps::digest() const {
  std::string text;
  for (const auto &[symbol, entry] : entries_) text += symbol + " " + entry.object + "\n";
  return hash_text(text);
}

}  // namespace lossgen
