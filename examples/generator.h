// The numbers of torch_values.py: x -> 1664525 x + 1013904223 mod 2^32.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

class Generator {
 public:
  explicit Generator(uint32_t seed) : state_(seed) {}
  uint32_t next() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }
  std::vector<float> numbers(size_t count) {
    std::vector<float> v(count);
    for (float &x : v) x = static_cast<float>(next()) / 16777216.0f - 0.5f;
    return v;
  }

 private:
  uint32_t state_;
};

// Prints the value beside PyTorch's and counts those that differ by more than a few roundings of the largest.
inline int differs(const char *what, double got, double torch, double scale) {
  const bool bad = !(std::fabs(got - torch) <= 2e-6 * scale);
  std::printf("%-28s %13.9f   PyTorch %13.9f%s\n", what, got, torch, bad ? "   DIFFERENT" : "");
  return bad;
}
