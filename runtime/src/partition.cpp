#include "partition.h"

namespace lossgen {

Cut::Cut(int64_t all, int64_t threads) : units(all), chunks(all > 0) {
  level[0] = {0, 0, std::max<int64_t>(all, 1)};
  levels = 1;
  if (threads <= 1 || all <= 1) return;
  int64_t smallest = 1;
  while (smallest * kMostUnits < all) smallest *= 2;
  int64_t size = smallest;
  while (2 * size * threads < all) size *= 2;
  chunks = levels = 0;
  for (int64_t at = 0; at < all; size /= 2) {
    level[levels++] = {chunks, at, size};
    const int64_t left = all - at;
    const int64_t count = size > smallest ? std::max<int64_t>(0, left / size - threads) : (left + size - 1) / size;
    chunks += count;
    at += count * size;
  }
}

namespace {
constexpr int64_t kFewestLines = 16;

// Planes that begin anywhere in a cache line share one for each class wherever they are cut, and threads write to it in turns:
// (8, 1000, 7, 7), loss and gradient on two threads, medians, 370 us cut every 16 pixels, 207 in whole images. So there are at least so many
// lines between two cuts, as far as they are no more than a thread must have.
bool off_lines(const Problem &p) {
  for (const Matrix t : {kIn0, kOut})
    if (p.class_stride[t] * p.matrix[kIn0].bytes() % kLine != 0) return true;
  return false;
}
}  // namespace

void cut_into_blocks(Problem *problem, const lossgen_kernel &kernel, const lossgen_kernel *whole) {
  Problem &p = *problem;
  const int64_t row_bytes = std::max<int64_t>(1, p.classes * p.matrix[kIn0].bytes());
  // Kernels index with 32 bits: a block may not span more than 2^31 - 1 elements along the rows.
  constexpr int64_t kMostElements = INT64_C(1) << 29;
  bool far = false;
  for (int t = 0; t < kMatrices; t++) far |= p.inner.matrix[t] > kMostElements / kMaxBlockRows;
  if (p.rows <= kMaxBlockRows && p.rows * row_bytes <= kernel.block_bytes && p.outer_size == 1 && !far) {
    p.block_rows = p.unit_rows = p.rows;
    p.units_per_outer = 1;
    p.cut = Cut(p.rows > 0, 1);
    return;
  }
  const int64_t granule = std::max<int64_t>(1, kernel.block_granule);
  const bool planes = p.layout == LOSSGEN_LAYOUT_planes;
  int64_t rows = std::max<int64_t>(1, kernel.block_bytes / row_bytes);
  for (int t = 0; far && t < kMatrices; t++)
    if (p.inner.matrix[t] > 0) rows = std::min(rows, std::max<int64_t>(1, kMostElements / p.inner.matrix[t]));
  if (planes) {
    // 2^k vectors, as chunks are 2^k units: planes want long runs. (2, 150, 128, 128) forward, 256 pixels as one block 1.43 ms, as 208
    // and 48 1.51, as two of 128 1.55 (minima, a busy machine).
    int64_t pixels = granule;
    while (3 * pixels <= 2 * rows) pixels *= 2;
    rows = p.inner.extent <= 2 * rows ? p.inner.extent : pixels;  // a few pixels of an image are no block of their own
  }
  if (rows > granule && rows < p.inner.extent) rows -= rows % granule;
  p.block_rows = std::min({rows, kMaxBlockRows, p.inner.extent});

  // A fiftieth of what a thread has at least; smaller ones would cost more in sums than they even out.
  constexpr int64_t kUnitBytes = 4 << 10;
  const int64_t vector = whole ? whole->block_granule : planes ? granule : 1;
  int64_t unit = vector;
  while (2 * unit * row_bytes <= kUnitBytes) unit *= 2;
  const int64_t share = 2 * std::max(1, kernel.block_bytes);
  if (planes && off_lines(p)) {
    while (unit < kFewestLines * kLine / p.matrix[kIn0].bytes() && 2 * unit * row_bytes <= share) unit *= 2;
    if (p.inner.extent < 2 * unit && p.inner.extent * row_bytes <= share) unit = p.inner.extent;
  }
  if (p.outer_within) unit = p.block_rows;
  p.unit_rows = std::max<int64_t>(1, std::min(unit, p.inner.extent));
  p.units_per_outer = (p.inner.extent + p.unit_rows - 1) / p.unit_rows;
  p.most_threads = std::max<int64_t>(1, (p.rows * row_bytes + share - 1) / share);
  p.cut = Cut(p.units_per_outer * p.outer_size, std::min(p.most_threads, kCutThreads));
}

int64_t part_rows(const Problem &p, int64_t granule) {
  if (p.layout != LOSSGEN_LAYOUT_rows && granule == 1) return p.block_rows;
  const int64_t row_bytes = p.classes * std::max(4, p.matrix[kIn0].bytes());
  if (p.block_rows * row_bytes <= kPartBytes) return p.block_rows;
  const int64_t rows = kPartBytes / std::max<int64_t>(1, row_bytes);
  return std::max(granule, rows - rows % granule);
}

int64_t copied_rows(const Problem &p, int64_t granule) {
  const bool of_its_own = p.layout == LOSSGEN_LAYOUT_rows && p.classes * p.matrix[kOut].bytes() >= kRowOfItsOwn;
  return of_its_own ? 1 : part_rows(p, granule);
}

// A unit of a piece is worth waking a thread for, half an L1 cache of f32.
constexpr int64_t kPieceUnit = 8192;

void split_long_rows(Problem *problem) {
  Problem &p = *problem;
  if (p.rows == 0 || p.rows > kMaxSplitRows || p.classes < 2 * kPieceUnit) return;
  p.pieces = Cut((p.classes + kPieceUnit - 1) / kPieceUnit, kCutThreads / p.rows);
  p.block_rows = p.unit_rows = 1;
  p.units_per_outer = p.inner.extent;
  p.cut = Cut(p.rows, 1);
}

int64_t piece_begin(const Problem &p, int64_t piece) { return std::min(p.classes, p.pieces.begin(piece) * kPieceUnit); }

Block block_at(const Problem &p, int64_t outer, int64_t first, int64_t rows) {
  Block b;
  b.first_row = first;
  b.rows = rows;
  b.chunk = 0;
  b.chunk_rows = rows;
  for (int t = 0; t < kMatrices; t++) b.matrix[t] = first * p.inner.matrix[t];
  for (int t = 0; t < kRowTensors; t++) b.row[t] = first * p.inner.row[t];
  for (int i = p.outer_count - 1; i >= 0; i--) {
    const int64_t at = outer % p.outer[i].extent;
    outer /= p.outer[i].extent;
    for (int t = 0; t < kMatrices; t++) b.matrix[t] += at * p.outer[i].matrix[t];
    for (int t = 0; t < kRowTensors; t++) b.row[t] += at * p.outer[i].row[t];
  }
  return b;
}

Block part_of(const Problem &p, const Block &block, int64_t first, int64_t rows) {
  Block part = block;
  part.first_row += first;
  part.rows = rows;
  for (int t = 0; t < kMatrices; t++) part.matrix[t] += first * p.inner.matrix[t];
  for (int t = 0; t < kRowTensors; t++) part.row[t] += first * p.inner.row[t];
  part.chunk_rows -= first;
  while (part.chunk_rows <= 0) {
    part.chunk++;
    part.chunk_rows += (p.cut.begin(part.chunk + 1) - p.cut.begin(part.chunk)) * p.unit_rows;
  }
  return part;
}

int64_t next_part(const Problem &p, const Block &rest, int64_t most) {
  int64_t rows = std::min(rest.chunk_rows, most);
  for (int64_t chunk = rest.chunk + 1; rows >= rest.chunk_rows && rows < rest.rows; chunk++) {
    const int64_t more = (p.cut.begin(chunk + 1) - p.cut.begin(chunk)) * p.unit_rows;
    if (rows + more > most) break;
    rows += more;
  }
  return std::min(rows, rest.rows);
}

Blocks::Blocks(const Problem &p, int64_t first, int64_t end)
    : p_(p),
      pitch_(p.units_per_outer * p.unit_rows),
      end_(p.cut.begin(end) * p.unit_rows),
      at_(p.cut.begin(first) * p.unit_rows),
      chunk_(first),
      chunk_stop_(p.cut.begin(first + 1) * p.unit_rows) {}

void Blocks::enter(int64_t position) {
  at_ = position;
  while (chunk_stop_ <= at_) chunk_stop_ = p_.cut.begin(++chunk_ + 1) * p_.unit_rows;
}

bool Blocks::next(Block *block) {
  if (at_ >= end_) return false;
  enter(at_);
  const int64_t begin = at_, chunk = chunk_, chunk_rows = chunk_stop_ - at_;
  int64_t outer = begin / pitch_, first = begin - outer * pitch_, stop;
  if (p_.outer_within) {  // unit after unit of different outer indices
    const int64_t unit = begin / p_.unit_rows;
    outer = unit % p_.outer_size;
    first = unit / p_.outer_size * p_.unit_rows;
    stop = begin + p_.unit_rows;
  } else {
    const int64_t row_end = (outer + 1) * pitch_;
    stop = std::min(chunk_stop_, row_end);
    if (stop - begin > p_.block_rows) stop = begin + p_.block_rows;
    // More chunks, whole ones or up to the end of this outer index.
    else
      while (stop < row_end && stop < end_) {
        enter(stop);
        const int64_t next = std::min(chunk_stop_, row_end);
        if (next - begin > p_.block_rows) break;
        stop = next;
      }
    if (first + stop - begin >= p_.inner.extent) stop = row_end;
  }
  at_ = stop;
  *block = block_at(p_, outer, first, std::min(stop - begin, p_.inner.extent - first));
  block->chunk = chunk;
  block->chunk_rows = chunk_rows;
  return true;
}

int64_t cut_into_runs(const Cut &cut, int64_t threads, int16_t *begin) {
  int64_t runs = 0;
  for (int64_t chunk = 0; chunk < cut.chunks;) {
    begin[runs++] = (int16_t)chunk;
    const int64_t first = cut.begin(chunk), share = threads ? (cut.units - first) / (2 * threads) : 0;
    for (chunk++; chunk < cut.chunks && cut.begin(chunk + 1) - first <= share;) chunk++;
  }
  begin[runs] = (int16_t)cut.chunks;
  return runs;
}

lossgen_options with_threads_for(const Problem &p, const lossgen_options &options) {
  lossgen_options o = options;
  const int32_t most = (int32_t)std::min<int64_t>(p.most_threads, INT32_MAX);
  if (o.threads == 0 || o.threads > most) o.threads = most;
  return o;
}

}  // namespace lossgen
