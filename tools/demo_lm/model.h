// A byte-level language model whose logits are sums of table rows: logits = sum_k gate_k[visits] * table_k[context_k],
// one table for each kind of context (the last 0 to 6, 8 and 12 bytes, the word so far, two words), one row of 256
// logits for each context, found by hashing. Rows and gates are trained by gradient descent; the gradient of the loss
// with respect to the logits, which is what lossgen computes, is the gradient of every row that was added up.
#ifndef LOSSGEN_DEMO_MODEL_H
#define LOSSGEN_DEMO_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <vector>

#include "thread_pool.h"

namespace demo {

constexpr int kClasses = 256;

// What one stream of text has shown so far; the model sees nothing else.
struct History {
  uint64_t last = 0;    // bytes 1 to 8 back, the newest in the low bits
  uint64_t before = 0;  // bytes 9 to 16 back
  uint64_t word = 0;    // hash of the word's letters so far, 0 between words
  uint64_t previous_word = 0;

  void push(uint8_t byte);
};

class ContextTable;

class ByteModel {
 public:
  // batch: the most rows a call will have.
  ByteModel(int batch, ThreadPool *pool);
  ~ByteModel();

  // logits[r, :] for what follows histories[r].
  void predict(const History *histories, int rows, float *logits);

  // One step of training with the gradient of the loss with respect to the logits of the last predict().
  // The result does not depend on the number of threads: every table has one owner, which goes through the rows in
  // order.
  void learn(const float *gradient, int rows);

  size_t tables() const { return tables_.size(); }
  size_t parameters() const;  // that have been trained so far
  size_t bytes() const;       // memory reserved for the tables
  static constexpr int context_bytes() { return 12; }

 private:
  ThreadPool *pool_;
  std::vector<std::unique_ptr<ContextTable>> tables_;
  std::vector<float> energy_;  // of a batch: sum over the classes of gradient squared
};

}  // namespace demo
#endif  // LOSSGEN_DEMO_MODEL_H
