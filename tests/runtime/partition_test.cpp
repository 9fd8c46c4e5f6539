// How a call's rows are shared: by simulation, because no test machine has 64 cores. Threads take runs in order, each
// as soon as it is done with the one before.
#include "partition.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <numeric>
#include <queue>
#include <string>
#include <tuple>
#include <vector>

namespace lossgen {
namespace {

struct Shape {
  int64_t outer, classes, inner;  // inner 1: rows; else planes of so many pixels
  int vector = 1;                 // rows of the kernels for known class counts

  std::string text() const {
    std::string t = "(" + std::to_string(outer) + ", " + std::to_string(classes);
    if (inner > 1) t += ", " + std::to_string(inner);
    return t + ")";
  }
};

constexpr int kMostThreads = 64;
// EPYC 9004, forward, in cache: a logit, and what a block costs beside its logits.
constexpr double kLogit = 0.18, kBlock = 120;
constexpr int64_t kPixels = 16;  // a vector of planes

lossgen_kernel kernel_of(const Shape &shape) {
  lossgen_kernel k{};
  k.block_bytes = 128 << 10;
  k.block_granule = shape.inner > 1 ? static_cast<int32_t>(kPixels) : 16;
  return k;
}

// gradient_stride: of its classes, if there is one (planes).
Problem cut(const Shape &shape, bool split = true, int64_t gradient_stride = 0) {
  Problem p;
  Tensor &x = p.matrix[kIn0];
  x.type = lossgen_dtype(kDLFloat, 32);
  x.rank = shape.inner > 1 ? 3 : 2;
  const int64_t extents[] = {shape.outer, shape.classes, shape.inner};
  const int64_t strides[] = {shape.classes * shape.inner, shape.inner, 1};
  std::copy(extents, extents + 3, x.shape);
  std::copy(strides, strides + 3, x.stride);
  if (gradient_stride) {
    Tensor &g = p.matrix[kOut] = x;
    g.stride[0] = shape.classes * gradient_stride;
    g.stride[1] = gradient_stride;
  }
  p.class_axis = 1;
  EXPECT_EQ(canonicalize(&p), LOSSGEN_OK);
  if (split) split_long_rows(&p);
  lossgen_kernel whole = kernel_of(shape);
  whole.block_granule = shape.vector;
  if (!p.split()) cut_into_blocks(&p, kernel_of(shape), shape.vector > 1 ? &whole : nullptr);
  return p;
}

double work(const Problem &p, const Block &b) {
  const int64_t rows = p.layout == LOSSGEN_LAYOUT_planes ? (b.rows + kPixels - 1) / kPixels * kPixels : b.rows;
  return static_cast<double>(rows * p.classes) * kLogit + kBlock;
}

int threads_for(const Problem &p, int cpus) {
  set_allowed_cpus_for_testing(cpus);
  const lossgen_options o = with_threads_for(p, LOSSGEN_OPTIONS_INIT);
  const int threads = parallel_threads(&o, p.cut.chunks, p.rows * p.classes * 4);
  set_allowed_cpus_for_testing(0);
  return threads;
}

std::vector<int16_t> runs_for(const Problem &p, int64_t threads) {
  std::vector<int16_t> begin(kMaxChunks + 1);
  if (threads == 1) return {0, static_cast<int16_t>(p.cut.chunks)};
  begin.resize(static_cast<size_t>(cut_into_runs(p.cut, threads, begin.data())) + 1);
  return begin;
}

std::vector<double> tasks(const Problem &p, int threads) {
  std::vector<double> list;
  if (p.split()) {
    for (int64_t i = 0; i < p.pieces.chunks * p.rows; ++i) {
      const int64_t piece = i / p.rows;
      list.push_back(static_cast<double>(piece_begin(p, piece + 1) - piece_begin(p, piece)) * kLogit + kBlock);
    }
    return list;
  }
  const std::vector<int16_t> begin = runs_for(p, threads);
  for (size_t i = 0; i + 1 < begin.size(); ++i) {
    Block b;
    double sum = 0;
    for (Blocks blocks(p, begin[i], begin[i + 1]); blocks.next(&b);) sum += work(p, b);
    list.push_back(sum);
  }
  return list;
}

// The longest thread's work over the mean.
double imbalance(const Problem &p, int threads) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int i = 0; i < threads; ++i) free_at.push(0);
  double all = 0, last = 0;
  for (double task : tasks(p, threads)) {
    const double end = free_at.top() + task;
    free_at.pop();
    free_at.push(end);
    all += task;
    last = std::max(last, end);
  }
  return last * threads / all;
}

