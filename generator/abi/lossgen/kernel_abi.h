/* What the generator and the runtime must agree on: targets, stages, their arguments, the tables of generated
 * libraries. Both include this file and nothing else of each other.
 *
 * A kernel is one stage for one dtype, layout and target: a serial function on one block of rows (CPU) or a launch over
 * all rows (devices), entered through Halide's argv convention: argv[i] points to a lossgen_buffer or to a scalar, in
 * the order of the stage's argument list below. Kernels never allocate, never call out (CPU) and keep no state.
 *
 * A row is one element of the target. Layouts: "rows", logits[c, r] with stride 1 along the classes; "planes",
 * logits[r, c] with stride 1 along the rows; "strided", logits[c, r] with any strides, slower. Per-row buffers are dense.
 *
 * Devices differ in three points. "planes" takes any strides and has a third axis: logits[x, c, o], where r = o * X + x
 * and X is the extent of x (nll_loss_backward, with no matrix to read, takes X from the extent of d); there is no
 * "strided". Per-row buffers may have any stride, 0 included. "middle" and "short" are rows where several and many share a
 * block of threads, "few" rows of so few classes that a block keeps all of many rows in shared memory. "rows4", "middle4" and
 * "short4" are for matrices whose class count and row pitch are multiples of 4 elements and whose rows start at multiples of
 * 16 bytes. The stages behind cross_entropy_forward_backward exist for devices only; those named device_* do what host code
 * cannot do with numbers there.
 */
#ifndef LOSSGEN_KERNEL_ABI_H
#define LOSSGEN_KERNEL_ABI_H

#include <stdint.h>

#define LOSSGEN_KERNEL_ABI 1
/* The registration function's name carries the number, so that a table of another ABI fails at link. */
#define LOSSGEN_REGISTER lossgen_register_kernels_abi_1
#define LOSSGEN_UNREGISTER lossgen_unregister_kernels_abi_1

/* ---- Targets: X(identifier, name, machine), oldest first within a machine: the last usable one wins ------------ */
#define LOSSGEN_TARGETS(X)                 \
  X(x86_64_v2, "x86-64-v2", "x86-64")      \
  X(x86_64_v3, "x86-64-v3", "x86-64")      \
  X(x86_64_v4, "x86-64-v4", "x86-64")      \
  X(arm64, "arm64", "arm64")               \
  X(cuda_sm75, "cuda-sm75", "cuda")        \
  X(cuda_sm80, "cuda-sm80", "cuda")        \
  X(cuda_sm86, "cuda-sm86", "cuda")        \
  X(opencl, "opencl", "opencl")

/* Built only where a request names them: CUDA's driver compiles sm80's PTX for all newer devices, and OpenCL would double what a build emits
 * for devices. */
#define LOSSGEN_TARGETS_ON_REQUEST "cuda-sm75 cuda-sm86 opencl"

/* ---- Data types of the tensor a kernel is named after: X(identifier, DLPack code, bits) ------------------------ */
#define LOSSGEN_DTYPES(X) \
  X(f32, 2, 32)            \
  X(f64, 2, 64)            \
  X(f16, 2, 16)            \
  X(bf16, 4, 16)           \
  X(u8, 1, 8)              \
  X(i8, 0, 8)              \
  X(u16, 1, 16)            \
  X(i16, 0, 16)            \
  X(u32, 1, 32)            \
  X(i32, 0, 32)            \
  X(u64, 1, 64)            \
  X(i64, 0, 64)

#define LOSSGEN_LAYOUTS(X) X(rows) X(planes) X(strided) X(any) X(rows4) X(middle) X(middle4) X(short) X(short4) X(few)

/* ---- Stages and their arguments: A(direction, name, dimensions, type) ------------------------------------------
 * direction in | out | scalar; type: logit = the kernel's dtype, acc = f32 (f64 for f64), target = the kernel's dtype,
 * i32, i64, f64. Inputs come first, outputs last.
 *
 * cls[r]    class of row r, -1 = ignored, -2 = out of bounds
 * nll[r]    lse - logits[cls], unweighted, 0 for ignored rows
 * ref, sum  softmax[c] = exp(logits[c] - ref) / sum
 * a, d      grad[c] = a * softmax[c] - d * (c == cls), 0 for ignored rows
 */
