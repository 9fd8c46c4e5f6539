// The arguments of the losses, read and checked.
#ifndef LOSSGEN_RUNTIME_LOSS_ARGUMENTS_H
#define LOSSGEN_RUNTIME_LOSS_ARGUMENTS_H

#include "loss.h"

namespace lossgen {

// Arguments of the loss functions; NULL where a function has none.
struct LossArguments {
  const DLTensor *logits = nullptr, *target = nullptr, *probs = nullptr;
  const lossgen_options *options = nullptr;
  const lossgen_extras *extras = nullptr;
  const lossgen_saved *saved = nullptr;
  DLTensor *loss = nullptr, *grad = nullptr;
  const char *logits_name = "logits", *grad_name = "grad_logits";
  bool from_log_probs = false, from_probs = false, forward = false, backward = false;
};

// Into *call, except for whether they overlap.
lossgen_status read_loss_call(const LossArguments &arguments, LossCall *call);
lossgen_status check_overlaps(const LossCall &call);

}  // namespace lossgen
#endif
