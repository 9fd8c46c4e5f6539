// The host side of CUDA calls: streams, contexts, modules, refused pointers, every failure of the driver.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>

#include "fake_cuda.h"
#include "lossgen/kernel_abi.h"
#include "problem.h"

namespace {

using fake_cuda::state;

using Call = GoodCall;

bool says(const std::string &text) { return std::strstr(lossgen_last_error(), text.c_str()) != nullptr; }

int64_t count(const std::string &function) { return std::count(state().calls.begin(), state().calls.end(), function); }

TEST(Host, StreamContextAndNothingElse) {
  ASSERT_EQ(LOSSGEN_OK, lossgen_prepare({kDLCUDA, 0})) << lossgen_last_error() << state().last_problem;
  EXPECT_TRUE(state().launches.empty());
  EXPECT_EQ(1, state().retained);
  EXPECT_GT(state().live_modules, 10);
  Call call;
  int stream;
  call.options.stream = &stream;
  fake_cuda::forget_calls();
  ASSERT_EQ(LOSSGEN_OK, call.run()) << lossgen_last_error() << state().last_problem;
  EXPECT_EQ(4u, state().launches.size());
  for (const auto &launch : state().launches) {
    EXPECT_EQ(&stream, launch.stream);
    EXPECT_EQ(0, launch.device);
    EXPECT_LE(launch.shared_bytes, 48u * 1024);
  }
  // After lossgen_prepare a call loads nothing, allocates nothing, waits for nothing.
  for (const std::string &f : state().calls)
    EXPECT_TRUE(f == "cuLaunchKernel" || f == "cuPointerGetAttributes" || f == "cuCtxPushCurrent" || f == "cuCtxPopCurrent")
        << f;
  EXPECT_EQ(0, state().pushed);
}

TEST(Host, ModulesLoadOncePerDevice) {
  Call call;
  ASSERT_EQ(LOSSGEN_OK, call.run()) << lossgen_last_error();
  const int first = state().live_modules;
  EXPECT_GE(first, 3);
  ASSERT_EQ(LOSSGEN_OK, call.run());
  EXPECT_EQ(first, state().live_modules);
  ASSERT_EQ(LOSSGEN_OK, lossgen_prepare({kDLCUDA, 0}));
  const int all = state().live_modules;
  ASSERT_EQ(LOSSGEN_OK, lossgen_prepare({kDLCUDA, 1}));
  EXPECT_EQ(2 * all, state().live_modules);
  ASSERT_EQ(LOSSGEN_OK, lossgen_prepare({kDLCUDA, 1}));
  EXPECT_EQ(2 * all, state().live_modules);
  EXPECT_EQ(2, state().retained);
}

TEST(Host, ThreadsShareModules) {
  fake_cuda::execute_kernels(false);
  fake_cuda::forget_calls();
  const int before = state().live_modules;
  std::vector<std::thread> threads;
  std::vector<lossgen_status> results(8);
  for (int t = 0; t < 8; t++)
    threads.emplace_back([&results, t] {
      Call call;
      for (int i = 0; i < 20 && results[t] == LOSSGEN_OK; i++) results[t] = call.run();
    });
  for (std::thread &t : threads) t.join();
  for (const lossgen_status s : results) EXPECT_EQ(LOSSGEN_OK, s);
  EXPECT_EQ(count("cuModuleLoadDataEx"), state().live_modules - before);
  EXPECT_LE(count("cuDevicePrimaryCtxRetain"), 1);
  fake_cuda::execute_kernels(true);
}

TEST(Host, Devices) {
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, lossgen_prepare({kDLCUDA, 2}));
  EXPECT_TRUE(says("device_id 2, the driver has 2 devices")) << lossgen_last_error();
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, lossgen_prepare({kDLCUDA, -1}));
  // Memory of device 1 in a tensor that says device 0.
  Call call;
  call.grad.view.data = fake_cuda::allocate(6 * 128 * 4, 1);
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("grad_logits is memory of CUDA device 1")) << lossgen_last_error();
}

// In a process of its own: what a device can do is asked once.
TEST(Host, OldDevice) {
  EXPECT_EXIT(
      {
        fake_cuda::set_capability(0, 75);
        Call call;
        if (call.run() != LOSSGEN_UNSUPPORTED_HARDWARE) _exit(10);
        if (!says("CUDA device 0 has compute capability 7.5, too old for cuda-sm80")) _exit(11);
        if (!state().launches.empty() || state().live_modules != 0) _exit(12);
        exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Host, HostPointersAreRefused) {
  std::vector<float> host(6 * 128);
  int64_t classes[6] = {};
  fake_cuda::forget_calls();
  auto refused = [&](Call &call, const char *name) {
    EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run()) << name;
    EXPECT_TRUE(says(std::string(name) + ": ") && says("is not device memory")) << lossgen_last_error();
    EXPECT_TRUE(state().launches.empty());
  };
  {
    Call call;
    call.logits.view.data = host.data();
    refused(call, "logits");
  }
  {
    Call call;
    call.grad.view.data = host.data();
    refused(call, "grad_logits");
  }
  {
    Call call;
    call.target.view.data = classes;
    refused(call, "target");
  }
  {
    Call call;
    call.loss.view.data = host.data();
    refused(call, "loss");
  }
  {
    Call call;
    call.options.workspace = reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(host.data()) + 15) / 16 * 16);
    refused(call, "options.workspace");
  }
  Call call;
  call.logits.view.data = fake_cuda::allocate_managed(6 * 128 * 4);
  std::memset(call.logits.view.data, 0, 6 * 128 * 4);
  EXPECT_EQ(LOSSGEN_OK, call.run()) << lossgen_last_error();
}

