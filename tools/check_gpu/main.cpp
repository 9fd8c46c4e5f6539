// Compares CUDA calls with host calls on the same data and reports the bandwidth of the fused call: the check of
// lossgen's CUDA kernels that a machine with a GPU can make.
#include <lossgen/lossgen.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "gpu.h"

namespace {

struct Case {
  const char *name;
  std::vector<int64_t> shape;
  bool channels_last;  // the class axis, number 1, is the innermost in memory
};
const Case kCases[] = {
    {"vocabulary of 50257", {1024, 50257}, false}, {"vocabulary of 32768", {2048, 32768}, false},
    {"1000 classes", {65536, 1000}, false},        {"10 classes", {1 << 20, 10}, false},
    {"segmentation", {8, 21, 512, 512}, false},    {"segmentation, channels last", {8, 96, 256, 256}, true},
};

struct Type {
  const char *name;
  DLDataType type;
  double rounding;
};
const Type kTypes[] = {{"f32", {kDLFloat, 32, 1}, 0}, {"f16", {kDLFloat, 16, 1}, 0x1p-11}, {"bf16", {kDLBfloat, 16, 1}, 0x1p-8}};

// Bits of a value in a 16-bit or f32 type, by truncation: good enough to make inputs.
uint32_t encode(const Type &t, float v) {
  uint32_t bits;
  std::memcpy(&bits, &v, 4);
  if (t.type.bits == 32) return bits;
  if (t.type.code == kDLBfloat) return bits >> 16;
  const uint32_t magnitude = bits & 0x7fffffffu;
  return (bits >> 16 & 0x8000u) | (magnitude < 0x38800000u ? 0 : (magnitude - 0x38000000u) >> 13);
}
double decode(const Type &t, uint32_t bits) {
  if (t.type.bits == 16 && t.type.code == kDLFloat) {
    const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    const double v = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
    return exponent == 31 ? NAN : bits & 0x8000u ? -v : v;
  }
  if (t.type.bits == 16) bits <<= 16;
  float v;
  std::memcpy(&v, &bits, 4);
  return v;
}

struct Outcome {
  bool ok;
  double loss_error, grad_error, bytes_per_second;
};

bool call(const char *where, lossgen_status status) {
  if (status != LOSSGEN_OK) std::printf("    %s: %s\n", where, lossgen_last_error());
  return status == LOSSGEN_OK;
}

Outcome check(const Gpu &gpu, int device, const Case &c, const Type &t, int repeats) {
  const size_t element = t.type.bits / 8;
  int64_t count = 1;
  for (const int64_t e : c.shape) count *= e;
  const int64_t rows = count / c.shape[1];
  std::vector<int64_t> strides(c.shape.size()), row_shape = {c.shape[0]};
  row_shape.insert(row_shape.end(), c.shape.begin() + 2, c.shape.end());
  int64_t stride = c.channels_last ? c.shape[1] : 1;
  for (size_t i = c.shape.size(); i-- > 0;) {
    if (c.channels_last && i == 1) continue;
    strides[i] = stride;
    stride *= c.shape[i];
  }
  if (c.channels_last) strides[1] = 1;

  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> table(8191);
  for (float &v : table) v = normal(random);
  std::vector<char> logits(static_cast<size_t>(count) * element), grad(logits.size());
  for (int64_t k = 0; k < count; k++) {
    const uint32_t bits = encode(t, table[static_cast<size_t>(k) * 7 % table.size()]);
    std::memcpy(&logits[static_cast<size_t>(k) * element], &bits, element);
  }
  std::vector<int32_t> target(rows);
  for (int64_t r = 0; r < rows; r++) target[r] = r % 17 == 3 ? -100 : static_cast<int32_t>(r * 31 % c.shape[1]);

  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  options.reduction = LOSSGEN_REDUCTION_SUM;  // gradients of the size of probabilities
  float losses[2] = {};
  const int rank = static_cast<int>(c.shape.size());
  const DLDataType i32 = lossgen_dtype(kDLInt, 32), f32 = lossgen_dtype(kDLFloat, 32);
  auto run = [&](DLDevice where, void *x, void *y, void *loss, void *dx) {
    const DLTensor xs = lossgen_tensor_on(where, x, t.type, rank, c.shape.data(), strides.data());
    const DLTensor ys = lossgen_tensor_on(where, y, i32, rank - 1, row_shape.data(), nullptr);
    DLTensor ls = lossgen_tensor_on(where, loss, f32, 0, nullptr, nullptr);
    DLTensor gs = lossgen_tensor_on(where, dx, t.type, rank, c.shape.data(), strides.data());
    return lossgen_cross_entropy_forward_backward(&xs, &ys, &options, &ls, &gs, nullptr);
  };
  if (!call("host", run({kDLCPU, 0}, logits.data(), target.data(), &losses[0], grad.data()))) return {false, 0, 0, 0};

  const DLDevice cuda = {kDLCUDA, device};
  const DLTensor shape = lossgen_tensor_on(cuda, nullptr, t.type, rank, c.shape.data(), strides.data());
  options.workspace_bytes = lossgen_workspace_size("cross_entropy_forward_backward", &shape, &options);
  if (logits.size() + options.workspace_bytes + target.size() * 4 > gpu.free_memory() / 2) {
    std::printf("    does not fit\n");
    return {true, 0, 0, 0};
  }
  void *x = gpu.allocate(logits.size()), *y = gpu.allocate(target.size() * 4), *loss = gpu.allocate(4);
  options.workspace = gpu.allocate(options.workspace_bytes);
  gpu.upload(x, logits.data(), logits.size());
  gpu.upload(y, target.data(), target.size() * 4);
  Outcome out = {call("device", run(cuda, x, y, loss, x)), 0, 0, 0};
  if (out.ok) {
    gpu.wait();
    gpu.download(&losses[1], loss, 4);
    std::vector<char> from_device(logits.size());
    gpu.download(from_device.data(), x, from_device.size());
    out.loss_error = std::fabs(losses[1] - losses[0]) / std::fabs(losses[0]);
    for (int64_t k = 0; k < count; k++) {
      uint32_t bits[2] = {};
      std::memcpy(&bits[0], &grad[static_cast<size_t>(k) * element], element);
      std::memcpy(&bits[1], &from_device[static_cast<size_t>(k) * element], element);
      const double want = decode(t, bits[0]), got = decode(t, bits[1]);
      // A value that rounds the other way in 16 bits is one unit off; the rest is the sums.
      const double allowed = std::fabs(want) * (2 * t.rounding + 4e-6) + 1e-7;
      if (!(std::fabs(got - want) <= allowed)) out.ok = false;
      out.grad_error = std::max(out.grad_error, std::fabs(got - want));
    }
    out.ok &= out.loss_error < 1e-5;
    const double seconds = gpu.time([&] {
      for (int i = 0; i < repeats; i++) run(cuda, x, y, loss, x);
    });
    if (seconds > 0) out.bytes_per_second = 2.0 * static_cast<double>(logits.size()) * repeats / seconds;
  }
  for (void *memory : {x, y, loss, options.workspace}) gpu.release(memory);
  return out;
}

}  // namespace

