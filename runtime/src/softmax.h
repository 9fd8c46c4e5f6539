// log_softmax, forward and backward, on the host.
#ifndef LOSSGEN_RUNTIME_SOFTMAX_H
#define LOSSGEN_RUNTIME_SOFTMAX_H

#include "problem.h"

namespace lossgen {

// kIn0 logits -> kOut, or kIn0 upstream gradient, kIn1 log-probs -> kOut.
lossgen_status run_log_softmax(Problem *problem, bool backward, const lossgen_options &options, int forced_target);

}  // namespace lossgen
#endif
