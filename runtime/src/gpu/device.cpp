// Devices outside of calls: is there one, prepare it, how much workspace.
#include "device.h"

#include <string.h>

#include <initializer_list>

#include "../error.h"
#include "../names.h"
#include "../problem.h"
#include "../registry.h"
#include "../sized.h"
#include "layout.h"
#include "modules.h"

namespace lossgen {
namespace {

constexpr int kMaxStageArguments = 20;

// Runs a kernel's host part on arguments of its list's shape, without a launch.
lossgen_status load_kernel(LaunchScope &scope, const lossgen_kernel *kernel) {
#define LOSSGEN_A(direction, name, dimensions, type) dimensions,
#define LOSSGEN_X(stage) {LOSSGEN_ARGS_##stage(LOSSGEN_A) - 1},
  static constexpr int kDimensions[][kMaxStageArguments] = {LOSSGEN_STAGES(LOSSGEN_X)};
#undef LOSSGEN_X
#undef LOSSGEN_A
  static char somewhere;
  lossgen_dim dims[3] = {{0, 4, 1, 0}, {0, 4, 4, 0}, {0, 4, 16, 0}};
  lossgen_buffer buffers[kMaxStageArguments];
  uint64_t scalar = 0;
  void *argv[kMaxStageArguments];
  memset(buffers, 0, sizeof(buffers));
  for (int i = 0; i < kMaxStageArguments && kDimensions[kernel->stage][i] >= 0; ++i) {
    const int dimensions = kDimensions[kernel->stage][i];
    buffers[i].device = reinterpret_cast<uint64_t>(&somewhere);
    buffers[i].dim = dims;
    buffers[i].dimensions = dimensions == 2 && kernel->layout == LOSSGEN_LAYOUT_planes ? 3 : dimensions;
    argv[i] = dimensions == 0 ? static_cast<void *>(&scalar) : static_cast<void *>(&buffers[i]);
  }
  return scope.run(kernel, argv);
}

constexpr struct {
  const char *name;
  DeviceOp op;
} kOps[] = {{"log_softmax_forward", DeviceOp::log_softmax_forward},
            {"log_softmax_backward", DeviceOp::log_softmax_backward},
            {"nll_loss_forward", DeviceOp::nll_loss_forward},
            {"nll_loss_backward", DeviceOp::nll_loss_backward},
            {"cross_entropy_forward", DeviceOp::cross_entropy_forward},
            {"cross_entropy_backward", DeviceOp::cross_entropy_backward},
            {"cross_entropy_forward_backward", DeviceOp::cross_entropy_forward_backward}};

}  // namespace

const Backend *backend_of(DLDeviceType type) {
  return type == kDLCUDA ? &kCuda : type == kDLOpenCL ? &kOpenCl : nullptr;
}

const Backend *backend_of_machine(const char *machine) {
  for (const Backend *backend : {&kCuda, &kOpenCl})
    if (strcmp(machine, backend->machine) == 0) return backend;
  return nullptr;
}

lossgen_status refuse_device(const char *name, DLDevice device) {
  return fail(LOSSGEN_UNSUPPORTED_BY_BUILD, "%s%s type %d; expected host (%d), CUDA (%d) or OpenCL (%d)", name,
              name[0] != '\0' ? " is on a device of" : "device", static_cast<int>(device.device_type), static_cast<int>(kDLCPU),
              static_cast<int>(kDLCUDA), static_cast<int>(kDLOpenCL));
}

lossgen_status prepare_device(DLDevice device, void *stream) {
  const Backend &backend = *backend_of(device.device_type);
  if (const char *reason = backend.lacks()) return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "%s", reason);
  LaunchScope scope(backend, device.device_id, stream, true);
  if (const lossgen_status failed = scope.enter()) return failed;
  for (uint32_t i = 0; const lossgen_kernel *kernel = kernel_at(i); ++i) {
    if (!backend.can_run(scope, kernel->target) || kernel->stage >= LOSSGEN_STAGE_COUNT) continue;
    if (const lossgen_status failed = load_kernel(scope, kernel)) return failed;
  }
  return LOSSGEN_OK;
}

size_t device_workspace_bytes(DeviceOp op, const DLTensor *matrix, int class_axis) {
  if (op == DeviceOp::log_softmax_forward || op == DeviceOp::log_softmax_backward) return 0;
  int64_t rows = 1;
  for (int i = 0; i < matrix->ndim; ++i)
    if (i != class_axis) rows *= matrix->shape[i];
  return lay_out_workspace(rows, parts_of_rows(matrix->shape[class_axis], matrix->dtype.bits / 8)).bytes;
}

}  // namespace lossgen

using namespace lossgen;

extern "C" {

lossgen_status lossgen_prepare(DLDevice device) {
  ErrorScope scope("prepare");
  if (device.device_type == kDLCPU) return LOSSGEN_OK;
  if (backend_of(device.device_type) == nullptr) return refuse_device("", device);
  if (device.device_type == kDLOpenCL)
    return fail(LOSSGEN_BAD_ARGUMENT, "an OpenCL device has no context of its own; lossgen_prepare_stream takes that of a queue");
  return prepare_device(device, nullptr);
}

lossgen_status lossgen_prepare_stream(DLDevice device, void *stream) {
  ErrorScope scope("prepare_stream");
  if (device.device_type == kDLCPU) return LOSSGEN_OK;
  return backend_of(device.device_type) != nullptr ? prepare_device(device, stream) : refuse_device("", device);
}

size_t lossgen_workspace_size(const char *op, const DLTensor *logits, const lossgen_options *options) {
  ErrorScope scope("workspace_size");
  const DeviceOp *found = nullptr;
  for (const auto &known : kOps)
    if (op != nullptr && strcmp(known.name, op) == 0) found = &known.op;
  if (found == nullptr) {
    fail(LOSSGEN_BAD_ARGUMENT, "unknown op '%.60s'; expected", op != nullptr ? op : "(null)");
    for (const auto &known : kOps) fail_more(" %s", known.name);
    return 0;
  }
  lossgen_options o;
  int axis;
  if (read_sized("options", options, &o) != LOSSGEN_OK || check_extents("logits", logits) != LOSSGEN_OK) return 0;
  if (logits->ndim == 0) {
    fail(LOSSGEN_BAD_ARGUMENT, "logits is a scalar; it needs a class axis");
    return 0;
  }
  if (logits->device.device_type == kDLCPU) return 0;
  if (find_class_axis(o, logits->ndim, &axis) != LOSSGEN_OK) return 0;
  return device_workspace_bytes(*found, logits, axis);
}

}  // extern "C"
