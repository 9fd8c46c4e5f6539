// Tasks on threads: the built-in pool, or the caller's parallel_for.
#ifndef LOSSGEN_RUNTIME_PARALLEL_H
#define LOSSGEN_RUNTIME_PARALLEL_H

#include <stdint.h>

#include <type_traits>

#include "lossgen/lossgen.h"

namespace lossgen {

// Bytes of a cache line, of which what different threads write often has its own.
constexpr int64_t kLine = 64;

// Calls with less memory traffic than this run on the caller's thread. A parked worker needs 5 to 50 us to wake, in
// which one core streams 50 to 500 KiB: below that the caller would be done before help arrives.
constexpr int64_t kParallelBytes = 384 * 1024;

// Runs task(context, i) for every i in [0, count) and returns when all are done. Who runs what is not defined: a task
// must depend on nothing but i. Tasks see the caller's rounding mode and denormal handling on every thread; they must
// not throw. bytes_of_work: memory read and written by all tasks together. options may be NULL.
void parallel_for(const lossgen_options *options, int64_t count, int64_t bytes_of_work, lossgen_task task,
                  void *context);

// The same for a lambda: parallel_for(options, blocks, bytes, [&](int64_t block) { ... });
template <class Body, class = std::enable_if_t<std::is_invocable_v<Body &, int64_t>>>
void parallel_for(const lossgen_options *options, int64_t count, int64_t bytes_of_work, Body &&body) {
  using Plain = std::remove_reference_t<Body>;
  parallel_for(
      options, count, bytes_of_work, [](void *context, int64_t index) { (*static_cast<Plain *>(context))(index); },
      const_cast<void *>(static_cast<const void *>(&body)));
}

// How many threads such a call would use now, the caller included (for lossgen_explain); starts nothing. With a
// caller's parallel_for that is not ours to know: 0.
int parallel_threads(const lossgen_options *options, int64_t count, int64_t bytes_of_work);

// Tests only: pretend that this many CPUs are allowed; 0 = ask the system again.
void set_allowed_cpus_for_testing(int cpus);

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_PARALLEL_H
