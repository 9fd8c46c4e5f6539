#include "case.h"

#include <algorithm>
#include <cmath>

namespace {

int64_t log_uniform(Random &random, int64_t low, int64_t high) {
  const double v = std::exp(random.uniform(std::log(static_cast<double>(low)), std::log(high + 1.0)));
  return std::min(high, std::max(low, static_cast<int64_t>(v)));
}

// About 800 elements a case, so that millions are cheap; the rare large ones cross every block size.
int64_t draw_classes(Random &random) {
  const double u = random.uniform();
  if (u < 0.02) return 0;
  if (u < 0.06) return 1;
  if (u < 0.50) return log_uniform(random, 2, 64);
  if (u < 0.76) return log_uniform(random, 65, 1000);
  if (u < 0.985) return log_uniform(random, 1001, 2100);
  if (u < 0.998) return log_uniform(random, 2101, 20000);
  return log_uniform(random, 20001, 100000);
}

int64_t draw_rows(Random &random, int64_t classes) {
  if (random.chance(0.02)) return 0;
  if (classes <= 8 && random.chance(0.05)) return log_uniform(random, 500, 3000);  // several blocks of rows
  if (classes > 1000 && random.chance(0.85)) return 1;
  // Few classes: up to 1500 elements. Many: rows of tiny inner axes.
  return log_uniform(random, 1, classes > 10000 ? 2 : classes > 1000 ? 15 : std::max<int64_t>(1, 1500 / (classes + 1)));
}

Kind draw_kind(Random &random, bool input) {
  if (random.chance(0.45)) return Kind::compact;
  return static_cast<Kind>(1 + random.below(input ? kKinds - 1 : kKinds - 2));
}

constexpr int64_t kLargestSpan = 1 << 20;  // elements; sparser layouts of large shapes become compact

Layout draw_layout(Random &random, const std::vector<int64_t> &shape, int axis, bool input) {
  Layout layout = make_layout(random, shape, axis, draw_kind(random, input));
  return layout.span > kLargestSpan ? make_layout(random, shape, axis, Kind::compact) : layout;
}

}  // namespace

int64_t Case::rows() const {
  int64_t n = 1;
  for (int64_t extent : row_shape()) n *= extent;
  return n;
}

std::vector<int64_t> Case::row_shape() const {
  std::vector<int64_t> rows = shape;
  rows.erase(rows.begin() + axis);
  return rows;
}

void Case::draw_shape(Random &random) {
  const int64_t classes = draw_classes(random), wanted = draw_rows(random, classes);
  const int rank = wanted > 1 ? 2 + static_cast<int>(random.below(5)) : 1 + static_cast<int>(random.below(6));
  int64_t left = wanted;
  for (int i = 1; i < rank; ++i) {
    int64_t extent = i + 1 == rank || random.chance(0.4) ? left : log_uniform(random, 1, std::max<int64_t>(left, 1));
    if (wanted == 0) extent = i == 1 ? 0 : random.below(4);
    left /= std::max<int64_t>(extent, 1);
    shape.push_back(extent);
  }
  for (size_t i = shape.size(); i > 1; --i) std::swap(shape[i - 1], shape[random.below(static_cast<int64_t>(i))]);
  axis_spelling = static_cast<int>(random.below(3));
  axis = axis_spelling == 0 ? (rank > 1 ? 1 : 0) : static_cast<int>(random.below(rank));
  shape.insert(shape.begin() + axis, classes);
}

void Case::draw_matrices(Random &random) {
  const bool in_place_possible = op != Op::nll_loss_backward && has_matrix_output(op);
  if (in_place_possible && random.chance(0.4)) {
    output = has_second() && random.chance(0.5) ? over_second : over_first;
  }
  // What is written to may not be expanded. In most cases all matrices lie alike, which takes the fast kernels.
  first = draw_layout(random, shape, axis, output != over_first);
  const bool alike = random.chance(0.6);
  auto other = [&](bool input) {
    if (alike && std::string(first.kind) != "expanded") {
      Layout layout = first;
      layout.at_end = random.chance(0.5);
      return layout;
    }
    return draw_layout(random, shape, axis, input);
  };
  second = other(has_second() && output != over_second);
  out = other(false);
}

