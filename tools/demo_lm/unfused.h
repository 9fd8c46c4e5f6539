#ifndef LOSSGEN_DEMO_UNFUSED_H
#define LOSSGEN_DEMO_UNFUSED_H

#include <stdint.h>

namespace demo {

// Softmax cross-entropy the way it is written first: log_softmax, nll_loss, gradient, each a pass over memory.
// Returns the sum of the losses.
double unfused_cross_entropy(const float *logits, const int32_t *targets, int rows, int classes, float *log_probs,
                             float *gradient);

}  // namespace demo
#endif  // LOSSGEN_DEMO_UNFUSED_H
