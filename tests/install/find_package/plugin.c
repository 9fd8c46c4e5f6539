#include <lossgen/lossgen.h>
#include <stdlib.h>

#include "../common/check.h"

/* Enough logits to start the runtime's threads. */
static int check_large(void) {
  const int64_t shape[2] = {256, 2048}; /* 2 MiB */
  float *logits = calloc(256 * 2048, sizeof *logits), loss = 0;
  int32_t target[256] = {0};
  int failed = 1;
  if (logits) {
    DLTensor x = lossgen_tensor(logits, lossgen_dtype(kDLFloat, 32), 2, shape);
    DLTensor y = lossgen_tensor(target, lossgen_dtype(kDLInt, 32), 1, shape);
    DLTensor total = lossgen_tensor(&loss, lossgen_dtype(kDLFloat, 32), 0, NULL);
    failed = lossgen_cross_entropy_forward_backward(&x, &y, NULL, &total, &x, NULL) != LOSSGEN_OK;
    failed |= !(loss > 7.62f && loss < 7.63f); /* log(2048) */
  }
  free(logits);
  return failed;
}

__attribute__((visibility("default"))) int plugin_check(void) {
  return check_loss() | check_large() | check_library("my_losses", 1);
}
