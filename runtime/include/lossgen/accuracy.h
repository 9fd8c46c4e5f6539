/* How far results may be from the exact value of the formulas in lossgen.h for the inputs as given: what the library
 * promises and what its tests assert, from this one place. C99.
 *
 * ulp(v) is the distance of the two numbers next to |v| in the result's type (f32), at least the smallest normal number
 * 1.18e-38: smaller results may be flushed to zero. Reduced losses add the errors of their rows, divided as the rows are,
 * and one rounding of the result; weights and upstream gradients scale the bound as they scale the value.
 */
#ifndef LOSSGEN_ACCURACY_H
#define LOSSGEN_ACCURACY_H

/* cross_entropy, loss of a row:
 *   |error| <= LOSS_ULP * ulp(max(|lse|, |x[y]|, loss))   for losses of at least LOSS_SMALL
 *   |error| <= LOSS_RELATIVE * loss                       for losses of at least LOSS_RELATIVE_FROM
 * so a confident row keeps its digits, and a common offset of the logits costs nothing but the rounding of the logits. */
#define LOSSGEN_F32_LOSS_ULP 2.0
#define LOSSGEN_F32_LOSS_SMALL 1e-3
#define LOSSGEN_F32_LOSS_RELATIVE 1e-5
#define LOSSGEN_F32_LOSS_RELATIVE_FROM 1e-6

/* cross_entropy, lse: |error| <= LSE_ULP * ulp(max(|lse|, |x[y]|)); class 0 stands for y in ignored rows. */
#define LOSSGEN_F32_LSE_ULP 4.0

/* cross_entropy, gradient: |error| <= GRAD_ULP * ulp(a), a = the row's scale (upstream gradient * weight /
 * denominator), which the softmax in it is multiplied by; FAR_GRAD_ULP in rows with a loss above FAR, where x[y], the
 * reference of the fast pass, is so far below the largest logits that the difference itself is rounded. */
#define LOSSGEN_F32_GRAD_ULP 8.0
#define LOSSGEN_F32_FAR_GRAD_ULP 16.0
#define LOSSGEN_F32_FAR 8.0

/* Targets without fused multiply-add (x86-64-v2) round once more per term: twice these bounds of losses and gradients. */
#define LOSSGEN_F32_NO_FMA_FACTOR 2.0

/* log_softmax forward: |error| <= LOG_SOFTMAX_ULP * ulp(max(|log_prob|, 1)). */
#define LOSSGEN_F32_LOG_SOFTMAX_ULP 32.0

/* log_softmax backward: |error| <= LOG_SOFTMAX_BACKWARD_ULP * ulp(max(|g_c|, p_c * sum_k |g_k|)). */
#define LOSSGEN_F32_LOG_SOFTMAX_BACKWARD_ULP 8.0

/* nll_loss: a product (and a quotient for the gradient), nothing to lose: in ulps of the result. */
#define LOSSGEN_F32_NLL_ULP 2.0

#endif /* LOSSGEN_ACCURACY_H */
