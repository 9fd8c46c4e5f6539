#include "over_threads.h"

namespace lossgen {
using namespace Halide;

Reduction over_threads(const std::string &name, const std::vector<Var> &row, const Values &identity, const Terms &terms, bool maximum,
                       const ThreadWalk &walk) {
  Var t("t"), l("l");
  const int threads = walk.threads, vector = walk.vector, unroll = walk.unroll, step = threads * unroll;
  const size_t sums = identity.size();
  const auto at = [&row](const Expr &thread) {
    std::vector<Expr> args = {thread};
    args.insert(args.end(), row.begin(), row.end());
    return args;
  };
  Func whole(name + "_whole"), each(name + "_threads"), folded(name + "_folded"), f(name);
  const Expr vectors = (walk.part ? min(walk.part, walk.count - walk.first) : walk.count) / vector;

  define(whole(at(t)), identity);
  RDom k(0, vector, 0, unroll, 0, walk.part ? Expr(walk.part / (step * vector)) : vectors / step, "k");
  if (walk.part) k.where(k.z < vectors / step);
  accumulate(whole(at(t)), terms(walk.first + ((k.z * unroll + k.y) * threads + t) * vector + k.x), maximum);
  define(each(at(t)), values_at(whole(at(t)), sums));
  RDom rest(0, vector, 0, unroll, "rest");
  const Expr left = vectors / step * step + rest.y * threads + t;
  rest.where(left < vectors);
  accumulate(each(at(t)), terms(walk.first + left * vector + rest.x), maximum);

  Reduction reduction{f, k, whole, each, {}, {}, {}, {}, {}};
  const int lanes = threads <= 32 ? threads : 16;
  if (lanes < threads) {
    RDom g(0, threads / lanes, "g");
    define(folded(at(l)), identity);
    accumulate(folded(at(l)), values_at(each(at(g * lanes + l)), sums), maximum);
    reduction.folded = folded;
  }
  RDom j(0, lanes, "j");
  define(f(row), identity);
  accumulate(f(row), values_at((lanes < threads ? folded : each)(at(j)), sums), maximum);
  return reduction;
}

}  // namespace lossgen
