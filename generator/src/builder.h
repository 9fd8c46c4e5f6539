// Builds the inputs of a stage and hands out expressions over them, for algorithms.cpp and algorithms_device.cpp.
#pragma once
#include <algorithm>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "algorithm.h"
#include "instructions.h"
#include "memory_passes.h"
#include "numerics.h"
#include "over_threads.h"
#include "storage.h"
#include "values.h"

namespace lossgen {

class Builder {
 public:
  explicit Builder(const KernelKey &key, const Lanes &lanes = {})
      : key_(key),
        lanes_(lanes),
        acc_(accumulator_type(key.dtype)),
        device_(is_device(key.target)),
        three_axes_(device_ && key.layout == LOSSGEN_LAYOUT_planes) {
    stage_.layout = key.layout;
    fused_ = device_ && key.stage == LOSSGEN_STAGE_cross_entropy_forward_backward;
    if (fused_ && three_axes_) row_ = {stage_.x, stage_.o};
  }

  Halide::ImageParam matrix(const char *name) {
    Halide::ImageParam p(storage_type(key_.dtype), three_axes_ ? 3 : 2, name);
    stage_.inputs.push_back(p);
    promise(p);
    if (key_.layout == LOSSGEN_LAYOUT_strided) p.dim(0).set_stride(Halide::Expr());
    if (!stage_.walked.defined()) {
      stage_.walked = p;
      classes_from(p);
    }
    return p;
  }
  // A matrix of the accumulation type that another stage left in scratch.
  Halide::ImageParam terms(const char *name) {
    Halide::ImageParam p(acc_, 2, name);
    stage_.inputs.push_back(p);
    stage_.walked = p;
    classes_from(p);
    promise(p);
    return p;
  }
  Halide::ImageParam per_row(const char *name, Halide::Type type) {
    Halide::ImageParam p(type, 1, name);
    stage_.inputs.push_back(p);
    promise_rows(p);
    last_per_row_ = p;
    return p;
  }
  // One number per class.
  Halide::ImageParam per_class(const char *name) {
    Halide::ImageParam p(acc_, 1, name);
    p.dim(0).set_min(0);
    stage_.inputs.push_back(p);
    return p;
  }
  template <class T>
  Halide::Param<T> scalar(const char *name) {
    Halide::Param<T> p(name);
    stage_.inputs.push_back(p);
    return p;
  }
  // -1: ignored, -2: out of bounds. Adds target and the scalars that say what is.
  Halide::Expr class_of_target() {
    using Halide::cast;
    Halide::ImageParam target = per_row("target", storage_type(key_.dtype));
    Halide::Param<int64_t> ignore_index = scalar<int64_t>("ignore_index");
    Halide::Param<int32_t> has_ignore = scalar<int32_t>("has_ignore"), classes = scalar<int32_t>("classes");
    Halide::Expr y = cast<int64_t>(target(r()));
    Halide::Expr ignored = has_ignore != 0 && y == ignore_index;
    if (target.type() == Halide::UInt(64)) ignored = ignored && y >= cast<int64_t>(0);  // 2^64 - 100 is not -100
    Halide::Expr inside = cast<uint64_t>(y) < cast<uint64_t>(cast<uint32_t>(classes));
    return select(ignored, -1, inside, cast<int32_t>(y), -2);
  }
  Halide::Expr at(const Halide::ImageParam &p, const Halide::Expr &c) const {
    if (!three_axes_) return to_accumulator(key_, p(stage_.at(c, r())));
    if (row_.size() > 1) return to_accumulator(key_, p(stage_.x, c, stage_.o));
    const Halide::Expr x = p.dim(0).extent();
    return to_accumulator(key_, p(r() % x, c, r() / x));
  }

