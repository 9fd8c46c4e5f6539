// Stages between and after the kernels over logits that only devices need: there the class weights, the sums over rows
// and the denominator stay on the device, so that a call neither copies nor waits. Their arguments are stated in
// kernel_abi.h. Sums are f64, in an order that the number of rows alone decides: equal bits in every run.
#include "builder.h"
#include "numerics.h"

namespace lossgen {
using namespace Halide;

namespace {

Expr f64(double v) { return Internal::make_const(Float(64), v); }

Algorithm device_targets(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  Expr cls = b.class_of_target();
  ImageParam weight = b.per_row("weight", Float(32)), row_weight = b.per_row("row_weight", Float(32));
  Param<int32_t> weighted = b.scalar<int32_t>("weighted"), row_weighted = b.scalar<int32_t>("row_weighted");
  // Both weights are read in any case, from some address that the caller may read.
  Expr one = Internal::make_one(Float(32));
  Expr of_class = select(weighted != 0, weight(clamp(cls * weighted, 0, weight.dim(0).extent() - 1)), one);
  Expr w = of_class * select(row_weighted != 0, row_weight(b.r()), one);
  b.rows("targets", {cls, select(cls < 0, Internal::make_zero(Float(32)), w)});
  return b.stage();
}

// What a row adds to the loss.
struct Losses {
  ImageParam nll, w, cls;
  Param<int32_t> bad_is_ignored;

  explicit Losses(Builder &b)
      : nll(b.per_row("nll", b.acc())),
        w(b.per_row("w", b.acc())),
        cls(b.per_row("cls", Int(32))),
        bad_is_ignored(b.scalar<int32_t>("bad_is_ignored")) {}
  Expr at(const Expr &r) const {
    const Type t = nll.type();
    Expr unkept = select(cls(r) == -2 && bad_is_ignored == 0, not_a_number(t), Internal::make_zero(t));
    return select(cls(r) < 0, unkept, strict_float(w(r) * nll(r)));
  }
};

Algorithm device_losses(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  const Losses losses(b);
  b.rows("loss", {losses.at(b.r())});
  return b.stage();
}

// Over so many rows from the first on: losses, weights, how many are kept, how many out of bounds.
std::vector<Expr> sums_of_rows(Builder &b, const Losses &rows, const Expr &count, const Expr &first) {
  const Expr last = rows.nll.dim(0).extent() - 1;
  auto sum = [&](const char *name, const Builder::Term &term) {
    return b.sum(name, count, [&](const Expr &k) {
      Expr row = first + k;
      return select(row <= last, term(min(row, last)), f64(0));
    })(b.r());
  };
  return {sum("losses", [&](const Expr &r) { return cast<double>(rows.at(r)); }),
          sum("weights", [&](const Expr &r) { return cast<double>(rows.w(r)); }),
          sum("kept", [&](const Expr &r) { return select(rows.cls(r) >= 0, f64(1), f64(0)); }),
          sum("bad", [&](const Expr &r) { return select(rows.cls(r) == -2, f64(1), f64(0)); })};
}

Algorithm device_sums(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  const Losses rows(b);
  b.rows("sums", sums_of_rows(b, rows, LOSSGEN_DEVICE_BLOCK, b.r() * LOSSGEN_DEVICE_BLOCK));
  return b.stage();
}

std::vector<Expr> sums_of_blocks(Builder &b) {
  ImageParam losses = b.per_row("losses", Float(64)), weights = b.per_row("weights", Float(64));
  ImageParam kept = b.per_row("kept", Float(64)), bad = b.per_row("bad", Float(64));
  auto sum = [&](const char *name, const ImageParam &p) {
    return b.sum(name, losses.dim(0).extent(), [&](const Expr &k) { return p(k); })(b.r());
  };
  return {sum("loss", losses), sum("weight", weights), sum("rows", kept), sum("outside", bad)};
}

Algorithm device_total(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  std::vector<Expr> sums;
  if (key.stage == LOSSGEN_STAGE_device_total) {
    sums = sums_of_blocks(b);
  } else {
    const Losses rows(b);
    sums = sums_of_rows(b, rows, rows.nll.dim(0).extent(), 0);
  }
  ImageParam saved = b.per_row("saved", b.acc()), bad_before = b.per_row("bad_before", Int(32));
  ImageParam grad = b.per_row("grad", b.acc());
  Param<int32_t> has_grad = b.scalar<int32_t>("has_grad"), denominator = b.scalar<int32_t>("denominator");
  Param<double> given = b.scalar<double>("given");
  Param<int32_t> empty_is_zero = b.scalar<int32_t>("empty_is_zero");
  Expr loss = sums[0], w = sums[1], rows = sums[2], outside = sums[3];

  Expr divisor = select(denominator == LOSSGEN_DIVIDE_BY_NOTHING, f64(1), denominator == LOSSGEN_DIVIDE_BY_WEIGHTS, w,
                        denominator == LOSSGEN_DIVIDE_BY_KEPT, rows, denominator == LOSSGEN_DIVIDE_BY_SAVED,
                        cast<double>(saved(0)), given);
  Expr empty = empty_is_zero != 0 && strict_float(rows == f64(0)) && strict_float(outside == f64(0));
  Expr mean = select(denominator == LOSSGEN_DIVIDE_BY_NOTHING, loss, empty, f64(0), strict_float(loss / divisor));
  Expr shown = select(denominator == LOSSGEN_DIVIDE_BY_NOTHING, f64(0), divisor);
  b.rows("total", {cast(b.acc(), mean), cast(b.acc(), shown), divisor, Internal::make_one(b.acc()),
                   cast(b.acc(), strict_float(select(has_grad != 0, cast<double>(grad(0)), f64(1)) / divisor)),
                   select(strict_float(outside > f64(0)), 1, bad_before(0))});
  return b.stage();
}

Algorithm device_scales(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  ImageParam cls = b.per_row("cls", Int(32)), w = b.per_row("w", b.acc()), grad = b.per_row("grad", b.acc());
  ImageParam divisor = b.per_row("divisor", Float(64));
  Expr scale = strict_float(cast<double>(grad(b.r())) * cast<double>(w(b.r())) / divisor(0));
  b.rows("scale", {select(cls(b.r()) < 0, Internal::make_zero(b.acc()), cast(b.acc(), scale))});
  return b.stage();
}

}  // namespace

Algorithm build_device_algorithm(const KernelKey &key, const Lanes &lanes) {
  switch (key.stage) {
    case LOSSGEN_STAGE_device_targets: return device_targets(key, lanes);
    case LOSSGEN_STAGE_device_losses: return device_losses(key, lanes);
    case LOSSGEN_STAGE_device_sums: return device_sums(key, lanes);
    case LOSSGEN_STAGE_device_total:
    case LOSSGEN_STAGE_device_total_of_rows: return device_total(key, lanes);
    case LOSSGEN_STAGE_device_scales: return device_scales(key, lanes);
    default: throw CompileError("unknown stage");
  }
}

}  // namespace lossgen