Numbers Case::draw_numbers(Random &random, double share, const std::vector<int64_t> &of_shape, bool input) {
  Numbers n;
  n.given = random.chance(share);
  n.type = random.chance(0.5) ? dtype : accumulator_of(dtype);
  n.layout = draw_layout(random, of_shape, -1, input);
  return n;
}

void Case::draw_loss(Random &random) {
  reduction = static_cast<lossgen_reduction>(random.below(3));
  target_type = static_cast<int>(random.below(kIntegerTypeCount));
  target = draw_layout(random, row_shape(), -1, true);
  const IntegerType &type = kIntegerTypes[target_type];

  ignore_mode = static_cast<lossgen_ignore_mode>(random.below(3));
  if (ignore_mode == LOSSGEN_IGNORE_INDEX) {
    const int64_t choices[] = {random.below(std::max<int64_t>(classes(), 1)),
                               -1,
                               classes(),
                               255,
                               type.lowest,
                               type.largest,
                               static_cast<int64_t>(random.next())};
    ignore_index = choices[random.chance(0.5) ? 0 : random.below(7)];
  }
  const double shares[] = {0, 0, 0.1, 0.3, 1};
  ignored_share = shares[random.below(5)];

  bounds = random.chance(0.7) ? LOSSGEN_BOUNDS_DEFAULT : static_cast<lossgen_bounds>(random.below(3));
  if (random.chance(bounds == LOSSGEN_BOUNDS_DEFAULT ? 0.06 : 0.5)) bad_share = random.uniform(0.01, 0.5);

  if (random.chance(0.4)) denominator = static_cast<lossgen_denominator>(random.below(4));
  if (denominator == LOSSGEN_DENOMINATOR_GIVEN) denominator_value = random.chance(0.9) ? random.uniform(0.1, 50) : 0;
  empty_mean_is_zero = random.chance(0.3);
  if (is_cross_entropy()) {
    const double smoothings[] = {0.1, 0.1, 1, random.uniform()};
    if (random.chance(0.3)) label_smoothing = smoothings[random.below(4)];
    if (random.chance(0.25)) z_loss = random.chance(0.8) ? 1e-4 : random.uniform(-0.01, 0.1);
  }
  if (has_probs()) {  // they have no options about classes
    ignore_mode = LOSSGEN_IGNORE_DEFAULT;
    bounds = LOSSGEN_BOUNDS_DEFAULT;
    ignored_share = bad_share = 0;
  }
  weight = draw_numbers(random, 0.4, {classes()}, true);
  if (random.chance(0.2)) weight.type = kF32;
  const double u = random.uniform();
  weight_values = u < 0.7 ? positive : u < 0.9 ? some_zero : u < 0.95 ? all_zero : some_negative;
  row_weight = draw_numbers(random, 0.3, row_shape(), true);
  if (random.chance(0.2)) row_weight.type = kF32;
  upstream =
      draw_numbers(random, 0.5, reduction == LOSSGEN_REDUCTION_NONE ? row_shape() : std::vector<int64_t>(), true);
  const bool backward_only = op == Op::nll_loss_backward || op == Op::cross_entropy_backward;
  saved_total_weight = draw_numbers(random, backward_only ? 0.4 : 0, {}, true);
  saved_lse = draw_numbers(random, op == Op::cross_entropy_backward ? 0.4 : 0, row_shape(), true);
}

void Case::draw_extras(Random &random) {
  loss = draw_numbers(random, 1, reduction == LOSSGEN_REDUCTION_NONE ? row_shape() : std::vector<int64_t>(), false);
  total_weight = draw_numbers(random, 0.3, {}, false);
  if (random.chance(0.15)) argmax_bits = random.chance(0.5) ? 32 : 64;
  argmax = draw_layout(random, row_shape(), -1, false);
  correct = random.chance(has_probs() ? 0 : 0.15);
  if (!is_cross_entropy()) return;
  lse = draw_numbers(random, 0.3, row_shape(), false);
  log_probs.given = random.chance(0.15);
  log_probs.type = dtype;
  log_probs.layout = has_probs() ? draw_layout(random, shape, axis, false) : second;
  entropy = draw_numbers(random, 0.15, row_shape(), false);
}

