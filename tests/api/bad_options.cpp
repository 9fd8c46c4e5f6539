// Wrong options, extras and saved values.
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

bool takes_target(Op op) { return op != Op::log_softmax_forward && op != Op::log_softmax_backward; }
bool is_cross_entropy(Op op) { return takes_target(op) && op != Op::nll_loss_forward && op != Op::nll_loss_backward; }
bool takes_extras(Op op) {
  return op == Op::nll_loss_forward || op == Op::cross_entropy_forward || op == Op::cross_entropy_forward_backward;
}
bool takes_saved(Op op) { return op == Op::nll_loss_backward || op == Op::cross_entropy_backward; }
bool takes_grad_loss(Op op) { return takes_saved(op) || op == Op::cross_entropy_forward_backward; }

void of_every_op(Corpus &c, Op op) {
  c.add(op, "options_size_0", {"options.size is 0", "sizeof(lossgen_options)"}, [](Problem &p) { p.options.size = 0; });
  c.add(op, "options_size_of_a_newer_header", {"options.size", "older than the header"},
        [](Problem &p) { p.options.size += 8; });
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
  if (is_cross_entropy(op)) {
    c.add(op, "label_smoothing_above_1", {"label_smoothing is 1.5", "[0, 1]"},
          [](Problem &p) { p.options.label_smoothing = 1.5; });
    c.add(op, "label_smoothing_negative", {"label_smoothing is -0.1", "[0, 1]"},
          [](Problem &p) { p.options.label_smoothing = -0.1; });
    c.add(op, "label_smoothing_nan", {"label_smoothing is nan", "[0, 1]"},
          [](Problem &p) { p.options.label_smoothing = NAN; });
    c.add(op, "z_loss_nan", {"z_loss is nan"}, [](Problem &p) { p.options.z_loss = NAN; });
  } else {
    c.add(op, "label_smoothing", {"label_smoothing", "cross_entropy"},
          [](Problem &p) { p.options.label_smoothing = 0.1; });
    c.add(op, "z_loss", {"z_loss", "cross_entropy"}, [](Problem &p) { p.options.z_loss = 1e-4; });
  }
}

void upstream(Corpus &c, Op op) {
  c.add(op, "grad_loss_of_mean_has_rows", {"grad_loss", "[4]", "[]"}, [](Problem &p) {
    p.grad_loss.reshape({4});
    p.options.grad_loss = p.grad_loss.get();
  });
  c.add(op, "grad_loss_of_none_has_other_rows", {"grad_loss", "[5]", "[4]"}, [](Problem &p) {
    p.options.reduction = LOSSGEN_REDUCTION_NONE;
    p.loss.reshape({4});
    p.grad_loss.reshape({5});
    p.options.grad_loss = p.grad_loss.get();
  });
  c.add(op, "grad_loss_i64", {"grad_loss", "i64"}, [](Problem &p) {
    p.grad_loss.tensor.dtype = i64;
    p.options.grad_loss = p.grad_loss.get();
  });
  c.add(op, "grad_loss_data_null", {"grad_loss", "data pointer is NULL"}, [](Problem &p) {
    p.grad_loss.tensor.data = nullptr;
    p.options.grad_loss = p.grad_loss.get();
  });
}