  Halide::Expr exp_of_difference(const Halide::Expr &x, const Halide::Expr &reference, Above above = Above::clamped) const {
    const ExpBy by = has_avx512_f32(key_) ? ExpBy::table : key_.target == LOSSGEN_TARGET_arm64 ? ExpBy::neon : ExpBy::bits;
    return lossgen::exp_of_difference(x, reference, above, by);
  }
  Halide::Expr log_positive(const Halide::Expr &x) const { return lossgen::log_positive(x, has_avx512_f32(key_)); }
  Halide::Expr log1p_positive(const Halide::Expr &u) const { return lossgen::log1p_positive(u, has_avx512_f32(key_)); }
  Halide::Expr log1p_to_one(const Halide::Expr &u) const { return lossgen::log1p_to_one(u, has_avx512_f32(key_)); }

  // -x, a number of the row, out of the way of the conversion to f16: behind it LLVM negates halves, which takes an ARMv8.2.
  Halide::Expr negative(const Halide::Expr &x) {
    const bool apart = key_.target == LOSSGEN_TARGET_arm64 && key_.dtype == LOSSGEN_DTYPE_f16;
    return apart ? Halide::Expr(once_per_row("negative", {-x})(r())) : -x;
  }

  // Over the classes of row r, term(c): one sum, or one per lane of a vector (see Lanes).
  using Term = std::function<Halide::Expr(const Halide::Expr &c)>;
  Halide::Func sum_of_classes(const char *name, const Term &term) {
    return over_classes(name, Halide::Internal::make_zero(acc_), term, false);
  }
  // Several sums in one walk over the classes, which brings `walked` in from memory: a Func of Tuples. Not unrolled.
  Halide::Func sums_of_classes(const char *name, const Halide::ImageParam &walked, const Terms &terms) {
    const size_t count = terms(Halide::Expr(0)).size();
    Halide::Func f = over_classes(name, Values(count, Halide::Internal::make_zero(acc_)), terms, false);
    stage_.reductions.back().walked = walked;
    return f;
  }
  // Over all classes but y. (== through xor: Halide splits the loop over the classes at a comparison that it can solve,
  // half of it then slow.)
  Halide::Func sum_of_others(const char *name, const Halide::Expr &y, const Term &term) {
    const Halide::Expr zero = Halide::Internal::make_zero(acc_);
    const Term masked = [=](const Halide::Expr &c) { return select((c ^ y) == 0, zero, term(c)); };
    return over_classes(name, zero, lanes_.vector && !lanes_.unrolled ? term : masked, false, y, masked);
  }
  // The largest int32 term, -1 where every term is smaller.
  Halide::Func max_index_of_classes(const char *name, const Term &term) {
    return over_classes(name, Halide::Expr(-1), term, true);
  }
  // The lowest finite number as identity: -inf may be assumed away. A row of -inf alone then has reference -3e38 and
  // exp(-inf + 3e38) = 0 everywhere: sum 0, which the epilogue turns into NaN.
  Halide::Func max_of_classes(const char *name, const Term &term) {
    const double lowest =
        acc_.bits() == 64 ? std::numeric_limits<double>::lowest() : std::numeric_limits<float>::lowest();
    return over_classes(name, Halide::Internal::make_const(acc_, lowest), term, true);
  }

  // term(c), which a sum and the output both read: kept where the classes are unrolled, else computed by each reader.
  Term keep(const char *name, const Term &term) {
    if (!lanes_.unrolled) return term;
    Halide::Func f(name);
    if (lanes_.along_classes) f(c(), r()) = term(c());
    else f(r(), c()) = term(c());
    stage_.terms.push_back(f);
    return [f, this](const Halide::Expr &c) { return lanes_.along_classes ? f(c, r()) : f(r(), c); };
  }

  // The same where a term takes nothing but its logit and rows follow each other without gaps: in whole vectors of logits, wherever
  // rows end in them, all read as the first row's.
  Term keep_flat(const char *name, const Halide::ImageParam &p, const std::function<Halide::Expr(const Halide::Expr &x)> &term) {
    const int classes = (int)key_.classes;
    Halide::Var i("i");
    Halide::Func f(name);
    f(i) = term(to_accumulator(key_, p(i, 0)));
    stage_.flat_terms.push_back(f);
    return [f, classes, this](const Halide::Expr &c) { return f(r() * classes + c); };
  }

