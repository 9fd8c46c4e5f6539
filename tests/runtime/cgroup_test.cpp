#include "cgroup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace lossgen {
namespace {

// A root folder with what the kernel would show of /proc and /sys.
class CgroupTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "lossgen_cgroup_XXXXXX";
    ASSERT_NE(mkdtemp(root_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string &path, const std::string &text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  int limit() { return cgroup_cpu_limit(root_.c_str()); }

  std::string root_;
};

constexpr const char *kMountV2 =
    "22 1 8:1 / / rw - ext4 /dev/sda rw\n30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 "
    "rw,nsdelegate\n";

TEST_F(CgroupTest, NothingThere) { EXPECT_EQ(limit(), 0); }

TEST_F(CgroupTest, V2) {
  write("/proc/self/cgroup", "0::/app\n");
  write("/proc/self/mountinfo", kMountV2);
  EXPECT_EQ(limit(), 0);
  write("/sys/fs/cgroup/app/cpu.max", "max 100000\n");
  EXPECT_EQ(limit(), 0);
  write("/sys/fs/cgroup/app/cpu.max", "200000 100000\n");
  EXPECT_EQ(limit(), 2);
  write("/sys/fs/cgroup/app/cpu.max", "150000 100000\n");
  EXPECT_EQ(limit(), 2);
  write("/sys/fs/cgroup/app/cpu.max", "10000 100000\n");
  EXPECT_EQ(limit(), 1);
}

TEST_F(CgroupTest, V2GroupsAboveCount) {
  write("/proc/self/cgroup", "0::/a/b/c\n");
  write("/proc/self/mountinfo", kMountV2);
  write("/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  write("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  EXPECT_EQ(limit(), 3);
}

TEST_F(CgroupTest, V2RootOfANamespace) {
  write("/proc/self/cgroup", "0::/\n");
  write("/proc/self/mountinfo", kMountV2);
  write("/sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(limit(), 4);
}

TEST_F(CgroupTest, V1InAContainer) {
  // Without a namespace the path is the host's; the mount shows only the part from /docker/x on.
  write("/proc/self/cgroup", "12:memory:/docker/x\n5:cpu,cpuacct:/docker/x/inner\n0::/\n");
  write("/proc/self/mountinfo",
        "40 22 0:31 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
        "41 22 0:32 /docker/x /sys/fs/cgroup/cpu,cpuacct ro,nosuid shared:9 master:3 - cgroup cgroup rw,cpu,cpuacct\n");
  write("/sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(limit(), 0);
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(limit(), 5);
}

TEST_F(CgroupTest, PathOfAnotherView) {
  write("/proc/self/cgroup", "0::/../elsewhere\n");
  write("/proc/self/mountinfo", "30 22 0:26 /mine /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  write("/sys/fs/cgroup/cpu.max", "600000 100000\n");
  EXPECT_EQ(limit(), 6);
}

TEST_F(CgroupTest, BothVersionsTheSmallerWins) {
  write("/proc/self/cgroup", "3:cpu:/\n0::/\n");
  write("/proc/self/mountinfo", std::string("41 22 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n") +
                                    "42 22 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/unified/cpu.max", "700000 100000\n");
  EXPECT_EQ(limit(), 2);
}

TEST_F(CgroupTest, GarbageIsNoLimit) {
  write("/proc/self/cgroup", "nonsense\n::\n0:\n0::/" + std::string(9000, 'x') + "\n");
  write("/proc/self/mountinfo", "x - \n - cgroup2\n1 2 3 - cgroup2 a b\n" + std::string(kMountV2));
  EXPECT_EQ(limit(), 0);
  write("/proc/self/cgroup", "0::/app\n");
  for (const char *text : {"", "-5 100000\n", "100000 0\n", "a b\n", "100000\n"}) {
    write("/sys/fs/cgroup/app/cpu.max", text);
    EXPECT_EQ(limit(), 0) << text;
  }
}

TEST(Cgroup, OnThisMachine) { EXPECT_GE(cgroup_cpu_limit(""), 0); }

}  // namespace
}  // namespace lossgen
