// The second example of torch.nn.NLLLoss's page: data (5, 16, 10, 10) through a 3 x 3 convolution to (5, 4, 8, 8),
// LogSoftmax over the channels, NLLLoss of an image of classes, and back to the convolution's weights.
#include <lossgen/lossgen.hpp>

#include "generator.h"

// torch_values.py
constexpr float kLoss = 1.71366405f;
constexpr float kBias[4] = {0.00680700503f, -0.0219734162f, 0.0213285871f, -0.00616217311f};
constexpr float kWeights[6] = {0.00510583073f,  -0.00746969786f, -0.00739859184f,
                               -0.00911492854f, -0.0103014018f,  -0.00445489446f};  // every 97th
constexpr float kWeightsSquared = 0.0431142783f;                                    // sum over all

constexpr int kN = 5, kIn = 16, kC = 4, kSize = 10, kOut = 8;

// Calls body(output, input, weight) with the offsets of every product of the convolution.
template <class Body>
void for_each_product(Body body) {
  for (int n = 0; n < kN; ++n)
    for (int c = 0; c < kC; ++c)
      for (int y = 0; y < kOut; ++y)
        for (int x = 0; x < kOut; ++x)
          for (int k = 0; k < kIn; ++k)
            for (int i = 0; i < 3; ++i)
              for (int j = 0; j < 3; ++j)
                body(((n * kC + c) * kOut + y) * kOut + x, ((n * kIn + k) * kSize + y + i) * kSize + x + j,
                     ((c * kIn + k) * 3 + i) * 3 + j);
}

int main() {
  Generator random(2);
  const std::vector<float> data = random.numbers(kN * kIn * kSize * kSize);
  const std::vector<float> weight = random.numbers(kC * kIn * 3 * 3), bias = random.numbers(kC);
  std::vector<int64_t> target(kN * kOut * kOut);
  for (int64_t &t : target) t = random.next() % kC;

  // output = LogSoftmax(dim=1)(conv(data))
  std::vector<float> output(kN * kC * kOut * kOut);
  for (size_t i = 0; i < output.size(); ++i) output[i] = bias[i / (kOut * kOut) % kC];
  for_each_product([&](int o, int d, int w) { output[o] += data[d] * weight[w]; });
  const lossgen::MutableView out(output.data(), {kN, kC, kOut, kOut});
  const lossgen::View y(target.data(), {kN, kOut, kOut});
  const lossgen::LogSoftmax log_softmax(1);
  log_softmax.forward(out, out);

  // loss = NLLLoss()(output, target); loss.backward()
  const lossgen::NLLLoss criterion;
  const double loss = criterion(out, y).item();
  std::vector<float> gradient(output.size());
  const lossgen::MutableView g(gradient.data(), {kN, kC, kOut, kOut});
  criterion.backward(y, g);
  log_softmax.backward(g, out, g);
  std::vector<float> grad_weight(weight.size()), grad_bias(kC);
  for_each_product([&](int o, int d, int w) { grad_weight[w] += data[d] * gradient[o]; });
  for (size_t i = 0; i < gradient.size(); ++i) grad_bias[i / (kOut * kOut) % kC] += gradient[i];

  int failures = differs("loss", loss, kLoss, kLoss);
  for (int c = 0; c < kC; ++c)
    failures += differs(("gradient of bias[" + std::to_string(c) + "]").c_str(), grad_bias[c], kBias[c], 1);
  double squares = 0;
  for (float v : grad_weight) squares += static_cast<double>(v) * v;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "gradient of weight[" + std::to_string(97 * i) + "]";
    failures += differs(name.c_str(), grad_weight[97 * i], kWeights[i], 0.1);
  }
  failures += differs("sum of squares", squares, kWeightsSquared, 1);
  return failures != 0;
}
