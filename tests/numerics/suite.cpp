#include "suite.h"

#include <lossgen/accuracy.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace {

constexpr struct {
  int code, bits;
  int64_t largest;
} kTargetTypes[] = {{kDLInt, 64, INT64_MAX},   {kDLInt, 32, INT32_MAX}, {kDLUInt, 8, 255},
                    {kDLInt, 16, 32767},       {kDLInt, 8, 127},        {kDLUInt, 16, 65535},
                    {kDLUInt, 32, UINT32_MAX}, {kDLUInt, 64, INT64_MAX}};

}  // namespace

std::ostream &operator<<(std::ostream &os, const Shape &s) {
  return os << kOrderNames[static_cast<int>(s.order)] << " " << s.outer << "x" << s.classes << "x" << s.inner;
}

// Options of one call beside those that hold for the whole case.
struct Suite::Variant {
  reference::Reduction reduction = reference::Reduction::none;
  int upstream = 0;  // 0 none, 1 one number, 2 one per row
  bool weight = false, row_weight = false;
  double label_smoothing = 0, z_loss = 0;
};

struct Suite::Case {
  Shape shape;
  Family family;
  uint64_t seed;
  Layout layout;
  bool at_end;
  std::vector<double> x;  // dense rows
  std::vector<int64_t> y;
  Dtype loss_type, weight_type;
  reference::Options o;
  lossgen_options options;
  bounds::Kernel kernel;

  std::string text() const {
    std::ostringstream os;
    os << shape << " " << kFamilyNames[static_cast<int>(family)] << " seed " << seed << " " << kernel.logits.name
       << " on " << kernel.target;
    return os.str();
  }
  // Of log_softmax and what goes with it, whose sums begin with the largest term.
  double long_row() const { return std::max(1.0, static_cast<double>(shape.classes) / LOSSGEN_LONG_ROW); }
  bool kept(int64_t r) const { return !(o.ignore_index && *o.ignore_index == y[static_cast<size_t>(r)]); }
  void on(const std::string &target) {
    kernel.target = target;
    options.target = kernel.target.c_str();
  }
};

void Suite::expect(const Case &c, const char *kind, const Dtype &type, const std::vector<double> &got,
                   const std::vector<double> &expected, const std::vector<double> &bound,
                   const std::vector<double> *summed) {
  double &largest = maxima_[c.kernel.target].of(kind);
  ASSERT_TRUE(got.size() == expected.size() && got.size() == bound.size()) << kind << ": " << c.text();
  const size_t rows = std::max<size_t>(c.y.size(), 1), classes = static_cast<size_t>(c.shape.classes);
  const size_t per_row = std::max<size_t>(got.size() / rows, 1);
  // Looked up only where a bound was exceeded: it sorts.
  auto equal_terms = [&](size_t row) { return bounds::equal_terms(c.shape.classes, summed->data() + row * classes); };
  for (size_t i = 0; i < got.size(); ++i) {
    if (!reference::kWiderThanF64 && type == kF64 && std::isinf(expected[i])) continue;
    double error = std::fabs(got[i] - expected[i]), allowed = bound[i];
    if (!(error <= allowed) && std::isfinite(error) && summed != nullptr) {
      double times = 1;
      if (got.size() >= rows) times = equal_terms(i / per_row);
      else
        for (size_t row = 0; row < rows; ++row) times = std::max(times, equal_terms(row));
      allowed *= times;
    }
    if (error / allowed > largest && std::isfinite(error / allowed)) largest = error / allowed;
    if (error <= allowed || bounds::agree(type, got[i], expected[i], allowed) || ++failures_ > 20) continue;
    ADD_FAILURE() << kind << ": " << c.text() << ", row " << i / per_row << ", class " << i % per_row << ": " << got[i]
                  << " instead of " << expected[i] << ", bound " << allowed;
  }
}

#define LOSSGEN_CALL(call) ASSERT_EQ(call, LOSSGEN_OK) << c.text() << ": " << lossgen_last_error()