#define LOSSGEN_ARGS_target_classes(A) /* cls = target, -1 where ignored, -2 where outside [0, classes) */ \
  A(in, target, 1, target)                                                                                 \
  A(scalar, ignore_index, 0, i64)                                                                          \
  A(scalar, has_ignore, 0, i32)                                                                            \
  A(scalar, classes, 0, i32)                                                                               \
  A(out, cls, 1, i32)
#define LOSSGEN_ARGS_log_softmax_forward(A) A(in, logits, 2, logit) A(out, log_probs, 2, logit)
#define LOSSGEN_ARGS_log_softmax_backward(A) \
  A(in, grad, 2, logit) A(in, log_probs, 2, logit) A(out, grad_logits, 2, logit)
#define LOSSGEN_ARGS_nll_loss_forward(A) A(in, log_probs, 2, logit) A(in, cls, 1, i32) A(out, nll, 1, acc)
#define LOSSGEN_ARGS_nll_loss_backward(A) A(in, cls, 1, i32) A(in, d, 1, acc) A(out, grad_log_probs, 2, logit)
/* ref = logits[cls]; a sum that is NaN or above LOSSGEN_SUM_LIMIT asks for the exact stage */
#define LOSSGEN_ARGS_cross_entropy_forward(A) \
  A(in, logits, 2, logit)                     \
  A(in, cls, 1, i32)                          \
  A(out, nll, 1, acc)                         \
  A(out, lse, 1, acc)                         \
  A(out, ref, 1, acc)                         \
  A(out, sum, 1, acc)
/* ref = the row's maximum: right for every input, one more pass */
#define LOSSGEN_ARGS_cross_entropy_forward_exact(A) LOSSGEN_ARGS_cross_entropy_forward(A)
#define LOSSGEN_ARGS_cross_entropy_backward(A) \
  A(in, logits, 2, logit)                      \
  A(in, cls, 1, i32)                           \
  A(in, a, 1, acc)                             \
  A(in, d, 1, acc)                             \
  A(in, ref, 1, acc)                           \
  A(in, sum, 1, acc)                           \
  A(out, grad_logits, 2, logit)

/* As cross_entropy_forward and _backward, with exp computed once: terms[c, r] = exp(logits - ref), in the caller's scratch.
 * Where sum asks for the exact stage the row's terms mean nothing. */
#define LOSSGEN_ARGS_cross_entropy_forward_terms(A) LOSSGEN_ARGS_cross_entropy_forward(A) A(out, terms, 2, acc)
#define LOSSGEN_ARGS_cross_entropy_backward_terms(A) \
  A(in, terms, 2, acc)                               \
  A(in, cls, 1, i32)                                 \
  A(in, a, 1, acc)                                   \
  A(in, d, 1, acc)                                   \
  A(in, sum, 1, acc)                                 \
  A(out, grad_logits, 2, logit)

/* For a few classes, known at compile time (rows, planes): all terms of a vector or a tile of rows stay in registers or on the
 * stack, so both stages in one, with d = a. Takes whole vectors of rows: multiples of block_granule. Terms are exp(logits), without a
 * reference. Where the row's own term, the sum of the others, or a over all of them is beyond the limits below, lse is NaN, and the
 * exact stage does the row again: so the gradient must not replace the logits, but for those of lossgen_keeps_logits, which leave such rows.
 * And rows (of that layout) follow each other without gaps. */
#define LOSSGEN_ARGS_cross_entropy_forward_unrolled(A) \
  A(in, logits, 2, logit)                              \
  A(in, cls, 1, i32)                                   \
  A(out, nll, 1, acc)                                  \
  A(out, lse, 1, acc)
