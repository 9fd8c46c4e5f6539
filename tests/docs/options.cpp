// Which options and outputs each op takes, found out by calling it with each of them on a small problem: rows of
// `option|op=answer|...` for tables.py.
#include <lossgen/lossgen.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <vector>

namespace {

constexpr int64_t kShape[] = {3, 3}, kRows[] = {3};
const DLDataType kF32 = lossgen_dtype(kDLFloat, 32), kI64 = lossgen_dtype(kDLInt, 64);

// Logits (3, 3) with everything that may belong to a call.
struct Problem {
  float x[9] = {1, 2, 3, 6, 5, 4, 7, 7, 9}, w[3] = {1, 2, 5};
  int64_t target[3] = {2, 0, 1};
  struct Outputs {
    float matrix[9] = {}, log_probs[9] = {}, loss[3] = {}, lse[3] = {}, entropy[3] = {}, total[1] = {5};
    int64_t argmax[3] = {}, correct[1] = {};
  } out;
  DLTensor input = lossgen_tensor(x, kF32, 2, kShape), output = lossgen_tensor(out.matrix, kF32, 2, kShape),
           weight = lossgen_tensor(w, kF32, 1, kRows), classes = lossgen_tensor(target, kI64, 1, kRows),
           scalar_loss = lossgen_tensor(out.loss, kF32, 0, nullptr),
           row_loss = lossgen_tensor(out.loss, kF32, 1, kRows), lse = lossgen_tensor(out.lse, kF32, 1, kRows),
           total_weight = lossgen_tensor(out.total, kF32, 0, nullptr),
           log_probs = lossgen_tensor(out.log_probs, kF32, 2, kShape),
           entropy = lossgen_tensor(out.entropy, kF32, 1, kRows), argmax = lossgen_tensor(out.argmax, kI64, 1, kRows),
           correct = lossgen_tensor(out.correct, kI64, 0, nullptr);
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  bool sets_extras = false, sets_saved = false, in_place = false;

  DLTensor *loss_out() { return options.reduction == LOSSGEN_REDUCTION_NONE ? &row_loss : &scalar_loss; }
  DLTensor *grad_out() { return in_place ? &input : &output; }
};

struct Op {
  const char *name;
  bool has_extras, has_saved, has_matrix_output;
  lossgen_status (*call)(Problem &);
};
const Op kOps[] = {
    {"log_softmax forward", false, false, true,
     [](Problem &p) { return lossgen_log_softmax_forward(&p.input, &p.options, p.grad_out()); }},
    {"log_softmax backward", false, false, true,
     [](Problem &p) { return lossgen_log_softmax_backward(&p.input, &p.log_probs, &p.options, p.grad_out()); }},
    {"nll_loss forward", true, false, false,
     [](Problem &p) { return lossgen_nll_loss_forward(&p.input, &p.classes, &p.options, p.loss_out(), &p.extras); }},
    {"nll_loss backward", false, true, false,
     [](Problem &p) { return lossgen_nll_loss_backward(&p.classes, &p.options, &p.saved, &p.output); }},
    {"cross_entropy forward", true, false, false,
     [](Problem &p) {
       return lossgen_cross_entropy_forward(&p.input, &p.classes, &p.options, p.loss_out(), &p.extras);
     }},
    {"cross_entropy backward", false, true, true,
     [](Problem &p) {
       return lossgen_cross_entropy_backward(&p.input, &p.classes, &p.options, &p.saved, p.grad_out());
     }},
    {"cross_entropy forward_backward", true, false, true,
     [](Problem &p) {
       return lossgen_cross_entropy_forward_backward(&p.input, &p.classes, &p.options, p.loss_out(), p.grad_out(),
                                                     &p.extras);
     }},
};

struct Option {
  const char *name;
  std::function<void(Problem &)> set;
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
  return {
      {"in place", [](Problem &p) { p.in_place = true; }},
      {"class_axis", [](Problem &p) { p.options.class_axis_given = 1, p.options.class_axis = 0; }},
      {"reduction sum", [](Problem &p) { p.options.reduction = LOSSGEN_REDUCTION_SUM; }},
      {"reduction none", [](Problem &p) { p.options.reduction = LOSSGEN_REDUCTION_NONE; }},
      {"ignore_index", [](Problem &p) { p.options.ignore_mode = LOSSGEN_IGNORE_INDEX, p.options.ignore_index = 2; }},
      {"weight", [](Problem &p) { p.options.weight = &p.weight; }},
      {"row_weight", [](Problem &p) { p.options.row_weight = &p.weight; }},
      {"grad_loss", [](Problem &p) { p.options.grad_loss = &p.total_weight; }},
      {"label_smoothing", [](Problem &p) { p.options.label_smoothing = 0.1; }},
      {"z_loss", [](Problem &p) { p.options.z_loss = 0.1; }},
      {"denominator",
       [](Problem &p) { p.options.denominator = LOSSGEN_DENOMINATOR_GIVEN, p.options.denominator_value = 7; }},
      {"bounds ignore", [](Problem &p) { p.options.bounds = LOSSGEN_BOUNDS_IGNORE, p.target[0] = 7; }},
      {"extras.lse", extra(&lossgen_extras::lse, &Problem::lse)},
      {"extras.total_weight", extra(&lossgen_extras::total_weight, &Problem::total_weight)},
      {"extras.log_probs", extra(&lossgen_extras::log_probs, &Problem::log_probs)},
      {"extras.argmax", extra(&lossgen_extras::argmax, &Problem::argmax)},
      {"extras.correct", extra(&lossgen_extras::correct, &Problem::correct)},
      {"extras.entropy", extra(&lossgen_extras::entropy, &Problem::entropy)},
      {"saved.lse", saved(&lossgen_saved::lse, &Problem::lse)},
      {"saved.total_weight", saved(&lossgen_saved::total_weight, &Problem::total_weight)},
  };
}

// An option that changes nothing of what an op writes counts as one that it does not have.
bool changes_a_result(const Op &op, const Option &option) {
  Problem with, without;
  option.set(with);
  op.call(with);
  op.call(without);
  return std::memcmp(&with.out, &without.out, sizeof with.out) != 0 ||
         std::memcmp(with.x, without.x, sizeof with.x) != 0;
}

const char *answer(const Op &op, const Option &option) {
  Problem p;
  option.set(p);
  if ((p.sets_extras && !op.has_extras) || (p.sets_saved && !op.has_saved) || (p.in_place && !op.has_matrix_output))
    return "-";
  switch (op.call(p)) {
    case LOSSGEN_OK:
      break;
    case LOSSGEN_BAD_ARGUMENT:
      return "refused";
    default:
      return "not in this build";
  }
  return changes_a_result(op, option) ? "yes" : "-";
}

}  // namespace

int main() {
  for (const Option &option : all_options()) {
    std::printf("%s", option.name);
    for (const Op &op : kOps) std::printf("|%s=%s", op.name, answer(op, option));
    std::printf("\n");
  }
  return 0;
}
