// Calls one arm64 kernel or its yardstick, for instruction_counts.py, which has the emulator count: NAME SIDE ROWS
// CLASSES CALLS. SIDE is ours, yardstick, or both, which compares what they compute, special values included. NAME
// calibrate: known work.
#include <arm_neon.h>
#include <lossgen/kernel_abi.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#define KERNELS(X)                      \
  X(cross_entropy_forward, f32, rows)   \
  X(cross_entropy_forward, f16, rows)   \
  X(cross_entropy_forward, bf16, rows)  \
  X(cross_entropy_backward, f32, rows)  \
  X(cross_entropy_backward, f16, rows)  \
  X(cross_entropy_backward, bf16, rows) \
  X(log_softmax_forward, f32, rows)     \
  X(cross_entropy_forward, f32, planes) \
  X(cross_entropy_backward, f32, planes)

extern "C" {
#define DECLARE(stage, dtype, layout)                               \
  int lossgen_##stage##__##dtype##_##layout##__arm64_argv(void **); \
  int yardstick_##stage##_##dtype##_##layout(void **);
KERNELS(DECLARE)
void calibrate();
}
// 1 + 2 * 1000 + 1 instructions.
asm(".type calibrate, %function\ncalibrate: mov x9, #1000\n0: subs x9, x9, #1\nb.ne 0b\nret\n.size calibrate, . - "
    "calibrate");