void Suite::run(const Shape &shape, Family family, uint64_t seed) {
  Random random(seed * 1000003 + static_cast<uint64_t>(family));
  Case c{shape,
         family,
         seed,
         Layout(shape.order, shape.outer, shape.classes, shape.inner),
         seed % 2 == 0,
         {},
         {},
         seed % 3 == 1 ? type_ : accumulator_of(type_),
         seed % 5 < 2 ? type_ : accumulator_of(type_),
         {},
         LOSSGEN_OPTIONS_INIT,
         {type_, ""}};
  const int64_t rows = c.layout.rows, classes = shape.classes;
  size_t t = seed % std::size(kTargetTypes);
  while (kTargetTypes[t].largest < classes) t = (t + 1) % std::size(kTargetTypes);
  const DLDataType target_type = lossgen_dtype(kTargetTypes[t].code, kTargetTypes[t].bits);
  // Ignored: -100 where the type has it, else the class 0.
  const bool is_signed = target_type.code == kDLInt, ignores = seed % 3 == 0;
  const int64_t ignored = is_signed ? -100 : 0;
  c.options.threads = 1;
  c.o.ignore_index = ignored;
  c.options.ignore_mode = LOSSGEN_IGNORE_INDEX;
  c.options.ignore_index = ignored;
  if (!is_signed && !ignores) {
    c.o.ignore_index.reset();
    c.options.ignore_mode = LOSSGEN_IGNORE_NONE;
  }
  c.x.resize(static_cast<size_t>(rows * classes));
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t y = random.below(classes);
    fill_row(type_, family, random, &c.x[static_cast<size_t>(r * classes)], classes, y);
    c.y.push_back(ignores && random.chance(0.25) ? ignored : y);
  }
  logits_.place(c.layout, type_, c.at_end);
  logits_.set(c.x);
  classes_.place(c.layout.row_shape, target_type, c.at_end);
  classes_.set_integers(c.y);

  Variant none, reduced, optional;
  none.upstream = seed % 2 == 1 ? 2 : 0;
  reduced.reduction = seed % 2 == 0 ? reference::Reduction::mean : reference::Reduction::sum;
  reduced.weight = seed % 4 < 2;
  reduced.upstream = 1;
  optional.reduction = static_cast<reference::Reduction>(seed % 3);
  optional.upstream = optional.reduction == reference::Reduction::none ? 2 : static_cast<int>(seed % 2);
  optional.weight = seed % 5 < 2;
  optional.row_weight = seed % 4 < 2;
  optional.label_smoothing = seed % 7 < 4 ? random.uniform(0.01, 0.99) : 0;
  optional.z_loss = seed % 11 < 5 ? random.uniform(1e-4, 1e-1) : 0;
  for (const Variant &v : {none, reduced, optional}) check_cross_entropy(c, v);
  for (const Variant &v : {none, reduced, optional}) check_nll_loss(c, v);
  check_log_softmax(c);
  EXPECT_TRUE(out_.surroundings_intact() && grad_.surroundings_intact() && logits_.surroundings_intact() &&
              log_probs_.surroundings_intact())
      << c.text() << ": wrote outside a tensor";
  for (const GuardedRows *rows : {&loss_, &lse_, &entropy_, &total_weight_, &argmax_, &correct_}) {
    EXPECT_TRUE(rows->surroundings_intact()) << c.text() << ": wrote outside a row tensor";
  }
}