const Shape kShapes[] = {
    {3200, 1000, 1},      {3201, 1000, 1},     {4097, 1000, 1},      {5003, 777, 1},     {8191, 300, 1},
    {65536, 1000, 1},     {65537, 1000, 1},    {1 << 20, 21, 1, 16}, {1 << 20, 21, 1},   {262144, 10, 1, 16},
    {4000000, 2, 1, 16},  {2048, 32768, 1},    {3200, 32768, 1},     {1024, 50257, 1},   {512, 128256, 1},
    {3200, 200000, 1},    {100000, 50000, 1},  {20000, 64, 1},       {4, 21, 512 * 512}, {4, 21, 500 * 500, 16},
    {1, 19, 2048 * 1024}, {4, 2, 1024 * 1024}, {2, 150, 128 * 128},  {100, 1000, 49},    {1, 3, 70000},
    {50, 200000, 1},      {100, 200000, 1},    {17, 3000, 1},        {300, 1000, 1},     {7, 100, 1},
};

TEST(Partition, WorkIsEvenFrom50UnitsAThread) {
  for (const Shape &shape : kShapes) {
    const Problem p = cut(shape);
    const int64_t units = p.layout == LOSSGEN_LAYOUT_planes ? p.rows / p.unit_rows : p.rows;
    for (int cpus = 1; cpus <= kMostThreads; ++cpus) {
      const int threads = threads_for(p, cpus);
      if (units < 50 * threads) continue;
      EXPECT_LE(imbalance(p, threads), 1.02) << shape.text() << " on " << threads << " of " << cpus;
    }
  }
}

// Also with fewer rows nobody waits for more than the smallest chunk there is.
TEST(Partition, ThreadsEndTogether) {
  for (const Shape &shape : kShapes) {
    const Problem p = cut(shape);
    for (int cpus = 2; cpus <= kMostThreads; ++cpus) {
      const int threads = threads_for(p, cpus);
      const std::vector<double> list = tasks(p, threads);
      const double mean = std::accumulate(list.begin(), list.end(), 0.0) / threads;
      const double most =
          *std::max_element(list.end() - std::min<int64_t>(threads, static_cast<int64_t>(list.size())), list.end());
      EXPECT_LE(imbalance(p, threads) * mean, mean + most) << shape.text() << " on " << threads;
    }
  }
}

TEST(Partition, PiecesOfRowsAreEven) {
  for (int64_t rows : {1, 2, 3, 7, 16}) {
    for (int64_t classes : {20000, 128256, 1000003, 30000000}) {
      const Problem p = cut({rows, classes, 1});
      ASSERT_TRUE(p.split());
      ASSERT_LE(p.pieces.chunks * rows, kMaxPieces);
      EXPECT_EQ(piece_begin(p, 0), 0);
      EXPECT_EQ(piece_begin(p, p.pieces.chunks), classes);
      for (int64_t i = 0; i < p.pieces.chunks; ++i) EXPECT_GT(piece_begin(p, i + 1), piece_begin(p, i));
      // 50 of the smallest pieces a thread
      for (int threads = 1; threads <= kMostThreads && rows * classes >= 50 * 8192 * threads; ++threads)
        EXPECT_LE(imbalance(p, threads), 1.02) << rows << " rows of " << classes << " on " << threads;
    }
  }
}

// What is computed and added up together, of parts of at most so many rows: the same whoever takes it.
using Part = std::tuple<int64_t, int64_t, int64_t>;  // chunk, first row of all, rows
std::vector<Part> parts(const Problem &p, const std::vector<int16_t> &begin, int64_t most) {
  std::vector<Part> list;
  for (size_t i = 0; i + 1 < begin.size(); ++i) {
    Block b;
    for (Blocks blocks(p, begin[i], begin[i + 1]); blocks.next(&b);) {
      EXPECT_GE(b.rows, 1);
      EXPECT_LE(b.rows, p.block_rows);
      const int64_t outer =
          p.outer_count ? (b.matrix[kIn0] - b.first_row * p.inner.matrix[kIn0]) / p.outer[0].matrix[kIn0] : 0;
      for (int64_t i = 0; i < b.rows;) {
        Block part = part_of(p, b, i, b.rows - i);
        part.rows = next_part(p, part, most);
        EXPECT_GE(part.rows, 1);
        EXPECT_LE(part.rows, most);
        i += part.rows;
        each_chunk(p, part, [&](int64_t chunk, int64_t first, int64_t rows) {
          list.emplace_back(chunk, outer * p.inner.extent + part.first_row + first, rows);
        });
      }
    }
  }
  return list;
}

TEST(Partition, TheSamePartsForEveryNumberOfThreads) {
  for (const Shape &shape : kShapes) {
    const Problem p = cut(shape, false);
    ASSERT_LE(p.cut.chunks, kMaxChunks);
    if (p.rows > 300000) continue;
    for (const int64_t most : {p.block_rows, INT64_C(20), INT64_C(3)}) {
      const std::vector<Part> expected = parts(p, runs_for(p, 0), most);
      int64_t row = 0;
      for (const auto &[chunk, first, rows] : expected) {
        ASSERT_EQ(first, row) << shape.text();
        row += rows;
      }
      EXPECT_EQ(row, p.rows) << shape.text();
      for (int threads : {1, 2, 3, 7, 16, 63, 64})
        EXPECT_EQ(parts(p, runs_for(p, threads), most), expected) << shape.text() << ", parts of " << most;
    }
  }
}

