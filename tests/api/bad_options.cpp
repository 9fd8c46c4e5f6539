// Wrong options.
#include <cmath>

#include "bad_input.h"

namespace {

class Corpus {
 public:
  void add(Op op, const char *name, std::vector<const char *> message, std::function<void(Problem &)> spoil,
           lossgen_status status = LOSSGEN_BAD_ARGUMENT) {
    list.push_back({name, op, false, std::move(spoil), status, std::move(message)});
  }
  std::vector<BadInput> list;
};

void of_every_op(Corpus &c, Op op) {
  c.add(op, "options_size_0", {"options.size is 0", "sizeof(lossgen_options)"}, [](Problem &p) { p.options.size = 0; });
  c.add(op, "options_size_of_a_newer_header", {"options.size", "older than the header"},
        [](Problem &p) { p.options.size += 8; });
  c.add(op, "options_size_cuts_a_field", {"options.size", "cuts a field"}, [](Problem &p) { p.options.size -= 4; });
  c.add(op, "release_without_allocate", {"allocate is NULL"},
        [](Problem &p) { p.options.release = [](void *, void *) {}; });
  c.add(op, "target_in_capitals", {"options.target = \"X86-64-V3\" is not a target"},
        [](Problem &p) { p.options.target = "X86-64-V3"; });
  c.add(op, "target_empty", {"options.target = \"\" is not a target"}, [](Problem &p) { p.options.target = ""; });
  c.add(op, "negative_threads", {"threads is -1"}, [](Problem &p) { p.options.threads = -1; });
  c.add(op, "unknown_target", {"options.target", "sse9", "x86-64-v2", "arm64"},
        [](Problem &p) { p.options.target = "sse9"; });
  c.add(op, "device_target_on_host", {"options.target", "cuda-sm80", "host"},
        [](Problem &p) { p.options.target = "cuda-sm80"; });
#if defined(__x86_64__)
  const char *foreign = "arm64";
#else
  const char *foreign = "x86-64-v2";
#endif
  c.add(
      op, "foreign_target", {"options.target", foreign}, [foreign](Problem &p) { p.options.target = foreign; },
      LOSSGEN_UNSUPPORTED_HARDWARE);
  c.add(op, "allocate_without_release", {"allocate", "release"},
        [](Problem &p) { p.options.allocate = [](void *, size_t) -> void * { return nullptr; }; });
  c.add(op, "class_axis_too_large", {"class_axis 2", "rank 2"}, [](Problem &p) {
    p.options.class_axis_given = 1;
    p.options.class_axis = 2;
  });
  c.add(op, "class_axis_too_negative", {"class_axis -3", "rank 2"}, [](Problem &p) {
    p.options.class_axis_given = 1;
    p.options.class_axis = -3;
  });
}

// Options about class indices, of ops that take none.
void without_indices(Corpus &c, Op op) {
  c.add(op, "ignore_index", {"ignore_index", "nll_loss and cross_entropy"}, [](Problem &p) {
    p.options.ignore_mode = LOSSGEN_IGNORE_INDEX;
    p.options.ignore_index = 1;
  });
  c.add(op, "ignore_none", {"ignore_index", "nll_loss and cross_entropy"},
        [](Problem &p) { p.options.ignore_mode = LOSSGEN_IGNORE_NONE; });
  c.add(op, "bounds_ignore", {"bounds", "nll_loss and cross_entropy"},
        [](Problem &p) { p.options.bounds = LOSSGEN_BOUNDS_IGNORE; });
  c.add(op, "bounds_unchecked", {"bounds", "nll_loss and cross_entropy"},
        [](Problem &p) { p.options.bounds = LOSSGEN_BOUNDS_UNCHECKED; });
}

void of_log_softmax(Corpus &c, Op op) {
  // What it does not have, and who has it.
  c.add(op, "weight", {"weight", "cross_entropy"}, [](Problem &p) { p.options.weight = p.weight.get(); });
  c.add(op, "row_weight", {"row_weight", "cross_entropy"},
        [](Problem &p) { p.options.row_weight = p.row_weight.get(); });
  c.add(op, "grad_loss", {"grad_loss", "cross_entropy"}, [](Problem &p) { p.options.grad_loss = p.grad_loss.get(); });
  c.add(op, "reduction", {"reduction", "cross_entropy"},
        [](Problem &p) { p.options.reduction = LOSSGEN_REDUCTION_SUM; });
  c.add(op, "label_smoothing", {"label_smoothing", "cross_entropy"},
        [](Problem &p) { p.options.label_smoothing = 0.1; });
  c.add(op, "z_loss", {"z_loss", "cross_entropy"}, [](Problem &p) { p.options.z_loss = 1e-4; });
  c.add(op, "denominator", {"denominator", "cross_entropy"},
        [](Problem &p) { p.options.denominator = LOSSGEN_DENOMINATOR_ROWS; });
  c.add(op, "empty_mean_is_zero", {"empty_mean_is_zero", "cross_entropy"},
        [](Problem &p) { p.options.empty_mean_is_zero = 1; });
}

void of_losses(Corpus &c, Op op) {
  c.add(op, "reduction_7", {"reduction 7", "mean", "sum", "none"},
        [](Problem &p) { p.options.reduction = static_cast<lossgen_reduction>(7); });
  c.add(op, "ignore_mode_9", {"ignore_mode 9"},
        [](Problem &p) { p.options.ignore_mode = static_cast<lossgen_ignore_mode>(9); });
  c.add(op, "bounds_9", {"bounds 9"}, [](Problem &p) { p.options.bounds = static_cast<lossgen_bounds>(9); });
  c.add(op, "denominator_9", {"denominator 9"},
        [](Problem &p) { p.options.denominator = static_cast<lossgen_denominator>(9); });
  c.add(op, "denominator_value_nan", {"denominator_value", "nan"}, [](Problem &p) {
    p.options.denominator = LOSSGEN_DENOMINATOR_GIVEN;
    p.options.denominator_value = NAN;
  });
  c.add(op, "reduction_negative", {"reduction -1", "mean", "sum", "none"},
        [](Problem &p) { p.options.reduction = static_cast<lossgen_reduction>(-1); });
  c.add(op, "ignore_mode_negative", {"ignore_mode -1", "0, 1 or 2"},
        [](Problem &p) { p.options.ignore_mode = static_cast<lossgen_ignore_mode>(-1); });
  c.add(op, "bounds_negative", {"bounds -1", "0, 1 or 2"},
        [](Problem &p) { p.options.bounds = static_cast<lossgen_bounds>(-1); });
  c.add(op, "denominator_negative", {"denominator -1", "0, 1, 2 or 3"},
        [](Problem &p) { p.options.denominator = static_cast<lossgen_denominator>(-1); });
  c.add(op, "denominator_value_inf", {"denominator_value is inf", "finite"}, [](Problem &p) {
    p.options.denominator = LOSSGEN_DENOMINATOR_GIVEN;
    p.options.denominator_value = INFINITY;
  });
  c.add(op, "weight_scalar", {"weight", "[]", "[3]"}, [](Problem &p) {
    p.weight.reshape({});
    p.options.weight = p.weight.get();
  });
  c.add(op, "weight_f16_with_f32_logits", {"weight is f16, expected f32"}, [](Problem &p) {
    p.weight.tensor.dtype = lossgen_dtype(kDLFloat, 16);
    p.options.weight = p.weight.get();
  });
  c.add(op, "weight_negative_stride", {"weight has a negative stride: strides [-1]"}, [](Problem &p) {
    p.weight.reshape({3}, {-1});
    p.options.weight = p.weight.get();
  });
  c.add(op, "weight_misaligned", {"weight is at address", "element size 4"}, [](Problem &p) {
    p.weight.tensor.byte_offset = 2;
    p.options.weight = p.weight.get();
  });
  c.add(op, "row_weight_i32", {"row_weight is i32, expected f32, f64, f16 or bf16"}, [](Problem &p) {
    p.row_weight.tensor.dtype = i32;
    p.options.row_weight = p.row_weight.get();
  });
  c.add(op, "row_weight_f64", {"row_weight is f64, expected f32"}, [](Problem &p) {
    p.row_weight.tensor.dtype = f64;
    p.options.row_weight = p.row_weight.get();
  });
  c.add(op, "row_weight_scalar", {"row_weight has shape []", "[4]"}, [](Problem &p) {
    p.row_weight.reshape({});
    p.options.row_weight = p.row_weight.get();
  });
  c.add(op, "row_weight_data_null", {"row_weight has no data"}, [](Problem &p) {
    p.row_weight.tensor.data = nullptr;
    p.options.row_weight = p.row_weight.get();
  });
  c.add(op, "row_weight_other_device", {"row_weight is on device (2, 1)"}, [](Problem &p) {
    p.row_weight.tensor.device = {kDLCUDA, 1};
    p.options.row_weight = p.row_weight.get();
  });
  c.add(op, "weight_length", {"weight", "[4]", "[3]"}, [](Problem &p) {
    p.weight.reshape({4});
    p.options.weight = p.weight.get();
  });
  c.add(op, "weight_rank", {"weight", "[3, 1]", "[3]"}, [](Problem &p) {
    p.weight.reshape({3, 1});
    p.options.weight = p.weight.get();
  });
  c.add(op, "weight_f64", {"weight", "f64", "f32"}, [](Problem &p) {
    p.weight.tensor.dtype = f64;
    p.options.weight = p.weight.get();
  });
  c.add(op, "weight_i64", {"weight", "i64", "f32"}, [](Problem &p) {
    p.weight.tensor.dtype = i64;
    p.options.weight = p.weight.get();
  });
  c.add(op, "weight_data_null", {"weight", "data pointer is NULL"}, [](Problem &p) {
    p.weight.tensor.data = nullptr;
    p.options.weight = p.weight.get();
  });
  c.add(op, "weight_other_device", {"weight", "device"}, [](Problem &p) {
    p.weight.tensor.device = {kDLCUDA, 0};
    p.options.weight = p.weight.get();
  });
  c.add(op, "row_weight_shape", {"row_weight", "[3]", "[4]"}, [](Problem &p) {
    p.row_weight.reshape({3});
    p.options.row_weight = p.row_weight.get();
  });
  if (!is_nll_loss(op)) {
    c.add(op, "label_smoothing_above_1", {"label_smoothing is 1.5", "[0, 1]"},
          [](Problem &p) { p.options.label_smoothing = 1.5; });
    c.add(op, "label_smoothing_negative", {"label_smoothing is -0.1", "[0, 1]"},
          [](Problem &p) { p.options.label_smoothing = -0.1; });
    c.add(op, "label_smoothing_nan", {"label_smoothing is nan", "[0, 1]"},
          [](Problem &p) { p.options.label_smoothing = NAN; });
    c.add(op, "z_loss_infinite", {"z_loss is -inf", "finite"}, [](Problem &p) { p.options.z_loss = -INFINITY; });
    c.add(op, "z_loss_nan", {"z_loss is nan"}, [](Problem &p) { p.options.z_loss = NAN; });
  } else {
    c.add(op, "label_smoothing", {"label_smoothing", "cross_entropy"},
          [](Problem &p) { p.options.label_smoothing = 0.1; });
    c.add(op, "z_loss", {"z_loss", "cross_entropy"}, [](Problem &p) { p.options.z_loss = 1e-4; });
  }
}

}  // namespace

std::vector<BadInput> bad_options() {
  Corpus corpus;
  for (Op op : kAllOps) {
    of_every_op(corpus, op);
    if (is_log_softmax(op)) of_log_softmax(corpus, op);
    else of_losses(corpus, op);
    if (is_log_softmax(op) || takes_probs(op)) without_indices(corpus, op);
  }
  return std::move(corpus.list);
}
