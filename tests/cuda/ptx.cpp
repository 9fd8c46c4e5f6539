#include "ptx.h"

#include "convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace ptx {
namespace {

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
const char *const kSpecial[] = {"%tid.x",  "%tid.y",  "%tid.z",  "%ctaid.x",  "%ctaid.y",  "%ctaid.z",
                                "%ntid.x", "%ntid.y", "%ntid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z"};
constexpr int kSpecials = 12;

}  // namespace

struct Kernel {
  std::string name;
  std::vector<size_t> parameter_bytes, parameter_at;
  std::vector<Instruction> code;
  int registers = 0;
};

namespace {

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

  [[noreturn]] void fail(const Instruction &i, const std::string &why) const {
    throw std::runtime_error(kernel.name + ": " + why + " in thread " + std::to_string(thread) + " of block " +
                             std::to_string(registers[3]) + ": " + i.text);
  }

  uint64_t address(const Operand &o) const {
    return (o.index >= 0 ? registers[o.index] : 0) + static_cast<uint64_t>(o.offset);
  }
  uint8_t *global(const Instruction &i, const Operand &o, size_t bytes, bool write) const {
    const uint64_t at = address(o);
    if (at % bytes) fail(i, "misaligned access");
    if (!check(at, bytes, write)) fail(i, "global memory out of bounds");
    return reinterpret_cast<uint8_t *>(at);
  }
  uint8_t *shared_at(const Instruction &i, const Operand &o, size_t bytes, bool write) {
    const uint64_t at = address(o);
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
};

// ---- Instructions ----

template <class T, class F>
void unary(Machine &m, const Instruction &i, F f) {
  m.set<T>(i.operands[0], f(m.value<T>(i.operands[1])));
}
template <class T, class F>
void binary(Machine &m, const Instruction &i, F f) {
  m.set<T>(i.operands[0], f(m.value<T>(i.operands[1]), m.value<T>(i.operands[2])));
}

template <class T>
using Unsigned = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::enable_if<true, T>>::type;

template <class T> T wrap_add(T a, T b) { return T(Unsigned<T>(a) + Unsigned<T>(b)); }
template <class T> T wrap_sub(T a, T b) { return T(Unsigned<T>(a) - Unsigned<T>(b)); }
template <class T> T wrap_mul(T a, T b) { return T(Unsigned<T>(a) * Unsigned<T>(b)); }

template <class T> void add(Machine &m, const Instruction &i) { binary<T>(m, i, wrap_add<T>); }
template <class T> void sub(Machine &m, const Instruction &i) { binary<T>(m, i, wrap_sub<T>); }
template <class T> void mul(Machine &m, const Instruction &i) { binary<T>(m, i, wrap_mul<T>); }
template <class T> void mad(Machine &m, const Instruction &i) {
  m.set<T>(i.operands[0], wrap_add(wrap_mul(m.value<T>(i.operands[1]), m.value<T>(i.operands[2])), m.value<T>(i.operands[3])));
}
template <class T, class Wide> void mul_wide(Machine &m, const Instruction &i) {
  m.set<Wide>(i.operands[0], Wide(m.value<T>(i.operands[1])) * Wide(m.value<T>(i.operands[2])));
}
template <class T, class Wide> void mad_wide(Machine &m, const Instruction &i) {
  m.set<Wide>(i.operands[0], wrap_add(Wide(Wide(m.value<T>(i.operands[1])) * Wide(m.value<T>(i.operands[2]))),
                                      m.value<Wide>(i.operands[3])));
}
template <class T> void fma(Machine &m, const Instruction &i) {
  m.set<T>(i.operands[0], std::fma(m.value<T>(i.operands[1]), m.value<T>(i.operands[2]), m.value<T>(i.operands[3])));
}
template <class T> void div(Machine &m, const Instruction &i) {
  if (std::is_integral_v<T> && m.value<T>(i.operands[2]) == T(0)) m.fail(i, "division by zero");
  binary<T>(m, i, [](T a, T b) { return T(a / b); });
}
template <class T> void rem(Machine &m, const Instruction &i) {
  if (m.value<T>(i.operands[2]) == T(0)) m.fail(i, "division by zero");
  binary<T>(m, i, [](T a, T b) { return T(a % b); });
}
template <class T> void min(Machine &m, const Instruction &i) { binary<T>(m, i, [](T a, T b) { return a < b ? a : b; }); }
template <class T> void max(Machine &m, const Instruction &i) { binary<T>(m, i, [](T a, T b) { return a > b ? a : b; }); }
// PTX: of a NaN and a number the number.
template <class T> void fmin(Machine &m, const Instruction &i) { binary<T>(m, i, [](T a, T b) { return std::fmin(a, b); }); }
template <class T> void fmax(Machine &m, const Instruction &i) { binary<T>(m, i, [](T a, T b) { return std::fmax(a, b); }); }
template <class T> void neg(Machine &m, const Instruction &i) { unary<T>(m, i, [](T a) { return T(-a); }); }
template <class T> void absolute(Machine &m, const Instruction &i) { unary<T>(m, i, [](T a) { return T(std::abs(a)); }); }
template <class T> void bit_and(Machine &m, const Instruction &i) { binary<T>(m, i, [](T a, T b) { return T(a & b); }); }
template <class T> void bit_or(Machine &m, const Instruction &i) { binary<T>(m, i, [](T a, T b) { return T(a | b); }); }
template <class T> void bit_xor(Machine &m, const Instruction &i) { binary<T>(m, i, [](T a, T b) { return T(a ^ b); }); }
template <class T> void bit_not(Machine &m, const Instruction &i) { unary<T>(m, i, [](T a) { return T(~a); }); }
void pred_not(Machine &m, const Instruction &i) { m.set<bool>(i.operands[0], !m.value<bool>(i.operands[1])); }
template <class T> void shl(Machine &m, const Instruction &i) {
  const uint32_t by = m.value<uint32_t>(i.operands[2]);
  unary<T>(m, i, [by](T a) { return by >= sizeof(T) * 8 ? T(0) : T(a << by); });
}
template <class T> void shr(Machine &m, const Instruction &i) {
  const uint32_t by = std::min<uint32_t>(m.value<uint32_t>(i.operands[2]), sizeof(T) * 8);
  unary<T>(m, i, [by](T a) { return by == sizeof(T) * 8 ? T(a < 0 ? -1 : 0) : T(a >> by); });
}
template <class T> void mov(Machine &m, const Instruction &i) {
  const Operand &to = i.operands[0], &from = i.operands[1];
  if (from.kind == Operand::kVector) {  // mov.b64 %rd1, {%r1, %r2}: the first part is the low one
    const int width = sizeof(T) * 8 / from.parts.size();
    const uint64_t mask = (uint64_t{1} << width) - 1;
    uint64_t bits = 0;
    for (size_t p = 0; p < from.parts.size(); p++) bits |= (m.value<uint64_t>(from.parts[p]) & mask) << width * p;
    m.set<uint64_t>(to, bits);
  } else if (to.kind == Operand::kVector) {
    const int width = sizeof(T) * 8 / to.parts.size();
    const uint64_t mask = (uint64_t{1} << width) - 1, bits = m.value<uint64_t>(from);
    for (size_t p = 0; p < to.parts.size(); p++) m.set<uint64_t>(to.parts[p], bits >> width * p & mask);
  } else {
    m.set<T>(to, m.value<T>(from));
  }
}
template <class T> void selp(Machine &m, const Instruction &i) {
  m.set<T>(i.operands[0], m.value<T>(i.operands[m.value<bool>(i.operands[3]) ? 1 : 2]));
}
template <class T, class F> void compare(Machine &m, const Instruction &i, F f) {
  m.set<bool>(i.operands[0], f(m.value<T>(i.operands[1]), m.value<T>(i.operands[2])));
}
template <class T> void set_eq(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return a == b; }); }
template <class T> void set_ne(Machine &m, const Instruction &i) {
  // ordered, as PTX's ne on floats is: false for NaN
  compare<T>(m, i, [](T a, T b) { return a < b || a > b; });
}
template <class T> void set_lt(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return a < b; }); }
template <class T> void set_le(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return a <= b; }); }
template <class T> void set_gt(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return a > b; }); }
template <class T> void set_ge(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return a >= b; }); }
template <class T> void set_equ(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return !(a < b || a > b); }); }
template <class T> void set_neu(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return !(a == b); }); }
template <class T> void set_ltu(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return !(a >= b); }); }
template <class T> void set_leu(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return !(a > b); }); }
template <class T> void set_gtu(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return !(a <= b); }); }
template <class T> void set_geu(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return !(a < b); }); }
template <class T> void set_num(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return a == a && b == b; }); }
template <class T> void set_nan(Machine &m, const Instruction &i) { compare<T>(m, i, [](T a, T b) { return a != a || b != b; }); }
template <class To, class From> void cvt(Machine &m, const Instruction &i) {
  m.set<To>(i.operands[0], static_cast<To>(m.value<From>(i.operands[1])));
}

