// Device calls: what api.cpp hands over when the tensors live on a GPU.
#ifndef LOSSGEN_RUNTIME_GPU_DEVICE_H
#define LOSSGEN_RUNTIME_GPU_DEVICE_H

#include <stddef.h>

#include "lossgen/lossgen.h"

namespace lossgen {

enum class DeviceOp {
  log_softmax_forward,
  log_softmax_backward,
  nll_loss_forward,
  nll_loss_backward,
  cross_entropy_forward,
  cross_entropy_backward,
  cross_entropy_forward_backward
};

// The arguments of a public call that has passed all checks a host call passes: pointers present, ranks and shapes that
// agree, known dtypes, strides, overlaps, one device for all tensors, for which there is a backend, options that the op has. Data
// pointers are addresses or handles and have not been looked at.
struct DeviceArguments {
  DLDevice device;
  int class_axis;                    // resolved: in [0, rank of the matrices)
  const DLTensor *input = nullptr;   // logits; log_probs of nll_loss_forward; grad of log_softmax_backward
  const DLTensor *log_probs = nullptr;  // log_softmax_backward only
  const DLTensor *target = nullptr;
  const lossgen_options *options = nullptr;  // never NULL, and of full size (fields a caller's header lacks are zero)
  const lossgen_saved *saved = nullptr;      // may be NULL
  const lossgen_extras *extras = nullptr;    // may be NULL
  const DLTensor *loss = nullptr;
  const DLTensor *output = nullptr;  // log_probs, grad_logits or grad_log_probs
};

// Enqueues the op on options->stream and returns; nothing is copied to the host and nothing waited for. Refuses host
// pointers, a workspace that is missing or too small, and a device without driver or kernels.
lossgen_status run_on_device(DeviceOp op, const DeviceArguments &arguments);

// Bytes of options.workspace that such a call needs, from shape and type of the matrix alone.
size_t device_workspace_bytes(DeviceOp op, const DLTensor *matrix, int class_axis);

// Backend, context and every linked kernel of the device as a loaded module.
lossgen_status prepare_device(DLDevice device, void *stream);

// The error for tensors (name) or devices ("") that no backend takes.
lossgen_status refuse_device(const char *name, DLDevice device);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_GPU_DEVICE_H
