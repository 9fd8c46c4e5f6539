/* What compiled modules call: one C function per op and element types, over the C API.
 *
 * convert-lossgen-to-calls declares lossgen_mlir_<op>_<logits>_<target>[_loss][_weight] with llvm.emit_c_interface, so
 * that MLIR calls _mlir_ciface_<name> with a pointer to an unranked descriptor for each memref. Every function returns
 * a lossgen_status; the module asserts that it is LOSSGEN_OK.
 */
#include <lossgen/lossgen.h>
#include <stdint.h>

/* memref<*xT>: the descriptor behind it is { allocated, aligned, offset, sizes[rank], strides[rank] }. */
typedef struct unranked {
  int64_t rank;
  struct ranked {
    void *allocated;
    void *aligned;
    int64_t offset;
    int64_t sizes_and_strides[];
  } *memref;
} unranked;

static DLTensor view(const unranked *u, DLDataType dtype) {
  const struct ranked *m = u->memref;
  DLTensor t =
      lossgen_tensor_strided(m->aligned, dtype, (int32_t)u->rank, m->sizes_and_strides, m->sizes_and_strides + u->rank);
  t.byte_offset = (uint64_t)m->offset * (dtype.bits / 8u);
  return t;
}

/* The element types of one symbol. */
typedef struct types {
  DLDataType logits, target, loss, weight, wide;
} types;

/* The scalars every loss op hands over. */
typedef struct scalars {
  int32_t reduction, ignore_mode;
  int64_t ignore_index;
  int32_t bounds;
  double smoothing;
  int32_t axis;
} scalars;

static lossgen_options options_of(scalars s) {
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  o.reduction = (lossgen_reduction)s.reduction;
  o.ignore_mode = (lossgen_ignore_mode)s.ignore_mode;
  o.ignore_index = s.ignore_index;
  o.bounds = (lossgen_bounds)s.bounds;
  o.label_smoothing = s.smoothing;
  o.class_axis_given = 1;
  o.class_axis = s.axis;
  return o;
}

/* An absent weight arrives as an empty vector. */
static int present(const unranked *weight) { return weight->rank != 1 || weight->memref->sizes_and_strides[0] != 0; }

static int32_t log_softmax_forward(types k, unranked *logits, unranked *log_probs, int32_t axis) {
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  DLTensor x = view(logits, k.logits), p = view(log_probs, k.logits);
  o.class_axis_given = 1;
  o.class_axis = axis;
  return lossgen_log_softmax_forward(&x, &o, &p);
}

static int32_t log_softmax_backward(types k, unranked *grad, unranked *log_probs, unranked *grad_logits, int32_t axis) {
  lossgen_options o = LOSSGEN_OPTIONS_INIT;
  DLTensor g = view(grad, k.logits), p = view(log_probs, k.logits), gx = view(grad_logits, k.logits);
  o.class_axis_given = 1;
  o.class_axis = axis;
  return lossgen_log_softmax_backward(&g, &p, &o, &gx);
}

static int32_t nll_loss_forward(types k, unranked *log_probs, unranked *target, unranked *loss, unranked *total,
                                unranked *weight, scalars s) {
  lossgen_options o = options_of(s);
  lossgen_extras e = LOSSGEN_EXTRAS_INIT;
  DLTensor p = view(log_probs, k.logits), y = view(target, k.target), l = view(loss, k.loss), n = view(total, k.wide),
           w = view(weight, k.weight);
  if (present(weight)) o.weight = &w;
  e.total_weight = &n;
  return lossgen_nll_loss_forward(&p, &y, &o, &l, &e);
}

static int32_t nll_loss_backward(types k, unranked *grad_loss, unranked *target, unranked *total, unranked *grad,
                                 unranked *weight, scalars s) {
  lossgen_options o = options_of(s);
  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  DLTensor g = view(grad_loss, k.loss), y = view(target, k.target), n = view(total, k.wide), gp = view(grad, k.logits),
           w = view(weight, k.weight);
  if (present(weight)) o.weight = &w;
  o.grad_loss = &g;
  saved.total_weight = &n;
  return lossgen_nll_loss_backward(&y, &o, &saved, &gp);
}

static int32_t cross_entropy_forward(types k, unranked *logits, unranked *target, unranked *loss, unranked *lse,
                                     unranked *total, unranked *weight, scalars s) {
  lossgen_options o = options_of(s);
  lossgen_extras e = LOSSGEN_EXTRAS_INIT;
  DLTensor x = view(logits, k.logits), y = view(target, k.target), l = view(loss, k.loss), z = view(lse, k.wide),
           n = view(total, k.wide), w = view(weight, k.weight);
  if (present(weight)) o.weight = &w;
  e.lse = &z;
  e.total_weight = &n;
  return lossgen_cross_entropy_forward(&x, &y, &o, &l, &e);
}

static int32_t cross_entropy_backward(types k, unranked *grad_loss, unranked *logits, unranked *target, unranked *lse,
                                      unranked *total, unranked *grad, unranked *weight, scalars s) {
  lossgen_options o = options_of(s);
  lossgen_saved saved = LOSSGEN_SAVED_INIT;
  DLTensor g = view(grad_loss, k.loss), x = view(logits, k.logits), y = view(target, k.target), z = view(lse, k.wide),
           n = view(total, k.wide), gx = view(grad, k.logits), w = view(weight, k.weight);
  if (present(weight)) o.weight = &w;
  o.grad_loss = &g;
  saved.lse = &z;
  saved.total_weight = &n;
  return lossgen_cross_entropy_backward(&x, &y, &o, &saved, &gx);
}

