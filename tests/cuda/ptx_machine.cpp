#include "ptx_machine.h"

#include <algorithm>
#include <stdexcept>

namespace ptx {

namespace {
uint64_t address(const Machine &m, const Operand &o) {
  return (o.index >= 0 ? m.registers[o.index] : 0) + static_cast<uint64_t>(o.offset);
}
}  // namespace

void Machine::fail(const Instruction &i, const std::string &why) const {
  throw std::runtime_error(kernel.name + ": " + why + " in thread " + std::to_string(thread) + " of block " +
                           std::to_string(registers[3]) + ": " + i.text);
}

uint8_t *Machine::global(const Instruction &i, const Operand &o, size_t bytes, bool write) const {
  const uint64_t at = address(*this, o);
  if (at % bytes) fail(i, "misaligned access");
  if (!check(at, bytes, write)) fail(i, "global memory out of bounds");
  return reinterpret_cast<uint8_t *>(at);
}

uint8_t *Machine::shared_at(const Instruction &i, const Operand &o, size_t bytes, bool write) {
  const uint64_t at = address(*this, o);
  if (at % bytes) fail(i, "misaligned shared access");
  if (at + bytes > shared.size()) fail(i, "shared memory out of bounds");
  for (uint64_t w = at / 2; w < (at + bytes + 1) / 2; w++) {  // threads may write the halves of a word
    SharedHalf &half = halves[w];
    const bool others_wrote = half.written_in == interval && half.writer != thread;
    const bool others_read = half.read_in == interval && half.reader != thread;
    if (others_wrote || (write && others_read)) fail(i, "race on shared memory");
    if (write) {
      half.written_in = interval;
      half.writer = thread;
    } else {
      half.reader = half.read_in == interval && half.reader != thread ? -2 : thread;
      half.read_in = interval;
    }
  }
  return &shared[at];
}

std::vector<std::vector<uint8_t>> values_of(const Kernel &kernel, void *const *arguments) {
  std::vector<std::vector<uint8_t>> values;
  for (size_t p = 0; p < kernel.parameter_bytes.size(); p++) {
    const auto *from = static_cast<const uint8_t *>(arguments[p]);
    values.emplace_back(from, from + kernel.parameter_bytes[p]);
  }
  return values;
}

void run(const Kernel &kernel, const Launch &launch, const MemoryCheck &check) {
  Machine m{kernel, check, {}, std::vector<uint8_t>(launch.shared_bytes), {}};
  m.halves.resize(launch.shared_bytes / 2 + 2);
  for (size_t p = 0; p < kernel.parameter_at.size(); p++) {
    m.parameters.resize(kernel.parameter_at[p] + 8);
    std::memcpy(&m.parameters[kernel.parameter_at[p]], launch.arguments[p], kernel.parameter_bytes[p]);
  }
  const unsigned threads = launch.block[0] * launch.block[1] * launch.block[2];
  std::vector<uint64_t> registers(size_t{threads} * kernel.registers);
  struct Thread {
    size_t next;
    bool done;
  };
  std::vector<Thread> states(threads);
  const uint64_t blocks = uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2];
  for (uint64_t block = 0; block < blocks; block++) {
    const uint64_t block_id[] = {block % launch.grid[0], block / launch.grid[0] % launch.grid[1],
                                 block / launch.grid[0] / launch.grid[1]};
    std::fill(m.halves.begin(), m.halves.end(), SharedHalf());
    std::fill(m.shared.begin(), m.shared.end(), uint8_t{0xff});
    m.interval = 1;
    for (unsigned t = 0; t < threads; t++) {
      uint64_t *r = &registers[size_t{t} * kernel.registers];
      const uint64_t thread_id[] = {t % launch.block[0], t / launch.block[0] % launch.block[1],
                                    t / launch.block[0] / launch.block[1]};
      for (int i = 0; i < 3; i++) {
        r[i] = thread_id[i];
        r[3 + i] = block_id[i];
        r[6 + i] = launch.block[i];
        r[9 + i] = launch.grid[i];
      }
      states[t] = {0, false};
    }
    for (bool running = true; running; m.interval++) {
      unsigned waiting = 0, finished = 0;
      for (unsigned t = 0; t < threads; t++) {
        m.registers = &registers[size_t{t} * kernel.registers];
        m.thread = static_cast<int>(t);
        m.next = states[t].next;
        m.done = states[t].done;
        m.at_barrier = false;
        while (!m.done && !m.at_barrier) {
          const Instruction &i = kernel.code[m.next++];
          if (i.predicate >= 0 && (m.registers[i.predicate] != 0) == i.negated) continue;
          i.action(m, i);
        }
        states[t] = {m.next, m.done};
        waiting += m.at_barrier;
        finished += m.done;
      }
      if (waiting && finished) throw std::runtime_error(kernel.name + ": some threads ended before a barrier");
      running = waiting > 0;
    }
  }
}

}  // namespace ptx