// The variant's options for the library and for the reference, and a place for the loss.
void Suite::set_options(Case &c, const Variant &v, bool nll) {
  const int64_t rows = c.layout.rows;
  Random random(c.seed + 17);
  auto numbers = [&](GuardedRows &tensor, const std::vector<int64_t> &shape, int64_t count, double low, double high) {
    // An upstream gradient has the type of a loss.
    const Dtype &type = &tensor == &upstream_ ? c.loss_type : c.weight_type;
    std::vector<double> values(static_cast<size_t>(count));
    for (double &value : values) value = type.round(random.uniform(low, high));
    tensor.place(shape, type, c.at_end);
    tensor.set(values);
    return values;
  };
  constexpr lossgen_reduction reductions[] = {LOSSGEN_REDUCTION_MEAN, LOSSGEN_REDUCTION_SUM, LOSSGEN_REDUCTION_NONE};
  c.o.reduction = v.reduction;
  c.options.reduction = reductions[static_cast<int>(v.reduction)];
  c.o.weight.clear();
  c.o.row_weight.clear();
  c.o.grad_loss.clear();
  if (v.weight) c.o.weight = numbers(weight_, {c.shape.classes}, c.shape.classes, 0.25, 2);
  if (v.row_weight) c.o.row_weight = numbers(row_weight_, c.layout.row_shape, rows, 0.25, 2);
  if (v.upstream == 1) c.o.grad_loss = numbers(upstream_, {}, 1, 1, 3);
  if (v.upstream == 2) c.o.grad_loss = numbers(upstream_, c.layout.row_shape, rows, -2, 2);
  c.options.weight = v.weight ? weight_.dl() : nullptr;
  c.options.row_weight = v.row_weight ? row_weight_.dl() : nullptr;
  c.options.grad_loss = v.upstream ? upstream_.dl() : nullptr;
  c.o.label_smoothing = c.options.label_smoothing = nll ? 0 : v.label_smoothing;
  c.o.z_loss = c.options.z_loss = nll ? 0 : v.z_loss;
}

// Forward with all extras, backward, and both at once, in place and not.
void Suite::check_cross_entropy(Case &c, const Variant &v) {
  const int64_t rows = c.layout.rows, classes = c.shape.classes;
  set_options(c, v, false);
  const bool none = v.reduction == reference::Reduction::none, plain = v.label_smoothing == 0 && v.z_loss == 0;
  const std::vector<int64_t> loss_shape = none ? c.layout.row_shape : std::vector<int64_t>{};
  const Dtype &acc = accumulator_of(type_);
  const reference::Result expected = reference::cross_entropy(rows, classes, c.x, c.y, c.o);
  const bool with_extras = !none;
  reference::RowStatistics stats;
  std::vector<double> log_probs;
  if (with_extras) {
    stats = reference::row_statistics(rows, classes, c.x);
    log_probs = reference::log_softmax(rows, classes, c.x);
  }
  const char *loss_kind = !plain ? "loss_options" : none ? "loss" : "loss_reduced";
  const char *grad_kind = !plain ? "grad_options" : none ? "grad" : "grad_reduced";

  for (const std::string &target : targets_) {
    c.on(target);
    const bounds::Loss bound = bounds::cross_entropy(c.kernel, c.loss_type, rows, classes, c.x, c.y, c.o, expected);
    auto check_loss = [&] {
      expect(c, loss_kind, c.loss_type, loss_.get(), expected.loss,
             none ? bound.row_loss : std::vector<double>{bound.loss}, &c.x);
    };
    auto check_grad = [&](const GuardedTensor &grad) {
      expect(c, grad_kind, type_, grad.get(), expected.grad, bound.grad, &c.x);
    };

    lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
    extras.lse = lse_.place(c.layout.row_shape, acc, c.at_end);
    extras.total_weight = total_weight_.place({}, acc, c.at_end);
    if (with_extras) {
      extras.log_probs = log_probs_.place(c.layout, type_, c.at_end);
      extras.entropy = entropy_.place(c.layout.row_shape, acc, c.at_end);
      extras.argmax = argmax_.place(c.layout.row_shape, lossgen_dtype(kDLInt, c.at_end ? 32 : 64), c.at_end);
      extras.correct = correct_.place({}, lossgen_dtype(kDLInt, 64), c.at_end);
    }
    loss_.place(loss_shape, c.loss_type, c.at_end);
    LOSSGEN_CALL(lossgen_cross_entropy_forward(logits_.dl(), classes_.dl(), &c.options, loss_.dl(), &extras));
    check_loss();
    check_extras(c, expected, stats, log_probs);

    lossgen_saved saved = LOSSGEN_SAVED_INIT;
    saved.total_weight = total_weight_.dl();
    const bool from_saved = v.reduction == reference::Reduction::mean && c.seed % 4 == 0;
    out_.place(c.layout, type_, c.at_end);
    LOSSGEN_CALL(lossgen_cross_entropy_backward(logits_.dl(), classes_.dl(), &c.options, from_saved ? &saved : nullptr,
                                                out_.dl()));
    check_grad(out_);

    loss_.place(loss_shape, c.loss_type, c.at_end);
    grad_.place(c.layout, type_, c.at_end);
    grad_.copy(logits_);
    LOSSGEN_CALL(
        lossgen_cross_entropy_forward_backward(grad_.dl(), classes_.dl(), &c.options, loss_.dl(), grad_.dl(), nullptr));
    check_loss();
    check_grad(grad_);
    if (!none) continue;

    loss_.place(loss_shape, c.loss_type, c.at_end);
    out_.place(c.layout, type_, c.at_end);
    LOSSGEN_CALL(lossgen_cross_entropy_forward_backward(logits_.dl(), classes_.dl(), &c.options, loss_.dl(), out_.dl(),
                                                        nullptr));
    check_loss();
    check_grad(out_);

    grad_.copy(logits_);
    LOSSGEN_CALL(lossgen_cross_entropy_backward(grad_.dl(), classes_.dl(), &c.options, nullptr, grad_.dl()));
    check_grad(grad_);
  }
}

