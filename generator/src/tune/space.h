// What is tuned: units, each one call of the library on one kind of kernel, and the numbers that it may be given.
#pragma once
#include <string>
#include <vector>

#include "request.h"

namespace lossgen {

// Logits [rows, classes, inner]; "4096x1000", "8x21x256x256" (inner = 256 * 256).
struct Shape {
  std::string text;
  int64_t rows, classes, inner;
  int64_t elements() const { return rows * classes * inner; }
};
Shape parse_shape(const std::string &text);

// How the logits of such kernels lie, as a request says it: devices have several layouts for rows. There rows of one to
// three classes, which take the kernels of planes, are measured as planes.
std::string logits_of(lossgen_target_id target, lossgen_layout_id layout);

// A number of the schedule with the values that are tried, smallest first.
struct Axis {
  const ParamField *field;
  std::vector<int> values;
};

struct Unit {
  std::string call;  // as lossgen.h names it; cross_entropy_general: forward and backward with label smoothing
  std::string op;    // of the request that emits its kernels
  lossgen_dtype_id dtype;
  lossgen_layout_id layout;
  lossgen_target_id target;
  int64_t classes;   // a constant, 0: the general kernels
  std::string host;  // the CPU whose program starts them
  std::vector<Shape> shapes;
  std::vector<lossgen_stage_id> stages;  // that get all the numbers
  int cut = -1;  // the stage whose block_bytes cuts this call's rows, -1: not this unit's to say
  std::vector<Axis> axes;

  std::string name() const;    // "cross_entropy_forward f32 rows x86-64-v4", with the constant
  double tensors() const;      // logit-sized tensors read and written by a call
  std::string access() const;  // how: "read", "copy" or "update" (in place)
  std::string logits() const { return logits_of(target, layout); }
  KernelKey key(lossgen_stage_id stage) const { return {stage, dtype, layout, target, classes}; }
  bool same_kernels(const Unit &other) const {
    return op == other.op && dtype == other.dtype && layout == other.layout && target == other.target &&
           classes == other.classes;
  }
};

void add_axis(Unit *unit, const char *param, std::vector<int> values);

// The calls that can be tuned; `wanted` may name them or whole ops. Throws std::invalid_argument with the choices.
std::vector<std::string> tunable_calls(const std::vector<std::string> &wanted);

// One unit per call, dtype, layout, target and class count (0 and the constants) that has shapes, in the order in which
// they are to be tuned: a later one builds on what an earlier one found. No layouts: (N, C) is rows, the others planes.
std::vector<Unit> units_for(const Request &request, const std::vector<Shape> &shapes);

// The unit's built-in numbers, and its whole space: every legal combination of the axes' values.
Params default_point(const Unit &unit);
std::vector<Params> whole_space(const Unit &unit);
// Points that differ from this one in one axis, by one step.
std::vector<Params> neighbours(const Unit &unit, const Params &point);

// Entries of a schedule file that give the unit these numbers.
nlohmann::json entries_for(const Unit &unit, const Params &point);
// "vector 16, unroll 4": the axes' values.
std::string describe(const Unit &unit, const Params &point);

}  // namespace lossgen
