// Builds the inputs of a stage and hands out expressions over them, for algorithms.cpp and algorithms_device.cpp.
#pragma once
#include <limits>
#include <string>
#include <vector>

#include "algorithm.h"

namespace lossgen {

// Multiple of 4, said in a way that Halide's alignment analysis understands.
inline Halide::Expr in_fours(const Halide::Expr &e) { return (e / 4) * 4; }

class Builder {
 public:
  explicit Builder(const KernelKey &key)
      : key_(key),
        acc_(accumulator_type(key.dtype)),
        device_(is_device(key.target)),
        three_axes_(device_ && key.layout == LOSSGEN_LAYOUT_planes) {
    stage_.layout = key.layout;
  }

  Halide::ImageParam matrix(const char *name) {
    Halide::ImageParam p(storage_type(key_.dtype), three_axes_ ? 3 : 2, name);
    stage_.inputs.push_back(p);
    if (device_) promise(p);
    if (key_.layout == LOSSGEN_LAYOUT_strided) p.dim(0).set_stride(Halide::Expr());
    if (!stage_.streamed.defined()) {
      stage_.streamed = p;
      classes_from(p);
    }
    return p;
  }
  Halide::ImageParam per_row(const char *name, Halide::Type type) {
    Halide::ImageParam p(type, 1, name);
    stage_.inputs.push_back(p);
    if (device_) p.dim(0).set_min(0).set_stride(Halide::Expr());
    return p;
  }
  template <class T>
  Halide::Param<T> scalar(const char *name) {
    Halide::Param<T> p(name);
    stage_.inputs.push_back(p);
    return p;
  }
  Halide::Expr at(const Halide::ImageParam &p, const Halide::Expr &c) const {
    if (!three_axes_) return cast(acc_, p(stage_.at(c, r())));
    const Halide::Expr x = p.dim(0).extent();
    return cast(acc_, p(r() % x, c, r() / x));
  }
  Halide::Expr at(const Halide::ImageParam &p, const Halide::RDom &k) const { return at(p, Halide::Expr(k.x)); }

  Halide::RDom over(const Halide::Expr &count) const { return Halide::RDom(0, count, "k"); }
  Halide::RDom over_classes() const { return over(stage_.class_count); }
  Halide::Func reduce(const char *name, const Halide::RDom &k, const Halide::Expr &identity, const Halide::Expr &term,
                      bool maximum) {
    Halide::Func f(name);
    f(r()) = identity;
    f(r()) = maximum ? max(f(r()), term) : f(r()) + term;
    stage_.reductions.push_back({f, k});
    return f;
  }
  Halide::Func sum(const char *name, const Halide::RDom &k, const Halide::Expr &term) {
    return reduce(name, k, Halide::Internal::make_zero(term.type()), term, false);
  }
  // The lowest finite number as identity: -inf may be assumed away. A row of -inf alone then has reference -3e38 and
  // exp(-inf + 3e38) = 0 everywhere: sum 0, which the epilogue turns into NaN.
  Halide::Func maximum(const char *name, const Halide::RDom &k, const Halide::Expr &term) {
    const double lowest =
        acc_.bits() == 64 ? std::numeric_limits<double>::lowest() : std::numeric_limits<float>::lowest();
    return reduce(name, k, Halide::Internal::make_const(acc_, lowest), term, true);
  }
  // A value that every logit of a row needs, computed once per row.
  Halide::Func once_per_row(const char *name, const std::vector<Halide::Expr> &values) {
    Halide::Func f(name);
    if (values.size() == 1) f(r()) = values[0];
    else f(r()) = Halide::Tuple(values);
    stage_.row_values.push_back(f);
    return f;
  }

  void rows(const char *name, const std::vector<Halide::Expr> &values) {
    stage_.per_row = Halide::Func(name);
    if (values.size() == 1) stage_.per_row(r()) = values[0];
    else stage_.per_row(r()) = Halide::Tuple(values);
    if (!device_) return;
    for (Halide::OutputImageParam &p : stage_.per_row.output_buffers())
      p.dim(0).set_min(0).set_stride(Halide::Expr());
  }
  void logits(const char *name, const Halide::Expr &value) {
    if (three_axes_) {
      // Flat over the rows as everything else, then spread over the axes of the output.
      Halide::Func flat(std::string(name) + "_flat");
      flat(r(), c()) = cast(storage_type(key_.dtype), value);
      stage_.per_logit = Halide::Func(name);
      Halide::Expr x_extent = Halide::Internal::Variable::make(Halide::Int(32), std::string(name) + ".extent.0");
      stage_.per_logit(stage_.x, c(), stage_.o) = flat(stage_.o * x_extent + stage_.x, c());
    } else {
      stage_.per_logit = Halide::Func(name);
      stage_.per_logit(stage_.layout == LOSSGEN_LAYOUT_planes ? std::vector<Halide::Var>{r(), c()}
                                                              : std::vector<Halide::Var>{c(), r()}) =
          cast(storage_type(key_.dtype), value);
    }
    if (device_) promise(stage_.per_logit.output_buffer());
    if (stage_.layout == LOSSGEN_LAYOUT_strided) stage_.per_logit.output_buffer().dim(0).set_stride(Halide::Expr());
  }
  const Halide::Var &r() const { return stage_.r; }
  const Halide::Var &c() const { return stage_.c; }
  Halide::Type acc() const { return acc_; }
  Halide::Expr class_count() const { return stage_.class_count; }
  const Algorithm &stage() const { return stage_; }

 private:
  void classes_from(const Halide::ImageParam &p) {
    stage_.class_count =
        key_.classes ? Halide::Expr((int)key_.classes) : p.dim(key_.layout == LOSSGEN_LAYOUT_planes ? 1 : 0).extent();
    if (key_.layout == LOSSGEN_LAYOUT_rows4) stage_.class_count = in_fours(stage_.class_count);
  }

  // What the runtime guarantees about the matrices of a device kernel.
  template <class Image>
  void promise(Image p) {
    for (int i = 0; i < (three_axes_ ? 3 : 2); i++) p.dim(i).set_min(0);
    if (three_axes_) p.dim(0).set_stride(Halide::Expr());
    if (key_.layout != LOSSGEN_LAYOUT_rows4) return;
    p.set_host_alignment(16);
    p.dim(0).set_extent(in_fours(p.dim(0).extent()));
    p.dim(1).set_stride(in_fours(p.dim(1).stride()));
  }

  KernelKey key_;
  Halide::Type acc_;
  bool device_, three_axes_;
  Algorithm stage_;
};

}  // namespace lossgen
