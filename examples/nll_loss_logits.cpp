// The first example of torch.nn.NLLLoss's page: logits of shape (3, 5), target [1, 0, 4].
#include <lossgen/lossgen.hpp>

#include "generator.h"

// torch_values.py
constexpr float kLoss = 2.46647477f;
constexpr float kGradient[15] = {0.0264390968f, -0.28835845f,  0.0771683902f, 0.172182441f,   0.0125685325f,
                                 -0.30397284f,  0.148506433f,  0.0619501881f, 0.00715312501f, 0.0863630995f,
                                 0.0182424467f, 0.0362869352f, 0.071144104f,  0.190505534f,   -0.316179007f};

int main() {
  std::vector<float> input = Generator(1).numbers(15);
  for (float &x : input) x *= 4;
  const std::vector<int64_t> target = {1, 0, 4};

  // loss = NLLLoss()(LogSoftmax(dim=1)(input), target)
  std::vector<float> log_probs(15), gradient(15);
  const lossgen::MutableView logits(input.data(), {3, 5}), lp(log_probs.data(), {3, 5}), g(gradient.data(), {3, 5});
  const lossgen::View y(target.data(), {3});
  const lossgen::LogSoftmax log_softmax(1);
  const lossgen::NLLLoss criterion;
  log_softmax.forward(logits, lp);
  const double loss = criterion(lp, y).item();

  // loss.backward()
  criterion.backward(y, g);
  log_softmax.backward(g, lp, g);

  int failures = differs("loss", loss, kLoss, kLoss);
  for (int i = 0; i < 15; ++i) {
    const std::string name = "gradient[" + std::to_string(i / 5) + "][" + std::to_string(i % 5) + "]";
    failures += differs(name.c_str(), gradient[i], kGradient[i], 1);
  }

  // The same in one pass over memory; the logits become their gradient.
  const double fused = lossgen::CrossEntropyLoss().forward_backward(logits, y, logits).item();
  failures += differs("fused loss", fused, kLoss, kLoss);
  for (int i = 0; i < 15; ++i) failures += std::fabs(input[i] - kGradient[i]) > 2e-6f;
  return failures != 0;
}
