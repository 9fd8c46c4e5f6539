#include <cstdio>
#include <lossgen/lossgen.hpp>

int main() {
  std::vector<float> scores = {1, 2, 0.5f, 0.1f, -1, 3}, weight = {1, 2, 0.5f};
  std::vector<int64_t> target = {1, -100};  // the second row is ignored
  lossgen::MutableView logits(scores.data(), {2, 3});

  lossgen::CrossEntropyLoss criterion(lossgen::View(weight.data(), {3}));
  lossgen::Loss loss = criterion.forward_backward(logits, {target.data(), {2}}, logits);
  std::printf("loss %.6f, gradient of the first row %.6f %.6f %.6f\n", loss.item(), scores[0], scores[1], scores[2]);

  target[0] = 3;
  try {
    criterion(logits, {target.data(), {2}});
  } catch (const lossgen::Error &error) {
    std::printf("%s\n", error.what());
  }
}
