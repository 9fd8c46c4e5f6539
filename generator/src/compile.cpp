#include "compile.h"

#include <cstring>
#include <stdexcept>
#include <vector>

#include "device.h"
#include "instructions.h"
#include "memory_passes.h"
#include "object_file.h"
#include "opencl.h"
#include "storage.h"

namespace lossgen {
using namespace Halide;

namespace {

// kernel_abi.h restates Halide's buffer without including it.
static_assert(sizeof(lossgen_buffer) == sizeof(halide_buffer_t), "buffer layout");
static_assert(offsetof(lossgen_buffer, host) == offsetof(halide_buffer_t, host), "buffer layout");
static_assert(offsetof(lossgen_buffer, type) == offsetof(halide_buffer_t, type), "buffer layout");
static_assert(offsetof(lossgen_buffer, dim) == offsetof(halide_buffer_t, dim), "buffer layout");
static_assert(sizeof(lossgen_dim) == sizeof(halide_dimension_t), "buffer layout");

struct Expected {
  const char *direction, *name;
  int dimensions;
  const char *type;
};

const std::vector<Expected> &expected_arguments(lossgen_stage_id stage) {
#define LOSSGEN_A(direction, name, dimensions, type) {#direction, #name, dimensions, #type},
#define LOSSGEN_X(stage) {LOSSGEN_ARGS_##stage(LOSSGEN_A)},
  static const std::vector<Expected> lists[] = {LOSSGEN_STAGES(LOSSGEN_X)};
#undef LOSSGEN_X
#undef LOSSGEN_A
  return lists[stage];
}

Type expected_type(const char *type, const KernelKey &key) {
  if (!std::strcmp(type, "i32")) return Int(32);
  if (!std::strcmp(type, "i64")) return Int(64);
  if (!std::strcmp(type, "f64")) return Float(64);
  return std::strcmp(type, "acc") ? storage_type(key.dtype) : accumulator_type(key.dtype);
}

// The argument lists of kernel_abi.h are the contract with the runtime: an algorithm that strays is caught here.
void check_arguments(const Algorithm &algorithm, const Pipeline &pipeline, const KernelKey &key) {
  struct Actual {
    std::string name;
    Type type;
    int dimensions;
  };
  std::vector<Actual> actual;
  for (const Argument &a : algorithm.inputs) actual.push_back({a.name, a.type, a.dimensions});
  for (const Func &f : pipeline.outputs())
    for (const Type &t : f.types()) actual.push_back({"", t, f.dimensions()});
  std::vector<Expected> expected = expected_arguments(key.stage);
  for (Expected &e : expected)
    if (is_device(key.target) && key.layout == LOSSGEN_LAYOUT_planes) {
      const bool of_row = key.stage == LOSSGEN_STAGE_cross_entropy_forward_backward && !std::strcmp(e.direction, "out");
      e.dimensions += e.dimensions == 2 || (e.dimensions == 1 && of_row);
    }
  bool same = actual.size() == expected.size();
  for (size_t i = 0; same && i < actual.size(); i++)
    same = actual[i].dimensions == expected[i].dimensions && actual[i].type == expected_type(expected[i].type, key) &&
           (actual[i].name.empty() || actual[i].name == expected[i].name);
  if (!same) throw std::logic_error("arguments differ from the list in kernel_abi.h");
}

}  // namespace

void compile_kernel(const Kernel &kernel, const std::map<OutputFileType, std::string> &outputs) {
  Algorithm algorithm = build_algorithm(kernel.key, lanes_of(kernel.key, kernel.params));
  apply_schedule(algorithm, kernel.key, kernel.params);
  std::vector<Func> funcs;
  if (algorithm.per_row.defined()) funcs.push_back(algorithm.per_row);
  if (algorithm.per_logit.defined()) funcs.push_back(algorithm.per_logit);
  if (algorithm.scratch.defined()) funcs.push_back(algorithm.scratch);
  Pipeline pipeline(funcs);
  check_arguments(algorithm, pipeline, kernel.key);

  Target target = halide_target(kernel.key.target, kernel.host);
  if (kernel.sanitize == "address") target.set_feature(Target::ASAN);
  if (kernel.sanitize == "thread") target.set_feature(Target::TSAN);
  if (!algorithm.spread.loops.empty()) pipeline.add_custom_lowering_pass(spread_prefetch(algorithm.spread));
  for (const Func &f : {algorithm.scratch, algorithm.kept})
    if (f.defined()) pipeline.add_custom_lowering_pass(store_left(f.name()));
  if (algorithm.keeps_logits) pipeline.add_custom_lowering_pass(store_where_selected(algorithm.per_logit.name()));
  if (algorithm.ahead) pipeline.add_custom_lowering_pass(ask_with_loads(algorithm.walked.name(), algorithm.ahead));
  if (kernel.key.stage == LOSSGEN_STAGE_cross_entropy_forward_backward_streamed)
    pipeline.add_custom_lowering_pass(store_past_caches(algorithm.per_logit.name()));
  if (is_unrolled(kernel.key.stage) && algorithm.per_row.has_update_definition())
    pipeline.add_custom_lowering_pass(read_unaligned(algorithm.per_row.name()));
  const auto object = outputs.find(OutputFileType::object);
  // Logits of few known classes are used as they come, from L1. (1048576, 21) forward, ms with L1, L2, prefetchnta: a Xeon (family 6, model 207)
  // 13.9, 16.0, 22; an EPYC 9004 with L2 and prefetchnta 13.9, 10.2.
  const PrefetchInto prefetch(is_unrolled(kernel.key.stage) ? Cache::l1 : Cache::l2);
  if (target.has_feature(Target::OpenCL) || outputs.count(OutputFileType::conceptual_stmt))
    lower_for_device(pipeline, algorithm.inputs, kernel.symbol, target).compile(outputs);
  else pipeline.compile_to(outputs, algorithm.inputs, kernel.symbol, target);
  if (object == outputs.end()) return;
  // Those of devices and sanitizers refer to a runtime and have data of their own.
  if (is_device(kernel.key.target) || !kernel.sanitize.empty()) hide_symbols(object->second);
  else slim_object(object->second, kernel.symbol);
  if (is_device(kernel.key.target)) rename_runtime_symbols(object->second);
}

}  // namespace lossgen
