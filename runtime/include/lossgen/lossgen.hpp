/// lossgen for C++17: PyTorch's LogSoftmax, NLLLoss, CrossEntropyLoss and their functional forms over the C API of
/// lossgen.h. Header only; it adds nothing but shapes that clean up after themselves, exceptions instead of statuses, and
/// PyTorch's names, argument order and defaults. What the functions compute, and which memory may overlap, is lossgen.h's.
///
/// Shapes: input (N, C, d1..dK), (N, C) or (C); target the same without C, or with it for class probabilities; class
/// weights (C). The loss has shape () for mean and sum and that of input without C for none. Types: input f32, f64, f16 or
/// bf16 (the last two as Views of a DLTensor), target any integer type, probabilities input's type; what a build has no kernels for is refused with a lossgen::Error that names what to add.
///
///   std::vector<float> x = ...;            // logits, 32 rows of 10 classes
///   std::vector<int64_t> y = ...;
///   lossgen::MutableView logits(x.data(), {32, 10});
///   lossgen::CrossEntropyLoss criterion;
///   double loss = criterion.forward_backward(logits, {y.data(), {32}}, logits).item();  // x now holds the gradient
#ifndef LOSSGEN_LOSSGEN_HPP
#define LOSSGEN_LOSSGEN_HPP

#include <lossgen/lossgen.h>

#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lossgen {

/// A C call that did not return LOSSGEN_OK: what() is lossgen_last_error(), which starts with the call's name.
class Error : public std::runtime_error {
 public:
  Error(lossgen_status status, const std::string &message) : std::runtime_error(message), status_(status) {}
  lossgen_status status() const noexcept { return status_; }

 private:
  lossgen_status status_;
};

/// Throws Error unless status is LOSSGEN_OK.
inline void check(lossgen_status status) {
  if (status != LOSSGEN_OK) throw Error(status, lossgen_last_error());
}

enum class Reduction {
  mean = LOSSGEN_REDUCTION_MEAN,
  sum = LOSSGEN_REDUCTION_SUM,
  none = LOSSGEN_REDUCTION_NONE,
};

/// "mean", "sum" or "none", as PyTorch spells them; throws Error for anything else.
inline Reduction reduction_from_string(const std::string &name) {
  if (name == "mean") return Reduction::mean;
  if (name == "sum") return Reduction::sum;
  if (name == "none") return Reduction::none;
  throw Error(LOSSGEN_BAD_ARGUMENT, "reduction = \"" + name + "\" is not one of mean, sum, none");
}

/// PyTorch's deprecated size_average and reduce on top of reduction; see lossgen_reduction_from_legacy.
inline Reduction reduction_from_legacy(std::optional<bool> size_average, std::optional<bool> reduce,
                                       Reduction reduction) {
  const auto tristate = [](std::optional<bool> flag) { return flag ? static_cast<int>(*flag) : -1; };
  return static_cast<Reduction>(lossgen_reduction_from_legacy(tristate(size_average), tristate(reduce),
                                                              static_cast<lossgen_reduction>(reduction)));
}

/// The DLPack type of a C++ arithmetic type. 16-bit floats have none in C++17: use a View of a DLTensor.
template <class T>
constexpr DLDataType dtype_of() {
  static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>, "a number type");
  return {static_cast<uint8_t>(std::is_floating_point_v<T> ? kDLFloat : std::is_signed_v<T> ? kDLInt : kDLUInt),
          static_cast<uint8_t>(8 * sizeof(T)), 1};
}

using Shape = std::vector<int64_t>;

/// Memory of the caller, seen as a tensor: pointer, shape, strides in elements (none = compact). Owns shape and strides,
/// not the memory. Copies are cheap and independent.
class View {
 public:
  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
  View(const T *data, Shape shape, Shape strides = {})
      : View(const_cast<void *>(static_cast<const void *>(data)), dtype_of<T>(), std::move(shape), std::move(strides)) {}

  /// Any DLPack tensor, of devices too; its shape and strides are copied.
  explicit View(const DLTensor &tensor)
      : tensor_(tensor),
        shape_(tensor.shape, tensor.shape + tensor.ndim),
        strides_(tensor.strides, tensor.strides ? tensor.strides + tensor.ndim : tensor.strides) {}

