#include <lossgen/lossgen.h>
#include <stdio.h>

int main(void) {
  float logits[2][3] = {{1.0f, 2.0f, 0.5f}, {0.1f, -1.0f, 3.0f}}; /* 2 rows of 3 classes */
  int32_t target[2] = {1, 2};
  float loss;
  const int64_t shape[2] = {2, 3};
  DLTensor x = lossgen_tensor(logits, lossgen_dtype(kDLFloat, 32), 2, shape);
  DLTensor y = lossgen_tensor(target, lossgen_dtype(kDLInt, 32), 1, shape);
  DLTensor l = lossgen_tensor(&loss, lossgen_dtype(kDLFloat, 32), 0, NULL);

  /* mean loss, and its gradient in place of the logits */
  if (lossgen_cross_entropy_forward_backward(&x, &y, NULL, &l, &x, NULL) != LOSSGEN_OK) {
    fprintf(stderr, "%s\n", lossgen_last_error());
    return 1;
  }
  printf("loss %.6f, gradient of the first row %.6f %.6f %.6f\n", loss, logits[0][0], logits[0][1], logits[0][2]);
  return 0;
}
