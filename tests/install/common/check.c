/* What every consumer runs: one fused call against the formula in double, and whether the libraries named on the
 * command line are registered. A C99 program that knows the public header only. */
#include "check.h"

#include <lossgen/lossgen.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 3, CLASSES = 5 };

static int count_kernels(void *library, const lossgen_kernel_info *info) {
  const char *name = ((const char **)library)[0];
  if (strcmp(info->library, name) == 0) ++*((int **)library)[1];
  return 0;
}

int check_library(const char *name, int want) {
  int count = 0;
  void *argument[2];
  argument[0] = (void *)name;
  argument[1] = &count;
  lossgen_list_kernels(count_kernels, argument);
  if ((count > 0) == want) return 0;
  printf("library %s: %d kernels\n", name, count);
  return 1;
}

int check_loss(void) {
  float x[ROWS][CLASSES] = {{1, 2, 3, 4, 5}, {0, -1, 7, 0.5f, 2}, {100, 99, 98, 97, 96}}, grad[ROWS][CLASSES], loss = 0;
  const int64_t y[ROWS] = {1, 2, 4}, shape[2] = {ROWS, CLASSES};
  DLTensor logits = lossgen_tensor(x, lossgen_dtype(kDLFloat, 32), 2, shape);
  DLTensor target = lossgen_tensor((void *)y, lossgen_dtype(kDLInt, 64), 1, shape);
  DLTensor total = lossgen_tensor(&loss, lossgen_dtype(kDLFloat, 32), 0, NULL);
  DLTensor gradient = lossgen_tensor(grad, lossgen_dtype(kDLFloat, 32), 2, shape);
  double expected = 0;
  int r, c;
  lossgen_status status = lossgen_cross_entropy_forward_backward(&logits, &target, NULL, &total, &gradient, NULL);
  if (status != LOSSGEN_OK) {
    printf("%s: %s\n", lossgen_status_string(status), lossgen_last_error());
    return 1;
  }
  for (r = 0; r < ROWS; ++r) {
    double sum = 0;
    for (c = 0; c < CLASSES; ++c) sum += exp((double)x[r][c] - x[r][y[r]]);
    expected += log(sum) / ROWS;
    for (c = 0; c < CLASSES; ++c) {
      const double g = (exp((double)x[r][c] - x[r][y[r]]) / sum - (c == y[r])) / ROWS;
      if (fabs(grad[r][c] - g) > 1e-6) {
        printf("grad[%d][%d] = %g, expected %g\n", r, c, grad[r][c], g);
        return 1;
      }
    }
  }
  if (fabs(loss - expected) > 1e-5) {
    printf("loss %g, expected %g\n", loss, expected);
    return 1;
  }
  return 0;
}
