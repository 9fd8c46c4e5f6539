// How targets run the stages. One file per family: x86.cpp, arm.cpp, gpu.cpp; what the CPU families share is cpu.cpp.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "algorithm.h"

namespace lossgen {

// The numbers a schedule is made of. Which of them a kernel uses depends on its family and layout; a schedule file may
// set any of them.
struct Params {
  int vector = 0;         // lanes
  int unroll = 1;         // rows: vectors per step along the classes; few known classes: rows at a time; arm64's planes: vectors of a class
  int prefetch = 0;       // rows: vectors ahead of the one being read, of few known classes rows; planes: classes (asks_ahead), of known classes and log_softmax vectors; 0 = none
  int class_group = 1;    // planes: classes walked together; rows: parts of one (Lanes.parts); rows of few known classes: lanes along them, 1 = one lane per row
  int tile = 0;           // rows (pixels) that stay in L1 between the passes: of planes, of few known classes
  int block_bytes = 0;    // logits handed to one kernel call
  int threads = 0;        // GPU: threads per block
};

// The hardware asks for what comes in 32 pages at a time. Walks over more planes than that, a page or more apart, do so themselves in the
// stages that fetch logits from memory; of sums without blocks Halide would ask for every class with every vector.
constexpr int kFollowedPlanes = 32, kPageBytes = 4096;
inline bool asks_ahead(int stage) { return stage == LOSSGEN_STAGE_cross_entropy_forward || stage == LOSSGEN_STAGE_cross_entropy_forward_terms; }
// log_softmax of planes asks with each vector that it loads, as known classes do.
inline bool asks_with_loads(int stage) { return stage == LOSSGEN_STAGE_log_softmax_forward || stage == LOSSGEN_STAGE_log_softmax_backward; }

// One list of the parameters, for reading, writing, checking and the schema of schedule files.
struct ParamField {
  const char *name;
  int Params::*value;
  int low, high;
};
const std::vector<ParamField> &param_fields();

void from_json(const nlohmann::json &json, Params &params);
nlohmann::json to_json(const Params &params);
// Eight hex digits of a hash over the parameters: equal id, equal summation tree.
std::string schedule_id(const Params &params);

// Built-in parameters, the base that files override.
Params default_params(const KernelKey &key);

// How the kernel's sums over the classes are cut.
Lanes lanes_of(const KernelKey &key, const Params &params);

// What a schedule file for several stages cannot mean for one of them.
void settle_params(const KernelKey &key, Params &params);

// Throws std::invalid_argument on a combination that the kernel's family cannot take, before Halide sees it.
void check_params(const KernelKey &key, const Params &params);

// Applies the family's schedule to a stage, with parameters that check_params has seen.
void apply_schedule(Algorithm &algorithm, const KernelKey &key, const Params &params);

// The Halide target that a target's kernels are compiled for; device kernels take the CPU that launches them.
Halide::Target halide_target(lossgen_target_id target, const std::string &host);

// Families
Params x86_defaults(const KernelKey &key);
Params arm_defaults(const KernelKey &key);
Params gpu_defaults(const KernelKey &key);
void schedule_cpu(Algorithm &algorithm, const KernelKey &key, const Params &params);
void schedule_gpu(Algorithm &algorithm, const KernelKey &key, const Params &params);

}  // namespace lossgen