void Suite::check_extras(const Case &c, const reference::Result &expected, const reference::RowStatistics &stats,
                         const std::vector<double> &log_probs) {
  const int64_t rows = c.layout.rows, classes = c.shape.classes;
  const Dtype &acc = accumulator_of(type_);
  expect(c, "total_weight", acc, total_weight_.get(), {expected.total_weight},
         {bounds::total_weight(c.kernel, c.y, c.o, expected)});
  std::vector<double> lse = lse_.get(), bound;
  for (int64_t r = 0; r < rows; ++r) {
    const size_t i = static_cast<size_t>(r), y = static_cast<size_t>(c.kept(r) ? c.y[i] : 0);
    const double *row = &c.x[i * static_cast<size_t>(classes)];
    const double peak = *std::max_element(row, row + classes);
    bound.push_back(bounds::lse(c.kernel, expected.lse[i], std::max(std::fabs(row[y]), std::fabs(peak))));
    // Of rows whose loss is NaN the logarithm may be an infinity (all -inf, a +inf) or NaN.
    if (std::isnan(expected.lse[i]) && std::isinf(lse[i])) lse[i] = expected.lse[i];
  }
  expect(c, "lse", acc, lse, expected.lse, bound, &c.x);
  if (log_probs.empty()) return;

  bound.clear();
  for (double lp : log_probs) bound.push_back(c.long_row() * bounds::log_softmax(c.kernel, lp));
  expect(c, "log_probs", type_, log_probs_.get(), log_probs, bound, &c.x);
  bound.clear();
  for (double entropy : stats.entropy) bound.push_back(c.long_row() * bounds::entropy(c.kernel, entropy));
  expect(c, "entropy", acc, entropy_.get(), stats.entropy, bound, &c.x);

  int64_t correct = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t best = stats.argmax[static_cast<size_t>(r)];
    EXPECT_EQ(argmax_.integer(static_cast<size_t>(r)), best) << "argmax: " << c.text() << ", row " << r;
    correct += c.kept(r) && best == c.y[static_cast<size_t>(r)];
  }
  EXPECT_EQ(correct_.integer(0), correct) << c.text();
}

