// The host side of OpenCL calls: queues, contexts, programs, refused memory, every failure of the library.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <tuple>

#include "../cuda/problem.h"
#include "device.h"
#include "gpu/opencl_library.h"

namespace {

using lossgen::ClContext;
using lossgen::ClDevice;
using lossgen::ClKernel;
using lossgen::ClMemory;
using lossgen::ClProgram;
using lossgen::ClQueue;
using lossgen::ClStatus;

// The runtime's table of functions, each in a wrapper that counts and fails the calls it is told to fail.
struct Wrapping {
  std::vector<std::string> calls;
  std::string failing;
  int countdown = -1;
  ClStatus error = 0;

  bool fails(const char *function) {
    if (watching) calls.push_back(function);
    return failing == function && countdown-- == 0;
  }
  bool watching = true;  // off while several threads call
};
Wrapping wrapping;

template <class Function>
struct Wrapped;
template <class... Arguments>
struct Wrapped<ClStatus(Arguments...)> {
  static ClStatus fail(Arguments...) { return wrapping.error; }
};
template <class... Arguments>
struct Wrapped<void *(Arguments...)> {
  static void *fail(Arguments... arguments) {
    *std::get<sizeof...(Arguments) - 1>(std::make_tuple(arguments...)) = wrapping.error;
    return nullptr;
  }
};
template <int Index, class Function>
struct Wrapper;
template <int Index, class Result, class... Arguments>
struct Wrapper<Index, Result(Arguments...)> {
  static inline Result (*real)(Arguments...) = nullptr;
  static inline const char *name = nullptr;
  static Result call(Arguments... arguments) {
    return wrapping.fails(name) ? Wrapped<Result(Arguments...)>::fail(arguments...) : real(arguments...);
  }
  static void put_around(Result (*&slot)(Arguments...), const char *exported) {
    real = slot;
    name = exported;
    slot = call;
  }
};

enum Index {
#define X(result, name, exported, arguments) k_##name,
  LOSSGEN_OPENCL_FUNCTIONS(X)
#undef X
};

void wrap() {
  const char *reason;
  auto &table = const_cast<lossgen::OpenCl &>(*lossgen::opencl(&reason));
#define X(result, name, exported, arguments) Wrapper<k_##name, result arguments>::put_around(table.name, exported);
  LOSSGEN_OPENCL_FUNCTIONS(X)
#undef X
}

int64_t count(const char *function) { return std::count(wrapping.calls.begin(), wrapping.calls.end(), function); }
bool says(const std::string &text) { return std::strstr(lossgen_last_error(), text.c_str()) != nullptr; }

class Host : public testing::Test {
 protected:
  static void SetUpTestSuite() { wrap(); }
  void SetUp() override { wrapping = Wrapping(); }
  void TearDown() override {
    wrapping = Wrapping();
    memory::free_all();
  }
};

struct Call : GoodCall {
  Call() : GoodCall({1, 0}) {}  // planes
  void expect_right() {
    EXPECT_NEAR(std::log(128.0), loss.read()[0], 1e-5);
    EXPECT_NEAR((1 / 128.0 - 1) / 6, grad.read()[0], 1e-7);
  }
};

// Another context, for memory and queue of the tests while it lives.
struct Elsewhere {
  const Device *const before = device_of_tests;
  const Device device;
  Elsewhere() { device_of_tests = &device; }
  ~Elsewhere() {
    memory::free_all();
    device_of_tests = before;
  }
};

TEST_F(Host, AQueueIsNeeded) {
  Call call;
  call.options.stream = nullptr;
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("options.stream is NULL; on OpenCL devices it is the cl_command_queue")) << lossgen_last_error();
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, lossgen_prepare({kDLOpenCL, 0}));
  EXPECT_TRUE(says("lossgen_prepare_stream")) << lossgen_last_error();
}

TEST_F(Host, KernelsNeedAnInOrderQueue) {
  Call call;
  const Device other;
  call.options.stream = other.create_queue(true);
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("out-of-order")) << lossgen_last_error();
}

// After the first call nothing is compiled, allocated, copied or waited for.
TEST_F(Host, CallsEnqueueOnly) {
  Call call;
  ASSERT_EQ(LOSSGEN_OK, call.run()) << lossgen_last_error();
  call.expect_right();
  wrapping.calls.clear();
  ASSERT_EQ(LOSSGEN_OK, call.run()) << lossgen_last_error();
  EXPECT_EQ(4, count("clEnqueueNDRangeKernel"));
  for (const std::string &f : wrapping.calls)
    EXPECT_TRUE(f == "clEnqueueNDRangeKernel" || f == "clSetKernelArg" || f.rfind("clGet", 0) == 0) << f;
  call.expect_right();
}

TEST_F(Host, ProgramsAreBuiltOncePerContext) {
  const Device other;
  for (const auto &[queue, builds] : {std::pair<void *, bool>(memory::stream(), true), {other.queue(), true}, {other.queue(), false}}) {
    wrapping.calls.clear();
    ASSERT_EQ(LOSSGEN_OK, lossgen_prepare_stream({kDLOpenCL, 0}, queue)) << lossgen_last_error();
    EXPECT_EQ(builds, count("clBuildProgram") > 10);
    EXPECT_EQ(0, count("clEnqueueNDRangeKernel"));
  }
  Call call;
  wrapping.calls.clear();
  ASSERT_EQ(LOSSGEN_OK, call.run()) << lossgen_last_error();
  EXPECT_EQ(0, count("clBuildProgram"));
  call.expect_right();
}

