// The algorithms, one function per stage. What they compute is stated in lossgen.h, their arguments in kernel_abi.h.
#include "algorithm.h"
#include "builder.h"
#include "numerics.h"
#include "storage.h"

namespace lossgen {
using namespace Halide;

namespace {

// A class index that bounds inference and the hardware can trust, whatever cls holds.
Expr class_of(const Builder &b, const ImageParam &cls) { return clamp(cls(b.r()), 0, b.class_count() - 1); }

Algorithm target_classes(Builder &b) {
  b.rows("cls", {b.class_of_target()});
  return b.stage();
}

Algorithm nll_loss_forward(Builder &b) {
  ImageParam log_probs = b.matrix("log_probs"), cls = b.per_row("cls", Int(32));
  Expr picked = b.at(log_probs, class_of(b, cls));
  b.rows("nll", {select(cls(b.r()) < 0, Internal::make_zero(b.acc()), -picked)});
  return b.stage();
}

Algorithm nll_loss_backward(Builder &b) {
  ImageParam cls = b.per_row("cls", Int(32)), d = b.per_row("d", b.acc());
  b.logits("grad_log_probs", select((b.c() ^ cls(b.r())) == 0, b.negative(d(b.r())), Internal::make_zero(b.acc())));
  return b.stage();
}

Algorithm log_softmax_forward(Builder &b) {
  ImageParam logits = b.matrix("logits");
  Func peak = b.max_of_classes("peak", [&](const Expr &c) { return b.at(logits, c); });
  Func total = b.sum_of_classes(
      "total", [&](const Expr &c) { return b.exp_of_difference(b.at(logits, c), peak(b.r()), Above::bounded); });
  // (x - peak) - log(total), in this order: the first difference is exact near the peak, at any offset.
  Func shift = b.once_per_row("shift", {peak(b.r()), b.log_positive(total(b.r()))});
  b.logits("log_probs", strict_float(strict_float(b.at(logits, b.c()) - shift(b.r())[0]) - shift(b.r())[1]));
  return b.stage();
}

Algorithm log_softmax_backward(Builder &b) {
  ImageParam grad = b.matrix("grad"), log_probs = b.matrix("log_probs");
  Func total = b.sum_of_classes("total", [&](const Expr &c) { return b.at(grad, c); });
  Expr softmax = b.exp_of_difference(b.at(log_probs, b.c()), Internal::make_zero(b.acc()));
  b.logits("grad_logits", b.at(grad, b.c()) - softmax * total(b.r()));
  return b.stage();
}

// What a row's losses are made of.
struct Row {
  Expr nll, lse, sum;
};

// loss = log1p(sum over the other classes of exp(x_c - x_y)): relative to x_y nothing cancels, however sure the row is.
// others: that sum relative to base, which is x_y itself unless exact. own: the class's own term, if it is at hand.
Row row_of(Builder &b, const Expr &others, const Expr &base, const Expr &x_y, bool exact, Expr own = {}) {
  const Expr zero = Internal::make_zero(base.type());
  Row row;
  // An infinite x_y is no reference: NaN in place of its own 1 sends the row to the exact stage.
  const Type t = base.type();
  Expr trusted = is_finite_number(x_y);
  // exp as a Func of its own: within strict_float it would not be fused as the other terms are.
  if (!own.defined() && exact) own = b.once_per_row("own", {b.exp_of_difference(x_y, base, Above::bounded)})(b.row());
  if (!own.defined()) own = select(trusted, Internal::make_one(t), not_a_number(t));
  row.sum = strict_float(others + own);
  Expr gap = strict_float(base - x_y), rest = others;
  // Where x_y is not the maximum, the sum, at least 1, is what counts. (sum - 1 is exact enough, and one log serves both.)
  if (exact) rest = select(gap == zero, others, strict_float(row.sum - Internal::make_one(t)));
  Expr log_sum = b.log1p_positive(rest);
  if (exact) log_sum = unless_zero(row.sum, log_sum);  // a row of -inf alone
  row.nll = exact ? strict_float(gap + log_sum) : log_sum;
  row.lse = strict_float(base + log_sum);
  return row;
}

// From terms without a reference: nll = log1p(ratio), lse = x_y + nll, where they hold.
struct TermSums {
  Expr sum, ratio, holds;
};

TermSums without_reference(const Expr &others, const Expr &own) {
  return {strict_float(others + own), strict_float(others / own),
          is_within(own, LOSSGEN_LEAST_TERM, LOSSGEN_SUM_LIMIT) && is_within(others, LOSSGEN_LEAST_OTHERS, LOSSGEN_SUM_LIMIT)};
}

Algorithm cross_entropy_forward(Builder &b) {
  const bool general = b.key().stage == LOSSGEN_STAGE_cross_entropy_forward_general;
  const bool keeps = b.key().stage == LOSSGEN_STAGE_cross_entropy_forward_terms;
  const bool exact = b.key().stage != LOSSGEN_STAGE_cross_entropy_forward && !keeps;
  ImageParam logits = b.matrix("logits"), cls = b.per_row("cls", Int(32));
  Func y = b.once_per_row("y", {class_of(b, cls)});
  const bool walks = b.walks_rows() && !exact;
  Expr x_y = b.at(logits, y(b.r()));
  if (!walks) x_y = b.once_per_row("picked", {x_y})(b.r());
  const Expr ref = exact   ? b.max_of_classes("peak", [&](const Expr &c) { return b.at(logits, c); })(b.r())
                   : walks ? b.once_per_walk("reference", x_y)(b.r())
                           : x_y;
  Expr zero = Internal::make_zero(b.acc());
  Builder::Term term = [&](const Expr &c) { return b.exp_of_difference(b.at(logits, c), ref, exact ? Above::bounded : Above::checked); };
  if (keeps) term = b.left_in(b.leave_terms("terms"), term);
  Func others = b.sum_of_others("others", y(b.r()), term);
  const Expr base = exact ? ref : x_y;
  const Row row = row_of(b, others(b.r()), base, x_y, exact);
  std::vector<Expr> values = {select(cls(b.r()) < 0, zero, row.nll), row.lse, base, row.sum};
  if (general) {
    ImageParam weight = b.per_class("weight");
    Func dot = b.sum_of_classes(
        "dot", [&](const Expr &c) { return weight(c) * strict_float(b.at(logits, c) - ref); });
    values.push_back(dot(b.r()));
  }
  b.rows("row", values);
  return b.stage();
}

// Long rows on devices, where blocks of threads share a row: exact in each part, and from the parts.
Algorithm cross_entropy_forward_parts(Builder &b) {
  ImageParam logits = b.matrix("logits"), cls = b.per_row("cls", Int(32));
  const Var part = b.split_rows();
  Func y = b.once_per_row("y", {class_of(b, cls)});
  Func peak = b.max_of_classes("peak", [&](const Expr &c) { return b.at(logits, c); });
  Func others = b.sum_of_others("others", y(b.r(), part), [&](const Expr &c) {
    return b.exp_of_difference(b.at(logits, c), peak(b.r(), part), Above::bounded);
  });
  b.rows("parts", {peak(b.r(), part), others(b.r(), part)});
  return b.stage();
}

Algorithm cross_entropy_forward_join(Builder &b) {
  ImageParam logits = b.matrix("logits"), cls = b.per_row("cls", Int(32)), peaks = b.terms("peak"), sums = b.terms("others");
  Func picked = b.once_per_row("picked", {b.at(logits, clamp(cls(b.r()), 0, logits.dim(0).extent() - 1))});
  Func peak = b.max_of_classes("peak", [&](const Expr &p) { return peaks(p, b.r()); });
  Func others = b.sum_of_classes("others", [&](const Expr &p) {
    // A part of -inf alone has sum 0, and so adds nothing.
    return sums(p, b.r()) * b.exp_of_difference(peaks(p, b.r()), peak(b.r()), Above::bounded);
  });
  const Row row = row_of(b, others(b.r()), peak(b.r()), picked(b.r()), true);
  b.rows("row", {select(cls(b.r()) < 0, Internal::make_zero(b.acc()), row.nll), row.lse, peak(b.r()), row.sum});
  return b.stage();
}

Algorithm cross_entropy_backward(Builder &b) {
  const bool general = b.key().stage == LOSSGEN_STAGE_cross_entropy_backward_general;
  ImageParam logits = b.matrix("logits"), cls = b.per_row("cls", Int(32)), weight, smooth;
  if (general) weight = b.per_class("weight");
  ImageParam a = b.per_row("a", b.acc());
  if (general) smooth = b.per_row("b", b.acc());
  ImageParam d = b.per_row("d", b.acc());
  ImageParam ref = b.per_row("ref", b.acc()), sum = b.per_row("sum", b.acc());
  b.gradient("grad_logits", cls, a(b.r()) / sum(b.r()), d(b.r()), [&](const Expr &c, const Expr &scale) {
    // A sum within LOSSGEN_SUM_LIMIT bounds every term.
    Expr softmax = b.exp_of_difference(b.at(logits, c), ref(b.r()), Above::bounded) * scale;
    return general ? softmax - smooth(b.r()) * weight(c) : softmax;
  });
  return b.stage();
}

Algorithm cross_entropy_backward_terms(Builder &b) {
  ImageParam terms = b.terms("terms"), cls = b.per_row("cls", Int(32)), a = b.per_row("a", b.acc());
  ImageParam d = b.per_row("d", b.acc()), sum = b.per_row("sum", b.acc());
  b.gradient("grad_logits", cls, a(b.r()) / sum(b.r()), d(b.r()),
             [&](const Expr &c, const Expr &scale) { return terms(b.stage().at(c, b.r())) * scale; });
  return b.stage();
}

// Both passes of one row after the other: forward from kept terms, then backward.
Algorithm cross_entropy_of_whole_rows(Builder &b) {
  ImageParam logits = b.matrix("logits"), cls = b.per_row("cls", Int(32)), a = b.per_row("a", b.acc());
  const Expr zero = Internal::make_zero(b.acc()), ignored = cls(b.r()) < 0;
  Func y = b.once_per_row("y", {class_of(b, cls)});
  const Expr x_y = b.once_per_row("picked", {b.at(logits, y(b.r()))})(b.r());
  Func terms = b.keep_row("terms");
  const Builder::Term make = [&](const Expr &c) { return b.exp_of_difference(b.at(logits, c), x_y, Above::checked); };
  Func others = b.sum_of_others("others", y(b.r()), b.left_in(terms, make));
  Row row = row_of(b, others(b.r()), x_y, x_y, false);
  Func sum = b.once_per_row("sum", {row.sum});
  // Strict: of a fast quotient LLVM assumes that it is finite.
  Func scale = b.once_per_row("scale", {select(ignored, zero, strict_float(a(b.r()) / sum(b.r())))});
  Func holds = b.once_per_row("holds", {is_within(sum(b.r()), 0.5, LOSSGEN_SUM_LIMIT) && is_finite_number(scale(b.r()))});
  b.rows("row", {select(ignored, zero, row.nll), select(holds(b.r()), row.lse, not_a_number(b.acc()))});
  b.logits_in_steps("grad_logits", cls(b.r()), holds(b.r()), [&](const Expr &c) { return terms(c, b.r()) * scale(b.r()); }, a(b.r()));
  return b.stage();
}

// Both passes in one stage: for a few classes known at compile time, and on devices.
Algorithm cross_entropy_fused(Builder &b) {
  const bool backward = !is_forward_unrolled(b.key().stage);
  const bool exact = has_reference(b.key());
  // One lane per row, all classes in registers: what belongs to the row's class is picked among them.
  const bool picks = is_unrolled(b.key().stage) && !b.along_classes();
  ImageParam logits = b.matrix("logits"), cls = b.per_row("cls", Int(32)), a;
  if (backward) a = b.per_row("a", b.acc());
  // Along the rows each logit is loaded once: with class strides of a power of two its cache line may be gone soon.
  const Builder::Term load = [&](const Expr &c) { return b.at(logits, c); };
  const Builder::Term x = picks ? b.keep("x", load) : load;
  Func peak;
  if (exact) peak = b.max_of_classes("peak", x);
  const Expr zero = Internal::make_zero(b.acc()), ignored = cls(b.index()) < 0;
  Func y = b.once_per_row("y", {clamp(cls(b.index()), 0, b.class_count() - 1)});
  const auto target = [&](const Expr &c) { return (c ^ y(b.row())) == 0; };
  Func picked = picks ? b.sum_of_classes("picked", [&](const Expr &c) { return select(target(c), x(c), zero); })
                      : b.once_per_row("picked", {load(y(b.row()))});
  const Builder::Term exp_of = [&](const Expr &logit) {
    return exact ? b.exp_of_difference(logit, peak(b.row()), Above::bounded) : b.exp_of_difference(logit, zero, Above::checked);
  };
  const Builder::Term make = [&](const Expr &c) { return exp_of(x(c)); };
  const Builder::Term term = b.along_classes() && !exact      ? b.keep_flat("term", logits, exp_of)
                             : b.along_classes() && !backward ? make
                                                              : b.keep("term", make);
  Func others = b.sum_of_others("others", y(b.row()), term);
  // Picked like the logit: one more exp of 16 lanes costs 15 % at 10 classes.
  Expr own;
  if (picks) own = b.sum_of_classes("own", [&](const Expr &c) { return select(target(c), term(c), zero); })(b.row());
  else if (!exact) own = b.once_per_row("own", {exp_of(picked(b.row()))})(b.row());
  const TermSums sums = exact ? TermSums() : without_reference(others(b.row()), own);
  const Row row = exact ? row_of(b, others(b.row()), peak(b.row()), picked(b.row()), true, own) : Row();
  Expr holds = sums.holds, at_target;
  Func scale;
  if (backward) {
    at_target = a(b.index());
    // The terms of a row that holds are finite: a scale of 0 makes its gradient 0.
    if (!exact) at_target = b.once_per_row("at_target", {select(ignored, zero, at_target)})(b.row());
    scale = b.once_per_row("scale", {at_target / (exact ? row.sum : sums.sum)});
    if (!exact) holds = holds && (is_zero(at_target) || is_within(magnitude(scale(b.row())), 1 / LOSSGEN_SCALE_LIMIT, LOSSGEN_SCALE_LIMIT));
  }
  // log1p of the ratio, relative to x_y, which is NaN where the row does not hold.
  const auto finish = [&](const Values &left) {
    const Expr nll = b.log1p_positive(left[0]);
    return Values{select(ignored, zero, nll), strict_float(left[1] + nll)};
  };
  if (exact) {
    b.rows("row", {select(ignored, zero, row.nll), row.lse});
  } else {
    const Values left = {sums.ratio, select(holds, picked(b.row()), not_a_number(b.acc()))};
    b.rows("row", picks ? left : finish(left));
    if (picks) b.finish_rows(finish);
  }
  if (!backward) return b.stage();
  Expr grad = term(b.c()) * scale(b.row()) - select(target(b.c()), at_target, zero);
  if (exact) grad = select(ignored, zero, grad);
  const bool keeps = !exact && b.key().stage == LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled &&
                     lossgen_keeps_logits(b.key().target, b.key().layout, b.acc().bytes());
  b.logits("grad_logits", grad, keeps ? holds : Expr());
  return b.stage();
}

// Two classes, from d = how far the other logit is above the row's own: loss = max(d, 0) + log1p(exp(-|d|)). One exponential, and a
// logarithm of what is at most 2.
Algorithm cross_entropy_of_two(Builder &b) {
  ImageParam logits = b.matrix("logits"), cls = b.per_row("cls", Int(32)), a;
  const bool backward = b.key().stage == LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled;
  if (backward) a = b.per_row("a", b.acc());
  const Expr zero = Internal::make_zero(b.acc()), one = Internal::make_one(b.acc()), ignored = cls(b.r()) < 0;
  const Expr first = b.at(logits, 0), second = b.at(logits, 1), is_second = cls(b.r()) == 1;
  const Expr x_y = b.once_per_row("picked", {select(is_second, second, first)})(b.r());
  const Expr x_other = b.once_per_row("other", {select(is_second, first, second)})(b.r());
  const Expr d = b.once_per_row("d", {strict_float(x_other - x_y)})(b.r());
  const Expr is_above = is_above_zero(d), peak = b.once_per_row("peak", {select(is_above, x_other, x_y)})(b.r());
  // An infinite peak is no reference: all that the row has becomes NaN.
  const Expr least = b.exp_of_difference(minus_magnitude(d), zero, Above::bounded);
  const Expr e = b.once_per_row("term", {select(is_infinity(peak, false), not_a_number(b.acc()), least)})(b.r());
  const Expr log_sum = b.once_per_row("log_sum", {b.log1p_to_one(e)})(b.r());
  const Expr lse = select(is_infinity(first, true) && is_infinity(second, true), first, strict_float(peak + log_sum));
  b.rows("row", {select(ignored, zero, strict_float(select(is_above, d, zero) + log_sum)), lse});
  if (!backward) return b.stage();
  // The two gradients of a row are each other's opposite.
  const Expr scale = a(b.r()) / (one + e), share = select(is_above, scale, e * scale);
  const Expr grad = b.once_per_row("grad", {select(ignored, zero, share)})(b.r());
  b.logits("grad_logits", select((b.c() ^ cls(b.r())) == 0, b.negative(grad), grad));
  return b.stage();
}

// The inputs that both stages of class probabilities read beside the logits, and what a class counts: w_c q'_c.
struct Probabilities {
  ImageParam probs, weight;
  Expr keep, spread;

