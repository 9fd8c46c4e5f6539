// The measuring child of `lossgen tune`: linked with one candidate's kernels and the runtime, started by the tuner on
// this machine or, through any command, on another. Commands come on standard input, one a line; each is answered by
// one line of JSON:
//   machine                                        what this machine is and what disturbs it
//   gpu                                            what its GPU is
//   bandwidth TARGET BYTES                         how fast the memory is that the target's kernels work in
//   check CALL DTYPE LAYOUT TARGET N C INNER       right results? {"worst": 0.2}, in units of what is allowed
//   time CALL DTYPE LAYOUT TARGET N C INNER THREADS SAMPLES ROUND      {"seconds": [...]} of one call
// Memory is held while a command runs, not between: many of these may wait beside each other.
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include <exception>
#include <functional>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "machine.h"
#include "problem.h"

namespace {

using namespace tune;

void answer(const std::string &json) { std::cout << json << std::endl; }
void failed(const std::string &why) { answer("{\"error\": " + quoted(why) + "}"); }

bool ran(Problem &problem) {
  if (problem.run() == LOSSGEN_OK) return true;
  failed(lossgen_last_error());
  return false;
}

void check(const Shape &shape) {
  Problem problem(shape, 1, true);
  if (!ran(problem)) return;
  const double worst = problem.worst_error();
  char text[64];
  snprintf(text, sizeof text, "{\"worst\": %.4g}", isfinite(worst) ? worst : 1e30);
  answer(text);
}

void time_calls(const Shape &shape, int threads, int samples, int round) {
  constexpr double kSample = 1e-3;       // shorter calls are timed several at a time
  if (threads == 1) run_on_core(round);  // the cores' neighbours differ, too
  Problem problem(shape, threads, false);
  if (!ran(problem)) return;
  const Gpu *gpu = gpu_of(shape.target);
  // One thread is timed by the time that it ran: others on the machine take turns with it, which is not the kernel's
  // fault.
  const auto clock = threads == 1 ? thread_time : now;
  const auto seconds_of = [&](const std::function<void()> &work) {
    if (gpu) return gpu->time(work, 1);
    const double start = clock();
    work();
    return clock() - start;
  };
  const double once = seconds_of([&] { problem.run(); });
  const int calls = once >= kSample ? 1 : static_cast<int>(fmin(ceil(kSample / fmax(once, 1e-8)), 1e5));
  std::function<void()> all = [&] {
    for (int k = 0; k < calls; k++)
      if (problem.run() != LOSSGEN_OK) throw std::runtime_error(lossgen_last_error());
  };
  // As a graph, so that the device does not wait for this thread, whose part no schedule changes.
  if (gpu) all = gpu->capture(all);
  std::string list;
  for (int i = 0; i < samples; i++) {
    char text[32];
    snprintf(text, sizeof text, "%s%.6g", i ? ", " : "", seconds_of(all) / calls);
    list += text;
  }
  answer("{\"seconds\": [" + list + "]}");
}

// How the stack lies within a page decides, with where the tensors lie, which loads seem to depend on earlier stores:
// some per cent, for as long as the process lives, and the system draws it by chance. Here the round decides: it is the
// same for all programs that are compared, and another one in the next round.
template <class Work>
__attribute__((noinline)) void on_stack_of(int round, Work work) {
  constexpr uintptr_t kPage = 4096, kStep = 7 * 64;
  const uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  volatile char *pad =
      static_cast<char *>(__builtin_alloca((here + static_cast<uintptr_t>(round) * kStep) % kPage + 1));
  pad[0] = 0;
  work();
}

}  // namespace

int main() {
  answer("{\"runner\": 1}");
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    try {
      Shape shape;
      int64_t bytes = 0;
      int threads = 1, samples = 1, round = 0;
      if (command == "machine") {
        answer(machine_json());
      } else if (command == "gpu") {
        answer(gpu_json(*gpu_of("cuda")));
      } else if (command == "bandwidth" && words >> shape.target >> bytes) {
        const Gpu *gpu = gpu_of(shape.target);
        answer(gpu ? gpu_bandwidth_json(*gpu, bytes) : bandwidth_json(bytes));
      } else if ((command == "check" || command == "time") && words >> shape.call >> shape.dtype >> shape.layout >>
                                                                  shape.target >> shape.rows >> shape.classes >>
                                                                  shape.inner) {
        if (command == "check") check(shape);
        else if (words >> threads >> samples >> round)
          on_stack_of(round, [&] { time_calls(shape, threads, samples, round); });
        else failed("time without THREADS SAMPLES ROUND");
      } else {
        failed("not a command: " + line);
      }
    } catch (const std::exception &e) {
      failed(e.what());
    }
  }
}
