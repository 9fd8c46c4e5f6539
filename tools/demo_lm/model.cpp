#include "model.h"

#include <algorithm>

#include "context_table.h"

namespace demo {
namespace {

// 64 MB for each of the eight hashed tables; four times as much gains 0.04 bits per byte on 5 MB of text.
constexpr int kBits = 16;

template <int kBytes>
uint64_t last_bytes(const History &h) {
  return kBytes == 8 ? h.last : h.last & ((uint64_t{1} << kBytes % 8 * 8) - 1);
}

uint64_t last_12(const History &h) {
  return h.last * 0x9e3779b97f4a7c15u ^ (h.before & 0xffffffffu);
}

uint64_t last_byte(const History &h) {
  return h.last & 0xff;
}

// Between words: which byte it is.
uint64_t word(const History &h) {
  return h.word ? h.word : last_byte(h);
}

uint64_t two_words(const History &h) {
  return h.word * 0x9e3779b97f4a7c15u + h.previous_word * 0xd6e8feb86659fd93u + last_byte(h);
}

struct Kind {
  ContextTable::Context context;
  int bits;
  bool hashed;
};

constexpr Kind kKinds[] = {
    {last_bytes<0>, 0, false},    {last_bytes<1>, 8, false},    {last_bytes<2>, 16, false},
    {last_bytes<3>, kBits, true}, {last_bytes<4>, kBits, true}, {last_bytes<5>, kBits, true},
    {last_bytes<6>, kBits, true}, {last_bytes<8>, kBits, true}, {last_12, kBits, true},
    {word, kBits, true},          {two_words, kBits, true},
};

bool in_word(uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_' ||
         byte >= 128;
}

}  // namespace

void History::push(uint8_t byte) {
  before = before << 8 | last >> 56;
  last = last << 8 | byte;
  if (in_word(byte)) {
    word = (word + byte + 1) * 0x9e3779b97f4a7c15u;
  } else if (word) {
    previous_word = word;
    word = 0;
  }
}

ByteModel::ByteModel(int batch, ThreadPool *pool) : pool_(pool), energy_(static_cast<size_t>(batch)) {
  for (const Kind &kind : kKinds) {
    tables_.push_back(std::make_unique<ContextTable>(kind.context, kind.bits, kind.hashed, batch));
  }
}

ByteModel::~ByteModel() = default;

void ByteModel::predict(const History *histories, int rows, float *logits) {
  constexpr int kRowsPerTask = 32;
  pool_->run((rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task) {
    const int begin = static_cast<int>(task) * kRowsPerTask, end = std::min(rows, begin + kRowsPerTask);
    for (int r = begin; r < end; r++) {
      float *row = logits + static_cast<size_t>(r) * kClasses;
      std::fill(row, row + kClasses, 0.0f);
      for (auto &table : tables_) table->add_to(histories[r], r, row);
    }
  });
}

void ByteModel::learn(const float *gradient, int rows) {
  for (int r = 0; r < rows; r++) {
    const float *g = gradient + static_cast<size_t>(r) * kClasses;
    float sums[8] = {};
    for (int c = 0; c < kClasses; c++) sums[c % 8] += g[c] * g[c];
    float sum = 0;
    for (float s : sums) sum += s;
    energy_[static_cast<size_t>(r)] = sum;
  }
  pool_->run(static_cast<int64_t>(tables_.size()),
             [&](int64_t t) { tables_[static_cast<size_t>(t)]->learn(gradient, energy_.data(), rows); });
}

size_t ByteModel::parameters() const {
  size_t rows = 0;
  for (const auto &table : tables_) rows += table->rows_seen();
  return rows * kClasses;
}

size_t ByteModel::bytes() const {
  size_t rows = 0;
  for (const auto &table : tables_) rows += table->rows();
  return rows * kClasses * sizeof(float);
}

}  // namespace demo
