// What the library takes, found out by calling it: every op with every option, for every dtype, layout and target, on a
// small problem. Rows of `op|option|target|dtype|layout|answer` for tables.py. CUDA calls go to the driver made for the
// tests (tests/cuda), which runs the kernels on the CPU; targets that this CPU lacks are left out.
#include <lossgen/lossgen.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "convert.h"
#include "fake_cuda.h"

namespace {

constexpr int64_t kN = 3;  // rows and classes: the class axis may be either
constexpr int64_t kRows[] = {kN}, kShape[] = {kN, kN};

struct Layout {
  const char *name;
  int64_t strides[2];
};
constexpr Layout kLayouts[] = {{"rows", {kN, 1}}, {"planes", {1, kN}}, {"strided", {2, 3 * kN}}};
constexpr size_t kElements = 2 * kN + 3 * kN * kN;  // of the last one

struct Place {
  const char *target;
  DLDevice device;
  DLDataType dtype;
  const Layout *layout;

  DLDataType accumulator() const {
    return dtype.bits == 64 && device.device_type == kDLCPU ? dtype : lossgen_dtype(kDLFloat, 32);
  }
};

// One piece of memory for everything that belongs to a call, outputs in the second half.
struct Memory {
  static constexpr size_t kHalf = 1 << 14;
  char *begin;
  size_t used[2] = {0, 0};
  explicit Memory(DLDevice device) {
    alignas(256) static char host[2 * kHalf];
    static char *const cuda = static_cast<char *>(fake_cuda::allocate(2 * kHalf));
    begin = device.device_type == kDLCPU ? host : cuda;
    memset(begin, 0, 2 * kHalf);
  }
  char *take(bool output) {
    char *at = begin + output * kHalf + used[output];
    used[output] += 1024;
    return at;
  }
};

void store(char *to, DLDataType type, double v) {
  const float f = static_cast<float>(v);
  const uint16_t half = type.code == kDLBfloat ? lossgen::float_to_bf16(f) : lossgen::float_to_f16(f);
  const int64_t i = static_cast<int64_t>(v);
  const bool is_float = type.code == kDLFloat || type.code == kDLBfloat;
  if (!is_float) memcpy(to, &i, type.bits / 8);
  else if (type.bits == 64) memcpy(to, &v, 8);
  else if (type.bits == 32) memcpy(to, &f, 4);
  else memcpy(to, &half, 2);
}

// Logits with everything that may belong to a call.
struct Problem {
  explicit Problem(const Place &place) : place(place), memory(place.device) {
    options.target = place.target;
    options.threads = 1;
    if (place.device.device_type != kDLCPU) {
      options.workspace = workspace;
      options.workspace_bytes = sizeof workspace_room;
    }
  }
  const Place &place;
  Memory memory;
  static constexpr size_t workspace_room[1 << 10] = {};
  static inline char *workspace = static_cast<char *>(fake_cuda::allocate(sizeof workspace_room));

  DLTensor tensor(DLDataType type, bool output, std::vector<double> values, int rank = 1) {
    DLTensor t = lossgen_tensor_on(place.device, memory.take(output), type, rank, kRows, nullptr);
    for (size_t i = 0; i < values.size(); ++i) store(static_cast<char *>(t.data) + i * type.bits / 8, type, values[i]);
    return t;
  }
  DLTensor matrix(bool output, std::vector<double> values) {
    DLTensor t = lossgen_tensor_on(place.device, memory.take(output), place.dtype, 2, kShape, place.layout->strides);
    for (int64_t i = 0; i < static_cast<int64_t>(values.size()); ++i)
      store(static_cast<char *>(t.data) +
                (i / kN * place.layout->strides[0] + i % kN * place.layout->strides[1]) * place.dtype.bits / 8,
            place.dtype, values[static_cast<size_t>(i)]);
    return t;
  }

