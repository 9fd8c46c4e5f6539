// Wrong upstream gradients, extra outputs and saved values.
#include "bad_input.h"

namespace {

class Corpus {
 public:
  void add(Op op, const char *name, std::vector<const char *> message, std::function<void(Problem &)> spoil) {
    list.push_back({name, op, false, std::move(spoil), LOSSGEN_BAD_ARGUMENT, std::move(message)});
  }
  std::vector<BadInput> list;
};

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
  c.add(op, "grad_loss_f64", {"grad_loss is f64, expected f32"}, [](Problem &p) {
    p.grad_loss.tensor.dtype = f64;
    p.options.grad_loss = p.grad_loss.get();
  });
  c.add(op, "grad_loss_of_none_is_scalar", {"grad_loss has shape []", "[4]"}, [](Problem &p) {
    p.options.reduction = LOSSGEN_REDUCTION_NONE;
    p.loss.reshape({4});
    p.options.grad_loss = p.grad_loss.get();
  });
  c.add(op, "grad_loss_other_device", {"grad_loss is on device (2, 0)"}, [](Problem &p) {
    p.grad_loss.tensor.device = {kDLCUDA, 0};
    p.options.grad_loss = p.grad_loss.get();
  });
  c.add(op, "grad_loss_data_null", {"grad_loss", "data pointer is NULL"}, [](Problem &p) {
    p.grad_loss.tensor.data = nullptr;
    p.options.grad_loss = p.grad_loss.get();
  });
}

using Spoil = std::function<void(Problem &)>;

Spoil with_extras(Spoil spoil) {
  return [spoil](Problem &p) {
    p.use_extras = true;
    spoil(p);
  };
}

void correct(Corpus &c, Op op) {
  const auto with = with_extras;
  c.add(op, "correct_i32", {"extras.correct is i32, expected i64"}, with([](Problem &p) {
          p.correct.tensor.dtype = i32;
          p.extras.correct = p.correct.get();
        }));
  c.add(op, "correct_of_rows", {"extras.correct has shape [4], expected a scalar, []"}, with([](Problem &p) {
          p.correct.reshape({4});
          p.extras.correct = p.correct.get();
        }));
  c.add(op, "correct_data_null", {"extras.correct has no data"}, with([](Problem &p) {
          p.correct.tensor.data = nullptr;
          p.extras.correct = p.correct.get();
        }));
}