#define LOSSGEN_ARGS_cross_entropy_forward_backward_unrolled(A) \
  A(in, logits, 2, logit)                                       \
  A(in, cls, 1, i32)                                            \
  A(in, a, 1, acc)                                              \
  A(out, nll, 1, acc)                                           \
  A(out, lse, 1, acc)                                           \
  A(out, grad_logits, 2, logit)
/* The same relative to the row's maximum: right for every input, in place and with gaps between rows too. With fewer than 8 classes,
 * and without fused multiply-adds (x86-64-v2), the stages above are these. */
#define LOSSGEN_ARGS_cross_entropy_forward_unrolled_exact(A) LOSSGEN_ARGS_cross_entropy_forward_unrolled(A)
#define LOSSGEN_ARGS_cross_entropy_forward_backward_unrolled_exact(A) LOSSGEN_ARGS_cross_entropy_forward_backward_unrolled(A)
/* As cross_entropy_forward_backward_unrolled, grad_logits past the caches: it begins at a multiple of 64 bytes, and so does each of its
 * classes. Planes, f32, x86-64-v4: vectors of 64 bytes. */
#define LOSSGEN_ARGS_cross_entropy_forward_backward_streamed(A) LOSSGEN_ARGS_cross_entropy_forward_backward_unrolled(A)

/* Label smoothing: reference as in the exact stage; dot = sum over c of weight[c] * (logits[c] - ref) */
#define LOSSGEN_ARGS_cross_entropy_forward_general(A) \
  A(in, logits, 2, logit)                             \
  A(in, cls, 1, i32)                                  \
  A(in, weight, 1, acc)                               \
  A(out, nll, 1, acc)                                 \
  A(out, lse, 1, acc)                                 \
  A(out, ref, 1, acc)                                 \
  A(out, sum, 1, acc)                                 \
  A(out, dot, 1, acc)
/* grad[c] = a * softmax[c] - b * weight[c] - d * (c == cls) */
#define LOSSGEN_ARGS_cross_entropy_backward_general(A) \
  A(in, logits, 2, logit)                              \
  A(in, cls, 1, i32)                                   \
  A(in, weight, 1, acc)                                \
  A(in, a, 1, acc)                                     \
  A(in, b, 1, acc)                                     \
  A(in, d, 1, acc)                                     \
  A(in, ref, 1, acc)                                   \
  A(in, sum, 1, acc)                                   \
  A(out, grad_logits, 2, logit)
/* Class probabilities, q[c] = keep * probs[c] + spread. Reference as in the exact stage; mass = sum over c of
 * weight[c] * q[c], of which spread_mass is spread's part; loss = sum over c of weight[c] * q[c] * (lse - logits[c]) */
#define LOSSGEN_ARGS_cross_entropy_probs_forward(A) \
  A(in, logits, 2, logit)                           \
  A(in, probs, 2, logit)                            \
  A(in, weight, 1, acc)                             \
  A(scalar, keep, 0, f64)                           \
  A(scalar, spread, 0, f64)                         \
  A(scalar, spread_mass, 0, f64)                    \
  A(out, loss, 1, acc)                              \
  A(out, lse, 1, acc)                               \
  A(out, ref, 1, acc)                               \
  A(out, sum, 1, acc)                               \
  A(out, mass, 1, acc)
/* grad[c] = a * softmax[c] - b * weight[c] * q[c] */
#define LOSSGEN_ARGS_cross_entropy_probs_backward(A) \
  A(in, logits, 2, logit)                            \
  A(in, probs, 2, logit)                             \
  A(in, weight, 1, acc)                              \
  A(scalar, keep, 0, f64)                            \
  A(scalar, spread, 0, f64)                          \
  A(in, a, 1, acc)                                   \
  A(in, b, 1, acc)                                   \
  A(in, ref, 1, acc)                                 \
  A(in, sum, 1, acc)                                 \
  A(out, grad_logits, 2, logit)