  const Shape &shape() const { return shape_; }
  DLDataType dtype() const { return tensor_.dtype; }

  /// For the C API. Valid as long as this view is neither changed nor destroyed.
  DLTensor dl() const {
    DLTensor t = tensor_;
    t.ndim = static_cast<int32_t>(shape_.size());
    t.shape = const_cast<int64_t *>(shape_.data());
    t.strides = strides_.empty() ? nullptr : const_cast<int64_t *>(strides_.data());
    return t;
  }

 protected:
  View(void *data, DLDataType dtype, Shape shape, Shape strides)
      : tensor_(lossgen_tensor(data, dtype, 0, nullptr)), shape_(std::move(shape)), strides_(std::move(strides)) {
    if (!strides_.empty() && strides_.size() != shape_.size()) {
      throw Error(LOSSGEN_BAD_ARGUMENT, "View: " + std::to_string(strides_.size()) + " strides for a shape of rank " +
                                            std::to_string(shape_.size()));
    }
  }

 private:
  DLTensor tensor_;
  Shape shape_, strides_;
};

/// A View that may be written to.
class MutableView : public View {
 public:
  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T> && !std::is_const_v<T>>>
  MutableView(T *data, Shape shape, Shape strides = {})
      : View(static_cast<void *>(data), dtype_of<T>(), std::move(shape), std::move(strides)) {}
  explicit MutableView(const DLTensor &tensor) : View(tensor) {}
};

/// A loss with memory of its own, on the host: shape () or the target's; f64 for f64 input, else f32.
class Loss {
 public:
  Loss(Shape shape, bool wide) : shape_(std::move(shape)), wide_(wide) {
    size_t count = 1;
    for (int64_t extent : shape_) count *= extent > 0 ? static_cast<size_t>(extent) : 0;
    if (wide_) f64_.resize(count);
    else f32_.resize(count);
  }

  const Shape &shape() const { return shape_; }
  size_t size() const { return wide_ ? f64_.size() : f32_.size(); }
  double operator[](size_t row) const { return wide_ ? f64_[row] : static_cast<double>(f32_[row]); }

  /// The number of a loss that is one; throws Error for any other size, as PyTorch's item().
  double item() const {
    if (size() != 1) throw Error(LOSSGEN_BAD_ARGUMENT, "Loss::item: the loss has " + std::to_string(size()) + " values");
    return (*this)[0];
  }

  MutableView view() {
    if (wide_) return MutableView(f64_.data(), shape_);
    return MutableView(f32_.data(), shape_);
  }

 private:
  Shape shape_;
  bool wide_;
  std::vector<float> f32_;
  std::vector<double> f64_;
};

/// y = x - log(sum exp(x)) along axis dim (negative counts from the end); any shape that has this axis.
class LogSoftmax {
 public:
  explicit LogSoftmax(int dim) {
    options.class_axis_given = 1;
    options.class_axis = dim;
  }

  /// log_probs has input's shape and dtype, and may be the same memory.
  void forward(const View &input, const MutableView &log_probs) const {
    const DLTensor x = input.dl();
    DLTensor y = log_probs.dl();
    check(lossgen_log_softmax_forward(&x, &options, &y));
  }

  /// grad_input = grad - exp(log_probs) * sum(grad); may be the memory of grad or of log_probs.
  void backward(const View &grad, const View &log_probs, const MutableView &grad_input) const {
    const DLTensor g = grad.dl(), y = log_probs.dl();
    DLTensor out = grad_input.dl();
    check(lossgen_log_softmax_backward(&g, &y, &options, &out));
  }

  /// What the C API knows beyond PyTorch: threads, target, parallel_for, ...
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
};

namespace detail {

/// A floating target holds class probabilities.
inline bool is_floating(const View &target) {
  return target.dtype().code == kDLFloat || target.dtype().code == kDLBfloat;
}

/// What NLLLoss and CrossEntropyLoss share: PyTorch's constructor arguments, held as the C API's options.
class Criterion {
 public:
  Reduction reduction() const { return static_cast<Reduction>(options.reduction); }

  /// What the C API knows beyond PyTorch: threads, target, denominator, row_weight, ... The class weights are the
  /// constructor's, whatever stands here.
  lossgen_options options = LOSSGEN_OPTIONS_INIT;

