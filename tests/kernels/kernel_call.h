// Kernels of the linked table, called directly: arguments of any stage, made from the lists in kernel_abi.h.
#ifndef LOSSGEN_TESTS_KERNEL_CALL_H
#define LOSSGEN_TESTS_KERNEL_CALL_H

#include <lossgen/kernel_abi.h>
#include <lossgen/lossgen.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "lossgen_classes_kernels.h"
#include "lossgen_kernels.h"

struct KernelArgument {
  const char *direction, *name;
  int dimensions;
  const char *type;

  bool is_output() const { return !strcmp(direction, "out"); }
  bool is_scalar() const { return !strcmp(direction, "scalar"); }
};

inline const std::vector<KernelArgument> &arguments_of(int stage) {
#define LOSSGEN_A(direction, name, dimensions, type) {#direction, #name, dimensions, #type},
#define LOSSGEN_X(stage) {LOSSGEN_ARGS_##stage(LOSSGEN_A)},
  static const std::vector<KernelArgument> lists[] = {LOSSGEN_STAGES(LOSSGEN_X)};
#undef LOSSGEN_X
#undef LOSSGEN_A
  return lists[stage];
}

// The CPU kernels of the tables that this machine can run.
inline std::vector<const lossgen_kernel *> usable_kernels() {
  std::vector<std::string> names;
  lossgen_list_kernels(
      [](void *user, const lossgen_kernel_info *info) {
        if (info->usable && strncmp(info->target, "cuda", 4) && strcmp(info->target, "opencl"))
          static_cast<std::vector<std::string> *>(user)->push_back(info->name);
        return 0;
      },
      &names);
  std::vector<const lossgen_kernel *> kernels;
  for (const lossgen_kernel_table *table : {&lossgen_kernels, &lossgen_classes_kernels}) {
    for (uint32_t i = 0; i < table->count; ++i) {
      for (const std::string &name : names) {
        if (name == table->kernels[i].name) kernels.push_back(&table->kernels[i]);
      }
    }
  }
  return kernels;
}

struct Shape {
  int32_t rows, classes;
};

// The shape, or the next one that the kernel takes.
inline Shape fitting(const lossgen_kernel &kernel, Shape shape) {
  if (kernel.classes) shape.classes = static_cast<int32_t>(kernel.classes);
  if (kernel.stage == LOSSGEN_STAGE_cross_entropy_forward_backward) {
    const int most = LOSSGEN_MOST_WHOLE_ROW_BYTES / (kernel.dtype == LOSSGEN_DTYPE_f64 ? 8 : 4);
    shape.classes = std::clamp(shape.classes, LOSSGEN_FEWEST_WHOLE_ROW, most);
  }
  if (lossgen_is_unrolled(static_cast<int>(kernel.stage))) shape.rows = (shape.rows + kernel.block_granule - 1) / kernel.block_granule * kernel.block_granule;
  return shape;
}

class KernelCall {
 public:
  // Memory for argument i, of `elements` elements of `size` bytes each; filled in by the constructor.
  using Place = std::function<void *(size_t i, size_t elements, size_t size)>;

