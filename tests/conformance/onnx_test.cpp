// ONNX's own node tests of NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, inputs and outputs as published,
// through the C API. Where the data are is found by CMake (Debian: libonnx-testdata) or given in LOSSGEN_ONNX_DATA.
#include <gtest/gtest.h>
#include <lossgen/lossgen.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "protobuf.h"

namespace {

namespace fs = std::filesystem;

fs::path data_folder() {
  const char *given = std::getenv("LOSSGEN_ONNX_DATA");
  return given != nullptr ? given : ONNX_DATA;
}

// Names of the cases that are installed; "missing" alone stands for none.
std::vector<std::string> case_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(data_folder(), error)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name.rfind("test_nllloss_", 0) == 0 || name.rfind("test_sce_", 0) == 0;
    // "expanded" cases are the same data with the operator written out in other operators.
    if (ours && name.find("_expanded") == std::string::npos) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  if (names.empty()) names.push_back("missing");
  return names;
}

std::string read_file(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Tensor {
  std::vector<int64_t> shape;
  int type = 0;  // TensorProto.DataType: 1 float, 6 int32, 7 int64
  std::string data;
  size_t size() const { return data.size() / (type == 7 ? 8 : 4); }
  float at(size_t i) const {
    float value;
    std::memcpy(&value, data.data() + 4 * i, 4);
    return value;
  }
  DLTensor dl() {
    const DLDataType t = type == 1   ? lossgen_dtype(kDLFloat, 32)
                         : type == 6 ? lossgen_dtype(kDLInt, 32)
                                     : lossgen_dtype(kDLInt, 64);
    return lossgen_tensor(data.data(), t, static_cast<int32_t>(shape.size()), shape.data());
  }
};

Tensor read_tensor(const fs::path &path) {
  const std::string message = read_file(path);
  protobuf::Reader reader(message);
  Tensor t;
  auto add = [&](const void *value, size_t size) { t.data.append(static_cast<const char *>(value), size); };
  for (protobuf::Field f; reader.next(&f);) {
    if (f.number == 1 && !f.is_bytes) t.shape.push_back(static_cast<int64_t>(f.value));
    if (f.number == 1 && f.is_bytes) {
      for (protobuf::Reader packed(f.bytes); packed.more();) t.shape.push_back(static_cast<int64_t>(packed.varint()));
    }
    if (f.number == 2) t.type = static_cast<int>(f.value);
    if (f.number == 4) f.is_bytes ? add(f.bytes.data(), f.bytes.size()) : add(&f.value, 4);
    if (f.number == 7) {
      protobuf::Reader packed(f.bytes);
      while (packed.more()) {
        const uint64_t value = packed.varint();
        add(&value, 8);
      }
    }
    if (f.number == 9) t.data = f.bytes;
  }
  if (t.type != 1 && t.type != 6 && t.type != 7) throw std::runtime_error(path.string() + ": other data type");
  return t;
}

struct Node {
  std::string op, reduction = "mean";
  bool has_ignore_index = false;
  int64_t ignore_index = 0;
};

Node read_node(const fs::path &path) {
  Node node;
  protobuf::Field f, g, n, a;
  const std::string model = read_file(path);
  for (protobuf::Reader in_model(model); in_model.next(&f);) {
    if (f.number != 7) continue;  // graph
    for (protobuf::Reader in_graph(f.bytes); in_graph.next(&g);) {
      if (g.number != 1) continue;  // node
      for (protobuf::Reader in_node(g.bytes); in_node.next(&n);) {
        if (n.number == 4) node.op = n.bytes;
        if (n.number != 5) continue;  // attribute
        std::string name;
        protobuf::Field value;
        for (protobuf::Reader in_attribute(n.bytes); in_attribute.next(&a);) {
          if (a.number == 1) name = a.bytes;
          if (a.number == 3 || a.number == 4) value = a;
        }
        if (name == "reduction") node.reduction = value.bytes;
        if (name == "ignore_index") {
          node.has_ignore_index = true;
          node.ignore_index = static_cast<int64_t>(value.value);
        }
      }
    }
  }
  return node;
}

void expect_equal(const Tensor &got, const Tensor &published, const char *what) {
  ASSERT_EQ(got.size(), published.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got.at(i), published.at(i), 1e-6 + 1e-5 * std::fabs(published.at(i))) << what << "[" << i << "]";
  }
}

class Onnx : public testing::TestWithParam<std::string> {};

TEST_P(Onnx, NodeTest) {
  if (GetParam() == "missing") GTEST_SKIP() << "ONNX node tests: no data (Debian: libonnx-testdata)";
  const fs::path folder = data_folder() / GetParam(), data = folder / "test_data_set_0";
  const Node node = read_node(folder / "model.onnx");
  Tensor scores = read_tensor(data / "input_0.pb"), labels = read_tensor(data / "input_1.pb"), weights;
  const Tensor published = read_tensor(data / "output_0.pb");
  const bool with_weights = fs::exists(data / "input_2.pb"), with_log_probs = fs::exists(data / "output_1.pb");

  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  options.reduction = node.reduction == "mean"  ? LOSSGEN_REDUCTION_MEAN
                      : node.reduction == "sum" ? LOSSGEN_REDUCTION_SUM
                                                : LOSSGEN_REDUCTION_NONE;
  options.ignore_mode = node.has_ignore_index ? LOSSGEN_IGNORE_INDEX : LOSSGEN_IGNORE_NONE;
  options.ignore_index = node.ignore_index;
  DLTensor weight;
  if (with_weights) {
    weights = read_tensor(data / "input_2.pb");
    weight = weights.dl();
    options.weight = &weight;
  }
  Tensor loss = published, log_probs = scores;
  std::fill(loss.data.begin(), loss.data.end(), '\x7e');
  std::fill(log_probs.data.begin(), log_probs.data.end(), '\x7e');
  const DLTensor x = scores.dl(), y = labels.dl();
  DLTensor out = loss.dl(), lp = log_probs.dl();
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  if (with_log_probs) extras.log_probs = &lp;

  lossgen_status status;
  if (node.op == "NegativeLogLikelihoodLoss") {
    status = lossgen_nll_loss_forward(&x, &y, &options, &out, nullptr);
  } else {
    ASSERT_EQ(node.op, "SoftmaxCrossEntropyLoss");
    status = lossgen_cross_entropy_forward(&x, &y, &options, &out, &extras);
  }
  ASSERT_EQ(status, LOSSGEN_OK) << lossgen_last_error();
  expect_equal(loss, published, "loss");
  if (with_log_probs) expect_equal(log_probs, read_tensor(data / "output_1.pb"), "log_prob");
}

TEST(OnnxData, AllCasesAreThere) {
  if (case_names().front() == "missing") GTEST_SKIP() << "ONNX node tests: no data (Debian: libonnx-testdata)";
  EXPECT_EQ(case_names().size(), 52u);
}

INSTANTIATE_TEST_SUITE_P(Published, Onnx, testing::ValuesIn(case_names()), [](const auto &info) { return info.param; });

}  // namespace