  // Stages between device kernels: the sum of `count` terms.
  Halide::Func sum(const char *name, const Halide::Expr &count, const Term &term) {
    const Terms one = [&](const Halide::Expr &k) { return Values{term(k)}; };
    return over_threads(name, {Halide::Internal::make_zero(term(0).type())}, one, false, count, 1);
  }
  // A row as the Funcs above take it: r; x and o in the fused stage of devices' planes, where Halide has to see that both
  // outputs need the same row.
  std::vector<Halide::Expr> row() const { return {row_.begin(), row_.end()}; }
  // And as tensors with one element per row count it.
  Halide::Expr index() const {
    return row_.size() > 1 && three_axes_ ? stage_.o * stage_.walked.dim(0).extent() + stage_.x : Halide::Expr(r());
  }
  // What a row has is split by parts of LOSSGEN_DEVICE_PART classes: f(r, part) in place of f(r).
  const Halide::Var &split_rows() {
    splits_rows_ = true;
    row_ = {r(), stage_.part};
    return stage_.part;
  }
  // Such a matrix, an output of this stage; or on the stack, one row at a time. Nothing is there until a sum of left_in(f, term)'s terms has
  // left them (memory_passes.h).
  Halide::Func leave_terms(const char *name) {
    stage_.scratch = nothing_yet(name);
    promise(stage_.scratch.output_buffer());
    return stage_.scratch;
  }
  Halide::Func keep_row(const char *name) { return stage_.kept = nothing_yet(name); }
  Term left_in(const Halide::Func &f, const Term &term) const {
    return [this, f, term](const Halide::Expr &c) { return left_at(f(stage_.at(c, r())), term(c)); };
  }
  // The output of rows that hold, a step of the vectors at a time, the last of which reaches back; then once more the one that has
  // the row's class: a comparison for every vector takes as long as the rest. A row that holds has no NaN.
  void logits_in_steps(const char *name, const Halide::Expr &y, const Halide::Expr &holds, const Term &value, const Halide::Expr &d) {
    const int step = lanes_.vector * lanes_.unroll;
    const Halide::Expr count = class_count();
    stage_.per_logit = Halide::Func(name);
    stage_.per_logit(c(), r()) = Halide::undef(storage_type(key_.dtype));
    Halide::RDom k(0, step, 0, (count + step - 1) / step, 0, 2, "k");
    k.where(k.z == 0 || k.y == 0);
    k.where(holds);
    const Halide::Expr at = min(select(k.z == 0, k.y, max(y, 0) / step) * step, count - step) + k.x;
    const Halide::Expr there = select(k.z != 0 && (at ^ y) == 0, d, Halide::Internal::make_zero(acc_));
    stage_.per_logit(at, r()) = from_accumulator(key_, select(k.z == 0, value(at), value(at) - there), NaNs::none);
    promise(stage_.per_logit.output_buffer());
  }
  // A value that every logit of a row needs, computed once per row.
  Halide::Func once_per_row(const char *name, const std::vector<Halide::Expr> &values) {
    Halide::Func f(name);
    define(f(row_), values);
    stage_.row_values.push_back(f);
    return f;
  }

  // The same for the walk along the row alone, as it comes to the row. A logit somewhere in the row, read for a vector of rows before
  // the first walk, keeps the CPU from seeing that rows are read one after the other: (65536, 1000) forward, EPYC 9004, 15.5 in place
  // of 13.8 ms, (65536, 1008) 13.4 and 11.1.
  Halide::Func once_per_walk(const char *name, const Halide::Expr &value) {
    Halide::Func f(name);
    f(r()) = value;
    stage_.walk_values.push_back(f);
    return f;
  }

