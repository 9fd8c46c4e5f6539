// In a file of its own for its flags; the compiler makes a version for each kind of CPU.
#include "multiply.h"

#include <string.h>

#include <algorithm>

namespace demo {
namespace {

constexpr int kRows = 4, kColumns = 16;  // sums in registers: eight of AVX2's sixteen
constexpr int kDepth = 64;               // rows of b at a time, so that they stay in the first cache

typedef float Lanes __attribute__((vector_size(32)));

}  // namespace

#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "arch=haswell", "default")))
#endif
void multiply(int m, int n, int k, const float *a, int a_row, int a_column, const float *b, float *c, bool add) {
  for (int begin = 0; begin < k; begin += kDepth) {
    const int end = std::min(k, begin + kDepth);
    for (int column = 0; column < n; column += kColumns) {
      for (int row = 0; row < m; row += kRows) {
        Lanes sums[kRows][2] = {};
        for (int j = begin; j < end; j++) {
          Lanes low, high;
          memcpy(&low, b + j * n + column, sizeof low);
          memcpy(&high, b + j * n + column + 8, sizeof high);
          for (int i = 0; i < kRows; i++) {
            const float factor = a[(row + i) * a_row + j * a_column];
            sums[i][0] += factor * low;
            sums[i][1] += factor * high;
          }
        }
        for (int i = 0; i < kRows; i++) {
          for (int half = 0; half < 2; half++) {
            float *at = c + (row + i) * n + column + half * 8;
            Lanes before = {};
            if (add || begin > 0) memcpy(&before, at, sizeof before);
            before += sums[i][half];
            memcpy(at, &before, sizeof before);
          }
        }
      }
    }
  }
}

}  // namespace demo
