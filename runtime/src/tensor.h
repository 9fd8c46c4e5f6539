// DLPack tensors as the runtime reads them: checked, strides filled in, offsets applied.
#ifndef LOSSGEN_RUNTIME_TENSOR_H
#define LOSSGEN_RUNTIME_TENSOR_H

#include <stdint.h>

#include "lossgen/kernel_abi.h"
#include "lossgen/lossgen.h"

namespace lossgen {

constexpr int kMaxRank = 16;

struct Tensor {
  const char *name = "";  // for messages
  char *data = nullptr;   // byte_offset applied; OpenCL: where it starts in `memory`
  void *memory = nullptr;  // OpenCL: the cl_mem, of which no address is known
  DLDevice device{};
  DLDataType type{};
  int rank = 0;
  int64_t shape[kMaxRank];
  int64_t stride[kMaxRank];  // elements

  Tensor() = default;
  Tensor(const Tensor &t) { *this = t; }
  // As many extents as there are: whole arrays are 256 bytes, 10 ns for each of a small call's copies.
  Tensor &operator=(const Tensor &t) {
    name = t.name, data = t.data, memory = t.memory, device = t.device, type = t.type, rank = t.rank;
    for (int i = 0; i < rank; i++) shape[i] = t.shape[i], stride[i] = t.stride[i];
    return *this;
  }

  bool defined() const { return type.bits != 0; }
  int bytes() const { return type.bits / 8; }
  int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= shape[i];
    return n;
  }
};

// Which kinds of element an argument may have.
enum TypeSet : unsigned {
  kFloats = 1,    // f16, bf16, f32, f64
  kIntegers = 2,  // signed and unsigned, 8 to 64 bits
  kI32OrI64 = 4,
  kI64Only = 8,
  kI32Only = 16,
};

// Bad arguments that name the tensor: a NULL pointer, a rank above kMaxRank, no or negative extents.
lossgen_status check_extents(const char *name, const DLTensor *t);

// Reads t into *out. Bad arguments beside those: negative strides, several lanes, a type outside `types`.
lossgen_status read_tensor(const char *name, const DLTensor *t, unsigned types, Tensor *out);

// out must be writable everywhere: no two elements at one address.
lossgen_status check_no_self_overlap(const Tensor &t);

// An output may not share memory with another argument; in_place_ok: unless both are the same elements.
lossgen_status check_no_overlap(const Tensor &output, const Tensor &other, bool in_place_ok);

// From the first element to the last; tensors whose spans are apart need no closer look. Empty for tensors without elements.
struct Span {
  const char *begin, *end;
  int64_t bytes() const { return end - begin; }
  bool apart(const Span &other) const { return end <= other.begin || other.end <= begin; }
};
Span span_of(const Tensor &t);

bool same_elements(const Tensor &a, const Tensor &b);

// "[2, 3, 4]", into a buffer of the thread that the next calls reuse (eight of them).
const char *shape_text(const Tensor &t);
const char *shape_text(const int64_t *shape, int rank);

inline bool same_type(DLDataType a, DLDataType b) { return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes; }

}  // namespace lossgen
#endif
