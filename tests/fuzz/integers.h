// The integer types of targets.
#ifndef LOSSGEN_TESTS_FUZZ_INTEGERS_H
#define LOSSGEN_TESTS_FUZZ_INTEGERS_H

#include <dlpack/dlpack.h>

#include <cstdint>
#include <cstring>

struct IntegerType {
  const char *name;
  DLDataType type;
  int64_t lowest, largest;  // of u64 only what int64 holds, too
};
constexpr IntegerType kIntegerTypes[] = {{"i64", {kDLInt, 64, 1}, INT64_MIN, INT64_MAX},
                                         {"i32", {kDLInt, 32, 1}, INT32_MIN, INT32_MAX},
                                         {"i16", {kDLInt, 16, 1}, -32768, 32767},
                                         {"i8", {kDLInt, 8, 1}, -128, 127},
                                         {"u64", {kDLUInt, 64, 1}, 0, INT64_MAX},
                                         {"u32", {kDLUInt, 32, 1}, 0, UINT32_MAX},
                                         {"u16", {kDLUInt, 16, 1}, 0, 65535},
                                         {"u8", {kDLUInt, 8, 1}, 0, 255}};
constexpr int kIntegerTypeCount = 8;

// u64 beyond int64 comes out negative.
inline int64_t read_integer(DLDataType t, const char *at) {
  uint64_t v = 0;
  memcpy(&v, at, t.bits / 8);
  const int unused = 64 - t.bits;
  v <<= unused;
  return t.code == kDLInt ? static_cast<int64_t>(v) >> unused : static_cast<int64_t>(v >> unused);
}

#endif  // LOSSGEN_TESTS_FUZZ_INTEGERS_H
