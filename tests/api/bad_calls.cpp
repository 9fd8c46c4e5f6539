// Wrong calls of the functions that are no operation: explain, workspace_size, prepare.
#include "bad_input.h"

namespace {

lossgen_status explain(const char *op, Problem &p) {
  char text[2000] = "unwritten";
  return lossgen_explain(op, p.logits.get(), &p.options, text, sizeof text) == 0 ? LOSSGEN_BAD_ARGUMENT : LOSSGEN_OK;
}
lossgen_status workspace(const char *op, Problem &p) {
  return lossgen_workspace_size(op, p.logits.get(), &p.options) == 0 ? LOSSGEN_BAD_ARGUMENT : LOSSGEN_OK;
}

class Corpus {
 public:
  // A call that returns a length, 0 where it fails.
  using Call = lossgen_status (*)(const char *op, Problem &p);
  void add(const char *function, Call call, const char *name, std::vector<const char *> message,
           std::function<void(Problem &)> spoil, const char *op = "cross_entropy_forward") {
    list.push_back({function, name,
                    [=] {
                      Problem p;
                      spoil(p);
                      return call(op, p);
                    },
                    LOSSGEN_BAD_ARGUMENT, std::move(message)});
  }
  std::vector<BadCall> list;
};

void of_both(Corpus &c, const char *function, Corpus::Call call) {
  c.add(
      function, call, "op_unknown", {"unknown op 'softmax'", "log_softmax_forward", "nll_loss_backward"},
      [](Problem &) {}, "softmax");
  c.add(
      function, call, "op_null", {"unknown op '(null)'", "cross_entropy_forward_backward"}, [](Problem &) {}, nullptr);
  c.add(
      function, call, "op_empty", {"unknown op ''"}, [](Problem &) {}, "");
  c.add(
      function, call, "op_without_direction", {"unknown op 'cross_entropy'"}, [](Problem &) {}, "cross_entropy");
  c.add(function, call, "options_size_0", {"options.size is 0", "sizeof(lossgen_options)"},
        [](Problem &p) { p.options.size = 0; });
  c.add(function, call, "options_size_cuts_a_field", {"cuts a field"}, [](Problem &p) { p.options.size -= 3; });
  c.add(function, call, "options_size_of_a_newer_header", {"older than the header"},
        [](Problem &p) { p.options.size += 16; });
  c.add(function, call, "logits_null", {"logits is NULL, expected a tensor"},
        [](Problem &p) { p.logits.is_null = true; });
  c.add(function, call, "logits_rank_0", {"logits is a scalar"}, [](Problem &p) { p.logits.reshape({}); });
  c.add(function, call, "logits_rank_17", {"logits has rank 17, expected 0 to 16"},
        [](Problem &p) { p.logits.reshape(std::vector<int64_t>(17, 1)); });
  c.add(function, call, "logits_rank_negative", {"logits has rank -2"}, [](Problem &p) { p.logits.tensor.ndim = -2; });
  c.add(function, call, "logits_shape_null", {"logits has rank 2 but no shape"},
        [](Problem &p) { p.logits.tensor.shape = nullptr; });
  c.add(function, call, "logits_extent_negative", {"negative extent: shape [4, -3]"},
        [](Problem &p) { p.logits.shape[1] = -3; });
}

lossgen_status prepare(int type, int id) {
  DLDevice device;
  device.device_type = static_cast<DLDeviceType>(type);
  device.device_id = id;
  return lossgen_prepare(device);
}

}  // namespace

std::vector<BadCall> bad_calls() {
  Corpus c;
  of_both(c, "explain", explain);
  of_both(c, "workspace_size", workspace);
  const auto add = [&](const char *name, std::vector<const char *> message, std::function<void(Problem &)> spoil) {
    c.add("explain", explain, name, std::move(message), std::move(spoil));
  };
  add("logits_i64", {"logits is i64, expected f32, f64, f16 or bf16"}, [](Problem &p) { p.logits.tensor.dtype = i64; });
  add("logits_f8", {"logits is f8, expected"}, [](Problem &p) { p.logits.tensor.dtype = lossgen_dtype(kDLFloat, 8); });
  add("logits_lanes", {"logits has 2 lanes per element, expected 1"},
      [](Problem &p) { p.logits.tensor.dtype.lanes = 2; });
  add("logits_data_null", {"data pointer is NULL"}, [](Problem &p) { p.logits.tensor.data = nullptr; });
  add("logits_stride_negative", {"negative stride: strides [-3, 1]"}, [](Problem &p) {
    p.logits.reshape({4, 3}, {-3, 1});
  });
  add("logits_on_a_device", {"device of type 2", "host tensors (1)"}, [](Problem &p) {
    p.logits.tensor.device = {kDLCUDA, 0};
  });
  add("class_axis_outside", {"class_axis 5 is outside logits of rank 2"}, [](Problem &p) {
    p.options.class_axis_given = 1;
    p.options.class_axis = 5;
  });
  add("target_unknown", {"options.target = \"avx9\" is not a target", "x86-64-v3"},
      [](Problem &p) { p.options.target = "avx9"; });
  c.add("workspace_size", workspace, "class_axis_outside", {"class_axis -4 is outside logits of rank 2"},
        [](Problem &p) {
          p.logits.tensor.device = {kDLCUDA, 0};
          p.options.class_axis_given = 1;
          p.options.class_axis = -4;
        });
  for (int type : {0, 3, 99}) {
    c.list.push_back({"prepare",
                      type == 0   ? "device_0"
                      : type == 3 ? "device_cuda_host"
                                  : "device_99",
                      [type] { return prepare(type, 0); },
                      LOSSGEN_UNSUPPORTED_BY_BUILD,
                      {"device type", "expected host (1), CUDA (2) or OpenCL (4)"}});
  }
  return std::move(c.list);
}