  explicit Probabilities(Builder &b)
      : probs(b.matrix("probs")),
        weight(b.per_class("weight")),
        keep(cast(b.acc(), b.scalar<double>("keep"))),
        spread(cast(b.acc(), b.scalar<double>("spread"))) {}
  // Strict, or w_c joins what share is multiplied by: w_c * 3e38, a masked logit's distance, times 0 is NaN.
  Expr share(const Builder &b, const Expr &c) const {
    return strict_float(weight(c) * (keep * b.at(probs, c) + spread));
  }
};

// loss = mass * log(sum) + sum of w q' (peak - x): with nothing negative in it nothing cancels. For the same reason the
// classes at the peak are counted instead of added, and the logarithm is log1p of the others.
Algorithm cross_entropy_probs_forward(Builder &b) {
  ImageParam logits = b.matrix("logits");
  const Probabilities q(b);
  // spread's part of mass comes ready: equal terms of a long sum would all round alike.
  const Expr spread_mass = cast(b.acc(), b.scalar<double>("spread_mass"));
  const Expr zero = Internal::make_zero(b.acc()), one = Internal::make_one(b.acc());
  Func peak = b.max_of_classes("peak", [&](const Expr &c) { return b.at(logits, c); });
  Func sums = b.sums_of_classes("sums", q.probs, [&](const Expr &c) {
    Expr x = b.at(logits, c), at_peak = same_bits(x, peak(b.r()));
    return std::vector<Expr>{select(at_peak, zero, b.exp_of_difference(x, peak(b.r()))), select(at_peak, one, zero),
                             q.weight(c) * b.at(q.probs, c), q.share(b, c) * strict_float(peak(b.r()) - x)};
  });
  const Expr others = sums(b.r())[0], mass = q.keep * sums(b.r())[2] + spread_mass, below = sums(b.r())[3];
  // An infinite peak is no reference: NaN, as for every row that has one.
  Expr ties = select(is_finite_number(peak(b.r())), sums(b.r())[1], not_a_number(b.acc()));
  const Expr sum = strict_float(others + ties);
  Expr log_sum = unless_zero(sum, b.log1p_positive(strict_float(others + strict_float(ties - one))));
  b.rows("row", {mass * log_sum + below, strict_float(peak(b.r()) + log_sum), peak(b.r()), sum, mass});
  return b.stage();
}

Algorithm cross_entropy_probs_backward(Builder &b) {
  ImageParam logits = b.matrix("logits");
  const Probabilities q(b);
  ImageParam a = b.per_row("a", b.acc()), shares = b.per_row("b", b.acc());
  ImageParam ref = b.per_row("ref", b.acc()), sum = b.per_row("sum", b.acc());
  Func scale = b.once_per_row("scale", {a(b.r()) / sum(b.r())});
  Expr softmax = b.exp_of_difference(b.at(logits, b.c()), ref(b.r())) * scale(b.r());
  b.logits("grad_logits", softmax - shares(b.r()) * q.share(b, b.c()));
  return b.stage();
}

Algorithm row_stats(Builder &b) {
  ImageParam logits = b.matrix("logits");
  const Expr last = b.class_count() - 1, zero = Internal::make_zero(b.acc());
  auto is_nan = [](const Expr &x) {
    return x.type().bits() == 64
               ? (reinterpret<uint64_t>(x) << Internal::UIntImm::make(UInt(64), 1)) >
                     Internal::UIntImm::make(UInt(64), 0xffe0000000000000ull)
               : (reinterpret<uint32_t>(x) << Internal::UIntImm::make(UInt(32), 1)) >
                     Internal::UIntImm::make(UInt(32), 0xff000000u);
  };
  Func peak = b.max_of_classes("peak", [&](const Expr &c) { return b.at(logits, c); });
  // The largest distance to the last class is the first class. Beyond the identity of peak only -inf: class 0 then.
  Func hit = b.max_index_of_classes(
      "hit", [&](const Expr &c) { return select(b.at(logits, c) == peak(b.r()), last - c, -1); });
  Func nan = b.max_index_of_classes("nan", [&](const Expr &c) { return select(is_nan(b.at(logits, c)), last - c, -1); });
  Func total = b.sum_of_classes(
      "total", [&](const Expr &c) { return b.exp_of_difference(b.at(logits, c), peak(b.r()), Above::bounded); });
  // sum of e^d d, d = x - peak <= 0; classes at -inf add nothing (0 * inf would be NaN).
  Func weighted = b.sum_of_classes("weighted", [&](const Expr &c) {
    Expr d = strict_float(b.at(logits, c) - peak(b.r())), e = b.exp_of_difference(b.at(logits, c), peak(b.r()), Above::bounded);
    return select(e == zero, zero, e * d);
  });
  Expr first = select(nan(b.r()) >= 0, last - nan(b.r()), hit(b.r()) >= 0, last - hit(b.r()), 0);
  b.rows("stats", {first, b.log_positive(total(b.r())) - weighted(b.r()) / total(b.r())});
  return b.stage();
}

}  // namespace

Algorithm build_algorithm(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  switch (key.stage) {
    case LOSSGEN_STAGE_target_classes: return target_classes(b);
    case LOSSGEN_STAGE_log_softmax_forward: return log_softmax_forward(b);
    case LOSSGEN_STAGE_log_softmax_backward: return log_softmax_backward(b);
    case LOSSGEN_STAGE_nll_loss_forward: return nll_loss_forward(b);
    case LOSSGEN_STAGE_nll_loss_backward: return nll_loss_backward(b);
    case LOSSGEN_STAGE_cross_entropy_forward:
    case LOSSGEN_STAGE_cross_entropy_forward_exact:
    case LOSSGEN_STAGE_cross_entropy_forward_terms:
    case LOSSGEN_STAGE_cross_entropy_forward_general: return cross_entropy_forward(b);
    case LOSSGEN_STAGE_cross_entropy_backward:
    case LOSSGEN_STAGE_cross_entropy_backward_general: return cross_entropy_backward(b);
    case LOSSGEN_STAGE_cross_entropy_backward_terms: return cross_entropy_backward_terms(b);
    case LOSSGEN_STAGE_cross_entropy_forward_unrolled:
    case LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled: return key.classes == 2 ? cross_entropy_of_two(b) : cross_entropy_fused(b);
    case LOSSGEN_STAGE_cross_entropy_forward_unrolled_exact:
    case LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled_exact:
    case LOSSGEN_STAGE_cross_entropy_forward_backward_streamed:
    case LOSSGEN_STAGE_cross_entropy_forward_backward: return is_whole_row(key) ? cross_entropy_of_whole_rows(b) : cross_entropy_fused(b);
    case LOSSGEN_STAGE_cross_entropy_forward_parts: return cross_entropy_forward_parts(b);
    case LOSSGEN_STAGE_cross_entropy_forward_join: return cross_entropy_forward_join(b);
    case LOSSGEN_STAGE_cross_entropy_probs_forward: return cross_entropy_probs_forward(b);
    case LOSSGEN_STAGE_cross_entropy_probs_backward: return cross_entropy_probs_backward(b);
    case LOSSGEN_STAGE_row_stats: return row_stats(b);
    default: return build_device_algorithm(key, lanes);
  }
}

}  // namespace lossgen
