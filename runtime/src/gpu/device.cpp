// Placeholder body until the device calls land; replaced by the CUDA host side.
#include "device.h"

#include "error.h"

namespace lossgen {
lossgen_status run_on_device(DeviceOp, const DeviceArguments &) {
  return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "%s", device_lacks());
}
size_t device_workspace_bytes(DeviceOp, const DLTensor *, int) { return 0; }
lossgen_status prepare_device(DLDevice) { return fail(LOSSGEN_UNSUPPORTED_HARDWARE, "%s", device_lacks()); }
const char *device_lacks() { return "no driver: CUDA calls are not linked"; }
}  // namespace lossgen

lossgen_status lossgen_prepare(DLDevice device) {
  return device.device_type == kDLCPU ? LOSSGEN_OK : lossgen::prepare_device(device);
}
