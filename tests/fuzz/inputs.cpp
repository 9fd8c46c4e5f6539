// The values of a case: inputs as the call sees them, after rounding to their type and after expanded axes overlapped.
#include <algorithm>

#include "runner.h"

namespace {

DLDataType dl_type(const Dtype &type) { return lossgen_dtype(type.code, type.bits); }

}  // namespace

void Runner::make_inputs() {
  Random random(~case_->number);
  first_bad_ = -1;
  unspecified_ = false;
  o_ = {};
  o_.ignore_index = -1;
  given_y_.clear();
  y_.clear();
  if (case_->op > Op::log_softmax_backward) make_targets(random);
  make_matrices(random);
  if (case_->op > Op::log_softmax_backward) make_row_numbers(random);
}

void Runner::make_targets(Random &random) {
  const Case &c = *case_;
  if (c.has_probs()) {  // every row counts
    y_.assign(static_cast<size_t>(c.rows()), 0);
    target_.absent();
    return;
  }
  const IntegerType &type = kIntegerTypes[c.target_type];
  const int64_t classes = c.classes();
  const bool ignores = c.ignore_mode != LOSSGEN_IGNORE_NONE, wide = type.type.code == kDLUInt && type.type.bits == 64;
  const int64_t ignored = c.ignore_mode == LOSSGEN_IGNORE_INDEX ? c.ignore_index : -100;
  const bool representable = ignores && ignored >= type.lowest && ignored <= type.largest;

  std::vector<int64_t> bad;
  for (int64_t v : {classes, classes + random.below(1000), int64_t{-1}, int64_t{-100}, type.lowest, type.largest}) {
    const bool outside = v < 0 || v >= classes;
    if (outside && v >= type.lowest && v <= type.largest && !(ignores && v == ignored)) bad.push_back(v);
  }
  if (wide) bad.push_back(ignored < 0 ? ignored : -1);  // 2^64 - 100 is not -100
  const int64_t choices = std::min(classes, type.largest < INT64_MAX ? type.largest + 1 : INT64_MAX);
  target_.place(type.type, c.row_shape(), c.target, -1);
  std::vector<int64_t> y;
  for (int64_t r = 0; r < target_.rows(); ++r) {
    const bool want_bad = random.chance(c.bad_share) && !bad.empty();
    if (want_bad) y.push_back(bad[static_cast<size_t>(random.below(static_cast<int64_t>(bad.size())))]);
    else if (representable && (choices == 0 || random.chance(c.ignored_share))) y.push_back(ignored);
    else y.push_back(choices == 0 ? 0 : random.below(choices));
  }
  target_.write_integers(y);

  given_y_ = target_.read_integers();
  for (int64_t r = 0; r < target_.rows(); ++r) {
    const int64_t v = given_y_[static_cast<size_t>(r)];
    const bool beyond = wide && v < 0, is_ignored = ignores && v == ignored && !beyond;
    const bool is_bad = !is_ignored && (v < 0 || v >= classes);
    if (is_bad && first_bad_ < 0) first_bad_ = r;
    y_.push_back(is_ignored || is_bad ? -1 : v);
  }
  unspecified_ = first_bad_ >= 0 && c.bounds == LOSSGEN_BOUNDS_UNCHECKED;
}

void Runner::make_matrices(Random &random) {
  const Case &c = *case_;
  const int64_t classes = c.classes(), rows = c.rows();
  std::vector<double> x(static_cast<size_t>(rows * classes));
  for (int64_t r = 0; r < rows && classes > 0; ++r) {
    const bool has_y = !y_.empty() && kept(r) && !c.has_probs();
    const int64_t y = has_y ? y_[static_cast<size_t>(r)] : random.below(classes);
    fill_row(c.dtype, c.family, random, &x[static_cast<size_t>(r * classes)], classes, y);
  }

  first_.place(dl_type(c.dtype), c.shape, c.first, c.axis);
  if (c.op == Op::log_softmax_backward) {
    second_.place(dl_type(c.dtype), c.shape, c.second, c.axis);
    second_.write(c.dtype, reference::log_softmax(rows, classes, x));
    log_probs_in_ = second_.read(c.dtype);
    const double scale = std::exp(random.uniform(-5, 5));
    for (double &v : x) v = scale * random.uniform(-1, 1);
    if (!x.empty() && random.chance(0.05)) x[static_cast<size_t>(random.below(static_cast<int64_t>(x.size())))] = NAN;
  }
  if (c.has_probs()) make_probabilities(random);
  first_.write(c.dtype, x);
  x_ = first_.read(c.dtype);
}