  void rows(const char *name, const std::vector<Halide::Expr> &values) {
    stage_.per_row = Halide::Func(name);
    define(stage_.per_row(row_), values);
    // Bounds of a Tuple's first buffer are those of all; Halide refuses them on the others.
    Halide::OutputImageParam first = stage_.per_row.output_buffers()[0];
    promise_rows(first);
    if (!device_) return;
    if (fused_) first.dim(0).set_extent(stage_.walked.dim(three_axes_ ? 0 : 1).extent());
    if (fused_ && three_axes_) first.dim(1).set_min(0).set_extent(stage_.walked.dim(2).extent());
    for (Halide::OutputImageParam &p : stage_.per_row.output_buffers()) p.dim(0).set_stride(Halide::Expr());
  }
  // The rows' numbers from what rows() left in their place, row after row behind the loop over all logits. A logarithm at the end of a
  // vector's classes fills the CPU's scheduler with what waits for it, and the next vector's exponentials stay out: planes of 21 known classes
  // in cache, a Xeon (family 6, model 207), ns per 16 pixels, forward 81 to 69, with the gradient 95 to 87.
  void finish_rows(const std::function<Values(const Values &left)> &finish) {
    const Halide::FuncRef row = stage_.per_row(r());
    stage_.per_row(r()) = Halide::Tuple(finish(values_at(row, stage_.per_row.outputs())));
  }
  // holds: those of a row are written if it does, else they keep what they are, which is the logits where the two share memory.
  void logits(const char *name, const Halide::Expr &value, const Halide::Expr &holds = {}) {
    if (holds.defined()) {
      Halide::Func all = once_per_row("holds", {holds});
      stage_.per_logit = Halide::Func(name);
      const std::vector<Halide::Expr> at = stage_.at(c(), r());
      stage_.per_logit(stage_.at(c(), r())) = select(all(r()), from_accumulator(key_, value), stage_.walked(at));
      stage_.keeps_logits = true;
    } else if (three_axes_ && row_.size() > 1) {
      stage_.per_logit = Halide::Func(name);
      stage_.per_logit(stage_.x, c(), stage_.o) = from_accumulator(key_, value);
    } else if (three_axes_) {
      // Flat over the rows as everything else, then spread over the axes of the output.
      Halide::Func flat(std::string(name) + "_flat");
      flat(r(), c()) = from_accumulator(key_, value);
      stage_.per_logit = Halide::Func(name);
      const Halide::ImageParam &shape = stage_.walked.defined() ? stage_.walked : last_per_row_;
      stage_.per_logit(stage_.x, c(), stage_.o) = flat(stage_.o * shape.dim(0).extent() + stage_.x, c());
    } else {
      stage_.per_logit = Halide::Func(name);
      stage_.per_logit(stage_.layout == LOSSGEN_LAYOUT_planes ? std::vector<Halide::Var>{r(), c()}
                                                              : std::vector<Halide::Var>{c(), r()}) =
          from_accumulator(key_, value);
    }
    promise(stage_.per_logit.output_buffer());
    // Walked together with per_row: one loop, if both have the same extents.
    for (const int axis : three_axes_ ? std::vector<int>{0, 2} : std::vector<int>{1})
      if (fused_) stage_.per_logit.output_buffer().dim(axis).set_extent(stage_.walked.dim(axis).extent());
    if (stage_.layout == LOSSGEN_LAYOUT_strided) stage_.per_logit.output_buffer().dim(0).set_stride(Halide::Expr());
  }
  // softmax(c, scale) less d where c is the row's class; 0 in ignored rows. Along rows that element is made before the others,
  // which may replace what it is made of, and stored after them: a comparison for every vector takes as long as the rest.
  void gradient(const char *name, const Halide::ImageParam &cls, const Halide::Expr &scale, const Halide::Expr &d,
                const std::function<Halide::Expr(const Halide::Expr &c, const Halide::Expr &scale)> &softmax) {
    const Halide::Expr zero = Halide::Internal::make_zero(acc_), y = cls(r());
    const Halide::Expr others = softmax(c(), once_per_row("scale", {scale})(r()));
    if (device_ || stage_.layout == LOSSGEN_LAYOUT_planes) {
      logits(name, select(y < 0, zero, others - select((c() ^ y) == 0, d, zero)));
      return;
    }
    const Halide::Expr at = clamp(y, 0, class_count() - 1);
    stage_.of_target = Halide::Func(std::string(name) + "_of_target");
    stage_.of_target(r()) = from_accumulator(key_, softmax(at, scale) - d);
    logits(name, unless_ignored(y, others));
    Halide::RDom there(0, 1, "there");
    there.where(y >= 0 && y < class_count());
    stage_.per_logit(at + there.x, r()) = stage_.of_target(r());
  }
  const Halide::Var &r() const { return stage_.r; }
  const Halide::Var &c() const { return stage_.c; }
  Halide::Type acc() const { return acc_; }
  Halide::Expr class_count() const { return stage_.class_count; }
  // Vectors along the classes, row after row. (What is once per walk stays out of arm64, where LLVM negates it while it has 16 bits:
  // that takes an ARMv8.2.)
  bool walks_rows() const { return !device_ && stage_.layout != LOSSGEN_LAYOUT_planes && key_.target != LOSSGEN_TARGET_arm64; }
  bool along_classes() const { return lanes_.along_classes != 0; }
  const KernelKey &key() const { return key_; }
  const Algorithm &stage() const { return stage_; }