void f32_of_f16(Machine &m, const Instruction &i) {
  m.set<float>(i.operands[0], lossgen::f16_to_float(m.value<uint16_t>(i.operands[1])));
}
void f16_of_f32(Machine &m, const Instruction &i) {
  m.set<uint16_t>(i.operands[0], lossgen::float_to_f16(m.value<float>(i.operands[1])));
}
void f16x2_of_f32(Machine &m, const Instruction &i) {  // the first of two goes to the upper half
  const uint32_t high = lossgen::float_to_f16(m.value<float>(i.operands[1])), low = lossgen::float_to_f16(m.value<float>(i.operands[2]));
  m.set<uint32_t>(i.operands[0], high << 16 | low);
}

enum Space { kGlobal, kShared, kParam };
template <class T, Space space, int lanes> void load(Machine &m, const Instruction &i) {
  const Operand &from = i.operands[1];
  const uint8_t *at;
  if (space == kParam) at = &m.parameters[static_cast<size_t>(from.index + from.offset)];
  else if (space == kShared) at = m.shared_at(i, from, sizeof(T) * lanes, false);
  else at = m.global(i, from, sizeof(T) * lanes, false);
  for (int l = 0; l < lanes; l++) {
    T v;
    std::memcpy(&v, at + l * sizeof(T), sizeof(T));
    const Operand &to = lanes == 1 ? i.operands[0] : i.operands[0].parts[l];
    // Narrow loads extend to the register by their type's sign.
    if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) m.set<int64_t>(to, v);
    else m.set<T>(to, v);
  }
}
template <class T, Space space, int lanes> void store(Machine &m, const Instruction &i) {
  uint8_t *at = space == kShared ? m.shared_at(i, i.operands[0], sizeof(T) * lanes, true)
                                 : m.global(i, i.operands[0], sizeof(T) * lanes, true);
  for (int l = 0; l < lanes; l++) {
    const T v = m.value<T>(lanes == 1 ? i.operands[1] : i.operands[1].parts[l]);
    std::memcpy(at + l * sizeof(T), &v, sizeof(T));
  }
}

