/* How far results may be from the exact value of the formulas in lossgen.h for the inputs as given: what the library
 * promises and what its tests assert, from this one place (tests/reference/bounds.cpp reads it). C99.
 *
 * F32 and F64 name the type that sums and numbers per row have, S in lossgen.h: F32 also stands for f16 and bf16 logits.
 * ulp(v) is the distance of two neighbours in S at |v|, at least S's smallest normal number: smaller results may be
 * flushed to zero. What is stored in a type narrower than S (gradients and log-probs of f16 and bf16, losses on request)
 * is rounded once more: LOSSGEN_STORAGE_ULP of the result in that type is added to every bound. So a 16-bit result is
 * within one of its ulps wherever S's bound is half of that or less: everywhere but where log_prob or gradient is the
 * small difference of numbers some 2^10 times as large.
 *
 * Weights and upstream gradients scale a bound as they scale the value. Sums over classes, up to 2^18 of them, are added
 * in S one after another, in as many sums side by side as the target has lanes (planes: in one). Their roundings average
 * out where terms differ. m terms of one and the same value may all round alike: a row's bounds are then 1 + m /
 * EQUAL_TERMS times as large. Beside a term that is far above the others, those are lost one by one: in log_softmax and
 * entropy, whose sums begin with the largest term, rows of more than LONG_ROW classes have bounds classes / LONG_ROW times
 * as large; in cross_entropy, whose sum leaves out y, 1 + p * classes / LONG_ROW, p = the share of the largest term in it,
 * and at least classes / LONG_SUM.
 */
#ifndef LOSSGEN_ACCURACY_H
#define LOSSGEN_ACCURACY_H

#define LOSSGEN_STORAGE_ULP 0.5
#define LOSSGEN_EQUAL_TERMS 64.0
#define LOSSGEN_LONG_ROW 2048.0
#define LOSSGEN_LONG_SUM 65536.0

/* cross_entropy, loss of a row:
 *   |error| <= LOSS_ULP * ulp(max(|lse|, |x[y]|, loss))   for losses of at least LOSS_RELATIVE_FROM; 2 loss in place of
 *                                                         loss below 1, where the errors of exp are all that there is
 *   |error| <= LOSS_RELATIVE * loss                       for all, down to the smallest normal numbers
 * so a confident row keeps its digits, and a common offset of the logits costs nothing but the rounding of the logits. */
#define LOSSGEN_LOSS_RELATIVE_FROM 1e-6
#define LOSSGEN_F32_LOSS_ULP 3.0
#define LOSSGEN_F32_LOSS_RELATIVE 1e-5
#define LOSSGEN_F64_LOSS_ULP 4.0
#define LOSSGEN_F64_LOSS_RELATIVE 1e-13

/* Reduced losses add the errors of their rows, divided as the rows are, and one rounding of the result. Rows are summed
 * in f64: |error| <= SUM_RELATIVE * sum of |loss of a row|, for 10^7 rows and more. */
#define LOSSGEN_SUM_RELATIVE 2e-13

/* cross_entropy, lse: |error| <= LSE_ULP * ulp(max(|lse|, |x[y]|, |largest x[c]|, 1)): it is a logit plus the logarithm
 * of a sum that is at least 1, which may cancel. Class 0 stands for y in ignored rows. */
#define LOSSGEN_F32_LSE_ULP 4.0
#define LOSSGEN_F64_LSE_ULP 4.0

/* cross_entropy, gradient: |error| <= GRAD_ULP * ulp(a), a = the row's scale (upstream gradient * weight /
 * denominator), which the softmax in it is multiplied by; FAR_GRAD_ULP in rows with lse - x[y] above FAR, where x[y],
 * the reference of the fast pass, is so far below the largest logits that the difference itself is rounded. */
#define LOSSGEN_F32_GRAD_ULP 8.0
#define LOSSGEN_F32_FAR_GRAD_ULP 16.0
#define LOSSGEN_F32_FAR 8.0
#define LOSSGEN_F64_GRAD_ULP 16.0
#define LOSSGEN_F64_FAR_GRAD_ULP 64.0
#define LOSSGEN_F64_FAR 8.0

/* Label smoothing and z-loss: their terms add the errors of what they are made of (the lse of z_loss * lse^2), and
 * OPTION_ULP of the sum of the magnitudes of all terms, of the loss and of the gradient's scale. */
#define LOSSGEN_F32_OPTION_ULP 8.0
#define LOSSGEN_F64_OPTION_ULP 16.0

/* cross_entropy_probs, with m_c = |w_c| * ((1 - e) * |q_c| + e / C), which is s_c of lossgen.h where nothing is negative.
 * Nothing cancels then, and the loss keeps its digits, however small it is.
 *   loss      |error| <= PROBS_LOSS_ULP * ulp(sum_c m_c * (lse - x_c + 1))
 *             |error| <= LOSS_RELATIVE * sum_c m_c * (lse - x_c)
 *   gradient  |error| <= PROBS_GRAD_ULP * ulp(|g| * sum_c m_c)
 *   lse       |error| <= LSE_ULP * ulp(max(|lse|, largest |x_c|, 1)) */
#define LOSSGEN_F32_PROBS_LOSS_ULP 12.0
#define LOSSGEN_F32_PROBS_GRAD_ULP 12.0
#define LOSSGEN_F64_PROBS_LOSS_ULP 12.0
#define LOSSGEN_F64_PROBS_GRAD_ULP 12.0

/* Targets without fused multiply-add (x86-64-v2) round once more per term: so much times these bounds. */
#define LOSSGEN_F32_NO_FMA_FACTOR 2.0
#define LOSSGEN_F64_NO_FMA_FACTOR 2.0

/* log_softmax forward, log_probs of cross_entropy: |error| <= LOG_SOFTMAX_ULP * ulp(max(|log_prob|, 1)). */
#define LOSSGEN_F32_LOG_SOFTMAX_ULP 32.0
#define LOSSGEN_F64_LOG_SOFTMAX_ULP 32.0

/* log_softmax backward: |error| <= LOG_SOFTMAX_BACKWARD_ULP * ulp(max(|g_c|, p_c * sum_k |g_k|)). */
#define LOSSGEN_F32_LOG_SOFTMAX_BACKWARD_ULP 8.0
#define LOSSGEN_F64_LOG_SOFTMAX_BACKWARD_ULP 16.0

/* entropy: |error| <= ENTROPY_ULP * ulp(max(entropy, 1)). */
#define LOSSGEN_F32_ENTROPY_ULP 16.0
#define LOSSGEN_F64_ENTROPY_ULP 16.0

/* nll_loss, total_weight, and what weights add to a loss: products and a quotient, in ulps of the result. */
#define LOSSGEN_F32_NLL_ULP 2.0
#define LOSSGEN_F64_NLL_ULP 2.0

#endif /* LOSSGEN_ACCURACY_H */