 protected:
  Criterion(std::optional<View> weight, std::optional<bool> size_average, int64_t ignore_index,
            std::optional<bool> reduce, Reduction reduction)
      : weight_(std::move(weight)) {
    options.reduction = static_cast<lossgen_reduction>(reduction_from_legacy(size_average, reduce, reduction));
    options.ignore_mode = LOSSGEN_IGNORE_INDEX;
    options.ignore_index = ignore_index;
  }

  /// The tensors of a call live here, the options point at them.
  struct Call {
    Call(const Criterion &criterion, const std::optional<View> &grad_loss) : options(criterion.options) {
      if (criterion.weight_) {
        weight = criterion.weight_->dl();
        options.weight = &weight;
      }
      if (grad_loss) {
        upstream = grad_loss->dl();
        options.grad_loss = &upstream;
      }
    }
    Call(const Call &) = delete;
    Call &operator=(const Call &) = delete;
    lossgen_options options;
    DLTensor weight = {}, upstream = {};
  };

  Loss empty_loss(const View &input, const View &target) const {
    Shape rows = target.shape();
    if (is_floating(target)) {
      const int rank = static_cast<int>(rows.size());
      const int given = options.class_axis_given ? options.class_axis : rank > 1, axis = given < 0 ? given + rank : given;
      if (axis >= 0 && axis < rank) rows.erase(rows.begin() + axis);
    }
    return Loss(reduction() == Reduction::none ? rows : Shape{},
                input.dtype().code == kDLFloat && input.dtype().bits == 64);
  }

 private:
  std::optional<View> weight_;
};

}  // namespace detail

/// loss_r = -weight[y_r] * input[r, y_r], 0 where y_r == ignore_index; mean divides by the sum of weight[y_r] over the
/// other rows. input holds log-probabilities and is neither checked nor normalised.
/// forward throws Error: LOSSGEN_TARGET_OUT_OF_BOUNDS for a class outside [0, C), LOSSGEN_BAD_ARGUMENT for shapes, types.
class NLLLoss : public detail::Criterion {
 public:
  explicit NLLLoss(std::optional<View> weight = std::nullopt, std::optional<bool> size_average = std::nullopt,
                   int64_t ignore_index = -100, std::optional<bool> reduce = std::nullopt,
                   Reduction reduction = Reduction::mean)
      : Criterion(std::move(weight), size_average, ignore_index, reduce, reduction) {}

  void forward(const View &input, const View &target, const MutableView &loss) const {
    Call call(*this, std::nullopt);
    const DLTensor x = input.dl(), y = target.dl();
    DLTensor out = loss.dl();
    check(lossgen_nll_loss_forward(&x, &y, &call.options, &out, nullptr));
  }

  Loss forward(const View &input, const View &target) const {
    Loss loss = empty_loss(input, target);
    forward(input, target, loss.view());
    return loss;
  }
  Loss operator()(const View &input, const View &target) const { return forward(input, target); }

  /// grad_input has input's shape; every element is written. grad_loss: the gradient of the loss, of shape () or, for
  /// none, the target's; 1 where absent.
  void backward(const View &target, const MutableView &grad_input,
                const std::optional<View> &grad_loss = std::nullopt) const {
    Call call(*this, grad_loss);
    const DLTensor y = target.dl();
    DLTensor out = grad_input.dl();
    check(lossgen_nll_loss_backward(&y, &call.options, nullptr, &out));
  }
};

/// loss_r = weight[y_r] * (log(sum_c exp(input[r,c])) - input[r, y_r]), with label_smoothing as PyTorch defines it: the
/// NLLLoss of LogSoftmax in one pass over the logits. A floating target holds class probabilities q, of input's shape and
/// type: loss_r = -sum_c weight[c] * ((1 - e) * q[r,c] + e / C) * log_softmax(input)[r,c], mean divides by the number of
/// rows; an ignore_index that is not negative is an error then, as in PyTorch.
class CrossEntropyLoss : public detail::Criterion {
 public:
  explicit CrossEntropyLoss(std::optional<View> weight = std::nullopt, std::optional<bool> size_average = std::nullopt,
                            int64_t ignore_index = -100, std::optional<bool> reduce = std::nullopt,
                            Reduction reduction = Reduction::mean, double label_smoothing = 0.0)
      : Criterion(std::move(weight), size_average, ignore_index, reduce, reduction) {
    options.label_smoothing = label_smoothing;
  }