template <class T> void bit_field(Machine &m, const Instruction &i) {
  const uint32_t position = m.value<uint32_t>(i.operands[2]) & 0xff, length = m.value<uint32_t>(i.operands[3]) & 0xff;
  const uint64_t shifted = position >= sizeof(T) * 8 ? 0 : uint64_t{m.value<T>(i.operands[1])} >> position;
  m.set<T>(i.operands[0], static_cast<T>(length >= 64 ? shifted : shifted & ((uint64_t{1} << length) - 1)));
}
void permute(Machine &m, const Instruction &i) {
  const uint64_t bytes = uint64_t{m.value<uint32_t>(i.operands[2])} << 32 | m.value<uint32_t>(i.operands[1]);
  const uint32_t selector = m.value<uint32_t>(i.operands[3]);
  uint32_t result = 0;
  for (int b = 0; b < 4; b++) {
    const uint32_t which = selector >> 4 * b & 0xf;
    uint32_t byte = bytes >> 8 * (which & 7) & 0xff;
    if (which & 8) byte = byte & 0x80 ? 0xff : 0;  // its sign, eight times
    result |= byte << 8 * b;
  }
  m.set<uint32_t>(i.operands[0], result);
}

void branch(Machine &m, const Instruction &i) { m.next = static_cast<size_t>(i.operands[0].index); }
void finish(Machine &m, const Instruction &) { m.done = true; }
void barrier(Machine &m, const Instruction &) { m.at_barrier = true; }

