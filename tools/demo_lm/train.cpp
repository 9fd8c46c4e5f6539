#include "train.h"

#include <lossgen/lossgen.h>
#include <math.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "progress.h"

namespace demo {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Replaces logits [rows, 256] by their gradient and returns the batch's loss in nats. The reduction is a sum, so a
// row's gradient is softmax - one_hot whatever the batch is.
double loss_and_gradient(float *logits, const int32_t *targets, int rows, const lossgen_options &options) {
  const int64_t shape[] = {rows, kClasses};
  float loss = 0;
  DLTensor logits_tensor = lossgen_tensor(logits, lossgen_dtype(kDLFloat, 32), 2, shape);
  DLTensor target_tensor = lossgen_tensor(const_cast<int32_t *>(targets), lossgen_dtype(kDLInt, 32), 1, shape);
  DLTensor loss_tensor = lossgen_tensor(&loss, lossgen_dtype(kDLFloat, 32), 0, nullptr);
  const lossgen_status status = lossgen_cross_entropy_forward_backward(&logits_tensor, &target_tensor, &options,
                                                                       &loss_tensor, &logits_tensor, nullptr);
  if (status != LOSSGEN_OK) throw std::runtime_error(lossgen_last_error());
  return loss;
}

// Streams of the text, the first (size % count) of them one byte longer.
struct Streams {
  Streams(const std::string &text, int count)
      : text(text),
        count(count),
        length(text.size() / static_cast<size_t>(count)),
        longer(text.size() % static_cast<size_t>(count)) {}

  size_t begin(int stream) const {
    const size_t s = static_cast<size_t>(stream);
    return s * length + std::min(s, longer);
  }
  size_t steps() const { return length + (longer > 0); }
  int rows(size_t step) const { return step < length ? count : static_cast<int>(longer); }
  uint8_t byte(int stream, size_t step) const { return static_cast<uint8_t>(text[begin(stream) + step]); }

  std::string before(size_t step) const {  // what the first `step` steps have scored
    std::string bytes;
    for (int s = 0; s < count; s++) {
      bytes.append(text, begin(s), std::min(step, begin(s + 1) - begin(s)));
    }
    return bytes;
  }

  const std::string &text;
  int count;
  size_t length, longer;
};

}  // namespace

int batch_for(size_t bytes) {
  int batch = 16;
  while (batch < 256 && bytes / static_cast<size_t>(2 * batch) >= 8192) batch *= 2;
  return batch;
}

Training train(const std::string &text, int batch, double seconds, ByteModel *model) {
  const Streams streams(text, batch);
  const size_t steps = streams.steps();
  Training result;
  result.batch = batch;
  std::vector<History> histories(static_cast<size_t>(batch));
  std::vector<float> logits(static_cast<size_t>(batch) * kClasses);
  std::vector<int32_t> targets(static_cast<size_t>(batch));

  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  options.reduction = LOSSGEN_REDUCTION_SUM;
  options.threads = 1;  // 256 rows take some 30 us, about what waking another thread costs

  const size_t steps_per_point = std::max<size_t>(1, steps / 150);
  double nats = 0, nats_at_point = 0;
  size_t scored = 0, scored_at_point = 0, step = 0;
  const auto add_point = [&] {
    if (scored == scored_at_point) return;
    result.curve.push_back({scored, (nats - nats_at_point) / M_LN2 / static_cast<double>(scored - scored_at_point),
                            nats / M_LN2 / static_cast<double>(scored)});
    nats_at_point = nats;
    scored_at_point = scored;
  };
  Progress progress("training", "bits/byte");
  const Clock::time_point start = Clock::now();
  for (; step < steps; step++) {
    if (step > 0 && seconds_since(start) > seconds) break;
    const int rows = streams.rows(step);
    for (int r = 0; r < rows; r++) targets[static_cast<size_t>(r)] = streams.byte(r, step);
    model->predict(histories.data(), rows, logits.data());
    if (step % 64 == 0 && rows == batch) {
      result.sample_logits = logits;
      result.sample_targets = targets;
    }
    const Clock::time_point before = Clock::now();
    nats += loss_and_gradient(logits.data(), targets.data(), rows, options);
    result.loss_seconds += seconds_since(before);
    scored += static_cast<size_t>(rows);
    model->learn(logits.data(), rows);
    for (int r = 0; r < rows; r++) histories[static_cast<size_t>(r)].push(streams.byte(r, step));

    if ((step + 1) % steps_per_point == 0) add_point();
    progress.update(step + 1, steps, nats / M_LN2 / static_cast<double>(scored), seconds);
  }
  progress.finish();
  add_point();
  result.seconds = seconds_since(start);
  result.steps = static_cast<int64_t>(step);
  result.complete = step == steps;
  result.bits = nats / M_LN2;
  result.scored = result.complete ? text : streams.before(step);
  return result;
}

}  // namespace demo