 private:
  // NEON: of a select whose condition is one for all lanes LLVM makes a branch for every vector of bf16.
  Halide::Expr unless_ignored(const Halide::Expr &y, const Halide::Expr &value) {
    const Halide::Expr zero = Halide::Internal::make_zero(acc_);
    if (key_.target != LOSSGEN_TARGET_arm64) return select(y < 0, zero, value);
    const Halide::Type bits = Halide::UInt(acc_.bits());
    Halide::Func kept = once_per_row("kept", {cast(bits, cast(Halide::Int(acc_.bits()), ~(y >> 31)))});
    return reinterpret(acc_, reinterpret(bits, value) & kept(r()));
  }
  Halide::Func nothing_yet(const char *name) const {
    Halide::Func f(name);
    f(stage_.at(c(), r())) = Halide::undef(acc_);
    return f;
  }
  int elements_per_load() const { return is_aligned(key_.layout) ? 4 : 1; }
  // A multiple of that, said in a way that Halide's alignment analysis understands.
  Halide::Expr in_fours(const Halide::Expr &e) const { return e / elements_per_load() * elements_per_load(); }

  Halide::Func over_threads(const char *name, const Values &identity, const Terms &terms, bool maximum,
                            const Halide::Expr &count, int vector) {
    ThreadWalk walk{lanes_.threads, lanes_.unroll, vector, count};
    if (splits_rows_) {
      walk.part = LOSSGEN_DEVICE_PART;
      walk.first = stage_.part * LOSSGEN_DEVICE_PART;
    }
    stage_.reductions.push_back(lossgen::over_threads(name, row_, identity, terms, maximum, walk));
    return stage_.reductions.back().func;
  }

