// What becomes of the ELF objects that Halide writes, before they are ours.
#pragma once
#include <functional>
#include <string>

namespace lossgen {

// Rewrites the object of a CPU kernel so that it holds what its entry SYMBOL_argv needs, and nothing else: one section,
// code followed by constants, references between the two resolved, the entry as its one global symbol, hidden so that
// shared libraries do not export it. Halide's metadata, comments and relocations are about half of an object.
// Throws std::runtime_error on writable data: kernels keep no state.
void slim_object(const std::string &path, const std::string &symbol);

// Makes every symbol that an object defines hidden; for objects that stay whole. References to __tsan_memset and the
// like become memset: LLVM's thread sanitizer has both names, GCC's only watches the function itself.
void hide_symbols(const std::string &path);

// Gives symbols other names: `rename` is told each name, and whether the object defines the symbol, and returns the new one, or "" to
// leave it.
void rename_symbols(const std::string &path, const std::function<std::string(const std::string &name, bool defined)> &rename);

}  // namespace lossgen
