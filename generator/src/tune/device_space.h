// What is tuned on CUDA devices: which kernels a shape's call takes there, as the runtime chooses them, and their
// numbers.
#pragma once
#include "space.h"

namespace lossgen {

// Units of one target and dtype: one per call and per layout, class count and choice of launches that has shapes.
void add_device_units(const Request &request, lossgen_target_id target, lossgen_dtype_id dtype,
                      const std::vector<Shape> &shapes, std::vector<Unit> *units);

}  // namespace lossgen
