// Compares CUDA calls with host calls on the same data and reports their bandwidth beside that of a copy: the check of
// lossgen's CUDA kernels that a machine with a GPU can make.
#include <lossgen/lossgen.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "../tune/gpu.h"
#include "cases.h"

namespace {

using tune::Gpu;

const char *const kOps[] = {"forward", "forward_backward", "backward", "log_softmax"};

struct Outcome {
  bool ok = true;
  double loss_error = 0, grad_error = 0;
  double seconds[4] = {};  // of kOps
};

bool call(const char *where, lossgen_status status) {
  if (status != LOSSGEN_OK) std::printf("    %s: %s\n", where, lossgen_last_error());
  return status == LOSSGEN_OK;
}

// A case's tensors on one device; the gradient replaces the logits.
struct Problem {
  std::vector<int64_t> strides, row_shape;
  DLTensor logits{}, target{}, loss{}, lse{};
  lossgen_options options = LOSSGEN_OPTIONS_INIT;

  Problem(const Case &c, const Type &t, DLDevice where, void *x, void *y, void *l, void *row_numbers)
      : strides(c.strides()), row_shape(c.row_shape()) {
    const int rank = static_cast<int>(c.shape.size());
    const DLDataType i32 = lossgen_dtype(kDLInt, 32), f32 = lossgen_dtype(kDLFloat, 32);
    logits = lossgen_tensor_on(where, x, t.type, rank, c.shape.data(), strides.data());
    target = lossgen_tensor_on(where, y, i32, rank - 1, row_shape.data(), nullptr);
    loss = lossgen_tensor_on(where, l, f32, 0, nullptr, nullptr);
    lse = lossgen_tensor_on(where, row_numbers, f32, rank - 1, row_shape.data(), nullptr);
    options.reduction = LOSSGEN_REDUCTION_SUM;  // gradients of the size of probabilities
  }
  Problem(const Problem &) = delete;

  lossgen_status run(int op) {
    if (op == 1) return lossgen_cross_entropy_forward_backward(&logits, &target, &options, &loss, &logits, nullptr);
    if (op == 3) return lossgen_log_softmax_forward(&logits, nullptr, &logits);
    if (op == 0) {
      lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
      extras.lse = &lse;
      return lossgen_cross_entropy_forward(&logits, &target, &options, &loss, &extras);
    }
    lossgen_saved saved = LOSSGEN_SAVED_INIT;
    saved.lse = &lse;
    return lossgen_cross_entropy_backward(&logits, &target, &options, &saved, &logits);
  }
};

Outcome check(const Gpu &gpu, int device, const Case &c, const Type &t, int repeats) {
  const size_t element = t.bytes();
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> table(8191);
  for (float &v : table) v = normal(random);
  std::vector<char> logits(static_cast<size_t>(c.count()) * element);
  for (int64_t k = 0; k < c.count(); k++) {
    const uint32_t bits = t.encode(table[static_cast<size_t>(k) * 7 % table.size()]);
    std::memcpy(&logits[static_cast<size_t>(k) * element], &bits, element);
  }
  std::vector<int32_t> target(static_cast<size_t>(c.rows()));
  for (int64_t r = 0; r < c.rows(); r++) target[r] = r % 17 == 3 ? -100 : static_cast<int32_t>(r * 31 % c.shape[1]);

  Outcome out;
  Problem shape(c, t, {kDLCUDA, device}, nullptr, nullptr, nullptr, nullptr);
  const size_t workspace = lossgen_workspace_size("cross_entropy_forward_backward", &shape.logits, &shape.options);
  if (2 * logits.size() + workspace + target.size() * 8 > gpu.free_memory() / 2) {
    std::printf("    does not fit\n");
    out.ok = false;
    return out;
  }
  void *x = gpu.allocate(logits.size()), *y = gpu.allocate(target.size() * 4), *loss = gpu.allocate(4);
  void *numbers = gpu.allocate(target.size() * 4), *scratch = gpu.allocate(workspace);
  Problem p(c, t, {kDLCUDA, device}, x, y, loss, numbers);
  p.options.stream = gpu.stream();
  p.options.workspace = scratch;
  p.options.workspace_bytes = workspace;
  gpu.upload(y, target.data(), target.size() * 4);

  // Each op from the same logits, on the host and on the device; the forward pass leaves lse for the backward one.
  std::vector<char> on_host(logits.size()), from_device(logits.size()), lse(target.size() * 4), device_lse(lse.size());
  float losses[2] = {};
  Problem host(c, t, {kDLCPU, 0}, on_host.data(), target.data(), &losses[0], lse.data());
  for (int op = 0; op < 4 && out.ok; op++) {
    on_host = logits;
    gpu.upload(x, logits.data(), logits.size());
    out.ok = call("host", host.run(op)) && call(kOps[op], p.run(op));
    if (!out.ok) break;
    gpu.download(from_device.data(), x, from_device.size());
    gpu.download(&losses[1], loss, 4);
    // Log-probabilities, and gradients from a saved lse, are off by what f32 rounds off a number of a few units.
    const Difference matrix = compare(t, on_host, from_device, op < 2 ? 1e-7 : 4e-6);
    out.ok = matrix.allowed;
    if (op == 0) {
      gpu.download(device_lse.data(), numbers, device_lse.size());
      out.ok &= compare(kTypes[0], lse, device_lse, 4e-6).allowed;
    }
    if (op < 2) out.loss_error = std::max(out.loss_error, double{std::fabs(losses[1] - losses[0]) / std::fabs(losses[0])});
    if (op == 1 || op == 2) out.grad_error = std::max(out.grad_error, matrix.largest);
    out.ok &= out.loss_error < 1e-5;
    out.seconds[op] = gpu.time([&] { p.run(op); }, repeats);
  }
  for (void *memory : {x, y, loss, numbers, scratch}) gpu.release(memory);
  return out;
}

}  // namespace