/* argmax = first class with the largest logit (first NaN if there is one); entropy = -sum softmax log softmax */
#define LOSSGEN_ARGS_row_stats(A) A(in, logits, 2, logit) A(out, argmax, 1, i32) A(out, entropy, 1, acc)

/* Forward and backward in one, for rows that stay in a cache between the passes; d = a. Devices' planes: nll and lse are [x, o]. Host:
 * rows as lossgen_takes_whole_rows wants them, a row's gradient before the next row is read. It may replace the logits: where the sum asks for
 * the exact stage, or a over it is no finite number, lse is NaN and the row's gradient is not written. */
#define LOSSGEN_ARGS_cross_entropy_forward_backward(A) LOSSGEN_ARGS_cross_entropy_forward_backward_unrolled(A)
/* For longer rows: of each LOSSGEN_DEVICE_PART classes of a row the maximum and the sum of exp(logits - peak) without the
 * row's own class: [r, part] */
#define LOSSGEN_ARGS_cross_entropy_forward_parts(A) \
  A(in, logits, 2, logit)                           \
  A(in, cls, 1, i32)                                \
  A(out, peak, 2, acc)                              \
  A(out, others, 2, acc)
/* What the exact stage says of a row, from its parts: [part, r] */
#define LOSSGEN_ARGS_cross_entropy_forward_join(A) \
  A(in, logits, 2, logit)                          \
  A(in, cls, 1, i32)                               \
  A(in, peak, 2, acc)                              \
  A(in, others, 2, acc)                            \
  A(out, nll, 1, acc)                              \
  A(out, lse, 1, acc)                              \
  A(out, ref, 1, acc)                              \
  A(out, sum, 1, acc)

/* cls as in target_classes; w = weight[cls] * row_weight, 0 where cls is negative */
#define LOSSGEN_ARGS_device_targets(A)                                                \
  A(in, target, 1, target)                                                            \
  A(scalar, ignore_index, 0, i64)                                                     \
  A(scalar, has_ignore, 0, i32)                                                       \
  A(scalar, classes, 0, i32)                                                          \
  A(in, weight, 1, acc)                                                               \
  A(in, row_weight, 1, acc)                                                           \
  A(scalar, weighted, 0, i32)       /* 0: weight[cls] counts as 1 */                  \
  A(scalar, row_weighted, 0, i32)   /* 0: row_weight counts as 1 */                   \
  A(out, cls, 1, i32)                                                                 \
  A(out, w, 1, acc)
/* loss = w * nll. Rows out of bounds (cls -2): NaN or, by bad_is_ignored, 0. */
#define LOSSGEN_ARGS_device_losses_from(A) \
  A(in, nll, 1, acc)                       \
  A(in, w, 1, acc)                         \
  A(in, cls, 1, i32)                       \
  A(scalar, bad_is_ignored, 0, i32)
#define LOSSGEN_ARGS_device_losses(A) LOSSGEN_ARGS_device_losses_from(A) A(out, loss, 1, acc)
/* Sums over blocks of LOSSGEN_DEVICE_BLOCK rows, one element per block; of losses as above */
#define LOSSGEN_ARGS_device_sums(A)  \
  LOSSGEN_ARGS_device_losses_from(A) \
  A(out, losses, 1, f64)            \
  A(out, weights, 1, f64)           \
  A(out, kept, 1, f64)              \
  A(out, bad, 1, f64)
#define LOSSGEN_ARGS_device_total_of(A)                                                                \
  A(in, saved, 1, acc)                                                                                 \
  A(in, bad_before, 1, i32)                                                                            \
  A(in, grad, 1, acc)                                                                                  \
  A(scalar, has_grad, 0, i32)       /* 0: grad counts as 1 */                                          \
  A(scalar, denominator, 0, i32)    /* LOSSGEN_DIVIDE_BY_* */                                          \
  A(scalar, given, 0, f64)                                                                             \
  A(scalar, empty_is_zero, 0, i32)  /* a mean over no kept row is 0, not NaN */                        \
  A(out, total, 1, acc)             /* the loss */                                                     \
  A(out, total_weight, 1, acc)      /* the divisor; 0 for LOSSGEN_DIVIDE_BY_NOTHING */                 \
  A(out, divisor, 1, f64)                                                                              \
  A(out, one, 1, acc)               /* 1 */                                                            \
  A(out, scale, 1, acc)             /* grad / divisor: that of every row if none has a weight */        \
  A(out, bad_after, 1, i32)         /* bad_before, or 1 if any row was out of bounds */
