#include "checks.h"

#include <math.h>

#include <algorithm>

#include "loss.h"
#include "names.h"

namespace lossgen {

lossgen_status check_options(const lossgen_options &o) {
  if (o.reduction < LOSSGEN_REDUCTION_MEAN || o.reduction > LOSSGEN_REDUCTION_NONE)
    return fail(LOSSGEN_BAD_ARGUMENT, "reduction %d is unknown; expected mean (0), sum (1) or none (2)", (int)o.reduction);
  if (o.ignore_mode < LOSSGEN_IGNORE_DEFAULT || o.ignore_mode > LOSSGEN_IGNORE_NONE)
    return fail(LOSSGEN_BAD_ARGUMENT, "ignore_mode %d is unknown; expected 0, 1 or 2", (int)o.ignore_mode);
  if (o.bounds < LOSSGEN_BOUNDS_DEFAULT || o.bounds > LOSSGEN_BOUNDS_UNCHECKED)
    return fail(LOSSGEN_BAD_ARGUMENT, "bounds %d is unknown; expected 0, 1 or 2", (int)o.bounds);
  if (o.denominator < LOSSGEN_DENOMINATOR_WEIGHT_SUM || o.denominator > LOSSGEN_DENOMINATOR_GIVEN)
    return fail(LOSSGEN_BAD_ARGUMENT, "denominator %d is unknown; expected 0, 1, 2 or 3", (int)o.denominator);
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1))
    return fail(LOSSGEN_BAD_ARGUMENT, "label_smoothing is %g, expected a number in [0, 1]", o.label_smoothing);
  if (!isfinite(o.z_loss)) return fail(LOSSGEN_BAD_ARGUMENT, "z_loss is %g, expected a finite number", o.z_loss);
  if (o.denominator == LOSSGEN_DENOMINATOR_GIVEN && !isfinite(o.denominator_value))
    return fail(LOSSGEN_BAD_ARGUMENT, "denominator_value is %g, expected a finite number", o.denominator_value);
  if (!o.allocate != !o.release)
    return fail(LOSSGEN_BAD_ARGUMENT, "allocate and release come together, %s is NULL", o.allocate ? "release" : "allocate");
  if (o.threads < 0) return fail(LOSSGEN_BAD_ARGUMENT, "threads is %d, expected 0 (all) or more", (int)o.threads);
  return LOSSGEN_OK;
}

lossgen_status check_device(const Tensor &t, const Tensor &reference) {
  if (t.device.device_type == reference.device.device_type && t.device.device_id == reference.device.device_id)
    return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s is on device (%d, %d), %s on (%d, %d)", t.name, (int)t.device.device_type,
              t.device.device_id, reference.name, (int)reference.device.device_type, reference.device.device_id);
}

lossgen_status check_shape(const Tensor &t, const Tensor &reference) {
  if (t.rank == reference.rank && std::equal(t.shape, t.shape + t.rank, reference.shape)) return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s has shape %s, expected that of %s, %s", t.name, shape_text(t), reference.name,
              shape_text(reference));
}

lossgen_status check_type(const Tensor &t, const Tensor &reference) {
  if (same_type(t.type, reference.type)) return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s is %s, expected that of %s, %s", t.name, dtype_text(t.type), reference.name,
              dtype_text(reference.type));
}

lossgen_status check_row_type(const Tensor &t, const Tensor &logits, bool weight) {
  const int bits = logits.type.bits;
  const bool f32 = weight || bits != 64;
  if (same_type(t.type, logits.type) || (f32 && t.type.code == kDLFloat && t.type.bits == 32)) return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s is %s, expected %s%s%s", t.name, dtype_text(t.type), f32 ? "f32" : "",
              f32 && bits != 32 ? " or " : "", bits != 32 ? dtype_text(logits.type) : "");
}

lossgen_status check_scalar(const Tensor &t) {
  if (t.rank == 0) return LOSSGEN_OK;
  return fail(LOSSGEN_BAD_ARGUMENT, "%s has shape %s, expected a scalar, []", t.name, shape_text(t));
}

lossgen_status check_matrix(const Tensor &t, const Tensor &first) {
  LOSSGEN_TRY(check_device(t, first));
  LOSSGEN_TRY(check_type(t, first));
  return check_shape(t, first);
}

lossgen_status refuse(const char *option, bool given, const char *owner) {
  return given ? fail(LOSSGEN_BAD_ARGUMENT, "%s is an option of %s", option, owner) : LOSSGEN_OK;
}

lossgen_status refuse_index_options(const lossgen_options &o) {
  const bool ignores = o.ignore_mode == LOSSGEN_IGNORE_NONE ||
                       (o.ignore_mode == LOSSGEN_IGNORE_INDEX && o.ignore_index != kDefaultIgnoreIndex);
  LOSSGEN_TRY(refuse("ignore_index", ignores, "nll_loss and cross_entropy"));
  return refuse("bounds", o.bounds != LOSSGEN_BOUNDS_DEFAULT, "nll_loss and cross_entropy");
}

}  // namespace lossgen