int main(int argc, char **argv) try {
  CLI::App app{"Checks lossgen's CUDA kernels on this machine's GPU: against the host kernels, and for bandwidth"};
  int device = 0, repeats = 20;
  bool small = false;
  std::string json_path;
  std::vector<std::string> dtypes = {"f32", "f16", "bf16"};
  app.add_option("--device", device, "ordinal of the GPU");
  app.add_option("--repeats", repeats, "timed calls per case");
  app.add_flag("--small", small, "small shapes: correctness only");
  app.add_option("--dtype", dtypes, "default: all")->check(CLI::IsMember({"f32", "f16", "bf16"}));
  app.add_option("--json", json_path, "write the numbers to this file too");
  CLI11_PARSE(app, argc, argv);

  const Gpu gpu(device);
  const double peak = gpu.peak_bandwidth();
  std::printf("%s, compute capability %d.%d", gpu.name().c_str(), gpu.capability() / 10, gpu.capability() % 10);
  if (peak > 0) std::printf(", %.0f GB/s by its data sheet's clock and bus", peak / 1e9);
  std::printf("\n");
  if (!call("lossgen_prepare", lossgen_prepare({kDLCUDA, device}))) return 2;
  const double copy = small ? 0 : tune::copy_rate(gpu, size_t{1} << 29, repeats);
  if (copy > 0) std::printf("copy of 512 MiB on the device: %.0f GB/s read and written\n", copy / 1e9);
  std::printf(
      "GB/s: logits read once (forward), read and written once (others), all in place; share: of that copy's. Medians.\n\n"
      "%-34s %-5s %-7s %8s %8s | %18s %18s %18s %18s\n",
      "shape", "dtype", "result", "loss err", "grad err", "forward", "forward_backward", "backward", "log_softmax");
  nlohmann::json rows = nlohmann::json::array();
  int failures = 0;
  for (const Case &c : cases(small)) {
    for (const Type &t : kTypes) {
      if (std::find(dtypes.begin(), dtypes.end(), t.name) == dtypes.end()) continue;
      const Outcome o = check(gpu, device, c, t, small ? 1 : repeats);
      failures += !o.ok;
      std::printf("%-34s %-5s %-7s %8.1e %8.1e |", c.dimensions().c_str(), t.name, o.ok ? "ok" : "WRONG", o.loss_error, o.grad_error);
      for (int op = 0; op < 4 && copy > 0; op++) {
        const double rate = o.seconds[op] > 0 ? (op ? 2.0 : 1.0) * static_cast<double>(c.count() * t.bytes()) / o.seconds[op] : 0;
        std::printf(" %7.1f us %4.0f %2.0f%%", o.seconds[op] * 1e6, rate / 1e9, 100 * rate / copy);
        rows.push_back({{"case", c.name}, {"shape", c.shape}, {"channels_last", c.channels_last}, {"dtype", t.name},
                        {"op", kOps[op]}, {"ok", o.ok}, {"median_s", o.seconds[op]}, {"gbps", rate / 1e9}, {"copy_gbps", copy / 1e9}});
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  if (!json_path.empty()) {
    nlohmann::json all = {{"device", gpu.name()}, {"capability", gpu.capability()}, {"version", lossgen_version()}, {"rows", rows}};
    std::ofstream(json_path) << all.dump(1) << "\n";
  }
  std::printf("\n%s\n", failures ? "FAILED" : "all correct");
  return failures ? 1 : 0;
} catch (const std::exception &e) {
  std::fprintf(stderr, "check-gpu: %s\n", e.what());
  return 2;
}
