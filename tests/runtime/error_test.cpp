#include "error.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

#include "text.h"

namespace lossgen {
namespace {

class ErrorTest : public testing::Test {
 protected:
  void SetUp() override { clear_error(); }
};

TEST_F(ErrorTest, EmptyBeforeTheFirst) {
  std::thread([] { EXPECT_STREQ(lossgen_last_error(), ""); }).join();
}

TEST_F(ErrorTest, NamesTheOp) {
  ErrorScope scope("nll_loss_forward");
  EXPECT_EQ(fail(LOSSGEN_BAD_ARGUMENT, "target[%d] = %d", 3, 21), LOSSGEN_BAD_ARGUMENT);
  EXPECT_STREQ(lossgen_last_error(), "nll_loss_forward: target[3] = 21");
}

TEST_F(ErrorTest, InnermostScopeAndBack) {
  ErrorScope outer("outer");
  {
    ErrorScope inner("inner");
    fail(LOSSGEN_BAD_ARGUMENT, "a");
    EXPECT_STREQ(lossgen_last_error(), "inner: a");
  }
  fail(LOSSGEN_BAD_ARGUMENT, "b");
  EXPECT_STREQ(lossgen_last_error(), "outer: b");
}

TEST_F(ErrorTest, NoScopeNoPrefix) {
  fail(LOSSGEN_DEVICE_ERROR, "plain");
  EXPECT_STREQ(lossgen_last_error(), "plain");
  clear_error();
  EXPECT_STREQ(lossgen_last_error(), "");
}

TEST_F(ErrorTest, LongMessagesAreCut) {
  ErrorScope scope("op");
  const std::string text(5000, 'x');
  fail(LOSSGEN_BAD_ARGUMENT, "%s", text.c_str());
  EXPECT_EQ(std::string(lossgen_last_error()), ("op: " + text).substr(0, 1023));
  fail_more("more");
  EXPECT_EQ(std::string(lossgen_last_error()).size(), 1023u);
}

TEST_F(ErrorTest, MayQuoteItself) {
  fail(LOSSGEN_BAD_ARGUMENT, "first");
  fail(LOSSGEN_BAD_ARGUMENT, "second after %s", lossgen_last_error());
  fail_more(", %s", lossgen_last_error());
  EXPECT_STREQ(lossgen_last_error(), "second after first, second after first");
}

TEST_F(ErrorTest, EachThreadItsOwn) {
  ErrorScope scope("here");
  fail(LOSSGEN_BAD_ARGUMENT, "mine");
  std::thread([] {
    fail(LOSSGEN_BAD_ARGUMENT, "theirs");
    EXPECT_STREQ(lossgen_last_error(), "theirs");
  }).join();
  EXPECT_STREQ(lossgen_last_error(), "here: mine");
}

TEST(Status, StringsAreDistinct) {
  std::set<std::string> seen;
  for (int status = LOSSGEN_OK; status <= LOSSGEN_DEVICE_ERROR; ++status) {
    EXPECT_TRUE(seen.insert(lossgen_status_string(static_cast<lossgen_status>(status))).second) << status;
  }
  EXPECT_STREQ(lossgen_status_string(static_cast<lossgen_status>(LOSSGEN_DEVICE_ERROR + 1)), "unknown status");
}

TEST(Version, IsWhatTheHeaderSays) {
  EXPECT_EQ(lossgen_version(), std::to_string(LOSSGEN_VERSION_MAJOR) + "." + std::to_string(LOSSGEN_VERSION_MINOR) +
                                   "." + std::to_string(LOSSGEN_VERSION_PATCH));
}

TEST(TextTest, CountsTheWholeText) {
  Text nowhere(nullptr, 0);
  nowhere.add("%s", "abc");
  nowhere.add("%d", 42);
  EXPECT_EQ(nowhere.length(), 5u);

  char small[4];
  Text text(small, sizeof(small));
  text.add("ab");
  text.add("cd");
  text.add("ef");
  EXPECT_STREQ(small, "abc");
  EXPECT_EQ(text.length(), 6u);
}

}  // namespace
}  // namespace lossgen
