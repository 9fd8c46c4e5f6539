// What the ops check alike. Each check leaves a message that says what was given and what was expected.
#ifndef LOSSGEN_RUNTIME_CHECKS_H
#define LOSSGEN_RUNTIME_CHECKS_H

#include "error.h"
#include "tensor.h"

namespace lossgen {

#define LOSSGEN_TRY(expression)                              \
  do {                                                       \
    const lossgen_status try_status = (expression);          \
    if (try_status != LOSSGEN_OK) return try_status;         \
  } while (0)

lossgen_status check_options(const lossgen_options &o);
lossgen_status check_device(const Tensor &t, const Tensor &reference);
lossgen_status check_shape(const Tensor &t, const Tensor &reference);
lossgen_status check_type(const Tensor &t, const Tensor &reference);
// The logits' dtype or, unless that is f64, f32: losses, lse, upstream gradients. A weight may be f32 in any case.
lossgen_status check_row_type(const Tensor &t, const Tensor &logits, bool weight = false);
lossgen_status check_scalar(const Tensor &t);
// The matrix arguments of an op: the first is an input that sets shape, dtype and device.
lossgen_status check_matrix(const Tensor &t, const Tensor &first);

// Options of the losses that an op does not have.
lossgen_status refuse(const char *option, bool given, const char *owner);
// Options about class indices, for ops that take none. The default, spelled out, is none given.
lossgen_status refuse_index_options(const lossgen_options &o);

}  // namespace lossgen
#endif
