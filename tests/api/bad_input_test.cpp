// Every entry of the corpus gives its status and its message, prints nothing and leaves the outputs alone.
#include "bad_input.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {

class BadInputs : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputs, StatusAndMessage) {
  const BadInput &c = GetParam();
  Problem p(c.spatial);
  c.spoil(p);
  std::vector<std::vector<char>> inputs;
  for (const Argument *a : p.inputs()) inputs.push_back(a->memory);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const lossgen_status status = p.run(c.op);
  const std::string printed = testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
  const std::string message = lossgen_last_error();
  EXPECT_EQ(printed, "") << "the library prints nothing";
  // Checks of a feature start when it exists.
  if (status == LOSSGEN_UNSUPPORTED_BY_BUILD && message.find("not in this version") != std::string::npos) {
    GTEST_SKIP() << message.substr(message.find(": ") + 2);
  }
  ASSERT_EQ(status, c.status) << lossgen_status_string(status) << ": " << message;
  EXPECT_EQ(message.rfind(std::string(op_name(c.op)) + ": ", 0), 0u) << message;
  for (const char *fragment : c.message) {
    EXPECT_NE(message.find(fragment), std::string::npos) << "no '" << fragment << "' in: " << message;
  }
  EXPECT_LE(message.size(), 400u) << message;
  for (size_t i = 0; i < inputs.size(); ++i) EXPECT_EQ(p.inputs()[i]->memory, inputs[i]) << "input written";
  EXPECT_TRUE(p.untouched(p.out)) << "gradient or log-probabilities written";
  for (Argument *a : {&p.loss, &p.total_weight, &p.correct}) {
    // A class out of bounds may be found in flight: then scalars stay as they are, results of rows need not.
    if (status == LOSSGEN_TARGET_OUT_OF_BOUNDS && a->tensor.ndim > 0) continue;
    EXPECT_TRUE(p.untouched(*a)) << "scalar written";
  }
  if (status != LOSSGEN_TARGET_OUT_OF_BOUNDS) {
    for (Argument *a : {&p.lse, &p.argmax, &p.entropy}) EXPECT_TRUE(p.untouched(*a)) << "result of rows written";
  }
}

std::string case_name(const testing::TestParamInfo<BadInput> &info) {
  return std::string(op_name(info.param.op)) + "_" + info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Tensors, BadInputs, testing::ValuesIn(bad_tensors()), case_name);
INSTANTIATE_TEST_SUITE_P(Options, BadInputs, testing::ValuesIn(bad_options()), case_name);
INSTANTIATE_TEST_SUITE_P(Extras, BadInputs, testing::ValuesIn(bad_extras()), case_name);

class BadCalls : public testing::TestWithParam<BadCall> {};

TEST_P(BadCalls, StatusAndMessage) {
  const BadCall &c = GetParam();
  ASSERT_EQ(c.call(), c.status);
  const std::string message = lossgen_last_error();
  EXPECT_EQ(message.rfind(std::string(c.function) + ": ", 0), 0u) << message;
  for (const char *fragment : c.message) {
    EXPECT_NE(message.find(fragment), std::string::npos) << "no '" << fragment << "' in: " << message;
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, BadCalls, testing::ValuesIn(bad_calls()),
                         [](const auto &info) { return std::string(info.param.function) + "_" + info.param.name; });

// Messages that differ in more than the function's name.
TEST(BadInputCorpus, Has150DistinctMessages) {
  std::set<std::string> messages;
  size_t inputs = 0;
  auto note = [&] {
    const std::string message = lossgen_last_error();
    messages.insert(message.substr(message.find(": ") + 2));
    ++inputs;
  };
  for (const auto &list : {bad_tensors(), bad_options(), bad_extras()}) {
    for (const BadInput &c : list) {
      Problem p(c.spatial);
      c.spoil(p);
      p.run(c.op);
      note();
    }
  }
  for (const BadCall &c : bad_calls()) {
    c.call();
    note();
  }
  std::printf("%zu bad inputs, %zu distinct messages\n", inputs, messages.size());
  EXPECT_GE(messages.size(), 150u);
}

TEST(BadInputCorpus, IsLargeAndHasNoDuplicates) {
  std::set<std::string> names;
  size_t cases = 0;
  for (const auto &list : {bad_tensors(), bad_options(), bad_extras()}) {
    for (const BadInput &c : list) {
      ++cases;
      names.insert(std::string(op_name(c.op)) + " " + c.name);
    }
  }
  EXPECT_EQ(names.size(), cases);
  EXPECT_GE(cases, 150u);
}

// The unspoiled problem is valid, else the corpus proves nothing.
TEST(BadInputCorpus, UnspoiledCallsSucceed) {
  for (bool spatial : {false, true}) {
    for (Op op : kAllOps) {
      Problem p(spatial);
      EXPECT_EQ(p.run(op), LOSSGEN_OK) << op_name(op) << ": " << lossgen_last_error();
    }
  }
}

}  // namespace