  // without y: a sum that leaves out y. Whole steps then skip the one that holds it, which is added at the end, masked:
  // a comparison for every vector costs a sixth of the time.
  Halide::Func over_classes(const char *name, const Halide::Expr &identity, const Term &term, bool maximum,
                            const Halide::Expr &without = {}, const Term &masked = {}) {
    if (lanes_.along_classes) return sum_few_classes(name, identity, without.defined() ? masked : term, maximum);
    if (lanes_.unrolled) {
      // Four chains, each a Func of its own: in one expression Halide and LLVM line up whatever tree is written, and the
      // latency of a chain over all classes is longer than all other work.
      std::vector<Halide::Expr> parts;
      for (int64_t part = 0; part < std::min<int64_t>(4, key_.classes); part++) {
        Halide::Expr chain = term((int)part);
        for (int64_t c = part + 4; c < key_.classes; c += 4) chain = combine(chain, term((int)c), maximum);
        parts.push_back(once_per_row((name + std::string("_") + std::to_string(part)).c_str(), {chain})(r()));
      }
      Halide::Expr all = parts[0];
      for (size_t i = 1; i < parts.size(); i++) all = Halide::strict_float(combine(all, parts[i], maximum));
      return once_per_row(name, {maximum ? max(all, identity) : all});
    }
    const auto one = [](const Term &t) -> Terms { return [t](const Halide::Expr &c) { return Values{t(c)}; }; };
    return over_classes(name, Values{identity}, one(term), maximum, without, one(masked));
  }
  Halide::Func over_classes(const char *name, const Values &identity, const Terms &terms, bool maximum,
                            const Halide::Expr &without = {}, const Terms &masked = {}) {
    const Halide::Expr count = stage_.class_count;
    const size_t sums = identity.size();
    if (lanes_.block && !lanes_.vector && !maximum) {
      Halide::Var q("q");
      Halide::Func block(std::string(name) + "_block"), f(std::string(name) + "_sum");
      const Halide::Expr size = lanes_.block;
      Halide::RDom pair(0, size / 2, "k"), blocks(0, count / size, "q"), t(0, count % size, "t");
      define(block(r(), q), identity);
      // Strict: LLVM lets what is left out of a sum be part of the term's last instruction then, and does not line up the pairs.
      const Halide::Expr first = q * size + 2 * pair.x;
      define(block(r(), q), strict_sum(values_at(block(r(), q), sums), strict_sum(terms(first), terms(first + 1))));
      // Many blocks of about one sum would round alike: what an addition lost goes into the next one (Kahan).
      Values zeros = identity;
      zeros.insert(zeros.end(), identity.begin(), identity.end());
      define(f(r()), zeros);
      const Values kept = values_at(f(r()), 2 * sums), added = values_at(block(r(), blocks.x), sums);
      Values with_block = kept, with_rest = strict_sum(kept, terms(count - count % size + t.x));
      for (size_t i = 0; i < sums; i++) {
        const Halide::Expr term = Halide::strict_float(added[i] - kept[sums + i]), sum = Halide::strict_float(kept[i] + term);
        const Halide::Expr lost = Halide::strict_float(Halide::strict_float(sum - kept[i]) - term);
        with_block[i] = sum;
        with_block[sums + i] = select(is_finite_number(sum), lost, identity[i]);
      }
      define(f(r()), with_block);
      define(f(r()), with_rest);
      stage_.reductions.push_back({f, blocks, {}, {}, block, {}, {}, stage_.walked, {}});
      return once_per_row(name, Values(kept.begin(), kept.begin() + (ptrdiff_t)sums));
    }
    if (lanes_.threads) return over_threads(name, identity, terms, maximum, count, elements_per_load());
    if (!lanes_.vector) {
      const int group = lanes_.unroll;
      Halide::RDom k(0, group, 0, count / group, "k"), rest(0, count % group, "rest");
      Halide::Func f(name);
      define(f(row_), identity);
      accumulate(f(row_), terms(k.y * group + k.x), maximum);
      if (group > 1) accumulate(f(row_), terms(count / group * group + rest), maximum);
      stage_.reductions.push_back({f, k, {}, {}, {}, {}, {}, stage_.walked, {}});
      return f;
    }
    // Whole steps of vector * unroll classes, each lane its own result; then vector by vector, the last one masked;
    // then across the lanes. The whole steps carry no condition: one would also guard, and so suppress, the prefetch
    // beyond the row's end.
    const int vector = lanes_.vector, step = vector * lanes_.unroll;
    Halide::Var l("l");
    Halide::Func whole(std::string(name) + "_whole"), lanes(std::string(name) + "_lanes"), f(name);
    define(whole(l, r()), identity);
    Halide::RDom k(0, count / step, "k");
    Halide::Func block, together;
    if (!maximum) {
      Halide::Var q("q"), part("part");
      const int parts = lanes_.parts;
      const Halide::Expr all_blocks = count / (step * lanes_.block), each = all_blocks / parts;
      const auto sum_block = [&](Halide::Func f, std::vector<Halide::Expr> at, const Halide::Expr &number) {
        Halide::RDom b(0, lanes_.block, "b");
        const Halide::Expr in_block = number * lanes_.block + b.x;
        if (without.defined()) b.where((in_block ^ (without / step)) != 0);
        define(f(at), identity);
        accumulate(f(at), terms(in_block * step + l), maximum);
      };
      if (parts > 1) {
        together = Halide::Func(std::string(name) + "_together");
        Halide::RDom all(0, parts, 0, each, "parts");
        sum_block(together, {l, r(), part, q}, part * each + q);
        accumulate(whole(l, r()), values_at(together(l, r(), all.x, all.y), sums), maximum);
      }
      block = Halide::Func(std::string(name) + "_block");
      const Halide::Expr taken = parts > 1 ? each * parts : Halide::Expr(0);
      Halide::RDom blocks(taken, all_blocks - taken, "q");
      k = Halide::RDom(0, count / step % lanes_.block, "k");
      const Halide::Expr after = all_blocks * lanes_.block + k.x;
      if (without.defined()) k.where((after ^ (without / step)) != 0);
      sum_block(block, {l, r(), q}, q);
      accumulate(whole(l, r()), values_at(block(l, r(), blocks.x), sums), maximum);
      accumulate(whole(l, r()), terms(after * step + l), maximum);
    } else {
      accumulate(whole(l, r()), terms(k.x * step + l), maximum);
    }
    Values folded = values_at(whole(l, r()), sums);
    for (int u = 1; u < lanes_.unroll; u++)
      folded = combine(folded, values_at(whole(l + u * vector, r()), sums), maximum);
    define(lanes(l, r()), folded);
    // What is left, vector by vector. The last one reaches back where it would reach beyond the row, and leaves out what was
    // added already: a masked one would be stored masked, which no CPU forwards to the load that follows. Rows shorter than a
    // vector have to be masked.
    const Halide::Expr done = (count / step) * step;
    const Terms &term = without.defined() ? masked : terms;
    Halide::RDom t(0, (count - done) / vector, "t"), last(0, 1, "last"), only(0, 1, "only");
    accumulate(lanes(l, r()), term(done + t.x * vector + l), maximum);
    last.where(count % vector != 0 && count >= vector);
    Values added = term(max(count - vector, 0) + last.x + l);
    for (size_t i = 0; i < sums; i++) added[i] = select(l >= vector - count % vector, added[i], identity[i]);
    accumulate(lanes(l, r()), added, maximum);
    only.where(count < vector && l + only.x < count);
    accumulate(lanes(l, r()), term(l + only.x), maximum);
    if (without.defined()) {
      Halide::RDom u(0, lanes_.unroll, "u");
      const Halide::Expr skipped = without / step * step + u.x * vector + l;
      u.where(without < done);
      accumulate(lanes(l, r()), masked(skipped), maximum);
    }
    // Upper half to lower half until one lane is left: what Halide makes of a sum over the lanes is a chain of additions.
    // (With the above: forward on (1048576, 21), x86-64-v4, 40 to 21 ms; log_softmax 104 to 65.)
    std::vector<Halide::Func> halves;
    Halide::Func wide = lanes;
    int width = vector;
    for (; width % 2 == 0; width /= 2) {
      Halide::Func half(std::string(name) + "_half" + std::to_string(width / 2));
      define(half(l, r()), combine(values_at(wide(l, r()), sums), values_at(wide(l + width / 2, r()), sums), maximum));
      halves.push_back(half);
      wide = half;
    }
    Values all = values_at(wide(0, r()), sums);
    for (int i = 1; i < width; i++) all = combine(all, values_at(wide(i, r()), sums), maximum);
    define(f(r()), all);
    stage_.reductions.push_back({f, k, whole, lanes, block, {}, halves, stage_.walked, together});
    return f;
  }