static int32_t cross_entropy_forward_backward(types k, unranked *grad_loss, unranked *logits, unranked *target,
                                              unranked *loss, unranked *lse, unranked *total, unranked *grad,
                                              unranked *weight, scalars s) {
  lossgen_options o = options_of(s);
  lossgen_extras e = LOSSGEN_EXTRAS_INIT;
  DLTensor g = view(grad_loss, k.loss), x = view(logits, k.logits), y = view(target, k.target), l = view(loss, k.loss),
           z = view(lse, k.wide), n = view(total, k.wide), gx = view(grad, k.logits), w = view(weight, k.weight);
  if (present(weight)) o.weight = &w;
  o.grad_loss = &g;
  e.lse = &z;
  e.total_weight = &n;
  return lossgen_cross_entropy_forward_backward(&x, &y, &o, &l, &gx, &e);
}

/* ---- The symbols ---------------------------------------------------------------------------------------------- */

#define EXPORT __attribute__((visibility("default"))) int32_t
#define SCALARS                                                                                                     \
  int32_t reduction, int32_t ignore_mode, int64_t ignore_index, int32_t bounds, double smoothing, int32_t axis
#define S (scalars){reduction, ignore_mode, ignore_index, bounds, smoothing, axis}

#define LOG_SOFTMAX(name, ...)                                                                                      \
  EXPORT _mlir_ciface_lossgen_mlir_log_softmax_forward_##name(unranked *x, unranked *p, int32_t axis);              \
  EXPORT _mlir_ciface_lossgen_mlir_log_softmax_forward_##name(unranked *x, unranked *p, int32_t axis) {             \
    return log_softmax_forward((types){__VA_ARGS__}, x, p, axis);                                                   \
  }                                                                                                                 \
  EXPORT _mlir_ciface_lossgen_mlir_log_softmax_backward_##name(unranked *g, unranked *p, unranked *gx, int32_t axis); \
  EXPORT _mlir_ciface_lossgen_mlir_log_softmax_backward_##name(unranked *g, unranked *p, unranked *gx, int32_t axis) { \
    return log_softmax_backward((types){__VA_ARGS__}, g, p, gx, axis);                                              \
  }

/* op, its memrefs as parameters and as arguments; the weight and the scalars follow in each. */
#define LOSS(op, name, parameters, arguments, ...)                                                                  \
  EXPORT _mlir_ciface_lossgen_mlir_##op##_##name(UNPACK parameters, unranked *w, SCALARS);                          \
  EXPORT _mlir_ciface_lossgen_mlir_##op##_##name(UNPACK parameters, unranked *w, SCALARS) {                         \
    return op((types){__VA_ARGS__}, UNPACK arguments, w, S);                                                        \
  }
#define UNPACK(...) __VA_ARGS__

#define LOSSES(name, ...)                                                                                           \
  LOSS(nll_loss_forward, name, (unranked * a, unranked * b, unranked * c, unranked * d), (a, b, c, d), __VA_ARGS__) \
  LOSS(nll_loss_backward, name, (unranked * a, unranked * b, unranked * c, unranked * d), (a, b, c, d), __VA_ARGS__) \
  LOSS(cross_entropy_forward, name, (unranked * a, unranked * b, unranked * c, unranked * d, unranked * e),         \
       (a, b, c, d, e), __VA_ARGS__)                                                                                \
  LOSS(cross_entropy_backward, name,                                                                                \
       (unranked * a, unranked * b, unranked * c, unranked * d, unranked * e, unranked * f), (a, b, c, d, e, f),    \
       __VA_ARGS__)                                                                                                 \
  LOSS(cross_entropy_forward_backward, name,                                                                        \
       (unranked * a, unranked * b, unranked * c, unranked * d, unranked * e, unranked * f, unranked * g),          \
       (a, b, c, d, e, f, g), __VA_ARGS__)

#define F16 {kDLFloat, 16, 1}
#define BF16 {kDLBfloat, 16, 1}
#define F32 {kDLFloat, 32, 1}
#define F64 {kDLFloat, 64, 1}
#define I32 {kDLInt, 32, 1}
#define I64 {kDLInt, 64, 1}

/* Types in the order of the struct: logits, target, loss, weight, accumulation. */
#define WIDE(name, T, index, I) LOSSES(name##_##index, T, I, T, T, T)
#define NARROW(name, T, index, I)                        \
  LOSSES(name##_##index, T, I, F32, F32, F32)            \
  LOSSES(name##_##index##_loss, T, I, T, F32, F32)       \
  LOSSES(name##_##index##_weight, T, I, F32, T, F32)     \
  LOSSES(name##_##index##_loss_weight, T, I, T, T, F32)

LOG_SOFTMAX(f16, F16, I64, F16, F16, F32)
LOG_SOFTMAX(bf16, BF16, I64, BF16, BF16, F32)
LOG_SOFTMAX(f32, F32, I64, F32, F32, F32)
LOG_SOFTMAX(f64, F64, I64, F64, F64, F64)
NARROW(f16, F16, i32, I32)
NARROW(f16, F16, i64, I64)
NARROW(bf16, BF16, i32, I32)
NARROW(bf16, BF16, i64, I64)
WIDE(f32, F32, i32, I32)
WIDE(f32, F32, i64, I64)
WIDE(f64, F64, i32, I32)
WIDE(f64, F64, i64, I64)
