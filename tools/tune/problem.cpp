#include "problem.h"

#include <float.h>
#include <lossgen/accuracy.h>
#include <stdlib.h>

#include <algorithm>
#include <stdexcept>

#include "half.h"

namespace tune {
namespace {

constexpr double kSmoothing = 0.1;

bool starts(const std::string &text, const char *prefix) { return text.rfind(prefix, 0) == 0; }
bool ends(const std::string &text, const std::string &suffix) {
  return text.size() >= suffix.size() && text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

// A number in [0, 1) that depends on its index only.
double uniform(uint64_t index, uint64_t salt) {
  uint64_t h = (index + salt * 0x632be59bd9b4e019u) * 0x9e3779b97f4a7c15u;
  h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
  return static_cast<double>((h ^ h >> 29) >> 11) * 0x1p-53;
}

}  // namespace

void Problem::allocate(Matrix *m) {
  const int64_t n = s_.rows, c = s_.classes, i = s_.inner, gap = s_.layout == "strided" ? 2 : 1;
  const bool planes = s_.layout == "planes";
  m->shape[0] = n, m->shape[1] = c, m->shape[2] = i;
  m->stride[0] = planes && i == 1 ? 1 : n == 0 ? 0 : c * i * gap;
  m->stride[1] = planes ? (i == 1 ? n : i) : gap;
  m->stride[2] = planes ? 1 : c * gap;
  m->memory = Memory(static_cast<size_t>(n * c * i * gap) * (type_.bits / 8), gpu_);
  m->tensor = lossgen_tensor_on(where_, m->memory.data(), type_, i == 1 ? 2 : 3, m->shape, m->stride);
}

double Problem::get(const Matrix &m, int64_t row, int64_t c) const {
  const int64_t at = row / s_.inner * m.stride[0] + c * m.stride[1] + row % s_.inner * m.stride[2];
  const char *p = m.memory.host() + at * (type_.bits / 8);
  if (type_.bits == 64) return *reinterpret_cast<const double *>(p);
  if (type_.bits == 32) return *reinterpret_cast<const float *>(p);
  const uint16_t half = *reinterpret_cast<const uint16_t *>(p);
  return type_.code == kDLBfloat ? from_bf16(half) : from_f16(half);
}

double Problem::loss_of(int64_t row) const {
  const char *p = loss_memory_.host();
  return wide_ ? reinterpret_cast<const double *>(p)[row] : reinterpret_cast<const float *>(p)[row];
}

// Numbers around 0 by a bell curve of width 2, times `scale` and plus `shift`; the same ones every 8191 in memory.
void Problem::fill(Matrix *m, uint64_t salt, double scale, double shift) {
  constexpr int64_t kPeriod = 8191;
  const int64_t bytes = type_.bits / 8;
  std::vector<char> values(static_cast<size_t>(kPeriod * bytes));
  for (int64_t i = 0; i < kPeriod; i++) {
    double sum = -2;
    for (uint64_t k = 0; k < 4; k++) sum += uniform(static_cast<uint64_t>(i), 4 * salt + k);
    const double value = scale * sum + shift;
    char *p = values.data() + i * bytes;
    if (type_.bits == 64) *reinterpret_cast<double *>(p) = value;
    else if (type_.bits == 32) *reinterpret_cast<float *>(p) = static_cast<float>(value);
    else *reinterpret_cast<uint16_t *>(p) = type_.code == kDLBfloat ? to_bf16(value) : to_f16(value);
  }
  m->memory.fill(values.data(), values.size());
}

Problem::Problem(const Shape &shape, int threads, bool check)
    : s_(shape), gpu_(gpu_of(shape.target)), where_{gpu_ ? kDLCUDA : kDLCPU, 0} {
  const struct {
    const char *name;
    uint8_t code, bits;
  } types[] = {{"f32", kDLFloat, 32}, {"f64", kDLFloat, 64}, {"f16", kDLFloat, 16}, {"bf16", kDLBfloat, 16}};
  type_.bits = 0;
  for (const auto &t : types)
    if (s_.dtype == t.name) type_ = lossgen_dtype(static_cast<DLDataTypeCode>(t.code), t.bits);
  if (type_.bits == 0) throw std::invalid_argument("dtype " + s_.dtype);
  wide_ = type_.bits == 64;
  options_.threads = threads;
  options_.target = s_.target.c_str();
  if (gpu_) options_.stream = gpu_->stream();
  const bool softmax = starts(s_.call, "log_softmax"), probs = starts(s_.call, "cross_entropy_probs");
  if (!softmax) options_.reduction = check ? LOSSGEN_REDUCTION_NONE : LOSSGEN_REDUCTION_SUM;
  if (s_.call == "cross_entropy_general") options_.label_smoothing = kSmoothing;

  const int64_t rows = s_.rows * s_.inner, n = rows * s_.classes;
  if (s_.call != "nll_loss_backward") allocate(&x_);
  if (softmax) {
    if (s_.call == "log_softmax_backward") allocate(&second_);
    allocate(&out_);
  } else if (probs) {
    allocate(&second_);
  } else if (ends(s_.call, "loss_backward") || s_.call == "cross_entropy_backward") {
    allocate(&out_);
  }
  grad_ = out_.memory ? &out_.tensor : &x_.tensor;

  const bool nll = starts(s_.call, "nll");
  if (x_.memory) fill(&x_, 1, nll ? 1 : 4, nll ? -4 : 0);
  if (second_.memory)
    fill(&second_, 2, softmax ? 1 : 0.4 / static_cast<double>(s_.classes),
         softmax ? -5 : 1 / static_cast<double>(s_.classes));
  target_.resize(static_cast<size_t>(rows));
  for (int64_t r = 0; r < rows; r++)
    target_[r] = r % 7 == 3
                     ? -100
                     : static_cast<int64_t>(uniform(static_cast<uint64_t>(r), 6) * static_cast<double>(s_.classes));
  row_shape_[0] = s_.rows, row_shape_[1] = s_.inner;
  const int32_t rank = s_.inner == 1 ? 1 : 2;
  const DLDataType real = lossgen_dtype(kDLFloat, wide_ ? 64 : 32), i64 = lossgen_dtype(kDLInt, 64);
  const auto of_rows = [&](Memory *memory, DLDataType type, int32_t dimensions) {
    *memory = Memory(static_cast<size_t>(rows) * (type.bits / 8), gpu_);
    return lossgen_tensor_on(where_, memory->data(), type, dimensions, row_shape_, nullptr);
  };
  y_ = of_rows(&target_memory_, i64, rank);
  target_memory_.fill(target_.data(), target_.size() * sizeof target_[0]);
  loss_ = of_rows(&loss_memory_, real, check ? rank : 0);
  lse_ = of_rows(&lse_memory_, real, rank);
  if (gpu_ && !softmax) {
    options_.workspace_bytes = lossgen_workspace_size(s_.call.c_str(), &x_.tensor, &options_);
    workspace_ = Memory(options_.workspace_bytes, gpu_);
    options_.workspace = workspace_.data();
  }
  if (s_.call == "cross_entropy_backward") {
    lossgen_options o = options_;
    lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
    extras.lse = &lse_;
    if (lossgen_cross_entropy_forward(&x_.tensor, &y_, &o, &loss_, &extras) != LOSSGEN_OK) throw std::runtime_error(lossgen_last_error());
  }
  if (!check) return;
  if (x_.memory) x_.memory.fetch();
  if (second_.memory) second_.memory.fetch();
  kept_x_.resize(n), kept_second_.resize(n);
  for (int64_t i = 0; i < n; i++) {
    if (x_.memory) kept_x_[i] = get(x_, i / s_.classes, i % s_.classes);
    if (second_.memory) kept_second_[i] = get(second_, i / s_.classes, i % s_.classes);
  }
}

lossgen_status Problem::run() {
  const std::string &call = s_.call;
  DLTensor *x = &x_.tensor, *second = &second_.tensor;
  if (call == "log_softmax_forward") return lossgen_log_softmax_forward(x, &options_, grad_);
  if (call == "log_softmax_backward") return lossgen_log_softmax_backward(x, second, &options_, grad_);
  if (call == "nll_loss_forward") return lossgen_nll_loss_forward(x, &y_, &options_, &loss_, nullptr);
  if (call == "nll_loss_backward") return lossgen_nll_loss_backward(&y_, &options_, nullptr, grad_);
  if (call == "cross_entropy_forward") return lossgen_cross_entropy_forward(x, &y_, &options_, &loss_, nullptr);
  if (call == "cross_entropy_backward") {
    lossgen_saved saved = LOSSGEN_SAVED_INIT;
    saved.lse = &lse_;
    return lossgen_cross_entropy_backward(x, &y_, &options_, &saved, grad_);
  }
  if (call == "cross_entropy_forward_backward" || call == "cross_entropy_general")
    return lossgen_cross_entropy_forward_backward(x, &y_, &options_, &loss_, grad_, nullptr);
  if (call == "cross_entropy_probs_forward")
    return lossgen_cross_entropy_probs_forward(x, second, &options_, &loss_, nullptr);
  if (call == "cross_entropy_probs_forward_backward")
    return lossgen_cross_entropy_probs_forward_backward(x, second, &options_, &loss_, grad_, nullptr);
  throw std::invalid_argument("call " + call);
}

// Real: wider than what is checked. accuracy.h's bounds where they are simple, else above them: a schedule cannot be a
// little wrong, its sums only run in another order.
template <class Real>
double Problem::worst_error_in() const {
  const std::string &call = s_.call;
  const bool softmax = starts(call, "log_softmax"), nll = starts(call, "nll"),
             probs = starts(call, "cross_entropy_probs");
  const bool has_loss = !softmax && !ends(call, "loss_backward") && call != "cross_entropy_backward";
  const bool has_grad = softmax || ends(call, "backward") || call == "cross_entropy_general";
  const double e = call == "cross_entropy_general" ? kSmoothing : 0;
  const int64_t classes = s_.classes;
  const double eps = wide_ ? DBL_EPSILON : FLT_EPSILON,
               grow = 2 * (1 + static_cast<double>(classes) / LOSSGEN_LONG_ROW);
  const double stored = type_.bits != 16          ? eps
                        : type_.code == kDLBfloat ? 0x1p-7
                                                  : 0x1p-10,
               least = type_.bits == 16 ? 0x1p-24 : 0;
  const double option = e > 0 ? LOSSGEN_F64_OPTION_ULP : 0;
  double worst = 0;
  const auto compare = [&](double is, Real want, double allowed) {
    const double error = fabs(static_cast<double>(is - want));
    if (error == 0) return;  // of ignored rows nothing is allowed
    worst = std::max(worst, error <= DBL_MAX ? error / (allowed * eps * grow) : HUGE_VAL);
  };
  const auto compare_stored = [&](double is, Real want, double allowed) {
    compare(is, want, allowed + (stored * fabs(static_cast<double>(want)) + least) / eps);
  };
  std::vector<Real> p(static_cast<size_t>(classes));
  for (int64_t r = 0; r < s_.rows * s_.inner; r++) {
    const double *x = kept_x_.data() + r * classes, *second = kept_second_.data() + r * classes;
    const int64_t y = target_[r];
    const bool kept = y >= 0 || probs;
    if (nll) {
      if (has_loss) compare(loss_of(r), kept ? -static_cast<Real>(x[y]) : 0, LOSSGEN_F64_NLL_ULP * 8);
      for (int64_t c = 0; has_grad && c < classes; c++) compare_stored(get(out_, r, c), kept && c == y ? -1 : 0, 1);
      continue;
    }
    Real largest = x[0], sum = 0, loss = 0, mass = 0, terms = 0, grads = 0;
    for (int64_t c = 0; c < classes; c++) largest = std::max<Real>(largest, x[c]);
    for (int64_t c = 0; c < classes; c++) sum += p[c] = std::exp(x[c] - largest);
    const Real lse = largest + std::log(sum);
    for (int64_t c = 0; c < classes; c++) {
      p[c] /= sum;
      const Real share = probs ? static_cast<Real>(second[c]) : (c == y ? 1 - Real(e) : 0) + Real(e) / classes;
      loss += share * (lse - x[c]);
      terms += share * (std::abs(lse) + std::abs(static_cast<Real>(x[c])) + 1);
      mass += share, grads += std::abs(static_cast<Real>(x[c]));
    }
    const double scale = LOSSGEN_F64_PROBS_LOSS_ULP + option;
    if (has_loss) compare(loss_of(r), kept ? loss : 0, scale * static_cast<double>(terms));
    Real total = 0;
    for (int64_t c = 0; c < classes; c++) total += x[c];
    for (int64_t c = 0; has_grad && c < classes; c++) {
      const double is = get(out_.memory ? out_ : x_, r, c);
      const Real share = probs ? static_cast<Real>(second[c]) : (c == y ? 1 - Real(e) : 0) + Real(e) / classes;
      if (call == "log_softmax_forward")
        compare_stored(is, x[c] - lse, LOSSGEN_F64_LOG_SOFTMAX_ULP * (1 + fabs(static_cast<double>(x[c] - lse))));
      else if (softmax)
        compare_stored(is, x[c] - std::exp(static_cast<Real>(second[c])) * total,
                       LOSSGEN_F64_LOG_SOFTMAX_BACKWARD_ULP *
                           (fabs(x[c]) + static_cast<double>(std::exp(static_cast<Real>(second[c])) * grads)));
      else
        compare_stored(is, kept ? p[c] * mass - share : 0, (LOSSGEN_F64_GRAD_ULP + option) * static_cast<double>(mass));
    }
  }
  return worst;
}

double Problem::worst_error() {
  for (Memory *m : {&x_.memory, &out_.memory, &loss_memory_})
    if (*m) m->fetch();
  return wide_ ? worst_error_in<long double>() : worst_error_in<double>();
}

}  // namespace tune