int main(int argc, char **argv) {
  CLI::App app{"Checks lossgen's CUDA kernels on this machine's GPU: against the host kernels, and for bandwidth"};
  int device = 0, repeats = 20;
  bool small = false;
  app.add_option("--device", device, "ordinal of the GPU");
  app.add_option("--repeats", repeats, "timed calls per case");
  app.add_flag("--small", small, "small shapes: correctness only");
  CLI11_PARSE(app, argc, argv);

  const Gpu gpu(device);
  const double peak = gpu.peak_bandwidth();
  std::printf("%s, compute capability %d.%d", gpu.name().c_str(), gpu.capability() / 10, gpu.capability() % 10);
  if (peak > 0) std::printf(", %.0f GB/s by its data sheet's clock and bus", peak / 1e9);
  std::printf("\n");
  if (!call("lossgen_prepare", lossgen_prepare({kDLCUDA, device}))) return 2;
  std::printf("cross_entropy_forward_backward in place; GB/s counts each logit read once and written once\n\n");
  std::printf("%-30s %-5s %-7s %10s %10s %8s %7s\n", "case", "dtype", "result", "loss err", "grad err", "GB/s", "of peak");
  int failures = 0;
  for (Case c : kCases) {
    if (small)
      for (size_t i = 0; i < c.shape.size(); i++)
        if (i != 1 || c.shape[i] > 2000) c.shape[i] = i == 1 ? c.shape[i] % 100 + 2000 : 5;
    for (const Type &t : kTypes) {
      const Outcome o = check(gpu, device, c, t, small ? 1 : repeats);
      failures += !o.ok;
      std::printf("%-30s %-5s %-7s %10.1e %10.1e", c.name, t.name, o.ok ? "ok" : "WRONG", o.loss_error, o.grad_error);
      if (!small && o.bytes_per_second > 0) std::printf(" %8.0f", o.bytes_per_second / 1e9);
      if (!small && o.bytes_per_second > 0 && peak > 0) std::printf(" %6.0f%%", 100 * o.bytes_per_second / peak);
      std::printf("\n");
    }
  }
  std::printf("\n%s\n", failures ? "FAILED" : "all correct");
  return failures ? 1 : 0;
}
