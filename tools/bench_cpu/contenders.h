// Everything that is timed on one batch, in the shape that the timing loop wants.
#ifndef LOSSGEN_BENCH_CONTENDERS_H
#define LOSSGEN_BENCH_CONTENDERS_H

#include <functional>
#include <string>
#include <vector>

#include "cases.h"
#include "pool.h"

namespace bench {

// Which flat loop an op is compared with: the one that moves the same bytes.
enum class Roofline { read, copy, add, fill };

struct Contender {
  std::string op, impl, target;
  double bytes;       // what the op has to move at least
  Roofline roofline;  // for a flat loop: itself
  bool is_roofline;
  std::function<void()> prepare;  // before each sample, untimed; may be empty
  std::function<void()> call;
  std::function<void()> check;  // after the first call: throws std::runtime_error when the result is wrong; may be empty
};

struct Wanted {
  std::vector<std::string> ops;    // empty = all
  std::vector<std::string> impls;  // lossgen, kernels, yardstick, roofline; empty = all but kernels
  std::vector<std::string> targets;  // lossgen's; empty = the best, and for some shapes the others too
  bool general_kernels_only = false;
  int prefetch = 4096;  // bytes; of the yardsticks

  bool op(const std::string &name) const;
  bool impl(const std::string &name) const;
};

const std::vector<std::string> &all_ops();

void add_rooflines(const Batches &batches, Pool &pool, int threads, std::vector<Contender> *list);
void add_lossgen(const Batches &batches, int threads, const Wanted &wanted, Pool &pool, std::vector<Contender> *list);
void add_bare(const Batches &batches, int threads, const Wanted &wanted, std::vector<Contender> *list);
void add_yardsticks(const Batches &batches, Pool &pool, int threads, const Wanted &wanted,
                    std::vector<Contender> *list);

// Host targets of lossgen's that this machine runs and kernels are linked for, best last.
std::vector<std::string> usable_targets();

// Which kernels the calls for a case take, as lossgen_explain says it.
std::string explained(const Case &which, Dtype dtype, int threads, const Wanted &wanted);

// Throws unless mean loss and gradient (NULL: loss only) are those of the batch, by f64 over a sample of the rows.
void check_result(const Batches &batches, double loss, const Buffer *gradient, const std::string &who);

}  // namespace bench
#endif  // LOSSGEN_BENCH_CONTENDERS_H
