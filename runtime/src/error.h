// This thread's last error: what every C API call leaves behind when it fails.
#ifndef LOSSGEN_RUNTIME_ERROR_H
#define LOSSGEN_RUNTIME_ERROR_H

#include "lossgen/lossgen.h"

namespace lossgen {

// Each C API entry opens one; messages of fail() on this thread then start with "op: ". The innermost scope counts, so
// a lossgen call made from inside a caller's callback (parallel_for, allocate) speaks for itself.
class ErrorScope {
 public:
  explicit ErrorScope(const char *op);
  ~ErrorScope();
  ErrorScope(const ErrorScope &) = delete;
  ErrorScope &operator=(const ErrorScope &) = delete;

 private:
  const char *outer_;
};

// Stores "op: message" for lossgen_last_error (cut at 1023 bytes) and returns status, so that checks read
// `return fail(LOSSGEN_BAD_ARGUMENT, "logits is NULL")`. Arguments may point into the current message. Never allocates.
// Call it on the thread that entered the API: a task on a worker would set the worker's message.
lossgen_status fail(lossgen_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Adds to the message of the last fail().
void fail_more(const char *format, ...) __attribute__((format(printf, 1, 2)));

void clear_error();

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_ERROR_H