/* Sums over those blocks. One element each. */
#define LOSSGEN_ARGS_device_total(A) \
  A(in, losses, 1, f64)              \
  A(in, weights, 1, f64)             \
  A(in, kept, 1, f64)                \
  A(in, bad, 1, f64)                 \
  LOSSGEN_ARGS_device_total_of(A)
/* The same from the rows, where there are at most LOSSGEN_DEVICE_FEW_ROWS: a launch less */
#define LOSSGEN_ARGS_device_total_of_rows(A) \
  LOSSGEN_ARGS_device_losses_from(A)         \
  LOSSGEN_ARGS_device_total_of(A)
/* scale = w * grad / divisor, 0 for rows that are not kept */
#define LOSSGEN_ARGS_device_scales(A) \
  A(in, cls, 1, i32)                  \
  A(in, w, 1, acc)                    \
  A(in, grad, 1, acc)                 \
  A(in, divisor, 1, f64)              \
  A(out, scale, 1, acc)

#define LOSSGEN_DEVICE_BLOCK 2048
#define LOSSGEN_DEVICE_FEW_ROWS 8192
#define LOSSGEN_DEVICE_PART 8192
enum lossgen_divide_by {
  LOSSGEN_DIVIDE_BY_NOTHING,
  LOSSGEN_DIVIDE_BY_WEIGHTS,
  LOSSGEN_DIVIDE_BY_KEPT,
  LOSSGEN_DIVIDE_BY_GIVEN,
  LOSSGEN_DIVIDE_BY_SAVED
};

#define LOSSGEN_STAGES(S)          \
  S(target_classes)                \
  S(log_softmax_forward)           \
  S(log_softmax_backward)          \
  S(nll_loss_forward)              \
  S(nll_loss_backward)             \
  S(cross_entropy_forward)         \
  S(cross_entropy_forward_exact)   \
  S(cross_entropy_backward)        \
  S(cross_entropy_forward_general) \
  S(cross_entropy_backward_general) \
  S(cross_entropy_forward_terms)   \
  S(cross_entropy_backward_terms)  \
  S(cross_entropy_forward_unrolled) \
  S(cross_entropy_forward_backward_unrolled) \
  S(cross_entropy_forward_unrolled_exact) \
  S(cross_entropy_forward_backward_unrolled_exact) \
  S(cross_entropy_forward_backward_streamed) \
  S(cross_entropy_probs_forward)   \
  S(cross_entropy_probs_backward)  \
  S(row_stats)                     \
  S(cross_entropy_forward_backward) \
  S(cross_entropy_forward_parts)   \
  S(cross_entropy_forward_join)    \
  S(device_targets)                \
  S(device_losses)                 \
  S(device_sums)                   \
  S(device_total)                  \
  S(device_total_of_rows)          \
  S(device_scales)

/* Up to so many classes, known at compile time, have the stages named unrolled. */
#define LOSSGEN_MOST_UNROLLED 32
/* From so many on, some of them have exact ones beside them. */
#define LOSSGEN_FEWEST_EXACT 8

/* A gradient keeps exp of a block's logits in scratch (the stages named terms) where a row's logits take at most the one: they
 * and their terms should stay in an L2 cache; and where all logits together take at least the other: with fewer a second exp
 * costs less than to ask for memory, and small calls allocate nothing. */
#define LOSSGEN_MOST_TERMS_BYTES (640 << 10)
#define LOSSGEN_FEWEST_TERMS_BYTES (16 << 10)