// Outputs of one number a row: a cache line of 16 belongs to one chunk, or to several that are smaller than it and lie
// in no other.
TEST(Partition, ChunksBeginAtCacheLines) {
  for (const Shape &shape : kShapes) {
    const Problem p = cut(shape, false);
    if (p.outer_size > 1) continue;
    for (int64_t i = 0; i < p.cut.chunks; ++i) {
      const int64_t first = p.cut.begin(i) * p.unit_rows, end = std::min(p.rows, p.cut.begin(i + 1) * p.unit_rows);
      EXPECT_EQ(end - first < 16 ? first / 16 - (end - 1) / 16 : first % 16, 0) << shape.text() << " chunk " << i;
    }
  }
}

// Planes off cache lines: a cut elsewhere would have two threads write to one line of every class. But as many threads as ever find work.
TEST(Partition, PlanesOffCacheLinesAreCutIntoLongRuns) {
  EXPECT_EQ(cut({8, 1000, 49}, false).unit_rows, 49);
  EXPECT_EQ(cut({8, 1000, 64}, false).unit_rows, 16) << "on lines";
  EXPECT_EQ(cut({8, 1000, 64}, false, 64).unit_rows, 16);
  EXPECT_EQ(cut({8, 1000, 64}, false, 65).unit_rows, 64) << "the gradient is off them";
  EXPECT_EQ(cut({40, 150, 300}, false).unit_rows, 300);
  EXPECT_EQ(cut({2, 21, 500 * 499}, false).unit_rows, 256);
  EXPECT_EQ(cut({1, 50257, 500}, false).unit_rows, 16) << "a vector is more than a thread must have";
  for (const Shape &shape : {Shape{8, 1000, 49}, {5, 1000, 257}, {40, 150, 300}, {1, 50257, 500}, {1, 3000, 2001}}) {
    const Problem p = cut(shape, false);
    EXPECT_LE(p.unit_rows * p.classes * 4, std::max<int64_t>(256 << 10, 16 * p.classes * 4)) << shape.text();
    EXPECT_GE(p.cut.chunks, std::min<int64_t>(p.most_threads, p.cut.units)) << shape.text();
    EXPECT_GE(p.cut.units * 2, std::min<int64_t>(p.most_threads, (shape.inner + 15) / 16)) << shape.text();
  }
}

// A few pixels more than a block has are no block of their own.
TEST(Partition, SmallImagesAreOneBlock) {
  for (const Shape &shape : {Shape{8, 1000, 49}, {40, 150, 300}, {8, 1000, 64}}) {
    const Problem p = cut(shape, false);
    Block b;
    for (Blocks blocks(p, 0, p.cut.chunks); blocks.next(&b);) EXPECT_EQ(b.rows, shape.inner) << shape.text();
  }
}

TEST(Partition, NumberOfChunksIsBounded) {
  for (int64_t units = 1; units < INT64_C(1) << 40; units += 1 + units / 7) {
    for (int64_t threads = 1; threads <= kCutThreads; ++threads) {
      const Cut c(units, threads);
      ASSERT_LE(c.chunks, kMaxChunks) << units << " units, " << threads << " threads";
      ASSERT_EQ(c.begin(0), 0);
      ASSERT_EQ(c.begin(c.chunks), units);
      ASSERT_LT(c.begin(c.chunks - 1), units);
    }
  }
  EXPECT_EQ(Cut(0, 64).chunks, 0);
  EXPECT_EQ(cut({64, 10, 1}).cut.chunks, 1) << "a small call is one chunk";
}

// The table of docs/architecture.md: print it with --gtest_filter=*Table.
TEST(Partition, Table) {
  for (const Shape &shape : {Shape{3200, 1000, 1},
                             {65536, 1000, 1},
                             {2048, 32768, 1},
                             {512, 128256, 1},
                             {1 << 20, 21, 1, 16},
                             {4, 21, 512 * 512},
                             {100, 1000, 49},
                             {1, 128256, 1},
                             {16, 1000003, 1}}) {
    const Problem p = cut(shape);
    std::printf("| %s | %lld |", shape.text().c_str(),
                static_cast<long long>(p.split() ? p.pieces.chunks * p.rows : p.cut.chunks));
    for (int threads : {2, 3, 7, 16, 48, 64}) {
      const int used =
          p.split() ? static_cast<int>(std::min<int64_t>(threads, p.pieces.chunks * p.rows)) : threads_for(p, threads);
      std::printf(" %.3f%s |", imbalance(p, used), used < threads ? (" (" + std::to_string(used) + ")").c_str() : "");
    }
    std::printf("\n");
  }
}

}  // namespace
}  // namespace lossgen
