// How the rows of a call are shared among threads. Everything here that a result depends on follows from the shape and the
// kernels alone, so the bits are the same for any number of threads.
//
//   unit   a few rows that stay together: 2 to 4 KiB of logits, or one row, or a vector of the kernels, or a small image
//   chunk  units in a row whose losses are added up together; chunks are summed in order
//   run    chunks in a row that one thread takes at once; depends on the number of threads, results do not
//   block  several chunks of a run, or some rows of one: what shares a scratch
//   part   rows of a block that go through all passes together, L1 of them: whole chunks, or steps from a chunk's beginning
#ifndef LOSSGEN_RUNTIME_PARTITION_H
#define LOSSGEN_RUNTIME_PARTITION_H

#include <algorithm>

#include "parallel.h"
#include "problem.h"

namespace lossgen {

// Blocks of about kernel.block_bytes, and chunks for a thread for every two blocks: 256 KiB of logits, 11 us of work at least. whole: a
// kernel that takes only whole vectors of rows, if there is one.
void cut_into_blocks(Problem *problem, const lossgen_kernel &kernel, const lossgen_kernel *whole = nullptr);

// So many rows of a block go through all passes before the next ones do: what one pass leaves for the next is then in the
// L1 cache, and memory has time to take what was written (gradient of (65536, 1000) in place, before whole rows had a kernel: 27.7 to 21.9 ms, with 4 or 32
// KiB 26.5). Planes only by whole vectors (granule) of the kernels for known class counts: others want long runs.
constexpr int64_t kPartBytes = 16 << 10;
int64_t part_rows(const Problem &problem, int64_t granule);
// The same for rows that one kernel does and that then go past the caches: of 3 KiB and more one by one, for the store buffer holds a row while
// the next one is computed (Zen 5, gradients of (65536, 1000) 17.5 to 14.7 ms, (87000, 768) 19.0 to 16.8, log_softmax of (65536, 1000) 19.1 to
// 17.1; with two rows a part 19.6; (131072, 512) 18.0 and 19.1).
constexpr int64_t kRowOfItsOwn = 3 << 10;
int64_t copied_rows(const Problem &problem, int64_t granule);

// Few long rows: pieces of a row are tasks of their own, so that one row keeps many threads busy.
constexpr int64_t kMaxSplitRows = 16, kMaxPieces = 1024;  // pieces: of all rows together
void split_long_rows(Problem *problem);
// First class of a piece; piece == pieces.chunks gives the end.
int64_t piece_begin(const Problem &problem, int64_t piece);

struct Block {
  int64_t first_row, rows;  // along inner
  int64_t matrix[kMatrices], row[kRowTensors];  // element offsets
  int64_t chunk, chunk_rows;  // the chunk of the first row, and how many rows it has from there on
};
// Rows [first, first + rows) of one index of the outer axes; its chunk is 0.
Block block_at(const Problem &problem, int64_t outer, int64_t first, int64_t rows);
// A block's rows [first, first + rows).
Block part_of(const Problem &problem, const Block &block, int64_t first, int64_t rows);
// How many of these rows are the next part, of at most so many: where parts end must not tell where the block began, or the
// sums of a chunk would depend on the run that it is in.
int64_t next_part(const Problem &problem, const Block &rest, int64_t most);

// The blocks of chunks [first, end). They begin with a chunk or, of one that is larger than a block, whole blocks after its begin: so the
// sums of each chunk have the same parts whatever run it is in.
class Blocks {
 public:
  Blocks(const Problem &problem, int64_t first, int64_t end);
  bool next(Block *block);

 private:
  void enter(int64_t position);  // and the chunk that it is in

  const Problem &p_;
  const int64_t pitch_, end_;  // positions count units' rows, also where an outer axis ends within a unit
  int64_t at_, chunk_, chunk_stop_;
};

// use(first, rows, mark) for neighbours whose mark(row) is the same; using rows may change their marks.
template <class Mark, class Use>
void each_run(int64_t rows, Mark &&mark, Use &&use) {
  for (int64_t i = 0, n; i < rows; i += n) {
    const bool marked = mark(i);
    for (n = 1; i + n < rows && mark(i + n) == marked;) n++;
    use(i, n, marked);
  }
}

// use(chunk, first, rows) for the parts of a block that belong to different chunks.
template <class Use>
void each_chunk(const Problem &p, const Block &b, Use &&use) {
  int64_t chunk = b.chunk, n = std::min(b.rows, b.chunk_rows);
  for (int64_t i = 0;;) {
    use(chunk, i, n);
    if ((i += n) == b.rows) return;
    chunk++;
    n = std::min(b.rows - i, (p.cut.begin(chunk + 1) - p.cut.begin(chunk)) * p.unit_rows);
  }
}

// Runs for so many threads: as many chunks as are at most half a thread's share of what is left. 0 threads, an unknown number:
// single chunks. begin[i] is the first chunk of run i, begin[runs] the end; returns the number of runs.
int64_t cut_into_runs(const Cut &cut, int64_t threads, int16_t *begin);

// No more than those that the cut is for.
lossgen_options with_threads_for(const Problem &problem, const lossgen_options &options);

// body(first, end) for runs of chunks that together are all, on threads; bytes: memory read and written.
template <class Body>
void parallel_chunks(const Problem &p, const lossgen_options &options, int64_t bytes, Body &&body) {
  const int64_t chunks = p.cut.chunks;
  if (chunks == 0) return;
  if (chunks == 1) return body(0, 1);
  const lossgen_options o = with_threads_for(p, options);
  const int threads = parallel_threads(&o, chunks, bytes);
  if (threads == 1) return body(0, chunks);
  int16_t begin[kMaxChunks + 1];
  const int64_t runs = cut_into_runs(p.cut, threads, begin);
  parallel_for(&o, runs, bytes, [&](int64_t i) { body(begin[i], begin[i + 1]); });
}

}  // namespace lossgen
#endif
