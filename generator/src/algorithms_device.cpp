// Stages between and after the kernels over logits that only devices need: there the class weights, the sums over rows
// and the denominator stay on the device, so that a call neither copies nor waits. Their arguments are stated in
// kernel_abi.h. Sums are f64 over fixed blocks of rows: equal bits in every run.
#include "builder.h"
#include "numerics.h"

namespace lossgen {
using namespace Halide;

namespace {

Expr f64(double v) { return Internal::make_const(Float(64), v); }

Algorithm device_rows(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  ImageParam nll = b.per_row("nll", b.acc()), cls = b.per_row("cls", Int(32));
  ImageParam weight = b.per_row("weight", b.acc()), row_weight = b.per_row("row_weight", b.acc());
  Param<int32_t> weighted = b.scalar<int32_t>("weighted"), row_weighted = b.scalar<int32_t>("row_weighted");
  Param<int32_t> bad_is_ignored = b.scalar<int32_t>("bad_is_ignored");
  Expr y = cls(b.r()), zero = Internal::make_zero(b.acc()), one = Internal::make_one(b.acc());
  // Both weights are read in any case, from some address that the caller may read.
  Expr of_class = select(weighted != 0, weight(clamp(y * weighted, 0, weight.dim(0).extent() - 1)), one);
  Expr w = of_class * select(row_weighted != 0, row_weight(b.r()), one);
  Expr unkept = select(y == -2 && bad_is_ignored == 0, not_a_number(b.acc()), zero);
  b.rows("loss_w", {select(y < 0, unkept, strict_float(w * nll(b.r()))), select(y < 0, zero, w)});
  return b.stage();
}

Algorithm device_sums(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  ImageParam loss = b.per_row("loss", b.acc()), w = b.per_row("w", b.acc()), cls = b.per_row("cls", Int(32));
  const Expr last = loss.dim(0).extent() - 1;
  auto sum = [&](const char *name, const Builder::Term &term) {
    return b.sum(name, LOSSGEN_DEVICE_BLOCK, [&](const Expr &k) {
      Expr row = b.r() * LOSSGEN_DEVICE_BLOCK + k;
      return select(row <= last, term(min(row, last)), f64(0));
    })(b.r());
  };
  b.rows("sums", {sum("losses", [&](const Expr &at) { return cast<double>(loss(at)); }),
                  sum("weights", [&](const Expr &at) { return cast<double>(w(at)); }),
                  sum("kept", [&](const Expr &at) { return select(cls(at) >= 0, f64(1), f64(0)); }),
                  sum("bad", [&](const Expr &at) { return select(cls(at) == -2, f64(1), f64(0)); })});
  return b.stage();
}

Algorithm device_total(const KernelKey &key, const Lanes &lanes) {
  Builder b(key, lanes);
  ImageParam losses = b.per_row("losses", Float(64)), weights = b.per_row("weights", Float(64));
  ImageParam kept = b.per_row("kept", Float(64)), bad = b.per_row("bad", Float(64));
  ImageParam saved = b.per_row("saved", b.acc()), bad_before = b.per_row("bad_before", Int(32));
  Param<int32_t> denominator = b.scalar<int32_t>("denominator");
  Param<double> given = b.scalar<double>("given");
  Param<int32_t> empty_is_zero = b.scalar<int32_t>("empty_is_zero");
  auto sum = [&](const char *name, const ImageParam &p) {
    return b.sum(name, losses.dim(0).extent(), [&](const Expr &k) { return p(k); })(b.r());
  };
  Expr loss = sum("loss", losses), w = sum("weight", weights), rows = sum("rows", kept), outside = sum("outside", bad);

  Expr divisor = select(denominator == LOSSGEN_DIVIDE_BY_NOTHING, f64(1), denominator == LOSSGEN_DIVIDE_BY_WEIGHTS, w,
                        denominator == LOSSGEN_DIVIDE_BY_KEPT, rows, denominator == LOSSGEN_DIVIDE_BY_SAVED,
                        cast<double>(saved(0)), given);
  Expr empty = empty_is_zero != 0 && strict_float(rows == f64(0)) && strict_float(outside == f64(0));
  Expr mean = select(denominator == LOSSGEN_DIVIDE_BY_NOTHING, loss, empty, f64(0), strict_float(loss / divisor));
  Expr shown = select(denominator == LOSSGEN_DIVIDE_BY_NOTHING, f64(0), divisor);
  b.rows("total", {cast(b.acc(), mean), cast(b.acc(), shown), divisor, Internal::make_one(b.acc()),
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
    case LOSSGEN_STAGE_device_rows: return device_rows(key, lanes);
    case LOSSGEN_STAGE_device_sums: return device_sums(key, lanes);
    case LOSSGEN_STAGE_device_total: return device_total(key, lanes);
    case LOSSGEN_STAGE_device_scales: return device_scales(key, lanes);
    default: throw CompileError("unknown stage");
  }
}

}  // namespace lossgen
