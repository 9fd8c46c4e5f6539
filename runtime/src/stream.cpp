#include "stream.h"

#include <string.h>

#include <algorithm>

#include "cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lossgen {
namespace {

#if defined(__x86_64__)
constexpr bool kStreams = true;

using CopyLines = void(char *to, const char *from, int64_t lines, const char *next);

void copy_by_16(char *to, const char *from, int64_t lines, const char *next) {
  for (int64_t i = 0; i < lines * kLine; i += kLine) {
    _mm_prefetch(next + i, _MM_HINT_T1);
    for (int64_t j = i; j < i + kLine; j += 16)
      _mm_stream_si128((__m128i *)(to + j), _mm_loadu_si128((const __m128i *)(from + j)));
  }
}

__attribute__((target("avx"))) void copy_by_32(char *to, const char *from, int64_t lines, const char *next) {
  for (int64_t i = 0; i < lines * kLine; i += kLine) {
    _mm_prefetch(next + i, _MM_HINT_T1);
    for (int64_t j = i; j < i + kLine; j += 32)
      _mm256_stream_si256((__m256i *)(to + j), _mm256_loadu_si256((const __m256i *)(from + j)));
  }
}

// Lines that are not written whole are left to ordinary stores. For each of the others one is asked for at `next`, for memory would only
// write meanwhile: loss and gradient of (65536, 1000) 40 to 36 ms, (4, 21, 512, 512) 18 to 15.5, a Xeon (family 6, model 207); into L1, or
// two parts ahead, most of it is lost. Stores of 32 bytes fill half as much of the store buffer while computing goes on: 45 to 38 and 17.4 to
// 15.4 ms, another hour; of 64 the same.
void copy(char *to, const char *from, int64_t bytes, const char *next) {
  CopyLines *const copy_lines = stream_store_bytes < 32 || cpu_lacks(LOSSGEN_TARGET_x86_64_v3) ? copy_by_16 : copy_by_32;
  const int64_t head = (int64_t)(-(uintptr_t)to % kLine);
  if (bytes < head + kLine) {
    memcpy(to, from, (size_t)bytes);
    return;
  }
  const int64_t lines = (bytes - head) / kLine, done = head + lines * kLine;
  memcpy(to, from, (size_t)head);
  copy_lines(to + head, from + head, lines, next + head);
  memcpy(to + done, from + done, (size_t)(bytes - done));
}
#else
constexpr bool kStreams = false;  // ARM: gcc has no builtin for stnp
void copy(char *to, const char *from, int64_t bytes, const char *) { memcpy(to, from, (size_t)bytes); }
#endif

// Rows too short to be copied one by one.
bool short_rows(const Problem &p) {
  constexpr int64_t kShort = 2048;
  return p.layout == LOSSGEN_LAYOUT_rows && p.classes * p.matrix[kOut].bytes() < kShort;
}
bool dense_rows(const Problem &p) { return p.inner.matrix[kOut] == p.classes; }

}  // namespace

bool streams(const Problem &p) {
  const Tensor &out = p.matrix[kOut];
  // With fewer classes computing takes longer than memory does, and the copy comes on top: 4 % for planes of 3.
  if (p.classes < (p.layout == LOSSGEN_LAYOUT_rows ? 16 : 8)) return false;
  // Of longer rows scratch would not stay in a cache.
  if (p.classes * std::max(4, out.bytes()) > LOSSGEN_MOST_TERMS_BYTES) return false;
  return kStreams && p.layout != LOSSGEN_LAYOUT_strided && out.data != p.matrix[kIn0].data &&
         p.rows * p.classes * out.bytes() >= streamed_bytes && (dense_rows(p) || !short_rows(p));
}

ScratchShape scratch_shape(const Problem &p, int64_t rows) {
  constexpr int64_t kLineElements = 16;
  const bool planes = p.layout == LOSSGEN_LAYOUT_planes;
  int64_t pitch = planes ? rows : p.classes;
  if (!short_rows(p)) pitch = (pitch + kLineElements - 1) / kLineElements * kLineElements;
  return {pitch, pitch * (planes ? p.classes : rows)};
}

void stream_out(const Problem &p, const Block &b, const char *scratch, int64_t pitch) {
  const bool planes = p.layout == LOSSGEN_LAYOUT_planes;
  int64_t runs = planes ? p.classes : b.rows, run = planes ? b.rows : p.classes;
  const auto stride = [&](Matrix t) { return planes ? p.class_stride[t] : p.inner.matrix[t]; };
  if (pitch == run && stride(kOut) == run) {
    run *= runs;
    runs = 1;
  }
  const int64_t bytes = p.matrix[kOut].bytes();
  char *to = p.matrix[kOut].data + b.matrix[kOut] * bytes;
  // What the next part reads, perhaps of the next outer index; nobody's if there is none, or if logits are not where gradients are.
  const bool ends = p.outer_count > 0 && b.first_row + b.rows == p.inner.extent;
  const int64_t step = ends ? p.outer[p.outer_count - 1].matrix[kIn0] - b.first_row * p.inner.matrix[kIn0] : b.rows * p.inner.matrix[kIn0];
  const bool alike = stride(kIn0) == stride(kOut);
  const char *next = p.matrix[kIn0].data + (b.matrix[kIn0] + step) * bytes;
  for (int64_t i = 0; i < runs; i++) {
    const int64_t at = i * stride(kOut) * bytes;
    const char *from = scratch + i * pitch * bytes;
    copy(to + at, from, run * bytes, alike ? next + at : from);
  }
}

void finish_streams() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

}  // namespace lossgen