void extras(Corpus &c, Op op) {
  const auto with = with_extras;
  c.add(op, "extras_size_0", {"extras.size is 0"}, with([](Problem &p) { p.extras.size = 0; }));
  c.add(op, "extras_size_cuts_a_field", {"extras.size", "cuts a field", "sizeof(lossgen_extras)"},
        with([](Problem &p) { p.extras.size -= 1; }));
  c.add(op, "extras_size_of_a_newer_header", {"extras.size", "older than the header"},
        with([](Problem &p) { p.extras.size += 8; }));
  c.add(op, "total_weight_f64", {"extras.total_weight is f64, expected f32"}, with([](Problem &p) {
          p.total_weight.tensor.dtype = f64;
          p.extras.total_weight = p.total_weight.get();
        }));
  c.add(op, "total_weight_other_device", {"extras.total_weight is on device (2, 0)"}, with([](Problem &p) {
          p.total_weight.tensor.device = {kDLCUDA, 0};
          p.extras.total_weight = p.total_weight.get();
        }));
  c.add(op, "argmax_u8", {"extras.argmax is u8, expected i32 or i64"}, with([](Problem &p) {
          p.argmax.tensor.dtype = lossgen_dtype(kDLUInt, 8);
          p.extras.argmax = p.argmax.get();
        }));
  c.add(op, "argmax_shape", {"extras.argmax has shape [2, 2]", "[4]"}, with([](Problem &p) {
          p.argmax.reshape({2, 2});
          p.extras.argmax = p.argmax.get();
        }));
  c.add(op, "argmax_overlaps_itself", {"extras.argmax overlaps itself"}, with([](Problem &p) {
          p.argmax.reshape({4}, {0});
          p.extras.argmax = p.argmax.get();
        }));
  if (takes_probs(op)) {
    c.add(op, "correct", {"extras.correct", "nll_loss and cross_entropy"},
          with([](Problem &p) { p.extras.correct = p.correct.get(); }));
  } else {
    correct(c, op);
  }
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
  c.add(op, "entropy_i64", {"extras.entropy is i64, expected f32, f64, f16 or bf16"}, with([](Problem &p) {
          p.entropy.tensor.dtype = i64;
          p.extras.entropy = p.entropy.get();
        }));
  c.add(op, "entropy_f64", {"extras.entropy is f64, expected f32"}, with([](Problem &p) {
          p.entropy.tensor.dtype = f64;
          p.extras.entropy = p.entropy.get();
        }));
  c.add(op, "entropy_shape", {"extras.entropy has shape [5]", "[4]"}, with([](Problem &p) {
          p.entropy.reshape({5});
          p.extras.entropy = p.entropy.get();
        }));
  c.add(op, "entropy_overlaps_lse", {"overlaps extras."}, with([](Problem &p) {
          p.entropy.tensor.data = p.lse.tensor.data;
          p.extras.entropy = p.entropy.get();
          p.extras.lse = p.lse.get();
        }));
  c.add(op, "argmax_overlaps_input", {"extras.argmax overlaps", takes_probs(op) ? "probs" : "target"},
        with([op](Problem &p) {
          p.argmax.tensor.data = (takes_probs(op) ? p.probs : p.target).tensor.data;
          p.extras.argmax = p.argmax.get();
        }));
  c.add(op, "log_probs_f64", {"extras.log_probs is f64, expected that of logits, f32"}, with([](Problem &p) {
          p.grad.tensor.dtype = f64;
          p.extras.log_probs = p.grad.get();
        }));
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
  c.add(op, "lse_overlaps_input", {"lse overlaps", takes_probs(op) ? "probs" : "target"}, with([op](Problem &p) {
          p.lse.tensor.data = (takes_probs(op) ? p.probs : p.target).tensor.data;
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
  c.add(op, "saved_size_cuts_a_field", {"saved.size", "cuts a field", "sizeof(lossgen_saved)"},
        with([](Problem &p) { p.saved.size -= 2; }));
  c.add(op, "saved_size_of_a_newer_header", {"saved.size", "older than the header"},
        with([](Problem &p) { p.saved.size += 8; }));
  c.add(op, "saved_total_weight_i32", {"saved.total_weight is i32, expected f32, f64, f16 or bf16"},
        with([](Problem &p) {
          p.total_weight.tensor.dtype = i32;
          p.saved.total_weight = p.total_weight.get();
        }));
  c.add(op, "saved_total_weight_data_null", {"saved.total_weight has no data"}, with([](Problem &p) {
          p.total_weight.tensor.data = nullptr;
          p.saved.total_weight = p.total_weight.get();
        }));
  c.add(op, "saved_total_weight_other_device", {"saved.total_weight is on device (2, 0)"}, with([](Problem &p) {
          p.total_weight.tensor.device = {kDLCUDA, 0};
          p.saved.total_weight = p.total_weight.get();
        }));
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
  c.add(op, "saved_lse_is_written", {"output grad_logits overlaps saved.lse"}, with([](Problem &p) {
          p.lse.tensor.data = p.out.tensor.data;
          p.saved.lse = p.lse.get();
        }));
  c.add(op, "saved_lse_null_shape", {"saved.lse has rank 1 but no shape"}, with([](Problem &p) {
          p.lse.tensor.shape = nullptr;
          p.saved.lse = p.lse.get();
        }));
  c.add(op, "saved_lse_f64", {"lse", "f64", "f32"}, with([](Problem &p) {
          p.lse.tensor.dtype = f64;
          p.saved.lse = p.lse.get();
        }));
}

}  // namespace

std::vector<BadInput> bad_extras() {
  Corpus corpus;
  for (Op op : kAllOps) {
    if (!is_log_softmax(op) && has_matrix_output(op)) upstream(corpus, op);
    if (has_loss(op)) extras(corpus, op);
    if (takes_saved(op)) saved(corpus, op);
  }
  return std::move(corpus.list);
}
