/* lossgen: fused log-softmax and negative log likelihood kernels, compiled ahead of time.
 *
 * C99. Every function takes DLPack tensors, returns a status, prints nothing and never aborts.
 *
 * Notation: x = logits, shape [N, C, d1..dK] or [C]; y = target, the same shape without the class axis; w = class
 * weights [C], 1 where absent; r runs over the rows (one per element of y); lse_r = log(sum_c exp(x[r,c])).
 * A row is kept unless y_r is the ignored index. S is the accumulation type: f64 for f64 logits, f32 otherwise.
 *
 *   nll_r  = w[y_r] * (lse_r - x[r, y_r])          0 for ignored rows, also when the row holds NaN
 *   mean   = sum_r nll_r / denominator             denominator: sum of w[y_r] over the rows kept, by default
 *
 * Tensors: strides are in elements, non-negative, NULL = compact row-major; byte_offset is honoured, alignment beyond
 * the element's own is never assumed; lanes must be 1. Outputs are the caller's memory; they may not overlap inputs,
 * each other or themselves, except where a function says "in place". Errors are found before the first write to a
 * gradient; when an error is returned scalar outputs are untouched.
 */
#ifndef LOSSGEN_LOSSGEN_H
#define LOSSGEN_LOSSGEN_H

#include <dlpack/dlpack.h>
#include <stddef.h>
#include <stdint.h>

#define LOSSGEN_VERSION_MAJOR 0
#define LOSSGEN_VERSION_MINOR 1
#define LOSSGEN_VERSION_PATCH 0

#if defined(__GNUC__)
#define LOSSGEN_API __attribute__((visibility("default")))
#else
#define LOSSGEN_API
#endif

/* A struct that is zero but for its size: every option at its default. */
#ifdef __cplusplus
template <class T>
inline T lossgen_sized() {
  T zero = {};
  zero.size = sizeof(T);
  return zero;
}
#define LOSSGEN_SIZED(type) lossgen_sized<type>()
#else
#define LOSSGEN_SIZED(type) {.size = sizeof(type)}
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status --------------------------------------------------------------------------------------------------- */

typedef enum lossgen_status {
  LOSSGEN_OK = 0,
  LOSSGEN_BAD_ARGUMENT = 1,         /* shape, dtype, stride, null pointer, option: the caller's mistake */
  LOSSGEN_TARGET_OUT_OF_BOUNDS = 2, /* a class outside [0, C) that is not the ignored index */
  LOSSGEN_UNSUPPORTED_BY_BUILD = 3, /* no kernel for this op, dtype and layout is linked */
  LOSSGEN_UNSUPPORTED_HARDWARE = 4, /* a kernel is linked, this CPU or device cannot run it (or no driver was found) */
  LOSSGEN_OUT_OF_MEMORY = 5,
  LOSSGEN_DEVICE_ERROR = 6 /* the GPU driver reported an error */
} lossgen_status;

/* "bad argument", ...; never NULL. */
LOSSGEN_API const char *lossgen_status_string(lossgen_status status);

/* What was given and what was expected, for the last call of this thread that failed; "" before the first. Valid until
 * this thread's next lossgen call. */
LOSSGEN_API const char *lossgen_last_error(void);

/* "0.1.0" */
LOSSGEN_API const char *lossgen_version(void);

/* ---- Options -------------------------------------------------------------------------------------------------- */

typedef enum lossgen_reduction {
  LOSSGEN_REDUCTION_MEAN = 0,
  LOSSGEN_REDUCTION_SUM = 1,
  LOSSGEN_REDUCTION_NONE = 2
} lossgen_reduction;

typedef enum lossgen_ignore_mode {
  LOSSGEN_IGNORE_DEFAULT = 0, /* -100, PyTorch's default */
  LOSSGEN_IGNORE_INDEX = 1,   /* options.ignore_index, any int64, inside [0, C) or outside */
  LOSSGEN_IGNORE_NONE = 2     /* no row is ignored */
} lossgen_ignore_mode;

typedef enum lossgen_denominator {
  LOSSGEN_DENOMINATOR_WEIGHT_SUM = 0, /* sum of w[y] over the rows kept: PyTorch */
  LOSSGEN_DENOMINATOR_VALID_ROWS = 1, /* number of rows kept */
  LOSSGEN_DENOMINATOR_ROWS = 2,       /* number of rows, ignored ones included */
  LOSSGEN_DENOMINATOR_GIVEN = 3       /* options.denominator_value */
} lossgen_denominator;

