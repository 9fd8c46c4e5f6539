#include "problem.h"

#include <cstring>

#include "convert.h"

Tensor::Tensor(DLDataType type, std::vector<int64_t> s, std::vector<int> order, int64_t pad, size_t offset)
    : shape(std::move(s)), strides(shape.size()) {
  if (order.empty())
    for (size_t i = 0; i < shape.size(); i++) order.push_back((int)i);
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[order[i]] = stride;
    stride *= shape[order[i]] + (i + 1 == shape.size() ? pad : 0);
  }
  bytes = (size_t)(stride > 0 ? stride : 1) * type.bits / 8;
  block = memory::allocate(bytes, offset);
  view = lossgen_tensor_on(memory::device(), block.data, type, (int32_t)shape.size(), shape.data(), strides.data());
  view.byte_offset = block.byte_offset;
}

int64_t Tensor::size() const {
  int64_t n = 1;
  for (const int64_t e : shape) n *= e;
  return n;
}

int64_t Tensor::offset_of(int64_t k) const {
  int64_t offset = 0;
  for (size_t i = shape.size(); i-- > 0;) {
    offset += k % shape[i] * strides[i];
    k /= shape[i];
  }
  return offset;
}

namespace {

struct Half {
  uint16_t bits;
  Half() = default;
  explicit Half(double v) : bits(lossgen::float_to_f16((float)v)) {}
  operator double() const { return lossgen::f16_to_float(bits); }
};
struct Brain {
  uint16_t bits;
  Brain() = default;
  explicit Brain(double v) : bits(lossgen::float_to_bf16((float)v)) {}
  operator double() const { return lossgen::bf16_to_float(bits); }
};

template <class Visit>
void with_type(DLDataType type, Visit visit) {
  if (type.code == kDLBfloat) return visit(Brain());
  if (type.code == kDLFloat && type.bits == 16) return visit(Half());
  if (type.code == kDLFloat) return visit(float());
  if (type.code == kDLUInt) return visit(uint8_t());
  if (type.bits == 64) return visit(int64_t());
  return visit(int32_t());
}

}  // namespace

void Tensor::fill(const std::vector<double> &values) {
  std::vector<char> host(bytes);
  memory::download(host.data(), block, bytes);  // what lies between the elements stays
  with_type(view.dtype, [&](auto zero) {
    for (int64_t k = 0; k < size(); k++) {
      const auto v = (decltype(zero))values[k];
      std::memcpy(&host[(size_t)offset_of(k) * sizeof v], &v, sizeof v);
    }
  });
  memory::upload(block, host.data(), bytes);
}

std::vector<double> Tensor::read() const {
  std::vector<char> host(bytes);
  memory::download(host.data(), block, bytes);
  std::vector<double> values(size());
  with_type(view.dtype, [&](auto v) {
    for (int64_t k = 0; k < size(); k++) {
      std::memcpy(&v, &host[(size_t)offset_of(k) * sizeof v], sizeof v);
      values[k] = (double)v;
    }
  });
  return values;
}

DLDataType f32() { return lossgen_dtype(kDLFloat, 32); }
DLDataType i64() { return lossgen_dtype(kDLInt, 64); }

namespace {

// Index into the dense order of a tensor for row r, class c.
int64_t index_of(const Tensor &t, int64_t r, int64_t c) {
  if (t.shape.size() == 1) return c;
  int64_t inner = 1;
  for (size_t i = 2; i < t.shape.size(); i++) inner *= t.shape[i];
  return (r / inner * t.shape[1] + c) * inner + r % inner;
}

}  // namespace

std::vector<double> to_rows(const Tensor &t) {
  const std::vector<double> dense = t.read();
  const int64_t classes = t.shape[t.shape.size() == 1 ? 0 : 1];
  std::vector<double> rows(dense.size());
  for (int64_t k = 0; k < t.size(); k++) rows[k] = dense[index_of(t, k / classes, k % classes)];
  return rows;
}

void from_rows(Tensor &t, const std::vector<double> &rows) {
  const int64_t classes = t.shape[t.shape.size() == 1 ? 0 : 1];
  std::vector<double> dense(rows.size());
  for (int64_t k = 0; k < t.size(); k++) dense[index_of(t, k / classes, k % classes)] = rows[k];
  t.fill(dense);
}

void give_workspace(const char *op, const Tensor &logits, lossgen_options *options) {
  options->workspace_bytes = lossgen_workspace_size(op, &logits.view, options);
  options->workspace = memory::allocate(options->workspace_bytes + 1).data;
  options->stream = memory::stream();
}

GoodCall::GoodCall(const std::vector<int> &order) : logits(f32(), {6, 128}, order), grad(f32(), {6, 128}, order) {
  logits.fill(std::vector<double>(6 * 128, 0.5));
  target.fill({0, 1, 2, 3, 4, 5});
  give_workspace("cross_entropy_forward_backward", logits, &options);
}

lossgen_status GoodCall::run() {
  return lossgen_cross_entropy_forward_backward(&logits.view, &target.view, &options, &loss.view, &grad.view, nullptr);
}
