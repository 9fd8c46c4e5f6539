// Wrong tensors: pointers, ranks, shapes, types, devices, strides, overlaps, and classes out of bounds.
#include <climits>
#include <cstdint>
#include <memory>
#include <string>

#include "bad_input.h"

namespace {

using Spoil = std::function<void(Problem &)>;

// A tensor argument of an operation: its name in lossgen.h and where the problem keeps it.
struct Role {
  Op op;
  const char *name;
  Argument Problem::*argument;
  bool is_output;
};

const std::vector<Role> &roles() {
  static const std::vector<Role> list = {
      {Op::log_softmax_forward, "logits", &Problem::logits, false},
      {Op::log_softmax_forward, "log_probs", &Problem::out, true},
      {Op::log_softmax_backward, "grad", &Problem::grad, false},
      {Op::log_softmax_backward, "log_probs", &Problem::logits, false},
      {Op::log_softmax_backward, "grad_logits", &Problem::out, true},
      {Op::nll_loss_forward, "log_probs", &Problem::logits, false},
      {Op::nll_loss_forward, "target", &Problem::target, false},
      {Op::nll_loss_forward, "loss", &Problem::loss, true},
      {Op::nll_loss_backward, "target", &Problem::target, false},
      {Op::nll_loss_backward, "grad_log_probs", &Problem::out, true},
      {Op::cross_entropy_forward, "logits", &Problem::logits, false},
      {Op::cross_entropy_forward, "target", &Problem::target, false},
      {Op::cross_entropy_forward, "loss", &Problem::loss, true},
      {Op::cross_entropy_backward, "logits", &Problem::logits, false},
      {Op::cross_entropy_backward, "target", &Problem::target, false},
      {Op::cross_entropy_backward, "grad_logits", &Problem::out, true},
      {Op::cross_entropy_forward_backward, "logits", &Problem::logits, false},
      {Op::cross_entropy_forward_backward, "target", &Problem::target, false},
      {Op::cross_entropy_forward_backward, "loss", &Problem::loss, true},
      {Op::cross_entropy_forward_backward, "grad_logits", &Problem::out, true},
      {Op::cross_entropy_probs_forward, "logits", &Problem::logits, false},
      {Op::cross_entropy_probs_forward, "probs", &Problem::probs, false},
      {Op::cross_entropy_probs_forward, "loss", &Problem::loss, true},
      {Op::cross_entropy_probs_backward, "logits", &Problem::logits, false},
      {Op::cross_entropy_probs_backward, "probs", &Problem::probs, false},
      {Op::cross_entropy_probs_backward, "grad_logits", &Problem::out, true},
      {Op::cross_entropy_probs_forward_backward, "logits", &Problem::logits, false},
      {Op::cross_entropy_probs_forward_backward, "probs", &Problem::probs, false},
      {Op::cross_entropy_probs_forward_backward, "loss", &Problem::loss, true},
      {Op::cross_entropy_probs_forward_backward, "grad_logits", &Problem::out, true},
  };
  return list;
}

// Names of cases must outlive the lists of C strings that the tests hold.
const char *keep(std::string text) {
  static std::vector<std::unique_ptr<std::string>> kept;
  kept.push_back(std::make_unique<std::string>(std::move(text)));
  return kept.back()->c_str();
}

class Corpus {
 public:
  void add(Op op, const std::string &name, lossgen_status status, std::vector<const char *> message, Spoil spoil,
           bool spatial = false) {
    list.push_back({keep(name), op, spatial, std::move(spoil), status, std::move(message)});
  }
  // Of every tensor argument.
  void add_all(const std::string &name, std::vector<const char *> message, std::function<void(Argument &)> spoil) {
    for (const Role &role : roles()) {
      std::vector<const char *> fragments = message;
      fragments.push_back(role.name);
      add(role.op, std::string(role.name) + "_" + name, LOSSGEN_BAD_ARGUMENT, fragments,
          [spoil, role](Problem &p) { spoil(p.*role.argument); });
    }
  }
  std::vector<BadInput> list;
};

void pointers_and_descriptors(Corpus &c) {
  c.add_all("null", {"is NULL"}, [](Argument &a) { a.is_null = true; });
  c.add_all("data_null", {"data pointer is NULL"}, [](Argument &a) { a.tensor.data = nullptr; });
  c.add_all("lanes", {"4 lanes"}, [](Argument &a) { a.tensor.dtype.lanes = 4; });
  c.add_all("negative_rank", {"rank -1"}, [](Argument &a) { a.tensor.ndim = -1; });
  c.add_all("unknown_device", {"device"},
            [](Argument &a) { a.tensor.device.device_type = static_cast<DLDeviceType>(99); });
  for (const Role &role : roles()) {
    if (std::string(role.name) == "loss") continue;  // rank 0
    c.add(role.op, std::string(role.name) + "_shape_null", LOSSGEN_BAD_ARGUMENT, {role.name, "no shape"},
          [role](Problem &p) { (p.*role.argument).tensor.shape = nullptr; });
    c.add(role.op, std::string(role.name) + "_negative_extent", LOSSGEN_BAD_ARGUMENT,
          {role.name, "negative extent", "[-4"}, [role](Problem &p) { (p.*role.argument).shape[0] = -4; });
    c.add(role.op, std::string(role.name) + "_negative_stride", LOSSGEN_BAD_ARGUMENT,
          {role.name, "negative stride", "[-3"}, [role](Problem &p) {
            Argument &a = p.*role.argument;
            std::vector<int64_t> strides(a.shape.size(), 1);
            strides[0] = -3;
            a.reshape(a.shape, strides);
          });
  }
}

void types_and_devices(Corpus &c) {
  for (const Role &role : roles()) {
    const std::string name = role.name;
    if (name == "target") {
      const DLDataType boolean = lossgen_dtype(6, 8);  // kDLBool, which older dlpack.h have not
      c.add(role.op, "target_f32", LOSSGEN_BAD_ARGUMENT, {"target", "f32", "integer"},
            [](Problem &p) { p.target.tensor.dtype = f32; });
      c.add(role.op, "target_bool", LOSSGEN_BAD_ARGUMENT, {"target", "bool", "integer"},
            [boolean](Problem &p) { p.target.tensor.dtype = boolean; });
    } else {
      c.add(role.op, name + "_i32", LOSSGEN_BAD_ARGUMENT, {role.name, "i32"},
            [role](Problem &p) { (p.*role.argument).tensor.dtype = i32; });
      c.add(role.op, name + "_complex", LOSSGEN_BAD_ARGUMENT, {role.name, "c64"},
            [role](Problem &p) { (p.*role.argument).tensor.dtype = lossgen_dtype(kDLComplex, 64); });
    }
    // Not the first argument: that one decides the device, the others have to be there too.
    if (role.argument != &Problem::logits && role.op != Op::log_softmax_backward &&
        !(role.op == Op::nll_loss_backward && name == "target")) {
      c.add(role.op, name + "_other_device", LOSSGEN_BAD_ARGUMENT, {role.name, "device"}, [role](Problem &p) {
        (p.*role.argument).tensor.device = {kDLCUDA, 0};
      });
    }
    if ((role.is_output && name != "loss" && role.op != Op::nll_loss_backward) || name == "probs") {
      c.add(role.op, name + "_f64", LOSSGEN_BAD_ARGUMENT, {role.name, "f64", "f32"},
            [role](Problem &p) { (p.*role.argument).tensor.dtype = f64; });
    }
  }
}

void shapes(Corpus &c) {
  for (const Role &role : roles()) {
    const std::string name = role.name;
    Argument Problem::*a = role.argument;
    if (name == "target") {
      c.add(role.op, "target_rank", LOSSGEN_BAD_ARGUMENT, {"target", "[4, 1]", "[4]"}, [a](Problem &p) {
        (p.*a).reshape({4, 1});
      });
      c.add(role.op, "target_batch", LOSSGEN_BAD_ARGUMENT, {"target", "[3]", "[4]"},
            [a](Problem &p) { (p.*a).reshape({3}); });
      c.add(
          role.op, "target_spatial", LOSSGEN_BAD_ARGUMENT, {"target", "[2, 3, 2]", "[2, 2, 3]"},
          [a](Problem &p) {
            (p.*a).reshape({2, 3, 2});
          },
          true);
    } else if (name == "loss") {
      c.add(role.op, "loss_of_mean_has_rows", LOSSGEN_BAD_ARGUMENT, {"loss", "[4]", "[]"},
            [a](Problem &p) { (p.*a).reshape({4}); });
      c.add(role.op, "loss_of_none_is_scalar", LOSSGEN_BAD_ARGUMENT, {"loss", "[]", "[4]"},
            [](Problem &p) { p.options.reduction = LOSSGEN_REDUCTION_NONE; });
      c.add(role.op, "loss_of_none_is_short", LOSSGEN_BAD_ARGUMENT, {"loss", "[3]", "[4]"}, [a](Problem &p) {
        p.options.reduction = LOSSGEN_REDUCTION_NONE;
        (p.*a).reshape({3});
      });
    } else if (role.argument == &Problem::logits && role.op != Op::log_softmax_backward) {
      c.add(role.op, name + "_rank_0", LOSSGEN_BAD_ARGUMENT, {role.name, "scalar"}, [](Problem &p) {
        p.logits.reshape({});
        p.out.reshape({});
      });
      c.add(role.op, name + "_too_large", LOSSGEN_BAD_ARGUMENT, {role.name, "more elements than fit"},
            [role](Problem &p) {
              (p.*role.argument).reshape({int64_t{1} << 62, 3});
              p.out.reshape({int64_t{1} << 62, 3});
              p.target.reshape({int64_t{1} << 62});
            });
    } else if (role.op != Op::nll_loss_backward) {
      c.add(role.op, name + "_batch", LOSSGEN_BAD_ARGUMENT, {role.name, "[3, 3]", "[4, 3]"}, [a](Problem &p) {
        (p.*a).reshape({3, 3});
      });
      c.add(role.op, name + "_classes", LOSSGEN_BAD_ARGUMENT, {role.name, "[4, 2]", "[4, 3]"}, [a](Problem &p) {
        (p.*a).reshape({4, 2});
      });
      c.add(
          role.op, name + "_spatial", LOSSGEN_BAD_ARGUMENT, {role.name, "[2, 3, 3, 2]", "[2, 3, 2, 3]"},
          [a](Problem &p) {
            (p.*a).reshape({2, 3, 3, 2});
          },
          true);
    } else {
      c.add(role.op, name + "_batch", LOSSGEN_BAD_ARGUMENT, {"[4]", "[5]"}, [a](Problem &p) {
        (p.*a).reshape({5, 3});
      });
      c.add(role.op, name + "_rank_0", LOSSGEN_BAD_ARGUMENT, {role.name, "scalar"},
            [a](Problem &p) { (p.*a).reshape({}); });
    }
  }
  c.add(Op::cross_entropy_forward, "logits_rank_1_needs_scalar_target", LOSSGEN_BAD_ARGUMENT, {"target", "[4]", "[]"},
        [](Problem &p) { p.logits.reshape({3}); });
}

void overlaps(Corpus &c) {
  auto onto = [](Argument &output, Argument &input, size_t bytes) { output.tensor.data = input.memory.data() + bytes; };
  for (const Role &role : roles()) {
    if (!role.is_output) continue;
    Argument Problem::*a = role.argument;
    if (std::string(role.name) == "loss") {
      c.add(role.op, "loss_overlaps_input", LOSSGEN_BAD_ARGUMENT, {"loss", "overlaps"},
            [=](Problem &p) { onto(p.loss, p.logits, 20); });
      if (takes_probs(role.op)) {
        c.add(role.op, "loss_overlaps_probs", LOSSGEN_BAD_ARGUMENT, {"loss", "overlaps probs"},
              [=](Problem &p) { onto(p.loss, p.probs, 20); });
      } else {
        c.add(role.op, "loss_overlaps_target", LOSSGEN_BAD_ARGUMENT, {"loss", "overlaps target"},
              [=](Problem &p) { onto(p.loss, p.target, 8); });
      }
      c.add(role.op, "loss_overlaps_weight", LOSSGEN_BAD_ARGUMENT, {"loss", "overlaps weight"}, [=](Problem &p) {
        p.options.weight = p.weight.get();
        onto(p.loss, p.weight, 4);
      });
      c.add(role.op, "loss_stride_0", LOSSGEN_BAD_ARGUMENT, {"loss", "overlaps itself"}, [](Problem &p) {
        p.options.reduction = LOSSGEN_REDUCTION_NONE;
        p.loss.reshape({4}, {0});
      });
      continue;
    }
    c.add(role.op, std::string(role.name) + "_stride_0", LOSSGEN_BAD_ARGUMENT, {role.name, "overlaps itself"},
          [a](Problem &p) {
            (p.*a).reshape({4, 3}, {0, 1});
          });
    c.add(role.op, std::string(role.name) + "_rows_overlap", LOSSGEN_BAD_ARGUMENT, {role.name, "overlaps itself"},
          [a](Problem &p) {
            (p.*a).reshape({4, 3}, {2, 1});
          });
    if (takes_probs(role.op)) {
      c.add(role.op, "grad_logits_shifted_in_probs", LOSSGEN_BAD_ARGUMENT, {role.name, "overlaps probs"},
            [=](Problem &p) { onto(p.out, p.probs, 4); });
    } else if (!is_log_softmax(role.op)) {
      c.add(role.op, std::string(role.name) + "_overlaps_target", LOSSGEN_BAD_ARGUMENT, {role.name, "overlaps target"},
            [=](Problem &p) { onto(p.*a, p.target, 16); });
    }
    if (role.op == Op::nll_loss_backward) continue;
    c.add(role.op, std::string(role.name) + "_shifted_in_place", LOSSGEN_BAD_ARGUMENT, {role.name, "overlaps"},
          [=](Problem &p) { onto(p.*a, p.logits, 12); });
    c.add(role.op, std::string(role.name) + "_in_place_with_other_strides", LOSSGEN_BAD_ARGUMENT,
          {role.name, "overlaps"}, [=](Problem &p) {
            onto(p.*a, p.logits, 0);
            (p.*a).reshape({4, 3}, {4, 1});
          });
  }
  c.add(Op::cross_entropy_forward_backward, "loss_overlaps_gradient", LOSSGEN_BAD_ARGUMENT,
        {"loss", "grad_logits", "overlap"}, [=](Problem &p) { onto(p.loss, p.out, 20); });
  c.add(Op::cross_entropy_probs_forward_backward, "loss_overlaps_gradient", LOSSGEN_BAD_ARGUMENT,
        {"loss", "grad_logits", "overlap"}, [=](Problem &p) { onto(p.loss, p.out, 20); });
  c.add(Op::cross_entropy_backward, "gradient_overlaps_weight", LOSSGEN_BAD_ARGUMENT,
        {"grad_logits", "overlaps weight"}, [=](Problem &p) {
          p.options.weight = p.weight.get();
          onto(p.out, p.weight, 0);
        });
  c.add(Op::cross_entropy_backward, "gradient_overlaps_upstream", LOSSGEN_BAD_ARGUMENT,
        {"grad_logits", "overlaps grad_loss"}, [=](Problem &p) {
          p.options.grad_loss = p.grad_loss.get();
          onto(p.out, p.grad_loss, 0);
        });
}

template <class T>
Spoil set_class(size_t row, T value) {
  return [=](Problem &p) { p.target.as<T>()[row] = value; };
}

void classes(Corpus &c) {
  const auto bad = LOSSGEN_TARGET_OUT_OF_BOUNDS;
  for (const Role &role : roles()) {
    if (std::string(role.name) != "target") continue;
    const Op op = role.op;
    c.add(op, "class_C", bad, {"target[1] = 3 is out of bounds for 3 classes (ignore_index = -100)"},
          set_class<int64_t>(1, 3));
    c.add(op, "class_minus_1", bad, {"target[0] = -1 is out of bounds for 3 classes"}, set_class<int64_t>(0, -1));
    c.add(op, "class_last_row", bad, {"target[3] = 99 is"}, set_class<int64_t>(3, 99));
    // Values whose low 32 bits are a valid class.
    c.add(op, "class_2_to_32", bad, {"target[2] = 4294967296 is"}, set_class<int64_t>(2, int64_t{1} << 32));
    c.add(op, "class_int64_min", bad, {"target[2] = -9223372036854775808 is"}, set_class<int64_t>(2, INT64_MIN));
    c.add(op, "class_int64_max", bad, {"target[2] = 9223372036854775807 is"}, set_class<int64_t>(2, INT64_MAX));
    c.add(op, "class_first_of_several", bad, {"target[1] = 7 is"}, [](Problem &p) {
      p.target.as<int64_t>()[3] = -5;
      p.target.as<int64_t>()[1] = 7;
    });
    c.add(op, "class_spatial", bad, {"target[1,0,2] = 21 is out of bounds for 3 classes (ignore_index = -100)"},
          set_class<int64_t>(8, 21), true);
    c.add(op, "class_int32", bad, {"target[1] = -2147483648 is"}, [](Problem &p) {
      p.target.tensor.dtype = i32;
      for (int r = 0; r < 4; ++r) p.target.as<int32_t>()[r] = r == 1 ? INT32_MIN : 0;
    });
    c.add(op, "class_other_ignore_index", bad, {"target[2] = -100 is out of bounds for 3 classes (ignore_index = 7)"},
          [](Problem &p) {
            p.options.ignore_mode = LOSSGEN_IGNORE_INDEX;
            p.options.ignore_index = 7;
            p.target.as<int64_t>()[0] = 7;
            p.target.as<int64_t>()[2] = -100;
          });
    c.add(op, "class_nothing_ignored", bad, {"target[2] = -100 is out of bounds for 3 classes"}, [](Problem &p) {
      p.options.ignore_mode = LOSSGEN_IGNORE_NONE;
      p.target.as<int64_t>()[2] = -100;
    });
    c.add(op, "class_strided", bad, {"target[2] = 3 is"}, [](Problem &p) {
      p.target.reshape({4}, {2});
      for (int r = 0; r < 8; ++r) p.target.as<int64_t>()[r] = r == 4 ? 3 : r % 2 ? 1000 : 1;
    });
    c.add(op, "zero_classes", bad, {"target[0] = 0 is out of bounds for 0 classes"}, [](Problem &p) {
      p.logits.reshape({4, 0});
      p.out.reshape({4, 0});
    });
  }
}

}  // namespace

std::vector<BadInput> bad_tensors() {
  Corpus corpus;
  pointers_and_descriptors(corpus);
  types_and_devices(corpus);
  shapes(corpus);
  overlaps(corpus);
  classes(corpus);
  return std::move(corpus.list);
}