typedef enum lossgen_bounds {
  LOSSGEN_BOUNDS_DEFAULT = 0,  /* host: LOSSGEN_TARGET_OUT_OF_BOUNDS, first bad index and its value in the message.
                                  Devices: loss NaN, gradient 0, *extras.bad_targets set, no synchronisation */
  LOSSGEN_BOUNDS_IGNORE = 1,   /* a row with a class out of bounds counts as ignored */
  LOSSGEN_BOUNDS_UNCHECKED = 2 /* the caller promises that there is none; reads stay inside the logits all the same */
} lossgen_bounds;

/* Runs task(context, i) for every i in [0, count), each once, in any order, on any threads, and returns when all are
 * done. It may not throw. A task takes up to 128 KB of its thread's stack, and so does every call of the library. */
typedef void (*lossgen_task)(void *context, int64_t index);
typedef void (*lossgen_parallel_for)(void *user, lossgen_task task, void *context, int64_t count);

typedef struct lossgen_options {
  size_t size;                      /* sizeof(lossgen_options); everything else may stay zero = PyTorch's defaults */
  lossgen_reduction reduction;      /* mean */
  lossgen_ignore_mode ignore_mode;  /* rows whose target is -100 are ignored */
  int64_t ignore_index;             /* read when ignore_mode is LOSSGEN_IGNORE_INDEX */
  int32_t class_axis_given;         /* 0: the class axis is 1, or 0 for logits of rank 1; else class_axis */
  int32_t class_axis;               /* negative counts from the end */
  const DLTensor *weight;           /* [C], f32 or the logits' dtype */
  const DLTensor *row_weight;       /* target's shape, f32 or the logits' dtype: multiplies w[y_r] */
  const DLTensor *grad_loss;        /* upstream gradient: [] or, for reduction none, target's shape; NULL = 1 */
  double label_smoothing;           /* in [0, 1] */
  double z_loss;                    /* adds z_loss * lse_r^2 to each kept row's loss (before w and the reduction) */
  lossgen_bounds bounds;
  lossgen_denominator denominator;  /* of reduction mean */
  double denominator_value;
  int32_t empty_mean_is_zero;       /* mean over no kept row: 0 = NaN as PyTorch, 1 = 0 */
  int32_t threads;                  /* at most this many, 0 = all that affinity and cgroup allow; 1 starts none */
  lossgen_parallel_for parallel_for; /* instead of the built-in pool */
  void *parallel_for_user;
  const char *target;               /* force a kernel target such as "x86-64-v3"; NULL = LOSSGEN_TARGET or the best */
  int32_t general_kernels_only;     /* 1: kernels built for any class count with the built-in schedule (same bits in
                                       every build), even where a specialised one is linked */
  void *stream;                     /* CUDA: CUstream; OpenCL: cl_command_queue, in order, never NULL */
  void *(*allocate)(void *user, size_t bytes); /* for workspace beyond the stack, by several threads at a time; NULL = malloc and free */
  void (*release)(void *user, void *memory);
  void *allocator_user;
  void *workspace;        /* device calls: memory on the device (OpenCL: a cl_mem) for the call's numbers per row, aligned to 16 bytes and
                             not touched by others until the work on the stream is done; lossgen_workspace_size */
  size_t workspace_bytes;
} lossgen_options;

#define LOSSGEN_OPTIONS_INIT LOSSGEN_SIZED(lossgen_options)

/* Optional outputs, each NULL unless wanted. Rows of ignored targets are written too. */
typedef struct lossgen_extras {
  size_t size;            /* sizeof(lossgen_extras) */
  DLTensor *lse;          /* S [target's shape]: lse_r */
  DLTensor *total_weight; /* S []: the denominator of mean; 0 for other reductions, as aten's total_weight */
  DLTensor *log_probs;    /* logits' dtype and shape: x - lse; not in place */
  DLTensor *argmax;       /* int32 or int64 [target's shape]: first class with the largest logit */
  DLTensor *correct;      /* int64 []: kept rows whose argmax is the target */
  DLTensor *entropy;      /* S [target's shape]: -sum_c p_c log p_c */
  DLTensor *bad_targets;  /* device calls: int32 [], set to 1 when a target was out of bounds, never cleared */
} lossgen_extras;

#define LOSSGEN_EXTRAS_INIT LOSSGEN_SIZED(lossgen_extras)

/* What forward left behind, for the backward calls; each NULL means "compute it again". */
typedef struct lossgen_saved {
  size_t size;                  /* sizeof(lossgen_saved) */
  const DLTensor *lse;          /* S [target's shape] */
  const DLTensor *total_weight; /* S [] */
} lossgen_saved;

#define LOSSGEN_SAVED_INIT LOSSGEN_SIZED(lossgen_saved)

/* ---- Operations ----------------------------------------------------------------------------------------------- */

/* log_probs[r,c] = x[r,c] - lse_r. Same shape and dtype; in place allowed (log_probs is logits: the same data and
 * strides). Options of the losses (weight, reduction, ignore_index, denominator, bounds, ...) are refused. */
