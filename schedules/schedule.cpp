#include "schedule.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "storage.h"

namespace lossgen {
using namespace Halide;

namespace {

// Planes add up this many classes at a time. In blocks of 32 the smoothed shares of 52 classes beside one that has nearly
// all of the mass were 22 ulp off.
constexpr int kClassBlock = 16;
// Rows add up this many steps of vector * unroll classes at a time: a lane's sum over 2^18 equal terms was 38 ulp off.
constexpr int kStepBlock = 64;

// Sums and maxima of a tile take about twice as much again: lossgen.h states what a call may take.
constexpr int64_t kMostTileBytes = 16 << 10;

// Vectors along a row's few classes, of 32 bytes at most; one lane per row below 8 classes, and where exp takes vectors of its own for each
// row, so that more than a third of all their lanes would be wasted. ns a row, this / one lane per row (EPYC 9004, v4, f32, loss and
// gradient, exp for each row): 8 classes 6.5 / 7.8, 10 8.9 / 8.9, 13 9.0 / 10.8, 21 11.5 / 16.1, 32 13.4 / 23.3. With 16 lanes: 21 classes
// 13.6. exp over all logits of dense rows, a Xeon (family 6, model 207), in cache: 21 classes 15.6 to 11.2, 10 (one lane per row before)
// 12.4 to 8.8.
int lanes_of_few_classes(const KernelKey &key, const Params &p) {
  const int lanes = std::min(p.vector, 32 / accumulator_type(key.dtype).bytes());
  const int64_t padded = (key.classes + lanes - 1) / lanes * lanes;
  return key.classes >= 8 && (!has_reference(key) || 2 * padded <= 3 * key.classes) ? lanes : 1;
}

}  // namespace

const std::vector<ParamField> &param_fields() {
  static const std::vector<ParamField> fields = {
      {"vector", &Params::vector, 1, 64},
      {"unroll", &Params::unroll, 1, 16},
      {"prefetch", &Params::prefetch, 0, 4096},
      {"class_group", &Params::class_group, 1, 32},
      {"tile", &Params::tile, 0, LOSSGEN_MOST_BLOCK_ROWS},  // arrays of a tile lie on the stack
      {"block_bytes", &Params::block_bytes, 0, 1 << 24},
      {"threads", &Params::threads, 0, 1024},
  };
  return fields;
}

void from_json(const nlohmann::json &json, Params &params) {
  for (const auto &[key, value] : json.items()) {
    const ParamField *field = nullptr;
    for (const ParamField &f : param_fields())
      if (key == f.name) field = &f;
    if (!field) {
      std::string known;
      for (const ParamField &f : param_fields()) known += (known.empty() ? "" : ", ") + std::string(f.name);
      throw std::invalid_argument("unknown schedule parameter '" + key + "' (known: " + known + ")");
    }
    if (!value.is_number_integer() || value.get<int64_t>() < field->low || value.get<int64_t>() > field->high)
      throw std::invalid_argument("schedule parameter '" + key + "' = " + value.dump() + " is outside [" +
                                  std::to_string(field->low) + ", " + std::to_string(field->high) + "]");
    params.*field->value = value.get<int>();
  }
}

nlohmann::json to_json(const Params &params) {
  nlohmann::json json;
  for (const ParamField &f : param_fields()) json[f.name] = params.*f.value;
  return json;
}

std::string schedule_id(const Params &params) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (unsigned char ch : to_json(params).dump()) hash = (hash ^ ch) * 16777619u;
  char text[9];
  std::snprintf(text, sizeof text, "%08x", hash);
  return text;
}

Params default_params(const KernelKey &key) {
  if (is_device(key.target)) return gpu_defaults(key);
  Params p = key.target == LOSSGEN_TARGET_arm64 ? arm_defaults(key) : x86_defaults(key);
  if (is_unrolled(key.stage) && key.layout == LOSSGEN_LAYOUT_rows) {
    p.class_group = lanes_of_few_classes(key, p);
    p.tile = key.dtype == LOSSGEN_DTYPE_f64 ? 32 : 64;  // of 32 to 128 the least time, by 1 to 3 %; 16 is 20 % slower. f64: half the stack
    // What the next tiles read is asked for, 8 KiB ahead: (1048576, 21) in place 18.5 to 15.2 ms (EPYC 9004; 4 to 16 KiB the same).
    // One lane per row gains nothing.
    if (p.class_group > 1 && key.target != LOSSGEN_TARGET_arm64)
      p.prefetch = (int)(8192 / (key.classes * storage_type(key.dtype).bytes()));
  }
  // Four sums at once: twice two vectors of each fill the registers.
  if (key.stage == LOSSGEN_STAGE_cross_entropy_probs_forward) p.unroll = std::min(p.unroll, 2);
  return p;
}

