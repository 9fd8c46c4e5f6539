// A machine without a CUDA driver: every device call says so, none fails in another way.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "lossgen/lossgen.h"

namespace {

class NoDriver : public testing::Test {
 protected:
  void SetUp() override {
    if (void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
      dlclose(driver);
      GTEST_SKIP() << "this machine has libcuda.so.1";
    }
  }
};

TEST_F(NoDriver, PrepareSaysSo) {
  EXPECT_EQ(LOSSGEN_UNSUPPORTED_HARDWARE, lossgen_prepare({kDLCUDA, 0}));
  EXPECT_EQ(0u, std::string(lossgen_last_error()).find("prepare: no driver: libcuda.so.1 could not be loaded ("));
  EXPECT_EQ(LOSSGEN_OK, lossgen_prepare({kDLCPU, 0}));
  EXPECT_EQ(LOSSGEN_UNSUPPORTED_BY_BUILD, lossgen_prepare({kDLROCM, 0}));
}

TEST_F(NoDriver, CallsSaySo) {
  const int64_t shape[] = {2, 8};
  float data[16] = {}, loss_value = 7;
  int64_t classes[2] = {};
  const DLTensor logits = lossgen_tensor_on({kDLCUDA, 0}, data, lossgen_dtype(kDLFloat, 32), 2, shape, nullptr);
  const DLTensor target = lossgen_tensor_on({kDLCUDA, 0}, classes, lossgen_dtype(kDLInt, 64), 1, shape, nullptr);
  DLTensor grad = logits, loss = lossgen_tensor_on({kDLCUDA, 0}, &loss_value, lossgen_dtype(kDLFloat, 32), 0, nullptr, nullptr);
  EXPECT_EQ(LOSSGEN_UNSUPPORTED_HARDWARE,
            lossgen_cross_entropy_forward_backward(&logits, &target, nullptr, &loss, &grad, nullptr));
  EXPECT_NE(nullptr, std::strstr(lossgen_last_error(), "no driver: libcuda.so.1")) << lossgen_last_error();
  EXPECT_EQ(7, loss_value);
  // How much workspace a call would need can be asked without one.
  EXPECT_GT(lossgen_workspace_size("cross_entropy_forward_backward", &logits, nullptr), 0u);
  EXPECT_EQ(0u, lossgen_workspace_size("log_softmax_forward", &logits, nullptr));
  EXPECT_EQ(0u, lossgen_workspace_size("softmax", &logits, nullptr));
  EXPECT_NE(nullptr, std::strstr(lossgen_last_error(), "softmax"));
}

TEST_F(NoDriver, TargetsAreListedWithTheReason) {
  int seen = 0;
  lossgen_list_targets(
      [](void *count, const lossgen_target_info *info) {
        if (std::strncmp(info->name, "cuda", 4) != 0) return 0;
        ++*static_cast<int *>(count);
        EXPECT_FALSE(info->usable);
        EXPECT_NE(nullptr, std::strstr(info->reason, "no driver"));
        EXPECT_EQ(std::strcmp(info->name, "cuda-sm80") == 0, info->kernels > 0);  // what this program asked for
        return 0;
      },
      &seen);
  EXPECT_GE(seen, 1);
}

}  // namespace
