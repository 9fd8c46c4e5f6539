// A parsed kernel, and the machine that runs it: what the parser writes and the instructions work on.
#ifndef LOSSGEN_TESTS_PTX_MACHINE_H
#define LOSSGEN_TESTS_PTX_MACHINE_H

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "ptx.h"

namespace ptx {

struct Operand {
  enum Kind { kRegister, kImmediate, kMemory, kParameter, kVector, kLabel } kind = kRegister;
  int index = 0;       // register, base register of memory (-1: none), first parameter byte, label's instruction
  int64_t offset = 0;  // memory
  uint64_t bits = 0;   // immediate
  std::vector<Operand> parts;
  std::string name;  // label until it is resolved
};

struct Machine;
struct Instruction;
using Action = void (*)(Machine &, const Instruction &);

struct Instruction {
  Action action = nullptr;
  std::vector<Operand> operands;
  int predicate = -1;
  bool negated = false;
  std::string text;
};

// Special registers come first.
inline const char *const kSpecial[] = {"%tid.x",  "%tid.y",  "%tid.z",  "%ctaid.x",  "%ctaid.y",  "%ctaid.z",
                                       "%ntid.x", "%ntid.y", "%ntid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z"};
constexpr int kSpecials = 12;

struct Kernel {
  std::string name;
  std::vector<size_t> parameter_bytes, parameter_at;
  std::vector<Instruction> code;
  int registers = 0;
};

struct SharedHalf {
  uint32_t written_in = 0, read_in = 0;  // barrier interval, 0 = never
  int writer = -1, reader = -1;          // -2: several readers
};

struct Machine {
  const Kernel &kernel;
  const MemoryCheck &check;
  std::vector<uint8_t> parameters, shared;
  std::vector<SharedHalf> halves;
  uint32_t interval = 1;

  uint64_t *registers = nullptr;  // of the running thread
  int thread = 0;
  size_t next = 0;
  bool at_barrier = false, done = false;

  template <class T>
  T value(const Operand &o) const {
    const uint64_t bits = o.kind == Operand::kRegister ? registers[o.index] : o.bits;
    if constexpr (std::is_same_v<T, bool>) {
      return bits != 0;
    } else {
      T v;
      std::memcpy(&v, &bits, sizeof v);
      return v;
    }
  }
  template <class T>
  void set(const Operand &o, T v) {
    uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof v);
    registers[o.index] = bits;
  }

  [[noreturn]] void fail(const Instruction &i, const std::string &why) const;
  uint8_t *global(const Instruction &i, const Operand &o, size_t bytes, bool write) const;
  uint8_t *shared_at(const Instruction &i, const Operand &o, size_t bytes, bool write);
};

// nullptr for an instruction that is not known.
Action find_action(const std::string &name);

}  // namespace ptx

#endif  // LOSSGEN_TESTS_PTX_MACHINE_H
