/* A program around a module as torch-mlir prints it: cross_entropy(x [4, 8], t [4]), mean. The module's function takes
 * and returns tensors; behind llvm-request-c-wrappers they are descriptors like these. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  float *allocated, *aligned;
  int64_t offset, sizes[2], strides[2];
} logits_t;
typedef struct {
  int64_t *allocated, *aligned, offset, sizes[1], strides[1];
} labels_t;
typedef struct {
  float *allocated, *aligned;
  int64_t offset;
} loss_t;

void _mlir_ciface_loss(loss_t *result, logits_t *x, labels_t *t);

int main(void) {
  float x[4 * 8];
  int64_t t[4] = {1, -100, 7, 2};
  for (int i = 0; i < 32; i++) x[i] = (float)((i * 7) % 11) / 4.0f;

  logits_t logits = {x, x, 0, {4, 8}, {8, 1}};
  labels_t labels = {t, t, 0, {4}, {1}};
  loss_t loss;
  _mlir_ciface_loss(&loss, &logits, &labels);

  double sum = 0, kept = 0;
  for (int r = 0; r < 4; r++) {
    double total = 0;
    if (t[r] == -100) continue;
    for (int c = 0; c < 8; c++) total += exp(x[r * 8 + c]);
    sum += log(total) - x[r * 8 + t[r]];
    kept++;
  }
  printf("loss %.5f, by hand %.5f\n", (double)*loss.aligned, sum / kept);
  int same = fabs(*loss.aligned - sum / kept) < 1e-5;
  free(loss.allocated); /* results are the caller's */
  return same ? 0 : 1;
}