  const DLDataType acc = place.accumulator(), kI64 = lossgen_dtype(kDLInt, 64);
  DLTensor input = matrix(false, {1, 2, 3, 6, 5, 4, 7, 7, 9}),
           probs = matrix(false, {0.5, 0.25, 0.25, 0, 1, 0, 0.125, 0.25, 0.5}), weight = tensor(acc, false, {1, 2, 5}),
           grad_loss = tensor(acc, false, {5}, 0), classes = tensor(kI64, false, {2, 0, 1}),
           saved_lse = tensor(acc, false, {4, 5, 6}), saved_total = tensor(acc, false, {7}, 0),
           output = matrix(true, {}), log_probs = matrix(true, {}), scalar_loss = tensor(acc, true, {}, 0),
           row_loss = tensor(acc, true, {}), lse = tensor(acc, true, {}), total_weight = tensor(acc, true, {}, 0),
           entropy = tensor(acc, true, {}), argmax = tensor(kI64, true, {}), correct = tensor(kI64, true, {}, 0),
           bad_targets = tensor(lossgen_dtype(kDLInt, 32), true, {}, 0);
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  bool sets_extras = false, sets_saved = false, in_place = false, sets_target = false;

  void set_target(int row, double value) {
    store(static_cast<char *>(classes.data) + row * classes.dtype.bits / 8, classes.dtype, value);
  }
  // With probabilities that takes a problem without rows.
  void keep_no_row() {
    static int64_t none[] = {0, kN};
    for (int r = 0; r < kN; ++r) set_target(r, -100);
    if (place.device.device_type != kDLCPU) return;
    for (DLTensor *t : {&input, &probs, &output, &log_probs, &classes, &row_loss, &lse, &entropy, &argmax})
      t->shape = none;
  }
  DLTensor *loss_out() { return options.reduction == LOSSGEN_REDUCTION_NONE ? &row_loss : &scalar_loss; }
  DLTensor *grad_out() { return in_place ? &input : &output; }
  std::string bytes() const { return std::string(memory.begin, 2 * Memory::kHalf); }
};

struct Op {
  const char *name;
  bool has_target, has_extras, has_saved, in_place;
  lossgen_status (*call)(Problem &);
};
const Op kOps[] = {
    {"log_softmax forward", false, false, false, true,
     [](Problem &p) { return lossgen_log_softmax_forward(&p.input, &p.options, p.grad_out()); }},
    {"log_softmax backward", false, false, false, true,
     [](Problem &p) { return lossgen_log_softmax_backward(&p.input, &p.log_probs, &p.options, p.grad_out()); }},
    {"nll_loss forward", true, true, false, false,
     [](Problem &p) { return lossgen_nll_loss_forward(&p.input, &p.classes, &p.options, p.loss_out(), &p.extras); }},
    {"nll_loss backward", true, false, true, false,
     [](Problem &p) { return lossgen_nll_loss_backward(&p.classes, &p.options, &p.saved, &p.output); }},
    {"cross_entropy forward", true, true, false, false,
     [](Problem &p) {
       return lossgen_cross_entropy_forward(&p.input, &p.classes, &p.options, p.loss_out(), &p.extras);
     }},
    {"cross_entropy backward", true, false, true, true,
     [](Problem &p) {
       return lossgen_cross_entropy_backward(&p.input, &p.classes, &p.options, &p.saved, p.grad_out());
     }},
    {"cross_entropy forward_backward", true, true, false, true,
     [](Problem &p) {
       return lossgen_cross_entropy_forward_backward(&p.input, &p.classes, &p.options, p.loss_out(), p.grad_out(),
                                                     &p.extras);
     }},
    {"cross_entropy_probs forward", false, true, false, false,
     [](Problem &p) {
       return lossgen_cross_entropy_probs_forward(&p.input, &p.probs, &p.options, p.loss_out(), &p.extras);
     }},
    {"cross_entropy_probs backward", false, false, false, true,
     [](Problem &p) { return lossgen_cross_entropy_probs_backward(&p.input, &p.probs, &p.options, p.grad_out()); }},
    {"cross_entropy_probs forward_backward", false, true, false, true,
     [](Problem &p) {
       return lossgen_cross_entropy_probs_forward_backward(&p.input, &p.probs, &p.options, p.loss_out(), p.grad_out(),
                                                           &p.extras);
     }},
};

struct Option {
  const char *name;
  std::function<void(Problem &)> set;
  std::function<void(Problem &)> where = [](Problem &) {};  // what the problem has to be for the option to show
  bool shows = true;                                        // in the results
};

std::vector<Option> all_options() {
  auto extra = [](DLTensor *lossgen_extras::*field, DLTensor Problem::*tensor) {
    return [field, tensor](Problem &p) {
      p.sets_extras = true;
      p.extras.*field = &(p.*tensor);
    };
  };
  auto saved = [](const DLTensor *lossgen_saved::*field, DLTensor Problem::*tensor) {
    return [field, tensor](Problem &p) {
      p.sets_saved = true;
      p.saved.*field = &(p.*tensor);
    };
  };
  auto denominator = [](lossgen_denominator d) {
    return [d](Problem &p) { p.options.denominator = d, p.options.denominator_value = 11; };
  };
  auto weighted = [](Problem &p) { p.options.weight = &p.weight, p.set_target(1, -100); };
  std::vector<Option> list = {
      {"defaults", [](Problem &) {}, [](Problem &) {}, false},
      {"in place", [](Problem &p) { p.in_place = true; }},
      {"class_axis", [](Problem &p) { p.options.class_axis_given = 1, p.options.class_axis = 0; }},
      {"reduction sum", [](Problem &p) { p.options.reduction = LOSSGEN_REDUCTION_SUM; }},
      {"reduction none", [](Problem &p) { p.options.reduction = LOSSGEN_REDUCTION_NONE; }},
      {"ignore_index", [](Problem &p) { p.options.ignore_mode = LOSSGEN_IGNORE_INDEX, p.options.ignore_index = 2; }},
      {"weight", [](Problem &p) { p.options.weight = &p.weight; }},
      {"row_weight", [](Problem &p) { p.options.row_weight = &p.weight; }},
      {"grad_loss", [](Problem &p) { p.options.grad_loss = &p.grad_loss; }},
      {"grad_loss of rows", [](Problem &p) { p.options.grad_loss = &p.weight; },
       [](Problem &p) { p.options.reduction = LOSSGEN_REDUCTION_NONE; }},
      {"label_smoothing", [](Problem &p) { p.options.label_smoothing = 0.1; }},
      {"z_loss", [](Problem &p) { p.options.z_loss = 0.1; }},
      {"denominator valid rows", denominator(LOSSGEN_DENOMINATOR_VALID_ROWS), weighted},
      {"denominator rows", denominator(LOSSGEN_DENOMINATOR_ROWS), weighted},
      {"denominator given", denominator(LOSSGEN_DENOMINATOR_GIVEN), weighted},
      {"empty_mean_is_zero", [](Problem &p) { p.options.empty_mean_is_zero = 1; }, [](Problem &p) { p.keep_no_row(); }},
      {"bounds ignore", [](Problem &p) { p.options.bounds = LOSSGEN_BOUNDS_IGNORE; },
       [](Problem &p) { p.set_target(0, 7); }},
      {"extras.lse", extra(&lossgen_extras::lse, &Problem::lse)},
      {"extras.total_weight", extra(&lossgen_extras::total_weight, &Problem::total_weight)},
      {"extras.log_probs", extra(&lossgen_extras::log_probs, &Problem::log_probs)},
      {"extras.argmax", extra(&lossgen_extras::argmax, &Problem::argmax)},
      {"extras.correct", extra(&lossgen_extras::correct, &Problem::correct)},
      {"extras.entropy", extra(&lossgen_extras::entropy, &Problem::entropy)},
      {"extras.bad_targets", extra(&lossgen_extras::bad_targets, &Problem::bad_targets),
       [](Problem &p) { p.set_target(0, 7); }},
      {"saved.lse", saved(&lossgen_saved::lse, &Problem::saved_lse)},
      {"saved.total_weight", saved(&lossgen_saved::total_weight, &Problem::saved_total)},
      {"numbers per row and loss in the logits' dtype",
       [](Problem &p) {
         for (DLTensor *t : {&p.scalar_loss, &p.lse, &p.weight}) t->dtype = p.place.dtype;
         p.options.weight = &p.weight;
       },
       [](Problem &) {}, false},
  };
  static const struct {
    const char *name;
    int code, bits;
  } kTargets[] = {{"targets u8", kDLUInt, 8},   {"targets i8", kDLInt, 8},    {"targets u16", kDLUInt, 16},
                  {"targets i16", kDLInt, 16},  {"targets u32", kDLUInt, 32}, {"targets i32", kDLInt, 32},
                  {"targets u64", kDLUInt, 64}, {"targets i64", kDLInt, 64}};
  for (const auto &t : kTargets) {
    const DLDataType type = lossgen_dtype(t.code, t.bits);
    list.push_back({t.name,
                    [type](Problem &p) {
                      p.sets_target = true;
                      p.classes = p.tensor(type, false, {2, 0, 1});
                    },
                    [](Problem &) {}, false});
  }
  return list;
}

// An option that changes nothing of what an op writes counts as one that it does not have.
bool changes_a_result(const Op &op, const Option &option, const Place &place) {
  std::string after[2];
  for (bool with : {false, true}) {
    Problem p(place);
    option.where(p);
    if (with) option.set(p);
    op.call(p);
    after[with] = p.bytes();
  }
  return after[0] != after[1];
}

const char *answer(const Op &op, const Option &option, const Place &place) {
  Problem p(place);
  option.where(p);
  option.set(p);
  if ((p.sets_extras && !op.has_extras) || (p.sets_saved && !op.has_saved) || (p.in_place && !op.in_place) ||
      (p.sets_target && !op.has_target))
    return "-";
  const lossgen_status status = op.call(p);
  if (status == LOSSGEN_BAD_ARGUMENT) return "refused";
  if (status != LOSSGEN_OK) return lossgen_status_string(status);
  return !option.shows || changes_a_result(op, option, place) ? "yes" : "-";
}

std::vector<std::string> usable_targets() {
  std::vector<std::string> names;
  lossgen_list_targets(
      [](void *user, const lossgen_target_info *info) {
        if (info->usable && info->kernels) static_cast<std::vector<std::string> *>(user)->push_back(info->name);
        return 0;
      },
      &names);
  return names;
}

}  // namespace

int main() {
  const struct {
    const char *name;
    DLDataType type;
  } dtypes[] = {{"f32", lossgen_dtype(kDLFloat, 32)},
                {"f64", lossgen_dtype(kDLFloat, 64)},
                {"f16", lossgen_dtype(kDLFloat, 16)},
                {"bf16", lossgen_dtype(kDLBfloat, 16)}};
  for (const std::string &target : usable_targets()) {
    const bool cuda = target.rfind("cuda", 0) == 0;
    for (const auto &dtype : dtypes) {
      for (const Layout &layout : kLayouts) {
        const Place place = {target.c_str(), {cuda ? kDLCUDA : kDLCPU, 0}, dtype.type, &layout};
        for (const Op &op : kOps)
          for (const Option &option : all_options())
            std::printf("%s|%s|%s|%s|%s|%s\n", op.name, option.name, target.c_str(), dtype.name, layout.name,
                        answer(op, option, place));
      }
    }
  }
  return 0;
}