  void forward(const View &input, const View &target, const MutableView &loss) const {
    Call call(*this, std::nullopt);
    const DLTensor x = input.dl(), y = target.dl();
    DLTensor out = loss.dl();
    check(is_probabilities(target, call) ? lossgen_cross_entropy_probs_forward(&x, &y, &call.options, &out, nullptr)
                                         : lossgen_cross_entropy_forward(&x, &y, &call.options, &out, nullptr));
  }

  Loss forward(const View &input, const View &target) const {
    Loss loss = empty_loss(input, target);
    forward(input, target, loss.view());
    return loss;
  }
  Loss operator()(const View &input, const View &target) const { return forward(input, target); }

  /// grad_input may be input's memory. grad_loss: the gradient of the loss, of shape () or, for none, the target's; 1
  /// where absent.
  void backward(const View &input, const View &target, const MutableView &grad_input,
                const std::optional<View> &grad_loss = std::nullopt) const {
    Call call(*this, grad_loss);
    const DLTensor x = input.dl(), y = target.dl();
    DLTensor out = grad_input.dl();
    check(is_probabilities(target, call) ? lossgen_cross_entropy_probs_backward(&x, &y, &call.options, &out)
                                         : lossgen_cross_entropy_backward(&x, &y, &call.options, nullptr, &out));
  }

  /// Loss and gradient in one pass over memory: the fast path when grad_input is input's memory.
  void forward_backward(const View &input, const View &target, const MutableView &loss, const MutableView &grad_input,
                        const std::optional<View> &grad_loss = std::nullopt) const {
    Call call(*this, grad_loss);
    const DLTensor x = input.dl(), y = target.dl();
    DLTensor l = loss.dl(), out = grad_input.dl();
    check(is_probabilities(target, call)
              ? lossgen_cross_entropy_probs_forward_backward(&x, &y, &call.options, &l, &out, nullptr)
              : lossgen_cross_entropy_forward_backward(&x, &y, &call.options, &l, &out, nullptr));
  }

  Loss forward_backward(const View &input, const View &target, const MutableView &grad_input) const {
    Loss loss = empty_loss(input, target);
    forward_backward(input, target, loss.view(), grad_input);
    return loss;
  }

 private:
  /// Which op a target is for. The C API takes no ignore_index with probabilities; PyTorch minds those from 0 on.
  static bool is_probabilities(const View &target, Call &call) {
    if (!detail::is_floating(target)) return false;
    if (call.options.ignore_index < 0) call.options.ignore_mode = LOSSGEN_IGNORE_DEFAULT;
    return true;
  }
};

/// torch.nn.functional.nll_loss: its argument order, its defaults. size_average and reduce, where given, override
/// reduction.
inline Loss nll_loss(const View &input, const View &target, std::optional<View> weight = std::nullopt,
                     std::optional<bool> size_average = std::nullopt, int64_t ignore_index = -100,
                     std::optional<bool> reduce = std::nullopt, Reduction reduction = Reduction::mean) {
  return NLLLoss(std::move(weight), size_average, ignore_index, reduce, reduction).forward(input, target);
}

/// torch.nn.functional.cross_entropy, for class indices or, floating, class probabilities.
inline Loss cross_entropy(const View &input, const View &target, std::optional<View> weight = std::nullopt,
                          std::optional<bool> size_average = std::nullopt, int64_t ignore_index = -100,
                          std::optional<bool> reduce = std::nullopt, Reduction reduction = Reduction::mean,
                          double label_smoothing = 0.0) {
  return CrossEntropyLoss(std::move(weight), size_average, ignore_index, reduce, reduction, label_smoothing)
      .forward(input, target);
}

/// torch.nn.functional.log_softmax(input, dim) into the caller's memory.
inline void log_softmax(const View &input, int dim, const MutableView &log_probs) {
  LogSoftmax(dim).forward(input, log_probs);
}

}  // namespace lossgen
#endif  // LOSSGEN_LOSSGEN_HPP
