// The loops of loops.h for vectors of BENCH_BYTES bytes. Each loops_*.cpp includes this once and is compiled with that
// instruction set's flags; everything is in an unnamed namespace and nothing comes from the standard library's templates,
// so that no function compiled with those flags can be picked by the linker for other files.
#include "loops.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace {

// Logits and gradients of any type pass through here; alignment is that of an element.
typedef int Vector __attribute__((vector_size(BENCH_BYTES), aligned(1), may_alias));
constexpr size_t kStep = 4 * sizeof(Vector);

int read_all(const void *from, size_t bytes) {
  const char *p = static_cast<const char *>(from);
  Vector a = {}, b = {}, c = {}, d = {};
  for (size_t i = 0; i + kStep <= bytes; i += kStep) {
    const Vector *v = reinterpret_cast<const Vector *>(p + i);
    a |= v[0];
    b |= v[1];
    c |= v[2];
    d |= v[3];
  }
  a |= b | c | d;
  int all = 0;
  for (size_t k = 0; k < sizeof(Vector) / sizeof(int); k++) all |= a[k];
  return all;
}

void copy_all(void *to, const void *from, size_t bytes) {
  const char *p = static_cast<const char *>(from);
  char *q = static_cast<char *>(to);
  size_t i = 0;
  for (; i + kStep <= bytes; i += kStep) {
    const Vector *v = reinterpret_cast<const Vector *>(p + i);
    Vector *w = reinterpret_cast<Vector *>(q + i);
    const Vector a = v[0], b = v[1], c = v[2], d = v[3];
    w[0] = a;
    w[1] = b;
    w[2] = c;
    w[3] = d;
    __asm__ volatile("" ::: "memory");  // or the compiler calls memcpy, whose choices are not ours to compare with
  }
  for (; i < bytes; i++) q[i] = p[i];
}

inline void stream(char *to, Vector value) {
#if BENCH_BYTES == 64
  _mm512_stream_si512(reinterpret_cast<__m512i *>(to), reinterpret_cast<__m512i>(value));
#elif BENCH_BYTES == 32
  _mm256_stream_si256(reinterpret_cast<__m256i *>(to), reinterpret_cast<__m256i>(value));
#elif defined(__SSE2__)
  _mm_stream_si128(reinterpret_cast<__m128i *>(to), reinterpret_cast<__m128i>(value));
#else
  *reinterpret_cast<Vector *>(to) = value;
#endif
}

void copy_streaming_all(void *to, const void *from, size_t bytes) {
  const char *p = static_cast<const char *>(from);
  char *q = static_cast<char *>(to);
  size_t i = 0;
  for (; i < bytes && reinterpret_cast<uintptr_t>(q + i) % sizeof(Vector) != 0; i++) q[i] = p[i];
  for (; i + sizeof(Vector) <= bytes; i += sizeof(Vector)) stream(q + i, *reinterpret_cast<const Vector *>(p + i));
  for (; i < bytes; i++) q[i] = p[i];
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

void update_all(void *data, size_t bytes, int flip) {
  char *q = static_cast<char *>(data);
  for (size_t i = 0; i + kStep <= bytes; i += kStep) {
    Vector *w = reinterpret_cast<Vector *>(q + i);
    w[0] ^= flip;
    w[1] ^= flip;
    w[2] ^= flip;
    w[3] ^= flip;
  }
}

void fill_all(void *to, size_t bytes, int value) {
  char *q = static_cast<char *>(to);
  const Vector v = Vector{} + value;
  for (size_t i = 0; i + kStep <= bytes; i += kStep) {
    Vector *w = reinterpret_cast<Vector *>(q + i);
    w[0] = w[1] = w[2] = w[3] = v;
    __asm__ volatile("" ::: "memory");  // or it becomes memset
  }
}

void add_all(void *to, const void *a, const void *b, size_t bytes) {
  const char *p = static_cast<const char *>(a), *r = static_cast<const char *>(b);
  char *q = static_cast<char *>(to);
  for (size_t i = 0; i + kStep <= bytes; i += kStep) {
    for (size_t k = 0; k < kStep; k += sizeof(Vector)) {
      *reinterpret_cast<Vector *>(q + i + k) =
          *reinterpret_cast<const Vector *>(p + i + k) ^ *reinterpret_cast<const Vector *>(r + i + k);
    }
  }
}

constexpr bench::Loops kLoops = {BENCH_ISA, read_all, copy_all, copy_streaming_all, update_all, fill_all, add_all};

}  // namespace
