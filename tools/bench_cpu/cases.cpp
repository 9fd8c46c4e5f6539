#include "cases.h"

#include <math.h>
#include <string.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "half.h"

namespace bench {
namespace {

constexpr Dtype kAll[] = {Dtype::f32, Dtype::f64, Dtype::bf16, Dtype::f16};

// The normal numbers repeat after a prime number of them, so that no two rows or planes start alike.
constexpr int64_t kPeriod = 1048583;

std::vector<char> normal_table(Dtype dtype) {
  std::mt19937_64 random(5);
  std::normal_distribution<float> normal(0, 3);
  std::vector<char> table(kPeriod * size_of(dtype));
  for (int64_t i = 0; i < kPeriod; i++) {
    const float x = normal(random);
    const double wide = x;
    const uint16_t half = dtype == Dtype::bf16 ? tune::to_bf16(x) : tune::to_f16(x);
    const void *from = dtype == Dtype::f32   ? static_cast<const void *>(&x)
                       : dtype == Dtype::f64 ? static_cast<const void *>(&wide)
                                             : &half;
    memcpy(table.data() + i * size_of(dtype), from, size_of(dtype));
  }
  return table;
}

}  // namespace

const char *name_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32: return "f32";
    case Dtype::f64: return "f64";
    case Dtype::bf16: return "bf16";
    case Dtype::f16: return "f16";
  }
  return "?";
}

Dtype dtype_named(const std::string &name) {
  for (const Dtype dtype : kAll) {
    if (name == name_of(dtype)) return dtype;
  }
  throw std::invalid_argument("no dtype '" + name + "': f32, f64, bf16, f16");
}

int64_t size_of(Dtype dtype) {
  return dtype == Dtype::f64 ? 8 : dtype == Dtype::f32 ? 4 : 2;
}

int64_t Case::inner() const {
  int64_t product = 1;
  for (size_t i = 2; i < shape.size(); i++) product *= shape[i];
  return product;
}

std::vector<Case> standard_cases() {
  const std::vector<Dtype> f32 = {Dtype::f32}, most = {Dtype::f32, Dtype::bf16, Dtype::f16},
                           all = {Dtype::f32, Dtype::bf16, Dtype::f16, Dtype::f64};
  return {
      {"A", {2048, 32768}, all, true},
      {"B", {1024, 50257}, f32},
      {"L", {512, 128256}, f32},
      {"C", {65536, 1000}, most, true},
      {"G", {1048576, 21}, f32},
      {"T", {262144, 10}, f32},
      {"E", {4, 21, 512, 512}, all, true},
      {"E'", {4, 21, 500, 500}, f32},
      {"F", {1, 19, 1024, 2048}, f32},
      {"S", {4, 2, 1024, 1024}, f32},
      {"H", {8, 1000, 7, 7}, f32},
      {"M", {2, 150, 128, 128}, f32},
      {"D1", {64, 10}, f32},
      {"D0", {1, 10}, f32},
      {"D2", {1, 128256}, f32},
  };
}

std::vector<Case> quick_cases() {
  const std::vector<Dtype> all(kAll, kAll + 4);
  return {{"q-rows", {96, 257}, all, true},
          {"q-short-rows", {70, 21}, {Dtype::f32}},
          {"q-planes", {2, 21, 16, 24}, all, true},
          {"q-odd-planes", {2, 150, 7, 7}, {Dtype::f32}},
          {"q-one-row", {1, 10}, {Dtype::f32}}};
}

std::vector<Case> sweep_cases(bool large) {
  std::vector<Case> list;
  const int top = large ? 31 : 27;
  for (int n = 0; n <= top - 10; n++) list.push_back({"against-N", {int64_t{1} << n, 1024}, {Dtype::f32}});
  for (int c = 2; c <= top - 10; c++) list.push_back({"against-C", {1024, int64_t{1} << c}, {Dtype::f32}});
  return list;
}

Case case_of_shape(const std::string &shape) {
  Case result{"shape", {}, {Dtype::f32}};
  size_t at = 0;
  while (at <= shape.size()) {
    const size_t end = std::min(shape.find('x', at), shape.size());
    const std::string number = shape.substr(at, end - at);
    if (number.empty() || number.size() > 12 || number.find_first_not_of("0123456789") != std::string::npos ||
        std::stoll(number) < 1) {
      throw std::invalid_argument("--shape wants sizes as in 2048x32768 or 4x21x512x512, not '" + shape + "'");
    }
    result.shape.push_back(std::stoll(number));
    at = end + 1;
  }
  if (result.shape.size() < 2) throw std::invalid_argument("--shape wants two sizes at least, not '" + shape + "'");
  return result;
}

std::string text_of(const std::vector<int64_t> &shape) {
  std::string text;
  for (const int64_t size : shape) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

double memory_needed(const Case &which, Dtype dtype, bool with_gradient, bool with_in_place, bool with_log_probs) {
  const int buffers = 1 + with_gradient + with_in_place + with_log_probs;
  return static_cast<double>(which.logits()) * size_of(dtype) * buffers + 8.0 * which.rows();
}

Batches::Batches(const Case &which, Dtype type, Pool &pool, bool with_gradient, bool with_in_place, bool with_log_probs)
    : shape(which), dtype(type), bytes(which.logits() * size_of(type)) {
  logits = Buffer(bytes);
  if (with_gradient) gradient = Buffer(bytes);
  if (with_in_place) in_place = Buffer(bytes);
  if (with_log_probs) log_probs = Buffer(bytes);
  target = Buffer(which.rows() * sizeof(int64_t));

  const std::vector<char> table = normal_table(dtype);
  const int64_t period = static_cast<int64_t>(table.size());
  pool.run(pool.threads(), [&](int part) {  // each thread touches first what it will work on
    const Range range = share(bytes, part, pool.threads(), 4096);
    for (int64_t i = range.begin; i < range.end;) {
      const int64_t n = std::min(range.end - i, period - i % period);
      memcpy(logits.as<char>() + i, table.data() + i % period, n);
      i += n;
    }
    for (const Buffer *buffer : {&gradient, &in_place, &log_probs}) {
      if (buffer->bytes() > 0) memset(buffer->as<char>() + range.begin, 0, range.end - range.begin);
    }
  });
  std::mt19937_64 random(6);
  for (int64_t r = 0; r < which.rows(); r++) target.as<int64_t>()[r] = static_cast<int64_t>(random() % which.classes());
}

void Batches::refresh(Pool &pool) const {
  const int parts = bytes < (1 << 20) ? 1 : pool.threads();
  pool.run(parts, [&](int part) {
    const Range range = share(bytes, part, parts, 4096);
    memcpy(in_place.as<char>() + range.begin, logits.as<char>() + range.begin, range.end - range.begin);
  });
}

double Batches::element(const Buffer &buffer, int64_t row, int64_t c) const {
  const int64_t inner = shape.inner();
  const int64_t i = (row / inner * shape.classes() + c) * inner + row % inner;
  switch (dtype) {
    case Dtype::f32: return buffer.as<float>()[i];
    case Dtype::f64: return buffer.as<double>()[i];
    case Dtype::bf16: return tune::from_bf16(buffer.as<uint16_t>()[i]);
    case Dtype::f16: return tune::from_f16(buffer.as<uint16_t>()[i]);
  }
  return 0;
}

}  // namespace bench