/* Host: rows that have their loss and their gradient made before the next row's. Shorter ones have their logarithms taken for a vector of
 * rows at once instead (128 classes: 57 ns a row, 65 this way; 256: 107 and 94); the terms of longer ones would not stay in L1, and
 * 16 KiB is the most that Halide puts on the stack. */
#define LOSSGEN_FEWEST_WHOLE_ROW 256
#define LOSSGEN_MOST_WHOLE_ROW_BYTES (16 << 10)
static inline int lossgen_takes_whole_rows(int64_t classes, int64_t accumulator_bytes) {
  return classes >= LOSSGEN_FEWEST_WHOLE_ROW && classes * accumulator_bytes <= LOSSGEN_MOST_WHOLE_ROW_BYTES;
}

/* No kernel call has more rows (host): what kernels keep per row has room for so many on the stack. */
#define LOSSGEN_MOST_BLOCK_ROWS 512

/* Above this, sum's reciprocal times a gradient could leave the normal range. */
#define LOSSGEN_SUM_LIMIT 0x1p60
/* Terms without a reference: the row's own, and the sum of the others, which loses terms below the normal numbers; the quotient of the
 * two stays in the range of f32. And what a gradient multiplies terms by. */
#define LOSSGEN_LEAST_TERM 0x1p-60
#define LOSSGEN_LEAST_OTHERS 0x1p-90
#define LOSSGEN_SCALE_LIMIT 0x1p100

