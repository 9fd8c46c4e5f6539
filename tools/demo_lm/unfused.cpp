// In a file of its own so that the compiler sees just this, with -O3 and no further flags.
#include "unfused.h"

#include <stddef.h>

#include <algorithm>
#include <cmath>

namespace demo {

double unfused_cross_entropy(const float *logits, const int32_t *targets, int rows, int classes, float *log_probs,
                             float *gradient) {
  for (int r = 0; r < rows; r++) {
    const float *x = logits + static_cast<size_t>(r) * classes;
    float *lp = log_probs + static_cast<size_t>(r) * classes;
    float max = x[0];
    for (int c = 1; c < classes; c++) max = std::max(max, x[c]);
    float sum = 0;
    for (int c = 0; c < classes; c++) sum += std::exp(x[c] - max);
    const float lse = max + std::log(sum);
    for (int c = 0; c < classes; c++) lp[c] = x[c] - lse;
  }
  double loss = 0;
  for (int r = 0; r < rows; r++) loss -= log_probs[static_cast<size_t>(r) * classes + targets[r]];
  for (int r = 0; r < rows; r++) {
    const float *lp = log_probs + static_cast<size_t>(r) * classes;
    float *g = gradient + static_cast<size_t>(r) * classes;
    for (int c = 0; c < classes; c++) g[c] = std::exp(lp[c]);
    g[targets[r]] -= 1.0f;
  }
  return loss;
}

}  // namespace demo