void Suite::check_nll_loss(Case &c, const Variant &v) {
  const int64_t rows = c.layout.rows, classes = c.shape.classes;
  set_options(c, v, true);
  const bool none = v.reduction == reference::Reduction::none;
  const reference::Result expected = reference::nll_loss(rows, classes, c.x, c.y, c.o);
  for (const std::string &target : targets_) {
    c.on(target);
    const bounds::Loss bound = bounds::nll_loss(c.kernel, c.loss_type, rows, classes, c.x, c.y, c.o, expected);
    loss_.place(none ? c.layout.row_shape : std::vector<int64_t>{}, c.loss_type, c.at_end);
    LOSSGEN_CALL(lossgen_nll_loss_forward(logits_.dl(), classes_.dl(), &c.options, loss_.dl(), nullptr));
    expect(c, none ? "nll" : "nll_reduced", c.loss_type, loss_.get(), expected.loss,
           none ? bound.row_loss : std::vector<double>{bound.loss});
    out_.place(c.layout, type_, c.at_end);
    LOSSGEN_CALL(lossgen_nll_loss_backward(classes_.dl(), &c.options, nullptr, out_.dl()));
    expect(c, "nll_grad", type_, out_.get(), expected.grad, bound.grad);
  }
}

// Forward, and backward from log-probabilities of the logits' type, as a caller has them; in place and not.
void Suite::check_log_softmax(Case &c) {
  const int64_t rows = c.layout.rows, classes = c.shape.classes;
  const std::vector<double> expected = reference::log_softmax(rows, classes, c.x);
  std::vector<double> log_probs(c.x.size()), g(c.x.size()), bound(c.x.size());
  Random random(c.seed + 5);
  for (size_t i = 0; i < g.size(); ++i) {
    log_probs[i] = type_.round(expected[i]);
    g[i] = type_.round(random.normal());
  }
  const std::vector<double> grads = reference::log_softmax_backward(rows, classes, g, log_probs);
  for (const std::string &target : targets_) {
    c.on(target);
    lossgen_options o = LOSSGEN_OPTIONS_INIT;
    o.target = c.options.target;
    o.threads = 1;
    for (size_t i = 0; i < bound.size(); ++i) bound[i] = c.long_row() * bounds::log_softmax(c.kernel, expected[i]);
    out_.place(c.layout, type_, c.at_end);
    LOSSGEN_CALL(lossgen_log_softmax_forward(logits_.dl(), &o, out_.dl()));
    expect(c, "log_softmax", type_, out_.get(), expected, bound, &c.x);
    grad_.place(c.layout, type_, c.at_end);
    grad_.copy(logits_);
    LOSSGEN_CALL(lossgen_log_softmax_forward(grad_.dl(), &o, grad_.dl()));
    expect(c, "log_softmax", type_, grad_.get(), expected, bound, &c.x);

    for (int64_t r = 0; r < rows; ++r) {
      const size_t first = static_cast<size_t>(r * classes), end = first + static_cast<size_t>(classes);
      double magnitudes = 0;
      for (size_t i = first; i < end; ++i) magnitudes += std::fabs(g[i]);
      for (size_t i = first; i < end; ++i) {
        bound[i] = bounds::log_softmax_backward(c.kernel, g[i], std::exp(log_probs[i]), magnitudes, grads[i]);
      }
    }
    const char *kind = "log_softmax_backward";
    log_probs_.place(c.layout, type_, c.at_end);
    log_probs_.set(log_probs);
    grad_.set(g);
    out_.place(c.layout, type_, c.at_end);
    LOSSGEN_CALL(lossgen_log_softmax_backward(grad_.dl(), log_probs_.dl(), &o, out_.dl()));
    expect(c, kind, type_, out_.get(), grads, bound, &g);
    LOSSGEN_CALL(lossgen_log_softmax_backward(grad_.dl(), log_probs_.dl(), &o, log_probs_.dl()));  // over log_probs
    expect(c, kind, type_, log_probs_.get(), grads, bound, &g);
    log_probs_.set(log_probs);
    LOSSGEN_CALL(lossgen_log_softmax_backward(grad_.dl(), log_probs_.dl(), &o, grad_.dl()));  // over grad
    expect(c, kind, type_, grad_.get(), grads, bound, &g);
  }
}
