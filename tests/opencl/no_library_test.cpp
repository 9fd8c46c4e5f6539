// A machine without a usable libOpenCL.so.1: every device call says so, none fails in another way.
#include <gtest/gtest.h>

#include <cstring>

#include "lossgen/lossgen.h"

namespace {

const char kReason[] = "no OpenCL: libOpenCL.so.1 could not be loaded (";

TEST(NoLibrary, CallsSaySo) {
  int handle = 0;
  EXPECT_EQ(LOSSGEN_UNSUPPORTED_HARDWARE, lossgen_prepare_stream({kDLOpenCL, 0}, &handle));
  EXPECT_NE(nullptr, std::strstr(lossgen_last_error(), kReason)) << lossgen_last_error();
  const int64_t shape[] = {2, 8};
  const DLTensor logits = lossgen_tensor_on({kDLOpenCL, 0}, &handle, lossgen_dtype(kDLFloat, 32), 2, shape, nullptr);
  DLTensor log_probs = logits;
  lossgen_options options = LOSSGEN_OPTIONS_INIT;
  options.stream = &handle;
  EXPECT_EQ(LOSSGEN_UNSUPPORTED_HARDWARE, lossgen_log_softmax_forward(&logits, &options, &log_probs));
  EXPECT_NE(nullptr, std::strstr(lossgen_last_error(), kReason)) << lossgen_last_error();
  // How much workspace a call would need can be asked without one.
  EXPECT_GT(lossgen_workspace_size("cross_entropy_forward_backward", &logits, nullptr), 0u);
}

TEST(NoLibrary, TheTargetIsListedWithTheReason) {
  int seen = 0;
  lossgen_list_targets(
      [](void *count, const lossgen_target_info *info) {
        if (std::strcmp(info->name, "opencl") != 0) return 0;
        ++*static_cast<int *>(count);
        EXPECT_FALSE(info->usable);
        EXPECT_GT(info->kernels, 0);
        EXPECT_NE(nullptr, std::strstr(info->reason, kReason)) << info->reason;
        return 0;
      },
      &seen);
  EXPECT_EQ(1, seen);
}

}  // namespace
