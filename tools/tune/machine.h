// What a timing depends on beside the kernel: the machine, what disturbs it, how fast its memory is.
#ifndef LOSSGEN_TUNE_MACHINE_H
#define LOSSGEN_TUNE_MACHINE_H

#include <stdint.h>

#include <string>

#include "gpu.h"

namespace tune {

double now();
double thread_time();  // that this thread has run
// From now on this thread runs on one core: the index-th of those that it may run on, counted around.
void run_on_core(int index);
std::string quoted(const std::string &text);  // as a JSON string
std::string machine_json();
std::string gpu_json(const Gpu &gpu);
// GB/s of one thread that reads `bytes` again and again, that writes them back, and that copies them elsewhere.
std::string bandwidth_json(int64_t bytes);
// The same of a GPU, whose copy stands for all three.
std::string gpu_bandwidth_json(const Gpu &gpu, int64_t bytes);

}  // namespace tune
#endif  // LOSSGEN_TUNE_MACHINE_H
