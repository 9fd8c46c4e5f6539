// Buffers for kernel calls: Halide's layout, filled in on the stack.
#ifndef LOSSGEN_RUNTIME_KERNEL_CALL_H
#define LOSSGEN_RUNTIME_KERNEL_CALL_H

#include "partition.h"

namespace lossgen {

struct Buffer1 {
  lossgen_dim dim[1];
  lossgen_buffer buffer;

  // Kernels trust host, extents and strides alone; element types are settled by which kernel is called.
  Buffer1(const void *data, int64_t extent) : dim{{0, (int32_t)extent, 1, 0}}, buffer{} {
    buffer.host = (uint8_t *)data;
    buffer.dimensions = 1;
    buffer.dim = dim;
  }
  Buffer1(const Buffer1 &) = delete;
  const lossgen_buffer *operator&() const { return &buffer; }
};

struct Buffer2 {
  lossgen_dim dim[2];
  lossgen_buffer buffer;

  // The matrix t of a block: rows [first, first + rows) of it.
  Buffer2(const Problem &p, Matrix t, const Block &block, int64_t first, int64_t rows)
      : Buffer2(p, t, block, first, rows, 0, p.classes) {}
  // Of those rows the classes [from, from + classes).
  Buffer2(const Problem &p, Matrix t, const Block &block, int64_t first, int64_t rows, int64_t from, int64_t classes)
      : buffer{} {
    const Tensor &tensor = p.matrix[t];
    const lossgen_dim along_classes = {0, (int32_t)classes, (int32_t)p.class_stride[t], 0};
    const lossgen_dim along_rows = {0, (int32_t)rows, (int32_t)p.inner.matrix[t], 0};
    const bool planes = p.layout == LOSSGEN_LAYOUT_planes;
    dim[0] = planes ? along_rows : along_classes;
    dim[1] = planes ? along_classes : along_rows;
    buffer.host = (uint8_t *)tensor.data + (block.matrix[t] + first * p.inner.matrix[t] + from * p.class_stride[t]) * tensor.bytes();
    buffer.dimensions = 2;
    buffer.dim = dim;
  }
  // Dense scratch for the rows of a block: classes `pitch` apart for planes, else rows.
  Buffer2(const Problem &p, void *scratch, int64_t rows, int64_t pitch)
      : Buffer2(p, scratch, p.layout == LOSSGEN_LAYOUT_planes ? pitch : 1, p.layout == LOSSGEN_LAYOUT_planes ? 1 : pitch, rows) {}
  // Elements `step` apart along the classes, `next` along the rows.
  Buffer2(const Problem &p, void *data, int64_t step, int64_t next, int64_t rows) : buffer{} {
    const lossgen_dim along_classes = {0, (int32_t)p.classes, (int32_t)step, 0}, along_rows = {0, (int32_t)rows, (int32_t)next, 0};
    const bool planes = p.layout == LOSSGEN_LAYOUT_planes;
    dim[0] = planes ? along_rows : along_classes;
    dim[1] = planes ? along_classes : along_rows;
    buffer.host = (uint8_t *)data;
    buffer.dimensions = 2;
    buffer.dim = dim;
  }
  // Rows [first, first + rows) of another one, whose second dimension they are.
  Buffer2(const lossgen_buffer &of, int64_t first, int64_t rows, int element_bytes) : dim{of.dim[0], of.dim[1]}, buffer{} {
    dim[1].extent = (int32_t)rows;
    buffer.host = of.host + first * dim[1].stride * element_bytes;
    buffer.dimensions = 2;
    buffer.dim = dim;
  }
  Buffer2(const Buffer2 &) = delete;
  const lossgen_buffer *operator&() const { return &buffer; }
};

// args: one of the lossgen_args_ structs, whose memory is an argv.
template <class Args>
int call(const lossgen_kernel *kernel, Args args) {
  return kernel->run(reinterpret_cast<void **>(&args));
}

}  // namespace lossgen
#endif
