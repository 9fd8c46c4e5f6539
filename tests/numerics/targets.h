// The kernel targets of this program that run on the host, for tests that force each.
#ifndef LOSSGEN_TESTS_TARGETS_H
#define LOSSGEN_TESTS_TARGETS_H

#include <gtest/gtest.h>
#include <lossgen/lossgen.h>

#include <string>
#include <tuple>
#include <vector>

#include "dtype.h"

struct HostTarget {
  std::string name, reason;
  bool usable;
};

inline std::vector<HostTarget> host_targets() {
  std::vector<HostTarget> list;
  lossgen_list_targets(
      [](void *user, const lossgen_target_info *info) {
        const std::string name = info->name;
        if (info->kernels > 0 && name.rfind("cuda", 0) != 0 && name.rfind("opencl", 0) != 0) {
          static_cast<std::vector<HostTarget> *>(user)->push_back(
              {name, info->reason != nullptr ? info->reason : "", info->usable != 0});
        }
        return 0;
      },
      &list);
  return list;
}

inline void PrintTo(const HostTarget &target, std::ostream *os) { *os << target.name; }
inline void PrintTo(const Dtype &type, std::ostream *os) { *os << type.name; }

inline std::string target_case_name(const testing::TestParamInfo<HostTarget> &info) {
  std::string name = info.param.name;
  for (char &c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

inline std::string target_type_case_name(const testing::TestParamInfo<std::tuple<HostTarget, Dtype>> &info) {
  const auto &[target, type] = info.param;
  return target_case_name({target, info.index}) + "_" + type.name;
}

// Cases of a target that this machine cannot run are skipped, with the machine's reason.
class OnTarget : public testing::TestWithParam<HostTarget> {
 protected:
  void SetUp() override {
    if (!GetParam().usable) GTEST_SKIP() << GetParam().name << ": assembled, not run (" << GetParam().reason << ")";
  }
  const char *target() const { return GetParam().name.c_str(); }
};

#endif  // LOSSGEN_TESTS_TARGETS_H
