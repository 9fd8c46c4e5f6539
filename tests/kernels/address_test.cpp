// Kernels that the address sanitizer watches do report: every kernel is called once with a buffer that is one element
// short, in a process of its own.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "kernel_call.h"

namespace {

// What the process that runs `task` prints to standard error.
template <class Task>
std::string printed_by(Task task) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    task();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}

struct Free {
  void operator()(void *memory) const { free(memory); }
};

// Calls a kernel; the argument `short_one` has one element too few.
void call(const lossgen_kernel &kernel, size_t short_one) {
  std::vector<std::unique_ptr<void, Free>> memory(arguments_of(kernel.stage).size());
  const auto allocate = [&](size_t i, size_t bytes) {
    void *fresh = nullptr;
    if (posix_memalign(&fresh, 64, bytes) != 0) abort();
    memory[i].reset(fresh);
    return fresh;
  };
  KernelCall call(kernel, fitting(kernel, {19, 37}),
                  [&](size_t i, size_t elements, size_t size) { return allocate(i, elements * size); });
  // Filled in full size, then moved to memory that is too small: the kernel's access is the only one.
  if (short_one < memory.size()) call.shorten(short_one, [&](size_t bytes) { return allocate(short_one, bytes); });
  call.run();
}

TEST(AddressSanitizer, ReportsAShortBufferInEveryKernel) {
  const std::vector<const lossgen_kernel *> kernels = usable_kernels();
  for (size_t k = 0; k < kernels.size(); ++k) {
    const lossgen_kernel &kernel = *kernels[k];
    const auto &list = arguments_of(kernel.stage);
    EXPECT_EQ(printed_by([&] { call(kernel, list.size()); }), "") << kernel.name;
    size_t argument = k % list.size();  // another one from kernel to kernel
    while (list[argument].is_scalar() || KernelCall::is_scratch(list[argument]))
      argument = (argument + 1) % list.size();
    const std::string report = printed_by([&] { call(kernel, argument); });
    EXPECT_NE(report.find("AddressSanitizer: heap-buffer-overflow"), std::string::npos)
        << kernel.name << ", " << list[argument].name << ": " << report;
  }
  std::printf("%zu kernels\n", kernels.size());
  EXPECT_GT(kernels.size(), 0u);
}

}  // namespace