#ifdef __cplusplus
extern "C" {
#endif

#define LOSSGEN_X(id, ...) LOSSGEN_TARGET_##id,
enum lossgen_target_id { LOSSGEN_TARGETS(LOSSGEN_X) LOSSGEN_TARGET_COUNT };
#undef LOSSGEN_X
#define LOSSGEN_X(id, ...) LOSSGEN_DTYPE_##id,
enum lossgen_dtype_id { LOSSGEN_DTYPES(LOSSGEN_X) LOSSGEN_DTYPE_COUNT };
#undef LOSSGEN_X
#define LOSSGEN_X(id) LOSSGEN_LAYOUT_##id,
enum lossgen_layout_id { LOSSGEN_LAYOUTS(LOSSGEN_X) LOSSGEN_LAYOUT_COUNT };
#undef LOSSGEN_X
#define LOSSGEN_X(id) LOSSGEN_STAGE_##id,
enum lossgen_stage_id { LOSSGEN_STAGES(LOSSGEN_X) LOSSGEN_STAGE_COUNT };
#undef LOSSGEN_X

/* The stages of few known classes, which take whole vectors of rows. */
static inline int lossgen_is_exact_unrolled(int stage) {
  return stage == LOSSGEN_STAGE_cross_entropy_forward_unrolled_exact || stage == LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled_exact;
}
static inline int lossgen_is_unrolled(int stage) {
  return stage == LOSSGEN_STAGE_cross_entropy_forward_unrolled || stage == LOSSGEN_STAGE_cross_entropy_forward_backward_unrolled ||
         stage == LOSSGEN_STAGE_cross_entropy_forward_backward_streamed || lossgen_is_exact_unrolled(stage);
}

/* Which kernels of stage cross_entropy_forward_backward_unrolled, with an exact one beside them, write the gradient of no rows but those that
 * hold: it may replace the logits, for the others' are still there. Of planes, whose vectors hold several rows, only x86-64-v4 writes some lanes
 * as fast as all; not tried in f64. */
static inline int lossgen_keeps_logits(int target, int layout, int accumulator_bytes) {
  return layout == LOSSGEN_LAYOUT_rows || (target == LOSSGEN_TARGET_x86_64_v4 && accumulator_bytes == 4);
}

/* The form of a device layout for rows of multiples of 4 elements; the layout itself where it has none. */
static inline enum lossgen_layout_id lossgen_layout_in_fours(enum lossgen_layout_id layout) {
  return layout == LOSSGEN_LAYOUT_rows     ? LOSSGEN_LAYOUT_rows4
         : layout == LOSSGEN_LAYOUT_middle ? LOSSGEN_LAYOUT_middle4
         : layout == LOSSGEN_LAYOUT_short  ? LOSSGEN_LAYOUT_short4
                                           : layout;
}
/* The layout of device kernels for contiguous rows of so many classes, of so many bytes each. From 41 classes on 256 rows do not fit in a block's shared memory; the other limits are measured. */
static inline enum lossgen_layout_id lossgen_device_layout(int64_t classes, int bytes) {
  return classes < 4                 ? LOSSGEN_LAYOUT_planes
         : classes <= 40             ? LOSSGEN_LAYOUT_few
         : classes <= 255            ? LOSSGEN_LAYOUT_short
         : classes * bytes <= 4096   ? LOSSGEN_LAYOUT_middle
                                     : LOSSGEN_LAYOUT_rows;
}
/* Whether the forward pass reads them in parts: (2048, 32768) f32 on an H200, hand-written, takes 205 us in three passes by a
 * block, 71 + 140 by parts; (16384, 4096) 150, of which the memory takes 134. */
static inline int lossgen_device_in_parts(int64_t classes, int bytes) { return classes * bytes > 32768; }
/* No launch spans more elements: kernels count them in 32 bits. */
#define LOSSGEN_DEVICE_MOST_ELEMENTS ((int64_t)1 << 29)
/* Whether planes of x pixels, o of them, take loss and gradient in one launch: its blocks of threads lie along x alone, o is the
 * grid's second axis; the blocks shall be full, and the grid allowed. */
static inline int lossgen_device_fuses_planes(int64_t x, int64_t o) { return x >= 128 && o <= 65535; }

/* Memory layout of halide_dimension_t and halide_buffer_t (the generator asserts that they agree). */
typedef struct lossgen_dim {
  int32_t min, extent, stride;
  uint32_t flags;
} lossgen_dim;

typedef struct lossgen_buffer {
  uint64_t device;
  const void *device_interface;
  uint8_t *host;
  uint64_t flags;
  struct {
    uint8_t code, bits;
    uint16_t lanes;
  } type;
  int32_t dimensions;
  lossgen_dim *dim;
  void *padding;
} lossgen_buffer;

typedef int (*lossgen_kernel_fn)(void **argv);

/* One struct of pointers per stage: its memory is the argv that the kernel takes. */
#define LOSSGEN_ARG_FIELD(direction, name, dimensions, type) const void *name;
#define LOSSGEN_X(stage)                           \
  typedef struct lossgen_args_##stage {            \
    LOSSGEN_ARGS_##stage(LOSSGEN_ARG_FIELD)        \
  } lossgen_args_##stage;
LOSSGEN_STAGES(LOSSGEN_X)
#undef LOSSGEN_X
#undef LOSSGEN_ARG_FIELD

typedef struct lossgen_kernel {
  const char *name; /* the symbol */
  lossgen_kernel_fn run;
  uint8_t stage, dtype, layout, target; /* the enums above */
  int64_t classes;                      /* the class count it was built for, 0 = any */
  int32_t block_bytes;                  /* logits handed to one call, about */
  int32_t block_granule;                /* rows per call are a multiple of this where there are enough */
  const char *schedule;
  const char *backend;
} lossgen_kernel;

typedef struct lossgen_kernel_table {
  uint32_t abi; /* LOSSGEN_KERNEL_ABI */
  uint32_t count;
  const char *library;
  const lossgen_kernel *kernels;
} lossgen_kernel_table;

/* Called by a generated library when it is loaded and unloaded; the table must stay valid in between. Registering a
 * table twice counts once. */
void LOSSGEN_REGISTER(const lossgen_kernel_table *table);
void LOSSGEN_UNREGISTER(const lossgen_kernel_table *table);

#ifdef __cplusplus
}
#endif
#endif /* LOSSGEN_KERNEL_ABI_H */