using Table = std::map<std::string, Action>;

template <class T> void floats(Table &t, const std::string &s) {
  for (const char *round : {"", ".rn"}) {
    t["add" + std::string(round) + s] = add<T>;
    t["sub" + std::string(round) + s] = sub<T>;
    t["mul" + std::string(round) + s] = mul<T>;
    t["fma" + std::string(round) + s] = fma<T>;
    t["div" + std::string(round) + s] = div<T>;
  }
  t["neg" + s] = neg<T>;
  t["abs" + s] = absolute<T>;
  t["min" + s] = fmin<T>;
  t["max" + s] = fmax<T>;
  t["setp.equ" + s] = set_equ<T>;
  t["setp.neu" + s] = set_neu<T>;
  t["setp.ltu" + s] = set_ltu<T>;
  t["setp.leu" + s] = set_leu<T>;
  t["setp.gtu" + s] = set_gtu<T>;
  t["setp.geu" + s] = set_geu<T>;
  t["setp.num" + s] = set_num<T>;
  t["setp.nan" + s] = set_nan<T>;
}
template <class T> void integers(Table &t, const std::string &s) {
  t["add" + s] = add<T>;
  t["sub" + s] = sub<T>;
  t["mul.lo" + s] = mul<T>;
  t["mad.lo" + s] = mad<T>;
  t["div" + s] = div<T>;
  t["rem" + s] = rem<T>;
  t["min" + s] = min<T>;
  t["max" + s] = max<T>;
  t["shr" + s] = shr<T>;
  if (std::is_signed_v<T>) t["neg" + s] = neg<T>;
}
template <class T> void any_number(Table &t, const std::string &s) {
  t["mov" + s] = mov<T>;
  t["selp" + s] = selp<T>;
  t["setp.eq" + s] = set_eq<T>;
  t["setp.ne" + s] = set_ne<T>;
  t["setp.lt" + s] = set_lt<T>;
  t["setp.le" + s] = set_le<T>;
  t["setp.gt" + s] = set_gt<T>;
  t["setp.ge" + s] = set_ge<T>;
  for (const char *space : {"ld.global", "ld.global.nc"}) {
    t[space + s] = load<T, kGlobal, 1>;
    t[space + (".v2" + s)] = load<T, kGlobal, 2>;
    t[space + (".v4" + s)] = load<T, kGlobal, 4>;
  }
  t["ld.shared" + s] = load<T, kShared, 1>;
  t["ld.shared.v2" + s] = load<T, kShared, 2>;
  t["ld.shared.v4" + s] = load<T, kShared, 4>;
  t["ld.param" + s] = load<T, kParam, 1>;
  t["st.global" + s] = store<T, kGlobal, 1>;
  t["st.global.v2" + s] = store<T, kGlobal, 2>;
  t["st.global.v4" + s] = store<T, kGlobal, 4>;
  t["st.shared" + s] = store<T, kShared, 1>;
  t["st.shared.v2" + s] = store<T, kShared, 2>;
  t["st.shared.v4" + s] = store<T, kShared, 4>;
}
template <class T> void bits(Table &t, const std::string &s) {
  t["and" + s] = bit_and<T>;
  t["or" + s] = bit_or<T>;
  t["xor" + s] = bit_xor<T>;
  t["not" + s] = bit_not<T>;
  t["shl" + s] = shl<T>;
  t["shr" + s] = shr<T>;
}
template <class From> void conversions_from(Table &t, const std::string &s) {
  t["cvt.s8" + s] = cvt<int8_t, From>;
  t["cvt.u8" + s] = cvt<uint8_t, From>;
  t["cvt.s16" + s] = cvt<int16_t, From>;
  t["cvt.u16" + s] = cvt<uint16_t, From>;
  t["cvt.s32" + s] = cvt<int32_t, From>;
  t["cvt.u32" + s] = cvt<uint32_t, From>;
  t["cvt.s64" + s] = cvt<int64_t, From>;
  t["cvt.u64" + s] = cvt<uint64_t, From>;
  t["cvt.rn.f32" + s] = cvt<float, From>;
  t["cvt.rn.f64" + s] = cvt<double, From>;
}

