// Which kernels a call takes: those made for 10 classes.
#include <cmath>
#include <cstdio>
#include <lossgen/lossgen.hpp>

int main() {
  std::vector<float> scores(320);
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(i % 7);
  const std::vector<uint8_t> target(32, 3);
  const lossgen::MutableView logits(scores.data(), {32, 10});

  char text[2048];
  const DLTensor x = logits.dl();
  lossgen_explain("cross_entropy_forward_backward", &x, nullptr, text, sizeof(text));
  std::fputs(text, stdout);
  const double loss = lossgen::CrossEntropyLoss().forward_backward(logits, {target.data(), {32}}, logits).item();
  std::printf("loss %.6f\n", loss);
  return std::isfinite(loss) ? 0 : 1;
}