LOSSGEN_API lossgen_status lossgen_log_softmax_forward(const DLTensor *logits, const lossgen_options *options,
                                                       DLTensor *log_probs);

/* grad_logits[r,c] = g[r,c] - exp(log_probs[r,c]) * sum_k g[r,k]. In place over grad or over log_probs. */
LOSSGEN_API lossgen_status lossgen_log_softmax_backward(const DLTensor *grad, const DLTensor *log_probs,
                                                        const lossgen_options *options, DLTensor *grad_logits);

/* nll_r = -w[y_r] * log_probs[r, y_r]. Neither checks nor normalises log_probs.
 * loss: [] for mean and sum, target's shape for none; S or the logits' dtype. */
LOSSGEN_API lossgen_status lossgen_nll_loss_forward(const DLTensor *log_probs, const DLTensor *target,
                                                    const lossgen_options *options, DLTensor *loss,
                                                    const lossgen_extras *extras);

/* grad_log_probs[r,c] = -g_r * w[y_r] * (c == y_r), g_r = upstream gradient, over the denominator for mean. */
LOSSGEN_API lossgen_status lossgen_nll_loss_backward(const DLTensor *target, const lossgen_options *options,
                                                     const lossgen_saved *saved, DLTensor *grad_log_probs);

/* nll_loss(log_softmax(x)) in one pass over the logits. */
LOSSGEN_API lossgen_status lossgen_cross_entropy_forward(const DLTensor *logits, const DLTensor *target,
                                                         const lossgen_options *options, DLTensor *loss,
                                                         const lossgen_extras *extras);

/* grad_logits[r,c] = a_r * softmax(x_r)[c] - b_r * w_c - d_r * (c == y_r); without smoothing and z-loss a_r = d_r =
 * g_r * w[y_r] / denominator and b_r = 0. In place allowed (grad_logits is logits). A saved lse is used as given: its
 * rounding (one ulp of lse) becomes the gradient's relative error; without it lse is computed again. */
LOSSGEN_API lossgen_status lossgen_cross_entropy_backward(const DLTensor *logits, const DLTensor *target,
                                                          const lossgen_options *options, const lossgen_saved *saved,
                                                          DLTensor *grad_logits);

/* Loss and gradient in one pass over memory; fastest in place (grad_logits is logits). Upstream gradient:
 * options.grad_loss. */
LOSSGEN_API lossgen_status lossgen_cross_entropy_forward_backward(const DLTensor *logits, const DLTensor *target,
                                                                  const lossgen_options *options, DLTensor *loss,
                                                                  DLTensor *grad_logits, const lossgen_extras *extras);

/* Class probabilities q in place of classes, weighted and smoothed as PyTorch does it:
 *   loss_r = sum_c s[r,c] * (lse_r - x[r,c]),  s[r,c] = w_c * ((1 - e) * q[r,c] + e / C),  e = label_smoothing
 * q need neither be positive nor add up to 1. No row is ignored, and mean divides by the number of rows, never by weights
 * (denominators but GIVEN are all that number). probs: the logits' shape and dtype, any strides. "Target's shape", of
 * loss, options and extras, is the logits' without the class axis. z_loss and row_weight: row_weight * (loss_r + z_loss *
 * lse_r^2). extras: all but correct. Refused: ignore_index, bounds. Host tensors.
 * As in PyTorch a logit of -inf makes the row's loss NaN where s is 0, and infinite elsewhere. */
LOSSGEN_API lossgen_status lossgen_cross_entropy_probs_forward(const DLTensor *logits, const DLTensor *probs,
                                                               const lossgen_options *options, DLTensor *loss,
                                                               const lossgen_extras *extras);

/* grad_logits[r,c] = g_r * (softmax(x_r)[c] * sum_k s[r,k] - s[r,c]), g_r = upstream gradient * row_weight, over the number
 * of rows for mean. In place over logits or over probs. */
LOSSGEN_API lossgen_status lossgen_cross_entropy_probs_backward(const DLTensor *logits, const DLTensor *probs,
                                                                const lossgen_options *options, DLTensor *grad_logits);

/* Both in one pass over memory. In place over logits or over probs. */
LOSSGEN_API lossgen_status lossgen_cross_entropy_probs_forward_backward(const DLTensor *logits, const DLTensor *probs,
                                                                        const lossgen_options *options, DLTensor *loss,
                                                                        DLTensor *grad_logits,
                                                                        const lossgen_extras *extras);

/* PyTorch's deprecated pair: size_average and reduce are 1, 0, or -1 for None; they override reduction unless both are
 * None. (True|None, True|None) mean, (False, True|None) sum, (any, False) none. */
LOSSGEN_API lossgen_reduction lossgen_reduction_from_legacy(int size_average, int reduce, lossgen_reduction reduction);

