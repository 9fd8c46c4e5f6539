#include "context_table.h"

#include <math.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace demo {
namespace {

// Found by trying on Python sources, C++ headers and licenses; none of them is sharp.
constexpr float kRate = 1.0f;
constexpr float kFirstEnergy = 2.0f;  // keeps the first steps of a row, whose energy is not known yet, in bounds
constexpr float kGateRate = 0.02f;

int gate_of(int visits) {
  static constexpr int kLimits[] = {12, 16, 32, 64, 128, 255};
  if (visits < 8) return visits;
  int gate = 8;
  for (int limit : kLimits) gate += visits >= limit;
  return gate;
}

uint64_t mix(uint64_t x) {  // splitmix64's finalizer
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

// Eight sums side by side: the compiler may not reorder one, so one would not become vector code.
float dot(const float *a, const float *b) {
  float sums[8] = {};
  for (int c = 0; c < kClasses; c += 8) {
    for (int j = 0; j < 8; j++) sums[j] += a[c + j] * b[c + j];
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

void add_scaled(float scale, const float *x, float *to) {
  for (int c = 0; c < kClasses; c++) to[c] += scale * x[c];
}

}  // namespace

ContextTable::ContextTable(Context context, int bits, bool hashed, int batch)
    : context_(context),
      bits_(bits),
      hashed_(hashed),
      energy_(size_t{1} << bits, kFirstEnergy),
      visits_(size_t{1} << bits, 0),
      row_of_(static_cast<size_t>(batch)) {
  void *memory = mmap(nullptr, visits_.size() * kClasses * sizeof(float), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  weights_ = static_cast<float *>(memory);
  std::fill(gate_, gate_ + kGates, 1.0f);
  std::fill(gate_energy_, gate_energy_ + kGates, 1.0f);
}

ContextTable::~ContextTable() {
  munmap(weights_, visits_.size() * kClasses * sizeof(float));
}

void ContextTable::add_to(const History &history, int r, float *logits) {
  const uint64_t context = context_(history);
  const uint64_t row = hashed_ ? mix(context + 1) >> (64 - bits_) : context;
  row_of_[static_cast<size_t>(r)] = static_cast<uint32_t>(row);
  if (visits_[row]) add_scaled(gate_[gate_of(visits_[row])], weights_ + row * kClasses, logits);
}

void ContextTable::learn(const float *gradient, const float *energy, int rows) {
  float gate_gradient[kGates] = {};
  for (int r = 0; r < rows; r++) {
    const size_t row = row_of_[static_cast<size_t>(r)];
    const float *g = gradient + static_cast<size_t>(r) * kClasses;
    float *w = weights_ + row * kClasses;
    const int gate = gate_of(visits_[row]);
    if (visits_[row]) gate_gradient[gate] += dot(g, w);
    energy_[row] += energy[r];
    add_scaled(-kRate * gate_[gate] / sqrtf(energy_[row]), g, w);
    if (visits_[row] < 255) visits_[row]++;
  }
  for (int i = 0; i < kGates; i++) {
    gate_energy_[i] += gate_gradient[i] * gate_gradient[i];
    gate_[i] -= kGateRate * gate_gradient[i] / sqrtf(gate_energy_[i]);
  }
}

size_t ContextTable::rows_seen() const {
  return visits_.size() - static_cast<size_t>(std::count(visits_.begin(), visits_.end(), 0));
}

}  // namespace demo
