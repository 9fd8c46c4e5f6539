#include "cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <thread>

int64_t Case::count() const { return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()); }

std::vector<int64_t> Case::strides() const {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = channels_last ? shape[1] : 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (channels_last && i == 1) continue;
    strides[i] = stride;
    stride *= shape[i];
  }
  if (channels_last) strides[1] = 1;
  return strides;
}

std::vector<int64_t> Case::row_shape() const {
  std::vector<int64_t> of_rows = {shape[0]};
  of_rows.insert(of_rows.end(), shape.begin() + 2, shape.end());
  return of_rows;
}

std::string Case::dimensions() const {
  std::string text;
  for (const int64_t e : shape) text += (text.empty() ? "(" : ", ") + std::to_string(e);
  return text + (channels_last ? ") channels last" : ")");
}

std::vector<Case> cases(bool small) {
  std::vector<Case> all = {
      {"A", {2048, 32768}, false},        {"B", {1024, 50257}, false},           {"L", {512, 128256}, false},
      {"C", {65536, 1000}, false},        {"one row", {1, 128256}, false},       {"10 classes", {1 << 22, 10}, false},
      {"G", {1 << 20, 21}, false},        {"E, batch of 8", {8, 21, 512, 512}, false},
      {"M, batch of 8", {8, 150, 256, 256}, false}, {"channels last", {8, 96, 256, 256}, true},
  };
  if (small)
    for (Case &c : all)
      for (size_t i = 0; i < c.shape.size(); i++)
        c.shape[i] = i == 1 ? (c.shape[1] > 2000 ? 8300 + c.shape[1] % 100 : c.shape[1]) : i == 0 ? 3 : 20;
  return all;
}

const Type kTypes[3] = {{"f32", {kDLFloat, 32, 1}, 0}, {"f16", {kDLFloat, 16, 1}, 0x1p-11}, {"bf16", {kDLBfloat, 16, 1}, 0x1p-8}};

uint32_t Type::encode(float v) const {
  uint32_t bits;
  std::memcpy(&bits, &v, 4);
  if (type.bits == 32) return bits;
  if (type.code == kDLBfloat) return bits >> 16;
  const uint32_t magnitude = bits & 0x7fffffffu;
  return (bits >> 16 & 0x8000u) | (magnitude < 0x38800000u ? 0 : (magnitude - 0x38000000u) >> 13);
}

double Type::decode(uint32_t bits) const {
  if (type.bits == 16 && type.code == kDLFloat) {
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const double v = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
    return exponent == 31 ? NAN : bits & 0x8000u ? -v : v;
  }
  if (type.bits == 16) bits <<= 16;
  float v;
  std::memcpy(&v, &bits, 4);
  return v;
}

Difference compare(const Type &type, const std::vector<char> &want, const std::vector<char> &got, double absolute) {
  std::vector<double> values;  // of all 16-bit numbers
  if (type.bytes() == 2)
    for (uint32_t bits = 0; bits < 1u << 16; bits++) values.push_back(type.decode(bits));
  const auto value = [&](const char *at) {
    uint32_t bits = 0;
    std::memcpy(&bits, at, type.bytes());
    return type.bytes() == 2 ? values[bits] : type.decode(bits);
  };
  const size_t count = want.size() / type.bytes(), workers = std::max(1u, std::thread::hardware_concurrency());
  std::vector<Difference> found(workers);
  std::vector<std::thread> threads;
  for (size_t w = 0; w < workers; w++)
    threads.emplace_back([&, w] {
      for (size_t k = count * w / workers; k < count * (w + 1) / workers; k++) {
        const double a = value(&want[k * type.bytes()]), b = value(&got[k * type.bytes()]);
        // A value that rounds the other way in 16 bits is one unit off; the rest is the sums.
        if (!(std::fabs(a - b) <= std::fabs(a) * (2 * type.rounding + 4e-6) + absolute)) found[w].allowed = false;
        found[w].largest = std::max(found[w].largest, std::fabs(a - b));
      }
    });
  for (std::thread &t : threads) t.join();
  for (const Difference &d : found) {
    found[0].largest = std::max(found[0].largest, d.largest);
    found[0].allowed &= d.allowed;
  }
  return found[0];
}
