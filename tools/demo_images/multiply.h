#ifndef LOSSGEN_DEMO_MULTIPLY_H
#define LOSSGEN_DEMO_MULTIPLY_H

namespace demo {

// c = a b, or c += a b: c [m, n] and b [k, n] row-major, a[i, j] at a[i * a_row + j * a_column].
// m is a multiple of 4, n of 16.
void multiply(int m, int n, int k, const float *a, int a_row, int a_column, const float *b, float *c, bool add);

}  // namespace demo
#endif  // LOSSGEN_DEMO_MULTIPLY_H