// Distributions, one-hot rows, any numbers.
void Runner::make_probabilities(Random &random) {
  const Case &c = *case_;
  const int64_t classes = c.classes();
  std::vector<double> q(static_cast<size_t>(c.rows() * classes));
  for (int64_t r = 0; r < c.rows() && classes > 0; ++r) {
    double *row = &q[static_cast<size_t>(r * classes)], sum = 0;
    const int64_t kind = random.below(3);
    for (int64_t k = 0; k < classes; ++k) sum += row[k] = kind == 0 ? random.uniform(-1, 2) : random.uniform();
    for (int64_t k = 0; k < classes && kind > 0; ++k) row[k] = kind == 1 ? row[k] / sum : 0;
    if (kind == 2) row[random.below(classes)] = 1;
  }
  second_.place(dl_type(c.dtype), c.shape, c.second, c.axis);
  second_.write(c.dtype, q);
  probs_ = second_.read(c.dtype);
}

void Runner::make_row_numbers(Random &random) {
  const Case &c = *case_;
  auto numbers = [&](Tensor &t, const Numbers &n, const std::vector<int64_t> &shape, auto draw) {
    t.absent();
    if (!n.given) return std::vector<double>();
    t.place(dl_type(n.type), shape, n.layout, -1);
    std::vector<double> values;
    for (int64_t i = 0; i < t.rows(); ++i) values.push_back(draw(i));
    t.write(n.type, values);
    return t.read(n.type);
  };
  o_.weight = numbers(weight_, c.weight, {c.classes()}, [&](int64_t) {
    const double w = random.uniform(0.25, 2), u = random.uniform();
    if (c.weight_values == Case::all_zero || (c.weight_values == Case::some_zero && u < 0.3)) return 0.0;
    return c.weight_values == Case::some_negative && u < 0.3 ? -w : w;
  });
  o_.row_weight = numbers(row_weight_, c.row_weight, c.row_shape(),
                          [&](int64_t) { return random.chance(0.05) ? 0.0 : random.uniform(0.25, 2); });
  const double scale = std::exp(random.uniform(-4, 4));
  Numbers upstream = c.upstream;
  upstream.given = upstream.given && c.has_grad();
  o_.grad_loss =
      numbers(upstream_, upstream, c.reduction == LOSSGEN_REDUCTION_NONE ? c.row_shape() : std::vector<int64_t>(),
              [&](int64_t) { return scale * random.uniform(-2, 2); });

  o_.reduction = static_cast<reference::Reduction>(c.reduction);
  o_.label_smoothing = c.label_smoothing;
  o_.z_loss = c.z_loss;
  o_.denominator = static_cast<reference::Denominator>(c.denominator);
  o_.denominator_value = c.denominator_value;
  o_.empty_mean_is_zero = c.empty_mean_is_zero;
  o_.want_grad = c.has_grad();

  const std::vector<double> total =
      numbers(saved_total_weight_, c.saved_total_weight, {}, [&](int64_t) { return random.uniform(0.1, 50); });
  if (!total.empty()) {
    o_.denominator = reference::Denominator::given;
    o_.denominator_value = total[0];
  }
  std::vector<double> lse;
  if (c.saved_lse.given) lse = reference::lse(c.rows(), c.classes(), x_);
  o_.saved_lse =
      numbers(saved_lse_, c.saved_lse, c.row_shape(), [&](int64_t r) { return lse[static_cast<size_t>(r)]; });
}

void Runner::make_outputs() {
  const Case &c = *case_;
  auto floats = [&](Tensor &t, const Numbers &n, const std::vector<int64_t> &shape, int axis) {
    if (n.given) t.place(dl_type(n.type), shape, n.layout, axis);
    else t.absent();
  };
  const std::vector<int64_t> rows = c.row_shape();
  out_.absent();
  const bool writes_matrix = c.op < Op::nll_loss_forward || c.has_grad();
  if (c.output == Case::separate && writes_matrix) out_.place(dl_type(c.dtype), c.shape, c.out, c.axis);
  floats(loss_, c.loss, c.reduction == LOSSGEN_REDUCTION_NONE ? rows : std::vector<int64_t>(), -1);
  floats(lse_, c.lse, rows, -1);
  floats(total_weight_, c.total_weight, {}, -1);
  floats(log_probs_, c.log_probs, c.shape, c.axis);
  floats(entropy_, c.entropy, rows, -1);
  argmax_.absent();
  if (c.argmax_bits) argmax_.place({kDLInt, static_cast<uint8_t>(c.argmax_bits), 1}, rows, c.argmax, -1);
  correct_.absent();
  if (c.correct) correct_.place({kDLInt, 64, 1}, {}, c.total_weight.layout, -1);
}