  // A row's few classes in vectors, the last of which reaches back and leaves out what was added; then pairs of neighbours,
  // and of their sums, of `vector` rows at once, until one number per row is left: no row waits for its own lanes.
  Halide::Func sum_few_classes(const char *name, const Halide::Expr &identity, const Term &term, bool maximum) {
    const int classes = (int)key_.classes, width = lanes_.along_classes;
    Halide::Var l("l"), i("i");
    RowSums sums{Halide::Func(std::string(name) + "_parts"), {}};
    Halide::Expr all;
    for (int at = 0; at < classes; at += width) {
      const int from = std::min(at, classes - width);
      Halide::Expr part = term(from + l);
      if (from < at && !maximum) part = select(l >= at - from, part, identity);
      all = all.defined() ? combine(all, part, maximum) : part;
    }
    sums.parts(l, r()) = all;
    const auto lane = [&](const Halide::Expr &j) {
      return sums.pairs.empty() ? sums.parts(j % width, j / width) : sums.pairs.back()(j);
    };
    for (int w = width; w > 1; w /= 2) {
      Halide::Func pair(std::string(name) + "_pairs" + std::to_string(w / 2));
      const Halide::Expr both = combine(lane(2 * i), lane(2 * i + 1), maximum);
      pair(i) = maximum && w == 2 ? max(both, identity) : both;
      sums.pairs.push_back(pair);
    }
    stage_.row_sums.push_back(sums);
    return sums.pairs.back();
  }

