// Sums and maxima along a row by a block of threads, for devices.
#pragma once
#include <string>

#include "algorithm.h"
#include "values.h"

namespace lossgen {

struct ThreadWalk {
  int threads, unroll, vector;  // Lanes.threads; elements of one load
  Halide::Expr count;           // terms of a row
  int part = 0;                 // a multiple of all three: so many of them, from `first` on
  Halide::Expr first = 0;
};

// f(row), row being r, or r and part. Thread t takes every threads-th vector: whole steps of `unroll` vectors, loads of which
// go out together because nothing is asked between them, then what is left. Their results go through shared memory: one
// thread combines them, or, of more than 32, sixteen threads every sixteenth and one thread theirs. A binary tree would need
// a barrier per halving.
Reduction over_threads(const std::string &name, const std::vector<Halide::Var> &row, const Values &identity, const Terms &terms,
                       bool maximum, const ThreadWalk &walk);

}  // namespace lossgen