/* ---- Kernels, targets, dispatch ------------------------------------------------------------------------------- */

typedef struct lossgen_kernel_info {
  size_t size;
  const char *name;     /* symbol, as in lossgen_cross_entropy_forward__f32_rows__x86_64_v4 */
  const char *op;       /* "cross_entropy_forward" */
  const char *dtype;    /* "f32" */
  const char *layout;   /* "rows", "planes", or "any" */
  const char *target;   /* "x86-64-v4" */
  int64_t classes;      /* the class count it was built for, 0 = any */
  const char *schedule; /* schedule id: equal id, equal summation tree */
  const char *backend;  /* "halide" */
  const char *library;  /* the generated library that carries it */
  int usable;           /* 1 if this machine can run it */
} lossgen_kernel_info;

/* Kernels linked into the process: calls visit for each until it returns non-zero. */
LOSSGEN_API void lossgen_list_kernels(int (*visit)(void *user, const lossgen_kernel_info *info), void *user);

typedef struct lossgen_target_info {
  size_t size;
  const char *name;   /* "x86-64-v3" */
  int usable;         /* this CPU and its operating system, or a device found by the driver, can run it; opencl: its library
                         was found, which device it is says the queue of a call */
  int kernels;        /* how many kernels for it are linked */
  const char *reason; /* when not usable: "CPU lacks avx512f" */
} lossgen_target_info;

/* Every target lossgen knows, best last. */
LOSSGEN_API void lossgen_list_targets(int (*visit)(void *user, const lossgen_target_info *info), void *user);

/* Writes, as text, which kernels a call of op ("cross_entropy_forward_backward", ...) with these logits would take,
 * with schedule and thread split, and why not a faster one. Returns the length that the full text has (as snprintf);
 * buffer may be NULL when capacity is 0. On error returns 0 and sets lossgen_last_error. */
LOSSGEN_API size_t lossgen_explain(const char *op, const DLTensor *logits, const lossgen_options *options, char *buffer,
                                   size_t capacity);

/* ---- Devices -------------------------------------------------------------------------------------------------- */

/* Loads the driver and the kernels for a CUDA device, so that later calls neither load modules nor synchronise.
 * LOSSGEN_UNSUPPORTED_HARDWARE with "no driver: ..." where there is none. Host devices: nothing to do; OpenCL: below. */
LOSSGEN_API lossgen_status lossgen_prepare(DLDevice device);
/* The same for the context that a stream belongs to. OpenCL devices, of which no context is known without a queue, take this
 * one; programs are kept, and with them the context, for the life of the process. */
LOSSGEN_API lossgen_status lossgen_prepare_stream(DLDevice device, void *stream);

/* Bytes of options.workspace that a call of op ("cross_entropy_forward_backward", ...) with logits of this shape and
 * device needs at most, whatever the other options; 0 for host tensors. Logits: shape, dtype and device are read, not
 * the data. 0 and lossgen_last_error for an op that does not exist. */
LOSSGEN_API size_t lossgen_workspace_size(const char *op, const DLTensor *logits, const lossgen_options *options);

/* ---- Tensors -------------------------------------------------------------------------------------------------- */

/* lossgen_dtype(kDLFloat, 32), lossgen_dtype(kDLInt, 64), lossgen_dtype(kDLBfloat, 16), ... */
static inline DLDataType lossgen_dtype(int code, int bits) {
  DLDataType t;
  t.code = (uint8_t)code;
  t.bits = (uint8_t)bits;
  t.lanes = 1;
  return t;
}

/* A view of memory on a device; strides may be NULL (compact). data, shape and strides must outlive the view. */
static inline DLTensor lossgen_tensor_on(DLDevice device, void *data, DLDataType dtype, int32_t rank,
                                         const int64_t *shape, const int64_t *strides) {
  DLTensor t;
  t.data = data;
  t.device = device;
  t.ndim = rank;
  t.dtype = dtype;
  t.shape = (int64_t *)shape;
  t.strides = (int64_t *)strides;
  t.byte_offset = 0;
  return t;
}

/* Host tensor with strides in elements. */
static inline DLTensor lossgen_tensor_strided(void *data, DLDataType dtype, int32_t rank, const int64_t *shape,
                                              const int64_t *strides) {
  DLDevice host;
  host.device_type = kDLCPU;
  host.device_id = 0;
  return lossgen_tensor_on(host, data, dtype, rank, shape, strides);
}

/* Compact host tensor; rank 0 takes shape NULL. */
static inline DLTensor lossgen_tensor(void *data, DLDataType dtype, int32_t rank, const int64_t *shape) {
  return lossgen_tensor_strided(data, dtype, rank, shape, NULL);
}

#ifdef __cplusplus
}
#endif
#endif /* LOSSGEN_LOSSGEN_H */
