#include "compare.h"

#include <fcntl.h>
#include <lossgen/lossgen.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "model.h"
#include "unfused.h"

extern char **environ;

namespace demo {
namespace {

size_t count_bytes(int fd) {
  char block[65536];
  size_t size = 0;
  for (ssize_t n; (n = read(fd, block, sizeof block)) > 0;) size += static_cast<size_t>(n);
  return size;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

struct FusedCall {
  FusedCall(std::vector<float> *logits, const std::vector<int32_t> &targets)
      : shape{static_cast<int64_t>(targets.size()), kClasses},
        x(lossgen_tensor(logits->data(), lossgen_dtype(kDLFloat, 32), 2, shape)),
        y(lossgen_tensor(const_cast<int32_t *>(targets.data()), lossgen_dtype(kDLInt, 32), 1, shape)),
        l(lossgen_tensor(&loss, lossgen_dtype(kDLFloat, 32), 0, nullptr)) {
    options.reduction = LOSSGEN_REDUCTION_SUM;
    options.threads = 1;
  }
  void operator()() {
    if (lossgen_cross_entropy_forward_backward(&x, &y, &options, &l, &x, nullptr) != LOSSGEN_OK) {
      throw std::runtime_error(lossgen_last_error());
    }
  }
  int64_t shape[2];
  float loss = 0;
  DLTensor x, y, l;
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
};

template <class F>
double seconds_of(F &&f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

std::optional<size_t> compressed_size(const std::vector<std::string> &command, const std::string &bytes) {
  FILE *input = tmpfile();
  int ends[2];
  if (!input) return std::nullopt;
  if (fwrite(bytes.data(), 1, bytes.size(), input) != bytes.size() || fflush(input) != 0 || pipe(ends) != 0) {
    fclose(input);
    return std::nullopt;
  }
  rewind(input);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(input), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char *> arguments;
  for (const std::string &word : command) arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child;
  const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  const size_t size = failed ? 0 : count_bytes(ends[0]);
  close(ends[0]);
  fclose(input);
  int status = 0;
  if (failed || waitpid(child, &status, 0) < 0 || status != 0) return std::nullopt;
  return size;
}

StepTime time_step(const std::vector<float> &logits, const std::vector<int32_t> &targets, int rounds) {
  const int rows = static_cast<int>(targets.size());
  std::vector<float> fused = logits, log_probs(logits.size()), gradient(logits.size());
  FusedCall call(&fused, targets);

  StepTime time;
  std::vector<double> fused_times, unfused_times;
  double unfused_loss = 0;
  for (int round = 0; round < rounds; round++) {
    unfused_times.push_back(seconds_of([&] {
      unfused_loss =
          unfused_cross_entropy(logits.data(), targets.data(), rows, kClasses, log_probs.data(), gradient.data());
    }));
    fused = logits;  // freshly written, as the model leaves them
    fused_times.push_back(seconds_of(call));
  }
  time.fused = median(fused_times);
  time.unfused = median(unfused_times);
  // The plain loops round lse to f32 on the way, which at logits of 50 costs 4e-6 of a probability.
  constexpr double kTolerance = 3e-5;
  time.loss_difference = fabs(static_cast<double>(call.loss) - unfused_loss) / fabs(unfused_loss);
  time.agree = time.loss_difference < kTolerance;
  for (size_t i = 0; i < gradient.size(); i++) {
    const double difference = fabs(static_cast<double>(gradient[i]) - static_cast<double>(fused[i]));
    time.gradient_difference = std::max(time.gradient_difference, difference);
    if (!(difference < kTolerance)) time.agree = false;  // also when it is NaN
  }
  return time;
}

}  // namespace demo
