// The algorithms, one function per stage. What they compute is stated in lossgen.h, their arguments in kernel_abi.h.
#include "algorithm.h"
#include "builder.h"
#include "numerics.h"

namespace lossgen {
using namespace Halide;

namespace {

// A class index that bounds inference and the hardware can trust, whatever cls holds.
Expr class_of(const Builder &b, const ImageParam &cls) { return clamp(cls(b.r()), 0, b.class_count() - 1); }

Algorithm target_classes(Builder &b) {
  ImageParam target = b.per_row("target", storage_type(b.key().dtype));
  Param<int64_t> ignore_index = b.scalar<int64_t>("ignore_index");
  Param<int32_t> has_ignore = b.scalar<int32_t>("has_ignore"), classes = b.scalar<int32_t>("classes");
  Expr y = cast<int64_t>(target(b.r()));
  Expr ignored = has_ignore != 0 && y == ignore_index;
  if (storage_type(b.key().dtype) == UInt(64)) ignored = ignored && y >= cast<int64_t>(0);  // 2^64 - 100 is not -100
  Expr inside = y >= cast<int64_t>(0) && y < cast<int64_t>(classes);
  b.rows("cls", {select(ignored, -1, inside, cast<int32_t>(y), -2)});
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
  b.logits("grad_log_probs", select((b.c() ^ cls(b.r())) == 0, -d(b.r()), Internal::make_zero(b.acc())));
  return b.stage();
}

Algorithm log_softmax_forward(Builder &b) {
  ImageParam logits = b.matrix("logits");
  Func peak = b.max_of_classes("peak", [&](const Expr &c) { return b.at(logits, c); });
  Func total = b.sum_of_classes(
      "total", [&](const Expr &c) { return exp_of_difference(b.at(logits, c), peak(b.r())); });
  // (x - peak) - log(total), in this order: the first difference is exact near the peak, at any offset.
  Func shift = b.once_per_row("shift", {peak(b.r()), log_positive(total(b.r()))});
  b.logits("log_probs", strict_float(strict_float(b.at(logits, b.c()) - shift(b.r())[0]) - shift(b.r())[1]));
  return b.stage();
}

Algorithm log_softmax_backward(Builder &b) {
  ImageParam grad = b.matrix("grad"), log_probs = b.matrix("log_probs");
  Func total = b.sum_of_classes("total", [&](const Expr &c) { return b.at(grad, c); });
  Expr softmax = exp_of_difference(b.at(log_probs, b.c()), Internal::make_zero(b.acc()));
  b.logits("grad_logits", b.at(grad, b.c()) - softmax * total(b.r()));
  return b.stage();
}

// loss = log1p(sum over the other classes of exp(x_c - x_y)): relative to x_y nothing cancels, however sure the row is.
Algorithm cross_entropy_forward(Builder &b) {
  const bool exact = b.key().stage == LOSSGEN_STAGE_cross_entropy_forward_exact;
  ImageParam logits = b.matrix("logits"), cls = b.per_row("cls", Int(32));
  Func y = b.once_per_row("y", {class_of(b, cls)});
  Func picked = b.once_per_row("picked", {b.at(logits, y(b.r()))});
  Func ref = exact ? b.max_of_classes("peak", [&](const Expr &c) { return b.at(logits, c); }) : picked;
  Expr zero = Internal::make_zero(b.acc()), one = Internal::make_one(b.acc());
  // == through xor: Halide splits the loop over the classes at a comparison that it can solve, half of it then slow.
  Func others = b.sum_of_classes("others", [&](const Expr &c) {
    return select((c ^ y(b.r())) == 0, zero, exp_of_difference(b.at(logits, c), ref(b.r())));
  });

  Expr o = others(b.r()), base = ref(b.r()), x_y = picked(b.r());
  Expr own = exact ? exp_of_difference(x_y, base) : one;
  Expr sum = strict_float(o + own);
  // Exact rows: relative to x_y again when x_y is the maximum itself.
  Expr gap = strict_float(base - x_y);
  Expr log_sum = exact ? select(gap == zero, log1p_positive(o), log_positive(sum)) : log1p_positive(o);
  Expr loss = exact ? strict_float(gap + log_sum) : log_sum;
  b.rows("row", {select(cls(b.r()) < 0, zero, loss), strict_float(base + log_sum), base, sum});
  return b.stage();
}

Algorithm cross_entropy_backward(Builder &b) {
  ImageParam logits = b.matrix("logits"), cls = b.per_row("cls", Int(32));
  ImageParam a = b.per_row("a", b.acc()), d = b.per_row("d", b.acc());
  ImageParam ref = b.per_row("ref", b.acc()), sum = b.per_row("sum", b.acc());
  Expr zero = Internal::make_zero(b.acc());
  Func scale = b.once_per_row("scale", {a(b.r()) / sum(b.r())});
  Expr softmax = exp_of_difference(b.at(logits, b.c()), ref(b.r())) * scale(b.r());
  Expr grad = softmax - select((b.c() ^ cls(b.r())) == 0, d(b.r()), zero);
  b.logits("grad_logits", select(cls(b.r()) < 0, zero, grad));
  return b.stage();
}

}  // namespace

Type storage_type(lossgen_dtype_id dtype) {
  switch (dtype) {
    case LOSSGEN_DTYPE_u8: return UInt(8);
    case LOSSGEN_DTYPE_i8: return Int(8);
    case LOSSGEN_DTYPE_u16: return UInt(16);
    case LOSSGEN_DTYPE_i16: return Int(16);
    case LOSSGEN_DTYPE_u32: return UInt(32);
    case LOSSGEN_DTYPE_i32: return Int(32);
    case LOSSGEN_DTYPE_u64: return UInt(64);
    case LOSSGEN_DTYPE_i64: return Int(64);
    default: return Float(32);
  }
}

Type accumulator_type(lossgen_dtype_id) { return Float(32); }

Algorithm build_algorithm(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  switch (key.stage) {
    case LOSSGEN_STAGE_target_classes: return target_classes(b);
    case LOSSGEN_STAGE_log_softmax_forward: return log_softmax_forward(b);
    case LOSSGEN_STAGE_log_softmax_backward: return log_softmax_backward(b);
    case LOSSGEN_STAGE_nll_loss_forward: return nll_loss_forward(b);
    case LOSSGEN_STAGE_nll_loss_backward: return nll_loss_backward(b);
    case LOSSGEN_STAGE_cross_entropy_forward:
    case LOSSGEN_STAGE_cross_entropy_forward_exact: return cross_entropy_forward(b);
    case LOSSGEN_STAGE_cross_entropy_backward: return cross_entropy_backward(b);
    default: return build_device_algorithm(key);
  }
}

}  // namespace lossgen