const Table &table() {
  static const Table known = [] {
    Table t;
    floats<float>(t, ".f32");
    floats<double>(t, ".f64");
    integers<int16_t>(t, ".s16");
    integers<uint16_t>(t, ".u16");
    integers<int32_t>(t, ".s32");
    integers<uint32_t>(t, ".u32");
    integers<int64_t>(t, ".s64");
    integers<uint64_t>(t, ".u64");
    any_number<uint8_t>(t, ".b8");
    any_number<uint8_t>(t, ".u8");
    any_number<int8_t>(t, ".s8");
    any_number<uint16_t>(t, ".b16");
    any_number<uint16_t>(t, ".u16");
    any_number<int16_t>(t, ".s16");
    any_number<uint32_t>(t, ".b32");
    any_number<uint32_t>(t, ".u32");
    any_number<int32_t>(t, ".s32");
    any_number<float>(t, ".f32");
    any_number<uint64_t>(t, ".b64");
    any_number<uint64_t>(t, ".u64");
    any_number<int64_t>(t, ".s64");
    any_number<double>(t, ".f64");
    bits<uint16_t>(t, ".b16");
    bits<uint32_t>(t, ".b32");
    bits<uint64_t>(t, ".b64");
    t["and.pred"] = bit_and<bool>;
    t["or.pred"] = bit_or<bool>;
    t["xor.pred"] = bit_xor<bool>;
    t["not.pred"] = pred_not;
    t["mov.pred"] = mov<bool>;
    conversions_from<int8_t>(t, ".s8");
    conversions_from<uint8_t>(t, ".u8");
    conversions_from<int16_t>(t, ".s16");
    conversions_from<uint16_t>(t, ".u16");
    conversions_from<int32_t>(t, ".s32");
    conversions_from<uint32_t>(t, ".u32");
    conversions_from<int64_t>(t, ".s64");
    conversions_from<uint64_t>(t, ".u64");
    t["cvt.f32.f16"] = f32_of_f16;
    t["cvt.rn.f16.f32"] = f16_of_f32;
    t["cvt.rn.f16x2.f32"] = f16x2_of_f32;
    t["cvt.f64.f32"] = cvt<double, float>;
    t["cvt.rn.f32.f64"] = cvt<float, double>;
    t["mul.wide.s32"] = mul_wide<int32_t, int64_t>;
    t["mul.wide.u32"] = mul_wide<uint32_t, uint64_t>;
    t["mul.wide.s16"] = mul_wide<int16_t, int32_t>;
    t["mul.wide.u16"] = mul_wide<uint16_t, uint32_t>;
    t["mad.wide.s32"] = mad_wide<int32_t, int64_t>;
    t["mad.wide.u32"] = mad_wide<uint32_t, uint64_t>;
    t["bfe.u32"] = bit_field<uint32_t>;
    t["bfe.u64"] = bit_field<uint64_t>;
    t["prmt.b32"] = permute;
    t["cvta.to.global.u64"] = mov<uint64_t>;
    t["bra"] = t["bra.uni"] = branch;
    t["ret"] = finish;
    t["bar.sync"] = t["barrier.sync"] = barrier;
    return t;
  }();
  return known;
}