TEST_F(Host, ThreadsShareKernels) {
  wrapping.watching = false;
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<Call>> calls;
  std::vector<lossgen_status> results(4);
  for (int t = 0; t < 4; t++) calls.push_back(std::make_unique<Call>());
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20 && results[t] == LOSSGEN_OK; i++) results[t] = calls[t]->run();
    });
  for (std::thread &t : threads) t.join();
  for (int t = 0; t < 4; t++) {
    EXPECT_EQ(LOSSGEN_OK, results[t]);
    calls[t]->expect_right();
  }
}

TEST_F(Host, WhatIsNoBufferOfTheQueueIsRefused) {
  alignas(64) float host[6 * 128] = {};
  const Device other;
  void *foreign = other.allocate(6 * 128 * 4);
  for (const bool is_host : {true, false}) {
    const auto refused = [&](const char *name, auto spoil) {
      Call call;
      spoil(call);
      wrapping.calls.clear();
      EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run()) << name;
      EXPECT_TRUE(says(is_host ? std::string(name) + ": " : std::string(name) + " is memory of another context")) << lossgen_last_error();
      EXPECT_EQ(!is_host, says("is memory of another context"));
      EXPECT_EQ(is_host, says("is not a cl_mem of a buffer of the queue's platform"));
      EXPECT_EQ(0, count("clEnqueueNDRangeKernel"));
    };
    void *const bad = is_host ? host : foreign;
    refused("logits", [&](Call &c) { c.logits.view.data = bad; });
    refused("target", [&](Call &c) { c.target.view.data = bad; });
    refused("grad_logits", [&](Call &c) { c.grad.view.data = bad; });
    refused("loss", [&](Call &c) { c.loss.view.data = bad; });
    refused("options.workspace", [&](Call &c) { c.options.workspace = bad; });
  }
  other.release(foreign);
  Call call;
  call.logits.view.data = memory::stream();  // a handle, of a queue
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("logits: ")) << lossgen_last_error();
}

TEST_F(Host, ViewsStayInTheirMemory) {
  Call call;
  call.grad.view.byte_offset = 4;
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("grad_logits takes 3072 bytes from byte 4 on, its cl_mem has 3072")) << lossgen_last_error();
  call.grad.view.byte_offset = 2;
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("grad_logits is at byte_offset 0x2, not a multiple of its element size 4")) << lossgen_last_error();
  call.grad.view.byte_offset = 0;
  call.options.workspace_bytes += 4096;
  call.options.workspace = call.loss.block.data;
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("options.workspace takes ")) << lossgen_last_error();
}

// Two views of one cl_mem: side by side they are two tensors, one over the other they are refused.
TEST_F(Host, ViewsOfOneBuffer) {
  Call call;
  const memory::Block both = memory::allocate(2 * 6 * 128 * 4);
  const std::vector<float> halves(6 * 128, 0.5f);
  memory::upload(both, halves.data(), 6 * 128 * 4);
  call.logits.view.data = call.grad.view.data = call.grad.block.data = both.data;
  call.grad.view.byte_offset = call.grad.block.byte_offset = 6 * 128 * 4;
  ASSERT_EQ(LOSSGEN_OK, call.run()) << lossgen_last_error();
  call.expect_right();
  call.grad.view.byte_offset = 16;
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("output grad_logits overlaps logits")) << lossgen_last_error();
}

TEST_F(Host, TargetsOfOtherDevices) {
  Call call;
  call.options.target = "cuda-sm80";
  EXPECT_EQ(LOSSGEN_BAD_ARGUMENT, call.run());
  EXPECT_TRUE(says("\"cuda-sm80\" is not for OpenCL tensors")) << lossgen_last_error();
  call.options.target = "opencl";
  EXPECT_EQ(LOSSGEN_OK, call.run()) << lossgen_last_error();
}

// Each call of each function fails once. The status tells, nothing is left of what could not be finished, the next call works.
TEST_F(Host, EveryFailure) {
  for (const char *function : {"clGetCommandQueueInfo", "clGetMemObjectInfo", "clCreateProgramWithSource", "clBuildProgram", "clCreateKernel",
                               "clSetKernelArg", "clEnqueueNDRangeKernel"}) {
    SCOPED_TRACE(function);
    const Elsewhere elsewhere;  // a context of its own: the first rounds meet the compilation too
    Call call;
    int failures = 0;
    for (;; failures++) {
      ASSERT_LT(failures, 200);
      const bool memory = failures % 2 != 0;
      wrapping = Wrapping();
      wrapping.failing = function;
      wrapping.countdown = failures < 3 ? 0 : failures - 2;
      wrapping.error = memory ? -6 : -5;
      const lossgen_status status = call.run();
      if (status == LOSSGEN_OK) break;
      EXPECT_EQ(memory ? LOSSGEN_OUT_OF_MEMORY : LOSSGEN_DEVICE_ERROR, status);
      EXPECT_TRUE(says(std::string(function) + " failed: " + (memory ? "CL_OUT_OF_HOST_MEMORY" : "CL_OUT_OF_RESOURCES")))
          << lossgen_last_error();
      const bool left = std::strcmp(function, "clBuildProgram") == 0 || std::strcmp(function, "clCreateKernel") == 0;
      EXPECT_EQ(left, count("clReleaseProgram") == 1);
    }
    EXPECT_GT(failures, 3);
    wrapping = Wrapping();
    EXPECT_EQ(LOSSGEN_OK, call.run()) << lossgen_last_error();
    call.expect_right();
  }
}

TEST_F(Host, DevicesWithoutDoubles) {
  Call call;
  wrapping.failing = "clGetDeviceInfo";
  wrapping.countdown = 0;
  wrapping.error = -30;
  EXPECT_EQ(LOSSGEN_UNSUPPORTED_HARDWARE, call.run());
  EXPECT_TRUE(says("has no double precision (cl_khr_fp64)")) << lossgen_last_error();
}

}  // namespace