void extras(Corpus &c, Op op) {
  using Spoil = std::function<void(Problem &)>;
  auto with = [](Spoil spoil) -> Spoil {
    return [spoil](Problem &p) {
      p.use_extras = true;
      spoil(p);
    };
  };
  c.add(op, "extras_size_0", {"extras.size is 0"}, with([](Problem &p) { p.extras.size = 0; }));
  c.add(op, "total_weight_shape", {"total_weight", "[1]", "[]"}, with([](Problem &p) {
          p.total_weight.reshape({1});
          p.extras.total_weight = p.total_weight.get();
        }));
  c.add(op, "total_weight_i64", {"total_weight", "i64"}, with([](Problem &p) {
          p.total_weight.tensor.dtype = i64;
          p.extras.total_weight = p.total_weight.get();
        }));
  c.add(op, "total_weight_overlaps_loss", {"total_weight", "loss", "overlap"}, with([](Problem &p) {
          p.total_weight.tensor.data = p.loss.tensor.data;
          p.extras.total_weight = p.total_weight.get();
        }));
  if (op == Op::nll_loss_forward) {
    c.add(op, "lse", {"lse", "cross_entropy"}, with([](Problem &p) { p.extras.lse = p.lse.get(); }));
    c.add(op, "log_probs", {"log_probs", "cross_entropy"}, with([](Problem &p) { p.extras.log_probs = p.out.get(); }));
    return;
  }
  c.add(op, "lse_shape", {"lse", "[3]", "[4]"}, with([](Problem &p) {
          p.lse.reshape({3});
          p.extras.lse = p.lse.get();
        }));
  c.add(op, "lse_i32", {"lse", "i32", "f32"}, with([](Problem &p) {
          p.lse.tensor.dtype = i32;
          p.extras.lse = p.lse.get();
        }));
  c.add(op, "lse_stride_0", {"lse", "overlaps itself"}, with([](Problem &p) {
          p.lse.reshape({4}, {0});
          p.extras.lse = p.lse.get();
        }));
  c.add(op, "lse_overlaps_target", {"lse", "overlaps target"}, with([](Problem &p) {
          p.lse.tensor.data = p.target.tensor.data;
          p.extras.lse = p.lse.get();
        }));
  c.add(op, "log_probs_shape", {"log_probs", "[4, 2]", "[4, 3]"}, with([](Problem &p) {
          p.grad.reshape({4, 2});
          p.extras.log_probs = p.grad.get();
        }));
  c.add(op, "log_probs_in_place", {"log_probs", "overlaps logits"},
        with([](Problem &p) { p.extras.log_probs = p.logits.get(); }));
  c.add(op, "argmax_f32", {"argmax", "f32"}, with([](Problem &p) {
          p.argmax.tensor.dtype = f32;
          p.extras.argmax = p.argmax.get();
        }));
}

void saved(Corpus &c, Op op) {
  using Spoil = std::function<void(Problem &)>;
  auto with = [](Spoil spoil) -> Spoil {
    return [spoil](Problem &p) {
      p.use_saved = true;
      spoil(p);
    };
  };
  c.add(op, "saved_size_0", {"saved.size is 0"}, with([](Problem &p) { p.saved.size = 0; }));
  c.add(op, "saved_total_weight_shape", {"total_weight", "[4]", "[]"}, with([](Problem &p) {
          p.total_weight.reshape({4});
          p.saved.total_weight = p.total_weight.get();
        }));
  if (op == Op::nll_loss_backward) {
    c.add(op, "saved_lse", {"lse", "cross_entropy"}, with([](Problem &p) { p.saved.lse = p.lse.get(); }));
    return;
  }
  c.add(op, "saved_lse_shape", {"lse", "[3]", "[4]"}, with([](Problem &p) {
          p.lse.reshape({3});
          p.saved.lse = p.lse.get();
        }));
  c.add(op, "saved_lse_f64", {"lse", "f64", "f32"}, with([](Problem &p) {
          p.lse.tensor.dtype = f64;
          p.saved.lse = p.lse.get();
        }));
}

}  // namespace

std::vector<BadInput> bad_options() {
  Corpus corpus;
  for (Op op : kAllOps) {
    of_every_op(corpus, op);
    if (takes_target(op))
      of_losses(corpus, op);
    else
      of_log_softmax(corpus, op);
    if (takes_grad_loss(op)) upstream(corpus, op);
    if (takes_extras(op)) extras(corpus, op);
    if (takes_saved(op)) saved(corpus, op);
  }
  return std::move(corpus.list);
}