TEST(Host, Workspace) {
  Call call;
  const size_t needed = call.options.workspace_bytes;
  call.options.workspace_bytes = needed - 1;
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("options.workspace has " + std::to_string(needed - 1) + " bytes, this call needs " +
                   std::to_string(needed)))
      << lossgen_last_error();
  call.options.workspace_bytes = needed;
  call.options.workspace = nullptr;
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  call.options.workspace = fake_cuda::allocate(needed, 0, 8);
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("aligned")) << lossgen_last_error();
}

// Each call of each function fails once. The status tells, no context stays pushed, the next call works.
TEST(Host, EveryFailure) {
  for (const char *function : {"cuDeviceGet", "cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent", "cuModuleLoadDataEx",
                               "cuModuleGetFunction", "cuLaunchKernel", "cuPointerGetAttributes"}) {
    EXPECT_EXIT(
        {
          setenv("FAKE_CUDA_CHECK_LEAKS", "1", 1);
          fake_cuda::execute_kernels(false);
          Call call;
          int failures = 0;
          for (;;) {  // a fresh process: the first rounds also meet the set-up
            fake_cuda::forget_calls();
            const int modules = state().live_modules;
            fake_cuda::fail_call(function, failures < 3 ? 0 : failures - 2, failures % 2 ? 2 : 719);
            const lossgen_status status = call.run();
            if (status == LOSSGEN_OK) break;
            const bool memory = failures % 2 != 0;
            if (status != (memory ? LOSSGEN_OUT_OF_MEMORY : LOSSGEN_DEVICE_ERROR)) _exit(10);
            if (!says(std::string(function) + " failed: ") ||
                !says(memory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_LAUNCH_FAILED"))
              _exit(11);
            if (state().pushed != 0) _exit(12);
            if (state().live_modules < modules) _exit(13);
            if (++failures > 40) _exit(14);
          }
          if (failures == 0) _exit(15);
          fake_cuda::fail_call("", -1, 0);
          if (call.run() != LOSSGEN_OK) _exit(16);
          fprintf(stderr, "met %d failures", failures);
          exit(0);
        },
        testing::ExitedWithCode(0), "met")
        << function;
  }
}

TEST(Host, FailuresOfPrepare) {
  for (const char *function : {"cuModuleLoadDataEx", "cuModuleGetFunction"}) {
    EXPECT_EXIT(
        {
          setenv("FAKE_CUDA_CHECK_LEAKS", "1", 1);
          fake_cuda::fail_call(function, 5, 719);
          if (lossgen_prepare({kDLCUDA, 0}) != LOSSGEN_DEVICE_ERROR) _exit(10);
          if (!says(std::string("prepare: ") + function + " failed: CUDA_ERROR_LAUNCH_FAILED")) _exit(11);
          if (lossgen_prepare({kDLCUDA, 0}) != LOSSGEN_OK) _exit(12);
          exit(0);
        },
        testing::ExitedWithCode(0), "")
        << function;
  }
}

// A driver that is there but does not work is no driver.
TEST(Host, DriverThatDoesNotStart) {
  for (const char *function : {"cuInit", "cuDeviceGetCount"}) {
    EXPECT_EXIT(
        {
          setenv("FAKE_CUDA_CHECK_LEAKS", "1", 1);
          fake_cuda::fail_call(function, 0, 100);
          if (lossgen_prepare({kDLCUDA, 0}) != LOSSGEN_UNSUPPORTED_HARDWARE) _exit(10);
          if (!says(std::string("no driver: ") + function + " failed: CUDA_ERROR_NO_DEVICE")) _exit(11);
          Call call;
          if (call.run() != LOSSGEN_UNSUPPORTED_HARDWARE) _exit(12);
          exit(0);
        },
        testing::ExitedWithCode(0), "")
        << function;
  }
}

// Contexts and modules are given back when the program ends.
TEST(Host, NothingIsLeft) {
  EXPECT_EXIT(
      {
        setenv("FAKE_CUDA_CHECK_LEAKS", "1", 1);
        if (lossgen_prepare({kDLCUDA, 0}) != LOSSGEN_OK || lossgen_prepare({kDLCUDA, 1}) != LOSSGEN_OK) _exit(10);
        exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Host, WhatDevicesDoNotHave) {
  Call call;
  call.options.target = "x86-64-v3";
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("\"x86-64-v3\" is not for CUDA tensors")) << lossgen_last_error();
  call.options.target = nullptr;
  call.options.z_loss = 0.1;
  EXPECT_EQ(LOSSGEN_UNSUPPORTED_BY_BUILD, call.run());
  EXPECT_TRUE(says("z_loss")) << lossgen_last_error();
  call.options.z_loss = 0;
  Tensor argmax(i64(), {6});
  lossgen_extras extras = LOSSGEN_EXTRAS_INIT;
  extras.argmax = &argmax.view;
  EXPECT_EQ(LOSSGEN_UNSUPPORTED_BY_BUILD,
            lossgen_cross_entropy_forward(&call.logits.view, &call.target.view, &call.options, &call.loss.view, &extras));
  EXPECT_TRUE(says("argmax")) << lossgen_last_error();
}

}  // namespace

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  // Children start anew, without what other tests loaded.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  return RUN_ALL_TESTS();
}