namespace {

struct Kernel {
  const char *name;
  lossgen_kernel_fn ours, yardstick;
};
const Kernel kKernels[] = {
#define ENTRY(stage, dtype, layout)                                                    \
  {#stage " " #dtype " " #layout, lossgen_##stage##__##dtype##_##layout##__arm64_argv, \
   yardstick_##stage##_##dtype##_##layout},
    KERNELS(ENTRY)};

enum class Type { f32, f16, bf16 };

struct Tensor {
  Type type = Type::f32;
  std::vector<char> bytes;
  lossgen_dim dim[2] = {};
  lossgen_buffer buffer = {};

  Tensor(Type t, int dimensions, int32_t extent0, int32_t extent1 = 1)
      : type(t), bytes(static_cast<size_t>(extent0) * static_cast<size_t>(extent1) * size()) {
    dim[0] = {0, extent0, 1, 0};
    dim[1] = {0, extent1, extent0, 0};
    buffer.host = reinterpret_cast<uint8_t *>(bytes.data());
    buffer.dimensions = dimensions;
    buffer.dim = dim;
  }
  Tensor(const Tensor &) = delete;
  size_t size() const { return type == Type::f32 ? 4 : 2; }
  size_t count() const { return bytes.size() / size(); }
  void set(size_t i, float v) {
    const float16_t half = static_cast<float16_t>(v);
    uint32_t bits;
    memcpy(&bits, &v, 4);
    const uint16_t brain = static_cast<uint16_t>(bits >> 16);
    memcpy(bytes.data() + i * size(),
           type == Type::f32   ? static_cast<const void *>(&v)
           : type == Type::f16 ? static_cast<const void *>(&half)
                               : &brain,
           size());
  }
  float at(size_t i) const {
    const char *from = bytes.data() + i * size();
    float v;
    float16_t half;
    uint16_t brain;
    if (type == Type::f32) return memcpy(&v, from, 4), v;
    if (type == Type::f16) return memcpy(&half, from, 2), static_cast<float>(half);
    memcpy(&brain, from, 2);
    const uint32_t bits = static_cast<uint32_t>(brain) << 16;
    return memcpy(&v, &bits, 4), v;
  }
};

// All tensors that the stages here take; each has its own of the results.
struct Problem {
  Tensor logits, out, cls, a, d, ref, sum, nll, lse, found_ref, found_sum;

  Problem(Type type, bool planes, int32_t rows, int32_t classes, bool special)
      : logits(type, 2, planes ? rows : classes, planes ? classes : rows),
        out(type, 2, planes ? rows : classes, planes ? classes : rows),
        cls(Type::f32, 1, rows),
        a(Type::f32, 1, rows),
        d(Type::f32, 1, rows),
        ref(Type::f32, 1, rows),
        sum(Type::f32, 1, rows),
        nll(Type::f32, 1, rows),
        lse(Type::f32, 1, rows),
        found_ref(Type::f32, 1, rows),
        found_sum(Type::f32, 1, rows) {
    uint32_t state = 12345;
    const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
    for (size_t i = 0; i < logits.count(); ++i) {
      float x = static_cast<float>(next() % 16384) / 1024 - 8;
      const float specials[] = {INFINITY, -INFINITY, NAN, 3e4f, -3e4f, -100, 0, 1e-7f};
      if (special && next() % 64 == 0) x = specials[next() % 8];
      logits.set(i, x);
    }
    for (int32_t r = 0; r < rows; ++r) {
      const int32_t y = special && r % 7 == 6 ? -1 : static_cast<int32_t>(next() % static_cast<uint32_t>(classes));
      memcpy(cls.bytes.data() + 4 * r, &y, 4);
      const size_t row = static_cast<size_t>(r);
      a.set(row, 0.5f);
      d.set(row, 0.25f);
      sum.set(row, 3.0f);
      ref.set(row, 8.0f);
    }
  }

  int run(const std::string &stage, lossgen_kernel_fn kernel) {
    if (stage == "log_softmax_forward") {
      lossgen_args_log_softmax_forward args = {&logits.buffer, &out.buffer};
      return kernel(reinterpret_cast<void **>(&args));
    }
    if (stage == "cross_entropy_backward") {
      lossgen_args_cross_entropy_backward args = {&logits.buffer, &cls.buffer, &a.buffer,  &d.buffer,
                                                  &ref.buffer,    &sum.buffer, &out.buffer};
      return kernel(reinterpret_cast<void **>(&args));
    }
    lossgen_args_cross_entropy_forward args = {&logits.buffer, &cls.buffer,       &nll.buffer,
                                               &lse.buffer,    &found_ref.buffer, &found_sum.buffer};
    return kernel(reinterpret_cast<void **>(&args));
  }
};

bool agree(const char *what, const Tensor &ours, const Tensor &yardstick) {
  const float bound = ours.type == Type::f32 ? 4e-6f : ours.type == Type::f16 ? 1e-3f : 8e-3f;
  for (size_t i = 0; i < ours.count(); ++i) {
    const float x = ours.at(i), y = yardstick.at(i);
    if (std::isnan(x) == std::isnan(y) &&
        (std::isnan(x) || x == y || std::fabs(x - y) <= bound * std::fmax(1e-3f, std::fabs(y))))
      continue;
    std::printf("%s[%zu]: %.9g, the yardstick has %.9g\n", what, i, x, y);
    return false;
  }
  return true;
}

int compare(const Kernel &kernel, const std::string &stage, Type type, bool planes, int32_t rows, int32_t classes) {
  Problem ours(type, planes, rows, classes, true), yardstick(type, planes, rows, classes, true);
  if (ours.run(stage, kernel.ours) || yardstick.run(stage, kernel.yardstick)) return 1;
  const bool same = agree("out", ours.out, yardstick.out) && agree("nll", ours.nll, yardstick.nll) &&
                    agree("lse", ours.lse, yardstick.lse) && agree("ref", ours.found_ref, yardstick.found_ref) &&
                    agree("sum", ours.found_sum, yardstick.found_sum);
  return same ? 0 : 1;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "calibrate")) return calibrate(), 0;
  if (argc == 2 && !strcmp(argv[1], "list")) {
    for (const Kernel &kernel : kKernels) std::puts(kernel.name);
    return 0;
  }
  if (argc != 6) return 2;
  const std::string name = argv[1], side = argv[2], stage = name.substr(0, name.find(' '));
  const int32_t rows = std::atoi(argv[3]), classes = std::atoi(argv[4]);
  const Type type = name.find(" f32") != name.npos   ? Type::f32
                    : name.find(" f16") != name.npos ? Type::f16
                                                     : Type::bf16;
  const bool planes = name.find("planes") != name.npos;
  for (const Kernel &kernel : kKernels) {
    if (name != kernel.name) continue;
    if (side == "both") return compare(kernel, stage, type, planes, rows, classes);
    Problem problem(type, planes, rows, classes, false);
    for (int call = 0; call < std::atoi(argv[5]); ++call)
      if (problem.run(stage, side == "ours" ? kernel.ours : kernel.yardstick)) return 1;
    return 0;
  }
  return 2;
}