Case::Case(uint64_t case_number, const std::vector<std::string> &kernel_targets) : number(case_number) {
  Random random(number);
  // Apart, so that a number means the same case on a machine with other targets.
  Random for_target(random.next());
  const int64_t choice = for_target.below(static_cast<int64_t>(kernel_targets.size()) + 1);
  if (choice > 0) kernel_target = kernel_targets[static_cast<size_t>(choice - 1)];

  op = kAllOps[random.below(std::size(kAllOps))];
  dtype = kDtypes[random.below(4)];
  family = random.chance(0.4) ? Family::mixed : kFamilies[random.below(static_cast<int64_t>(std::size(kFamilies)))];
  draw_shape(random);
  draw_matrices(random);
  threads = random.chance(0.9) ? 1 : static_cast<int>(random.below(5));
  own_parallel_for = random.chance(0.05);
  general_kernels_only = random.chance(0.2);
  const bool takes_target = op > Op::log_softmax_backward;
  if (takes_target && !random.chance(0.1)) {
    draw_loss(random);
    if (has_loss()) draw_extras(random);
  } else if (takes_target) {  // everything at its default
    target = draw_layout(random, row_shape(), -1, true);
    loss = draw_numbers(random, 1, {}, false);
    loss.given = has_loss();
    null_options = axis_spelling == 0 && random.chance(0.5);
  }
  if (null_options) {
    threads = 0;
    own_parallel_for = general_kernels_only = false;
    kernel_target.clear();
  }
}

std::string Case::describe() const {
  std::string s = op_name(op);
  auto word = [&](const std::string &text) { s += " " + text; };
  auto list = [&](const std::vector<int64_t> &values) {
    s += '[';
    for (size_t i = 0; i < values.size(); ++i) s += (i ? "," : "") + std::to_string(values[i]);
    s += ']';
  };
  auto lay = [&](const char *name, const char *type, const Layout &l) {
    s += std::string("; ") + name + " " + type + " " + l.kind;
    if (l.null_strides) word("NULL");
    else list(l.strides);
    if (l.offset) word("offset " + std::to_string(l.offset));
    word(l.at_end ? "at end" : "at begin");
  };
  auto numbers = [&](const char *name, const Numbers &n) {
    if (n.given) lay(name, n.type.name, n.layout);
  };
  word(dtype.name);
  list(shape);
  word("class axis " + std::to_string(axis_spelling == 2 ? axis - static_cast<int>(shape.size()) : axis));
  if (axis_spelling == 0) word("by default");
  word(kFamilyNames[static_cast<int>(family)]);
  word(kernel_target.empty() ? "best target" : kernel_target);
  if (threads != 1) word("threads " + std::to_string(threads));
  if (own_parallel_for) word("own parallel_for");
  if (general_kernels_only) word("general kernels");
  if (null_options) word("options NULL");
  lay("first", "", first);
  if (has_second()) lay("second", "", second);
  if (output != separate) s += output == over_first ? "; in place over the first" : "; in place over the second";
  else if (op < Op::nll_loss_forward || has_grad()) lay("out", "", out);
  if (op < Op::nll_loss_forward) return s;

  if (!has_probs()) lay("target", kIntegerTypes[target_type].name, target);
  const char *const reductions[] = {"mean", "sum", "none"};
  s += std::string("; ") + reductions[reduction];
  if (ignore_mode != LOSSGEN_IGNORE_DEFAULT) {
    word(ignore_mode == LOSSGEN_IGNORE_NONE ? "nothing ignored" : "ignore " + std::to_string(ignore_index));
  }
  if (ignored_share > 0) word("ignored " + std::to_string(ignored_share));
  if (bad_share > 0) word("bad " + std::to_string(bad_share));
  if (bounds != LOSSGEN_BOUNDS_DEFAULT) word(bounds == LOSSGEN_BOUNDS_IGNORE ? "bounds ignore" : "bounds unchecked");
  const char *const denominators[] = {"weight_sum", "valid_rows", "rows", "given"};
  if (denominator != LOSSGEN_DENOMINATOR_WEIGHT_SUM) word(std::string("over ") + denominators[denominator]);
  if (denominator == LOSSGEN_DENOMINATOR_GIVEN) word(std::to_string(denominator_value));
  if (empty_mean_is_zero) word("empty is zero");
  if (label_smoothing != 0) word("smoothing " + std::to_string(label_smoothing));
  if (z_loss != 0) word("z_loss " + std::to_string(z_loss));
  const char *const values[] = {"", ", some zero", ", all zero", ", some negative"};
  numbers("weight", weight);
  if (weight.given) s += values[weight_values];
  numbers("row_weight", row_weight);
  if (has_grad()) numbers("grad_loss", upstream);
  numbers("saved lse", saved_lse);
  numbers("saved total_weight", saved_total_weight);
  numbers("loss", loss);
  numbers("lse", lse);
  numbers("total_weight", total_weight);
  numbers("log_probs", log_probs);
  numbers("entropy", entropy);
  if (argmax_bits) lay("argmax", argmax_bits == 64 ? "i64" : "i32", argmax);
  if (correct) word("correct");
  return s;
}

