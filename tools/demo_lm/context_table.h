// One kind of context: 2^bits rows of 256 logits, how often each was seen, and the gates.
#ifndef LOSSGEN_DEMO_CONTEXT_TABLE_H
#define LOSSGEN_DEMO_CONTEXT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "model.h"

namespace demo {

class ContextTable {
 public:
  using Context = uint64_t (*)(const History &);

  // bits = width of the context in bits where every context has its own row; hashed: the context is wider than that.
  ContextTable(Context context, int bits, bool hashed, int batch);
  ~ContextTable();
  ContextTable(const ContextTable &) = delete;
  ContextTable &operator=(const ContextTable &) = delete;

  // Looks up row r of the batch and adds what it knows to the 256 logits.
  void add_to(const History &history, int r, float *logits);

  // Descends along gradient [rows, 256]; energy[r] = its squared length.
  void learn(const float *gradient, const float *energy, int rows);

  size_t rows() const { return visits_.size(); }
  size_t rows_seen() const;

 private:
  static constexpr int kGates = 16;

  Context context_;
  int bits_;
  bool hashed_;
  float *weights_ = nullptr;      // [rows, 256], mapped and zero; memory is taken when a row is first touched
  std::vector<float> energy_;     // [rows] gradient energy so far: Adagrad with one step size for a row
  std::vector<uint8_t> visits_;   // [rows], stays at 255
  std::vector<uint32_t> row_of_;  // [batch]
  // A row seen once knows less than a row seen a hundred times, and how much that is worth is learned: one factor for
  // each range of visits.
  float gate_[kGates];
  float gate_energy_[kGates];
};

}  // namespace demo
#endif  // LOSSGEN_DEMO_CONTEXT_TABLE_H
