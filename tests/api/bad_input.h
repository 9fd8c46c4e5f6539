// The corpus: one entry per mistake, each a valid call with one thing spoiled.
#ifndef LOSSGEN_TESTS_API_BAD_INPUT_H
#define LOSSGEN_TESTS_API_BAD_INPUT_H

#include <functional>
#include <ostream>
#include <vector>

#include "problem.h"

struct BadInput {
  const char *name;  // of the test case: letters, digits, _
  Op op;
  bool spatial;
  std::function<void(Problem &)> spoil;
  lossgen_status status;
  std::vector<const char *> message;  // all of these stand in lossgen_last_error(), after "op: "
};

// A wrong call of a function that is no operation.
struct BadCall {
  const char *function, *name;
  std::function<lossgen_status()> call;
  lossgen_status status;
  std::vector<const char *> message;  // as above
};

inline void PrintTo(const BadCall &c, std::ostream *os) { *os << c.function << " " << c.name; }
inline void PrintTo(const BadInput &c, std::ostream *os) { *os << op_name(c.op) << " " << c.name; }

std::vector<BadInput>
bad_tensors();  // bad_tensors.cpp: null pointers, ranks, shapes, dtypes, strides, overlaps, classes
std::vector<BadInput> bad_options();  // bad_options.cpp: options
std::vector<BadInput> bad_extras();   // bad_extras.cpp: upstream gradients, extras, saved
std::vector<BadCall> bad_calls();     // bad_calls.cpp: explain, workspace_size, prepare

#endif  // LOSSGEN_TESTS_API_BAD_INPUT_H