void Distribution::count(const Case &c) {
  ++cases_;
  auto note = [&](const char *what, const std::string &value) { ++shares_[what][value]; };
  const int64_t classes = c.classes(), rows = c.rows();
  note("op", op_name(c.op));
  note("dtype", c.dtype.name);
  note("layout", c.first.kind);
  note("classes", classes == 0      ? "0"
                  : classes == 1    ? "1"
                  : classes <= 1000 ? "2..1000"
                  : classes <= 9999 ? "1001..9999"
                                    : "10000..");
  note("rows", rows == 0 ? "0" : rows == 1 ? "1" : rows <= 512 ? "2..512" : "513..");
  note("rank", std::to_string(c.shape.size()));
  note("family", kFamilyNames[static_cast<int>(c.family)]);
  note("kernels", c.kernel_target.empty() ? "best" : c.kernel_target);
  note("output", c.output == Case::separate ? "separate" : "in place");
  if (c.op < Op::nll_loss_forward) return;
  note("target", c.has_probs() ? "probabilities" : kIntegerTypes[c.target_type].name);
  note("reduction", c.reduction == LOSSGEN_REDUCTION_MEAN  ? "mean"
                    : c.reduction == LOSSGEN_REDUCTION_SUM ? "sum"
                                                           : "none");
  const std::pair<const char *, bool> options[] = {
      {"weight", c.weight.given},
      {"row_weight", c.row_weight.given},
      {"smoothing", c.label_smoothing != 0},
      {"z_loss", c.z_loss != 0},
      {"upstream", c.upstream.given},
      {"saved", c.saved_lse.given || c.saved_total_weight.given},
      {"extras",
       c.lse.given || c.total_weight.given || c.log_probs.given || c.entropy.given || c.argmax_bits || c.correct},
      {"bad targets", c.bad_share > 0}};
  for (const auto &[name, given] : options) {
    if (given) note("option", name);
  }
}

void Distribution::add(const Distribution &other) {
  cases_ += other.cases_;
  for (const auto &[what, values] : other.shares_) {
    for (const auto &[value, count] : values) shares_[what][value] += count;
  }
}

void Distribution::print() const {
  for (const auto &[what, values] : shares_) {
    std::printf("%-10s", what.c_str());
    for (const auto &[value, count] : values) {
      std::printf(" %s %.1f%%", value.c_str(), 100.0 * static_cast<double>(count) / static_cast<double>(cases_));
    }
    std::printf("\n");
  }
}