Target halide_target(lossgen_target_id target, const std::string &host) {
  // Nothing of Halide's runtime: the caller checked shapes, and parallelism lives in lossgen's runtime.
  const std::string bare = "-no_runtime-no_asserts-no_bounds_query";
  const std::string cpu = host == "arm64" ? "arm-64" : "x86-64";  // that launches a device's kernels
  switch (target) {
    case LOSSGEN_TARGET_x86_64_v2: return Target("x86-64-linux-sse41" + bare);
    case LOSSGEN_TARGET_x86_64_v3: return Target("x86-64-linux-avx-avx2-fma-f16c-sse41" + bare);
    case LOSSGEN_TARGET_x86_64_v4: return Target("x86-64-linux-avx512_skylake-avx512-avx2-avx-fma-f16c-sse41" + bare);
    // arm_fp16, ARMv8.2, for its conversions, which every AArch64 CPU has: without it Halide emulates them. Nothing computes in f16.
    case LOSSGEN_TARGET_arm64: return Target("arm-64-linux-arm_fp16" + bare);
    // With CUDA's feature too: OpenCL comes first where Halide chooses an API, and both are lowered to the same statement.
    case LOSSGEN_TARGET_opencl: return Target(cpu + "-linux-opencl-cl_doubles-cuda-cuda_capability_80" + bare);
    default: {  // "cuda-sm80"
      const std::string capability = std::string(kTargetNames[target]).substr(std::strlen("cuda-sm"));
      return Target(cpu + "-linux-cuda-cuda_capability_" + capability + bare);
    }
  }
}

Lanes lanes_of(const KernelKey &key, const Params &params) {
  if (is_device(key.target)) {
    Lanes lanes;
    const bool thread_per_row = key.layout == LOSSGEN_LAYOUT_planes || key.layout == LOSSGEN_LAYOUT_few;
    lanes.threads = thread_per_row ? 0 : params.threads;
    lanes.unroll = thread_per_row ? params.class_group : params.unroll;
    return lanes;
  }
  if (is_unrolled(key.stage))
    return {params.vector, 1, 0, true, key.layout == LOSSGEN_LAYOUT_rows && params.class_group > 1 ? params.class_group : 0};
  if (key.layout == LOSSGEN_LAYOUT_planes) return {0, 1, kClassBlock};
  Lanes lanes = {params.vector, params.unroll, kStepBlock};
  if (key.layout == LOSSGEN_LAYOUT_rows && asks_ahead(key.stage)) lanes.parts = params.class_group;
  return lanes;
}

void settle_params(const KernelKey &key, Params &params) {
  if (key.stage == LOSSGEN_STAGE_cross_entropy_forward_backward_streamed) params.vector = default_params(key).vector;  // a cache line
}

void check_params(const KernelKey &key, const Params &params) {
  const auto refuse = [&](const char *name, int value, const std::string &expected) {
    throw std::invalid_argument(std::string(name) + " = " + std::to_string(value) + ": " + expected);
  };
  if (is_device(key.target)) {
    const int block = params.threads * std::max(1, params.tile);
    // Above 32 every sixteenth thread's sum goes to the same one of sixteen: see over_threads.h.
    if (params.threads < 8 || params.threads % (params.threads > 32 ? 16 : 8))
      refuse("threads", params.threads, "not a multiple of 8 from 8 on, of 16 from 32 on");
    const int most = key.layout == LOSSGEN_LAYOUT_few ? 256 : 1024;  // few: rows that share 48 KiB
    if (block % 32 || block > most) refuse("tile", params.tile, "threads * tile is not a multiple of 32 up to " + std::to_string(most));
    return;
  }
  if (params.vector & (params.vector - 1)) refuse("vector", params.vector, "lanes are a power of two");
  const Lanes lanes = lanes_of(key, params);
  const int along = lanes.along_classes;
  if (along & (along - 1) || along > std::max<int64_t>(1, key.classes))
    refuse("class_group", along, "lanes along few classes are a power of two and no more than the classes");
  const int64_t tile_bytes = params.tile * key.classes * accumulator_type(key.dtype).bytes();
  if (along && tile_bytes > kMostTileBytes)
    refuse("tile", params.tile, "rows of few classes keep at most " + std::to_string(kMostTileBytes) + " bytes of terms on the stack");
  if (along && params.unroll & (params.unroll - 1)) refuse("unroll", params.unroll, "rows of few classes at a time are a power of two");
  if (along ? params.tile < params.vector || params.tile % params.vector
             : key.layout == LOSSGEN_LAYOUT_planes && !is_unrolled(key.stage) && params.tile % params.vector)
    refuse("tile", params.tile, "not a multiple of vector = " + std::to_string(params.vector));
  if (lanes.parts > 1 && lanes.vector * lanes.unroll * lanes.parts * accumulator_type(key.dtype).bytes() > kMostTileBytes)
    refuse("class_group", params.class_group, "the parts of a row keep at most " + std::to_string(kMostTileBytes) + " bytes of sums on the stack");
  if (is_whole_row(key) && LOSSGEN_FEWEST_WHOLE_ROW % (params.vector * params.unroll) != 0)
    refuse("unroll", params.unroll, "vector * unroll, which whole rows take at a time, is no divisor of " + std::to_string(LOSSGEN_FEWEST_WHOLE_ROW));
  if (key.layout == LOSSGEN_LAYOUT_strided && params.prefetch)
    refuse("prefetch", params.prefetch, "strided logits take 0: Halide would touch all memory between two elements");
}

void apply_schedule(Algorithm &algorithm, const KernelKey &key, const Params &params) {
  if (is_device(key.target)) schedule_gpu(algorithm, key, params);
  else schedule_cpu(algorithm, key, params);
}

}  // namespace lossgen
