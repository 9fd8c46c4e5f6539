#include "contenders.h"

#include <lossgen/lossgen.h>
#include <math.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "loops.h"
#include "yardstick.h"

namespace bench {
namespace {

constexpr const char *kInPlace = "cross_entropy_forward_backward_in_place";

bool among(const std::vector<std::string> &list, const std::string &name) {
  return list.empty() || std::find(list.begin(), list.end(), name) != list.end();
}

DLDataType dl_type(Dtype dtype) {
  return lossgen_dtype(dtype == Dtype::bf16 ? kDLBfloat : kDLFloat, static_cast<int>(size_of(dtype)) * 8);
}

// Tensors and options of one call; contenders share it by pointer.
struct Call {
  Call(const Batches &b, int threads, const std::string &target_name, bool general)
      : target(target_name), rank(static_cast<int32_t>(b.shape.shape.size())), sizes(b.shape.shape) {
    options.threads = threads;
    options.target = target.c_str();
    options.general_kernels_only = general ? 1 : 0;
    target_sizes = sizes;
    target_sizes.erase(target_sizes.begin() + 1);
    logits = tensor(b.logits, b.dtype);
    gradient = tensor(b.gradient, b.dtype);
    in_place = tensor(b.in_place, b.dtype);
    log_probs = tensor(b.log_probs, b.dtype);
    targets = lossgen_tensor(b.target.as<void>(), lossgen_dtype(kDLInt, 64), rank - 1, target_sizes.data());
    loss = lossgen_tensor(&value, lossgen_dtype(kDLFloat, b.dtype == Dtype::f64 ? 64 : 32), 0, nullptr);
  }
  DLTensor tensor(const Buffer &buffer, Dtype dtype) {
    return lossgen_tensor(buffer.as<void>(), dl_type(dtype), rank, sizes.data());
  }
  double loss_value() const { return loss.dtype.bits == 64 ? value.wide : static_cast<double>(value.narrow); }

