// A plugin that carries the runtime: see pool_test.cpp.
#include <vector>

#include "parallel.h"

extern "C" __attribute__((visibility("default"))) long plugin_sum(int cpus, int tasks) {
  lossgen::set_allowed_cpus_for_testing(cpus);
  std::vector<long> parts(static_cast<size_t>(tasks));
  lossgen::parallel_for(nullptr, tasks, lossgen::kParallelBytes,
                        [&](int64_t i) { parts[static_cast<size_t>(i)] = static_cast<long>(i); });
  long sum = 0;
  for (long part : parts) sum += part;
  return sum;
}
