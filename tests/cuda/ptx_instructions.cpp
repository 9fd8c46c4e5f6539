#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "convert.h"
#include "ptx_machine.h"

namespace ptx {
namespace {

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

Table all() {
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
}

}  // namespace

Action find_action(const std::string &name) {
  static const Table table = all();
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace ptx