  std::string target;
  int32_t rank;
  std::vector<int64_t> sizes, target_sizes;
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  DLTensor logits, gradient, in_place, log_probs, targets, loss;
  union {
    float narrow;
    double wide;
  } value = {0};
};

void must(lossgen_status status) {
  if (status != LOSSGEN_OK) {
    throw std::runtime_error(std::string(lossgen_status_string(status)) + ": " + lossgen_last_error());
  }
}

}  // namespace

bool Wanted::op(const std::string &name) const {
  return among(ops, name);
}

bool Wanted::impl(const std::string &name) const {
  return among(impls, name);
}

const std::vector<std::string> &all_ops() {
  static const std::vector<std::string> ops = {
      "log_softmax_forward",    "log_softmax_backward", "nll_loss_forward", "nll_loss_backward", "cross_entropy_forward",
      "cross_entropy_backward", "cross_entropy_forward_backward", kInPlace};
  return ops;
}

std::vector<std::string> usable_targets() {
  std::vector<std::string> names;
  lossgen_list_targets(
      [](void *user, const lossgen_target_info *info) {
        const std::string name = info->name;
        const bool host = name.rfind("x86", 0) == 0 || name.rfind("arm", 0) == 0;
        if (info->usable && info->kernels > 0 && host) static_cast<std::vector<std::string> *>(user)->push_back(name);
        return 0;
      },
      &names);
  return names;
}

std::string explained(const Case &which, Dtype dtype, int threads, const Wanted &wanted) {
  std::string text;
  const std::vector<std::string> usable = usable_targets();
  for (const std::string &target : wanted.targets.empty() ? std::vector<std::string>{usable.back()} : wanted.targets) {
    lossgen_options options = LOSSGEN_OPTIONS_INIT;
    options.threads = threads;
    options.target = target.c_str();
    options.general_kernels_only = wanted.general_kernels_only ? 1 : 0;
    alignas(64) static char not_read;  // but it must be somewhere
    const DLTensor logits =
        lossgen_tensor(&not_read, dl_type(dtype), static_cast<int32_t>(which.shape.size()), which.shape.data());
    const char *op = "cross_entropy_forward_backward";
    std::string part(lossgen_explain(op, &logits, &options, nullptr, 0) + 1, '\0');
    lossgen_explain(op, &logits, &options, &part[0], part.size());
    part.pop_back();
    text += part.empty() ? std::string(lossgen_last_error()) + "\n" : part;
  }
  return text;
}

void add_rooflines(const Batches &b, Pool &pool, int threads, std::vector<Contender> *list) {
  const Loops *loops = &best_loops();
  if (b.bytes < (1 << 15)) threads = 1;  // waking a thread takes longer
  const auto add = [&](const char *op, Roofline roofline, double factor, std::function<void(size_t, size_t)> part) {
    Contender c{std::string("roofline_") + op, "flat loop", loops->isa, factor * b.bytes, roofline, true, {}, {}, {}};
    c.call = [&pool, threads, part, bytes = b.bytes] {
      pool.run(threads, [&](int k) {
        const Range range = share(bytes, k, threads, 4096);
        part(range.begin, range.end - range.begin);
      });
    };
    list->push_back(std::move(c));
  };
  char *x = b.logits.as<char>(), *g = b.gradient.as<char>(), *w = b.in_place.as<char>();
  add("read", Roofline::read, 1, [=](size_t at, size_t n) {
    const int all = loops->read(x + at, n);
    __asm__ volatile("" : : "r"(all));
  });
  if (g != nullptr) {
    add("copy", Roofline::copy, 2, [=](size_t at, size_t n) { loops->copy(g + at, x + at, n); });
    add("copy_streaming", Roofline::copy, 2, [=](size_t at, size_t n) { loops->copy_streaming(g + at, x + at, n); });
    add("fill", Roofline::fill, 1, [=](size_t at, size_t n) { loops->fill(g + at, n, 0); });
  }
  if (w != nullptr) add("update", Roofline::copy, 2, [=](size_t at, size_t n) { loops->update(w + at, n, 0); });
  if (g != nullptr && b.log_probs.bytes() > 0) {
    char *l = b.log_probs.as<char>();
    add("add", Roofline::add, 3, [=](size_t at, size_t n) { loops->add(g + at, x + at, l + at, n); });
  }
}

void add_lossgen(const Batches &b, int threads, const Wanted &wanted, Pool &pool, std::vector<Contender> *list) {
  if (!wanted.impl("lossgen")) return;
  const std::vector<std::string> usable = usable_targets();
  if (usable.empty()) throw std::runtime_error("no kernels for this machine are linked");
  const bool every = b.dtype == Dtype::f32 && b.shape.every_target;
  const Batches *batches = &b;
  const double bytes = static_cast<double>(b.bytes), rows = static_cast<double>(b.shape.rows());
  for (const std::string &target : usable) {
    const bool best = target == usable.back();
    if (wanted.targets.empty() ? !best && !every : !among(wanted.targets, target)) continue;
    const auto call = std::make_shared<Call>(b, threads, target, wanted.general_kernels_only);
    const auto add = [&](const std::string &op, Roofline roofline, double moved, std::function<void()> run) -> Contender * {
      if (!wanted.op(op) || (!best && wanted.targets.empty() && op.rfind("cross_entropy_forward", 0) != 0)) return nullptr;
      list->push_back({op, "lossgen", target, moved, roofline, false, {}, std::move(run), {}});
      return &list->back();
    };
    Call *c = call.get();
    const auto checked = [&](Contender *contender, const Buffer *gradient) {
      if (contender == nullptr) return;
      contender->check = [call, batches, gradient] {
        check_result(*batches, call->loss_value(), gradient, "lossgen for " + call->target);
      };
    };
    if (b.log_probs.bytes() > 0) must(lossgen_log_softmax_forward(&c->logits, &c->options, &c->log_probs));
    if (b.gradient.bytes() > 0) {
      add("log_softmax_forward", Roofline::copy, 2 * bytes,
          [call, c] { must(lossgen_log_softmax_forward(&c->logits, &c->options, &c->gradient)); });
    }
    if (b.gradient.bytes() > 0 && b.log_probs.bytes() > 0) {
      add("log_softmax_backward", Roofline::add, 3 * bytes, [call, c] {
        must(lossgen_log_softmax_backward(&c->logits, &c->log_probs, &c->options, &c->gradient));
      });
      add("nll_loss_forward", Roofline::read, rows * (8 + size_of(b.dtype)), [call, c] {
        must(lossgen_nll_loss_forward(&c->log_probs, &c->targets, &c->options, &c->loss, nullptr));
      });
      add("nll_loss_backward", Roofline::fill, bytes,
          [call, c] { must(lossgen_nll_loss_backward(&c->targets, &c->options, nullptr, &c->gradient)); });
    }
    checked(add("cross_entropy_forward", Roofline::read, bytes,
                [call, c] {
                  must(lossgen_cross_entropy_forward(&c->logits, &c->targets, &c->options, &c->loss, nullptr));
                }),
            nullptr);
    if (b.gradient.bytes() > 0) {
      add("cross_entropy_backward", Roofline::copy, 2 * bytes, [call, c] {
        must(lossgen_cross_entropy_backward(&c->logits, &c->targets, &c->options, nullptr, &c->gradient));
      });
      checked(add("cross_entropy_forward_backward", Roofline::copy, 2 * bytes,
                  [call, c] {
                    must(lossgen_cross_entropy_forward_backward(&c->logits, &c->targets, &c->options, &c->loss,
                                                                &c->gradient, nullptr));
                  }),
              &b.gradient);
    }
    if (b.in_place.bytes() > 0) {
      Contender *contender = add(kInPlace, Roofline::copy, 2 * bytes, [call, c] {
        must(lossgen_cross_entropy_forward_backward(&c->in_place, &c->targets, &c->options, &c->loss, &c->in_place,
                                                    nullptr));
      });
      if (contender != nullptr) contender->prepare = [batches, &pool] { batches->refresh(pool); };
      checked(contender, &b.in_place);
    }
  }
}

void add_yardsticks(const Batches &b, Pool &pool, int threads, const Wanted &wanted, std::vector<Contender> *list) {
  if (b.dtype != Dtype::f32 || !wanted.impl("yardstick")) return;
  std::vector<const YardstickKernels *> sets;
#if defined(__x86_64__)
  if (cpu_has_sse42()) sets.push_back(yardstick_sse42());
  if (cpu_has_avx2()) sets.push_back(yardstick_avx2());
  if (cpu_has_avx512()) sets.push_back(yardstick_avx512());
#endif
  const Batches *batches = &b;
  for (const YardstickKernels *kernels : sets) {
    // Each beside lossgen for the same instruction set.
    if (wanted.targets.empty() ? kernels != sets.back() && !b.shape.every_target : !among(wanted.targets, kernels->target)) continue;
    const auto add = [&](const std::string &op, Roofline roofline, double factor, const Buffer *from, const Buffer *to,
                         bool stream) {
      if (!wanted.op(op)) return;
      const Batch batch = {from->as<float>(), to != nullptr ? to->as<float>() : nullptr, b.target.as<int64_t>(),
                           b.shape.outer(),   b.shape.classes(), b.shape.inner(), stream, wanted.prefetch};
      const auto loss = std::make_shared<double>();
      Contender c{op, kernels->name, kernels->target, factor * b.bytes, roofline, false, {}, {}, {}};
      if (stream) c.impl += "-nt";
      c.call = [=, &pool] { *loss = run_yardstick(*kernels, batch, pool, threads); };
      c.check = [=, who = c.impl] { check_result(*batches, *loss, to, who); };
      if (from == to) c.prepare = [batches, &pool] { batches->refresh(pool); };
      list->push_back(std::move(c));
    };
    add("cross_entropy_forward", Roofline::read, 1, &b.logits, nullptr, false);
    if (b.gradient.bytes() > 0) {
      add("cross_entropy_forward_backward", Roofline::copy, 2, &b.logits, &b.gradient, false);
      add("cross_entropy_forward_backward", Roofline::copy, 2, &b.logits, &b.gradient, true);
    }
    if (b.in_place.bytes() > 0) add(kInPlace, Roofline::copy, 2, &b.in_place, &b.in_place, false);
  }
}

void check_result(const Batches &b, double loss, const Buffer *gradient, const std::string &who) {
  const int64_t rows = b.shape.rows(), classes = b.shape.classes();
  const int64_t samples = std::clamp<int64_t>((1 << 20) / classes, 4, 4096), step = std::max<int64_t>(1, rows / samples);
  const double scale = 1.0 / static_cast<double>(rows);
  // Roundings of the result, and the smallest number above 0 that it can have.
  const double relative = b.dtype == Dtype::bf16 ? 1.0 / 128 : b.dtype == Dtype::f16 ? 1.0 / 512 : 1e-5;
  const double smallest = b.dtype == Dtype::f16 ? 6e-8 : 0;
  double sum = 0, squares = 0, count = 0;
  for (int64_t r = 0; r < rows; r += step) {
    double reference = -INFINITY, terms = 0;
    for (int64_t c = 0; c < classes; c++) reference = std::max(reference, b.logit(r, c));
    for (int64_t c = 0; c < classes; c++) terms += exp(b.logit(r, c) - reference);
    const double lse = reference + log(terms);
    const int64_t y = b.target.as<int64_t>()[r];
    const double nll = lse - b.logit(r, y);
    sum += nll, squares += nll * nll, count++;
    for (int64_t c = 0; gradient != nullptr && c < classes; c++) {
      const double want = scale * (exp(b.logit(r, c) - lse) - (c == y)), got = b.element(*gradient, r, c);
      if (!(fabs(got - want) <= scale * 1e-5 + relative * fabs(want) + smallest)) {
        throw std::runtime_error(who + ": the gradient of row " + std::to_string(r) + ", class " + std::to_string(c) +
                                 " is " + std::to_string(got / scale) + " / rows, not " + std::to_string(want / scale));
      }
    }
  }
  // All rows sampled: the loss itself; else within six standard errors of the sample's mean.
  const double mean = sum / count, deviation = sqrt(std::max(0.0, squares / count - mean * mean));
  const double allowed = step == 1 ? 1e-4 * (1 + fabs(mean)) : 6 * deviation / sqrt(count) + 1e-4;
  if (!(fabs(loss - mean) <= allowed)) {
    throw std::runtime_error(who + ": the mean loss is " + std::to_string(loss) + ", not " + std::to_string(mean));
  }
}

}  // namespace bench