  KernelCall(const lossgen_kernel &kernel, const Shape &shape, const Place &place)
      : kernel_(kernel),
        list_(arguments_of(kernel.stage)),
        buffers_(list_.size()),
        dims_(list_.size()),
        scalars_(list_.size()),
        bytes_(list_.size()) {
    const int32_t rows = shape.rows, classes = shape.classes;
    uint32_t random = static_cast<uint32_t>(rows * 1000 + classes);
    for (size_t i = 0; i < list_.size(); ++i) {
      const KernelArgument &a = list_[i];
      if (a.is_scalar()) {
        scalars_[i] = scalar(a, classes);
        continue;
      }
      std::vector<lossgen_dim> &dim = dims_[i];
      const int32_t extent = !strcmp(a.name, "weight") ? classes : rows;
      if (a.dimensions == 1) dim = {{0, extent, 1, 0}};
      else if (kernel.layout == LOSSGEN_LAYOUT_rows) dim = {{0, classes, 1, 0}, {0, rows, classes, 0}};
      else if (kernel.layout == LOSSGEN_LAYOUT_planes) dim = {{0, rows, 1, 0}, {0, classes, rows, 0}};
      else dim = {{0, classes, 2 * rows + 1, 0}, {0, rows, 2, 0}};
      size_t elements = 1;
      if (is_scratch(a)) {
        dim[1].stride = (dim[0].extent + 15) / 16 * 16;
        elements = static_cast<size_t>(dim[1].stride) * static_cast<size_t>(dim[1].extent);
      } else {
        for (const lossgen_dim &d : dim) elements += static_cast<size_t>(d.extent - 1) * static_cast<size_t>(d.stride);
      }
      const size_t size = element_size(a);
      bytes_[i] = elements * size;
      buffers_[i].host = static_cast<uint8_t *>(place(i, elements, size));
      buffers_[i].dimensions = a.dimensions;
      buffers_[i].dim = dim.data();
      if (!a.is_output()) fill(a, buffers_[i].host, bytes_[i], rows, classes, random);
      // Some gradients are written where the row holds: small numbers, by their last byte.
      const bool keeps = kernel.stage == LOSSGEN_STAGE_cross_entropy_forward_backward || kernel.stage == LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled;
      if (keeps && !a.is_output() && strcmp(a.name, "cls"))
        for (size_t last = size - 1; last < bytes_[i]; last += size) buffers_[i].host[last] = 0x3c;
    }
  }
  KernelCall(const KernelCall &) = delete;

  // The caller's scratch begins at a cache line, and so do its rows.
  static bool is_scratch(const KernelArgument &a) { return !strcmp(a.name, "terms"); }

  int run() {
    std::vector<void *> argv;
    for (size_t i = 0; i < list_.size(); ++i)
      argv.push_back(list_[i].is_scalar() ? static_cast<void *>(&scalars_[i]) : &buffers_[i]);
    return kernel_.run(argv.data());
  }
  // Moves argument i to memory for one element less.
  void shorten(size_t i, const std::function<void *(size_t bytes)> &place) {
    const std::vector<char> old = bytes(i);
    const size_t size = old.size() - element_size(list_[i]);
    buffers_[i].host = static_cast<uint8_t *>(place(size));
    memcpy(buffers_[i].host, old.data(), size);
  }
  std::vector<char> bytes(size_t i) const { return std::vector<char>(buffers_[i].host, buffers_[i].host + bytes_[i]); }

 private:
  size_t element_size(const KernelArgument &a) const {
#define LOSSGEN_X(id, code, bits) bits / 8,
    static const size_t sizes[] = {LOSSGEN_DTYPES(LOSSGEN_X)};
#undef LOSSGEN_X
    if (!strcmp(a.type, "i32")) return 4;
    if (!strcmp(a.type, "i64") || !strcmp(a.type, "f64")) return 8;
    if (!strcmp(a.type, "acc")) return kernel_.dtype == LOSSGEN_DTYPE_f64 ? 8 : 4;
    return sizes[kernel_.dtype];  // logit, target
  }

  static int64_t scalar(const KernelArgument &a, int32_t classes) {
    if (!strcmp(a.name, "classes")) return classes;
    return !strcmp(a.name, "ignore_index") ? -100 : 0;
  }

  // Any bits for the numbers; classes from ignored to the last, which the last row has so that it is read.
  static void fill(const KernelArgument &a, uint8_t *data, size_t size, int32_t rows, int32_t classes,
                   uint32_t &random) {
    auto next = [&] { return (random = random * 1664525u + 1013904223u) >> 8; };
    for (size_t i = 0; i < size; ++i) data[i] = static_cast<uint8_t>(next());
    if (strcmp(a.name, "cls")) return;
    for (int32_t r = 0; r < rows; ++r) {
      const int32_t cls =
          r == rows - 1 ? classes - 1 : static_cast<int32_t>(next() % static_cast<uint32_t>(classes + 1)) - 1;
      memcpy(data + 4 * r, &cls, 4);
    }
  }

  const lossgen_kernel &kernel_;
  const std::vector<KernelArgument> &list_;
  std::vector<lossgen_buffer> buffers_;
  std::vector<std::vector<lossgen_dim>> dims_;
  std::vector<int64_t> scalars_;
  std::vector<size_t> bytes_;
};

#endif  // LOSSGEN_TESTS_KERNEL_CALL_H