// ---- Text ----

std::string trimmed(const std::string &s) {
  const size_t first = s.find_first_not_of(" \t\r\n"), last = s.find_last_not_of(" \t\r\n;");
  return first == std::string::npos || last == std::string::npos || last < first ? "" : s.substr(first, last - first + 1);
}

std::vector<std::string> split_operands(const std::string &s) {
  std::vector<std::string> parts;
  int depth = 0;
  std::string part;
  for (const char c : s) {
    if (c == '{' || c == '[') depth++;
    if (c == '}' || c == ']') depth--;
    if (c == ',' && depth == 0) {
      parts.push_back(trimmed(part));
      part.clear();
    } else {
      part += c;
    }
  }
  if (!trimmed(part).empty()) parts.push_back(trimmed(part));
  return parts;
}

class KernelParser {
 public:
  KernelParser() {
    for (int i = 0; i < kSpecials; i++) registers_[kSpecial[i]] = i;
    kernel_->registers = kSpecials;
  }

  // ".param .u64 .ptr .align 1 name" or ".param .f32 name"
  void parameter(const std::string &line) {
    std::istringstream words(line);
    std::string directive, type, name;
    words >> directive >> type;
    while (words >> name) continue;
    if (name.back() == ',') name.pop_back();
    const size_t digits = type.find_first_of("0123456789");
    if (directive != ".param" || digits == std::string::npos) throw std::runtime_error("unknown parameter: " + line);
    const size_t bytes = std::stoul(type.substr(digits)) / 8;
    parameter_bytes_ = (parameter_bytes_ + bytes - 1) / bytes * bytes;
    kernel_->parameter_at.push_back(parameter_bytes_);
    kernel_->parameter_bytes.push_back(bytes);
    parameters_[name] = static_cast<int>(parameter_bytes_);
    parameter_bytes_ += bytes;
  }
  void label(const std::string &name) { labels_[name] = static_cast<int>(kernel_->code.size()); }

  void instruction(std::string text) {
    Instruction i;
    i.text = text;
    if (text[0] == '@') {
      const size_t space = text.find_first_of(" \t");
      i.negated = text[1] == '!';
      i.predicate = register_index(text.substr(i.negated ? 2 : 1, space - (i.negated ? 2 : 1)));
      text = trimmed(text.substr(space));
    }
    const size_t space = text.find_first_of(" \t");
    const std::string name = text.substr(0, space);
    const auto found = table().find(name);
    if (found == table().end()) throw std::runtime_error("unknown instruction: " + text);
    i.action = found->second;
    if (space != std::string::npos && name.compare(0, 3, "bar") != 0)
      for (const std::string &o : split_operands(text.substr(space))) i.operands.push_back(operand(o, name));
    kernel_->code.push_back(i);
  }

  std::shared_ptr<const Kernel> finish(const std::string &name) {
    kernel_->name = name;
    for (Instruction &i : kernel_->code)
      for (Operand &o : i.operands) {
        if (o.kind != Operand::kLabel) continue;
        const auto found = labels_.find(o.name);
        if (found == labels_.end()) throw std::runtime_error("unknown operand: " + o.name);
        o.index = found->second;
      }
    return kernel_;
  }

 private:
  int register_index(const std::string &name) {
    const auto [it, added] = registers_.emplace(name, kernel_->registers);
    if (added) kernel_->registers++;
    return it->second;
  }