  void classes_from(const Halide::ImageParam &p) {
    stage_.class_count =
        key_.classes ? Halide::Expr((int)key_.classes) : p.dim(key_.layout == LOSSGEN_LAYOUT_planes ? 1 : 0).extent();
    stage_.class_count = in_fours(stage_.class_count);
    if (is_whole_row(key_)) stage_.class_count = max(stage_.class_count, LOSSGEN_FEWEST_WHOLE_ROW);  // no code for rows shorter than a step
  }

  // What the runtime guarantees about the matrices of a kernel.
  template <class Image>
  void promise(Image p) {
    for (int i = 0; i < (three_axes_ ? 3 : 2); i++) p.dim(i).set_min(0);
    if (three_axes_) p.dim(0).set_stride(Halide::Expr());
    if (!device_ && stage_.walked.defined()) p.dim(stage_.layout == LOSSGEN_LAYOUT_planes ? 0 : 1).set_extent(row_count());
    if (!is_aligned(key_.layout)) return;
    p.set_host_alignment(16);
    p.dim(0).set_extent(in_fours(p.dim(0).extent()));
    p.dim(1).set_stride(in_fours(p.dim(1).stride()));
  }
  // And about numbers per row: as many as the matrix has rows.
  template <class Image>
  void promise_rows(Image p) {
    p.dim(0).set_min(0);
    if (device_) p.dim(0).set_stride(Halide::Expr());
    else if (stage_.walked.defined()) p.dim(0).set_extent(row_count());
  }
  Halide::Expr row_count() const {
    const Halide::Expr rows = stage_.walked.dim(stage_.layout == LOSSGEN_LAYOUT_planes ? 0 : 1).extent();
    return lanes_.unrolled ? rows / lanes_.vector * lanes_.vector : rows;
  }

  KernelKey key_;
  Lanes lanes_;
  Halide::Type acc_;
  bool device_, three_axes_, fused_;
  Halide::ImageParam last_per_row_;
  Algorithm stage_;
  std::vector<Halide::Var> row_ = {stage_.r};
  bool splits_rows_ = false;
};

}  // namespace lossgen
