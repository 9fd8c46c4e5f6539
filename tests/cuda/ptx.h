// Runs PTX on the CPU, one thread after the other from barrier to barrier: enough of the language for the kernels that
// Halide emits, and checks that a GPU does not make. Slow; for the numerics of small problems.
#ifndef LOSSGEN_TESTS_PTX_H
#define LOSSGEN_TESTS_PTX_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ptx {

struct Kernel;

struct Module {
  std::map<std::string, std::shared_ptr<const Kernel>> kernels;
};

// Throws std::runtime_error on an instruction that it does not know.
Module parse(const std::string &text);

struct Launch {
  unsigned grid[3], block[3];
  size_t shared_bytes;
  void **arguments;
};

// The values that a launch's arguments point to.
std::vector<std::vector<uint8_t>> values_of(const Kernel &kernel, void *const *arguments);

// May this range of global memory be accessed? Called for every load and store.
using MemoryCheck = std::function<bool(uint64_t address, size_t bytes, bool write)>;

// Throws std::runtime_error on: access to global memory that check refuses, misaligned access, shared memory out of
// bounds, two threads at one shared address without a barrier in between (one of them writing), a barrier that not all
// threads of a block reach. Shared memory starts as NaN in every block.
void run(const Kernel &kernel, const Launch &launch, const MemoryCheck &check);

}  // namespace ptx

#endif  // LOSSGEN_TESTS_PTX_H