  Operand operand(const std::string &text, const std::string &instruction) {
    Operand o;
    if (text[0] == '%') {
      o.index = register_index(text);
    } else if (text[0] == '[') {
      o.kind = Operand::kMemory;
      std::string inside = text.substr(1, text.size() - 2);
      const size_t plus = inside.find('+');
      if (plus != std::string::npos) {
        o.offset = std::stoll(inside.substr(plus + 1));
        inside.resize(plus);
      }
      const auto parameter = parameters_.find(inside);
      if (parameter != parameters_.end()) {
        o.kind = Operand::kParameter;
        o.index = parameter->second;
      } else if (inside[0] == '%') {
        o.index = register_index(inside);
      } else {
        o.index = -1;
        o.offset += std::stoll(inside);
      }
    } else if (text[0] == '{') {
      o.kind = Operand::kVector;
      for (const std::string &part : split_operands(text.substr(1, text.size() - 2))) {
        o.parts.push_back(operand(part, instruction));
        if (o.parts.back().kind != Operand::kLabel) continue;
        o.parts.back().kind = Operand::kRegister;  // of a block: { .reg .b32 tmp; mov.b64 {tmp, %r1}, %rd1; }
        o.parts.back().index = register_index(part);
      }
    } else if (text.compare(0, 2, "0f") == 0 || text.compare(0, 2, "0d") == 0) {
      o.kind = Operand::kImmediate;
      o.bits = std::stoull(text.substr(2), nullptr, 16);
    } else if (text[0] == '-' || (text[0] >= '0' && text[0] <= '9')) {
      o.kind = Operand::kImmediate;
      o.bits = text[0] == '-' ? static_cast<uint64_t>(std::stoll(text, nullptr, 0)) : std::stoull(text, nullptr, 0);
    } else {
      o.kind = Operand::kLabel;
      o.name = text;
    }
    return o;
  }

  std::shared_ptr<Kernel> kernel_ = std::make_shared<Kernel>();
  std::map<std::string, int> registers_, parameters_, labels_;
  size_t parameter_bytes_ = 0;
};

}  // namespace

Module parse(const std::string &text) {
  Module module;
  std::istringstream lines(text);
  std::string name;
  std::unique_ptr<KernelParser> parser;
  bool in_parameters = false;
  for (std::string line; std::getline(lines, line);) {
    const size_t comment = line.find("//");
    if (comment != std::string::npos) line.resize(comment);
    const std::string t = trimmed(line);
    static const std::string kEntry = ".visible .entry ";
    if (t.compare(0, kEntry.size(), kEntry) == 0) {
      parser = std::make_unique<KernelParser>();
      name = t.substr(kEntry.size(), t.find('(') - kEntry.size());
      in_parameters = t.back() == '(';
    } else if (!parser || t.empty() || t == "{") {
      continue;
    } else if (in_parameters && t[0] == ')') {
      in_parameters = false;
    } else if (in_parameters) {
      parser->parameter(t);
    } else if (t == "}") {
      module.kernels[name] = parser->finish(name);
      parser.reset();
    } else if (t[0] == '.') {
      if (t.compare(0, 4, ".reg") != 0 && t.compare(0, 7, ".pragma") != 0 && t.compare(0, 7, ".reqnti") != 0 &&
          t.compare(0, 7, ".maxnti") != 0)
        throw std::runtime_error("unknown directive: " + t);
    } else if (t.back() == ':') {
      parser->label(t.substr(0, t.size() - 1));
    } else if (t[0] == '{') {  // a block on one line, with registers of its own
      const size_t first = t.find(';'), last = t.rfind('}');
      if (first == std::string::npos || last == std::string::npos) throw std::runtime_error("unknown block: " + t);
      parser->instruction(trimmed(t.substr(first + 1, last - first - 1)));
    } else {
      parser->instruction(t);
    }
  }
  return module;
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
