#include "machine.h"

#include <ctype.h>
#include <lossgen/lossgen.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <vector>

#include "system.h"

namespace tune {
namespace {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TUNE_WIDE __attribute__((target_clones("default", "avx2", "avx512f"), optimize("O3"), noinline))
#else
#define TUNE_WIDE __attribute__((noinline))
#endif

TUNE_WIDE uint64_t read_all(const uint64_t *data, int64_t count) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < count; i++) sum ^= data[i];
  return sum;
}

TUNE_WIDE void change_all(uint64_t *data, int64_t count) {
  for (int64_t i = 0; i < count; i++) data[i] ^= 0x5555;
}

// The best of some passes, of at least 50 us each.
template <class Pass>
double best_rate(int64_t bytes, Pass pass) {
  double best = 1e300;
  const int repeat = static_cast<int>(std::max<int64_t>(1, (1 << 20) / std::max<int64_t>(1, bytes)));
  for (int i = 0; i < 9; i++) {
    const double start = thread_time();
    for (int k = 0; k < repeat; k++) pass();
    best = std::min(best, (thread_time() - start) / repeat);
  }
  return static_cast<double>(bytes) / best / 1e9;
}

}  // namespace

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double thread_time() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void run_on_core(int index) {
  static const cpu_set_t allowed = [] {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_ZERO(&set);
    return set;
  }();
  const int count = CPU_COUNT(&allowed);
  if (count == 0) return;
  int skip = index % count;
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (!CPU_ISSET(core, &allowed) || skip-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char ch : text) {
    if (ch == '"' || ch == '\\') out += '\\';
    out += static_cast<unsigned char>(ch) < 0x20 ? ' ' : ch;
  }
  return out + "\"";
}

std::string machine_json() {
  std::string json = "{";
  const auto add = [&](const char *name, const std::string &value) {
    json += (json.size() > 1 ? ", " : "") + quoted(name) + ": " + quoted(value);
  };
  add("cpu", cpu_model());
  add("cores", std::to_string(sysconf(_SC_NPROCESSORS_ONLN)));
  add("caches", caches());
  utsname system;
  if (uname(&system) == 0) add("system", std::string(system.sysname) + " " + system.release + " " + system.machine);
  const std::string governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  add("governor", governor.empty() ? "unknown" : governor);
  const std::string smt = first_line("/sys/devices/system/cpu/smt/active");
  add("smt", smt == "1" ? "on" : smt == "0" ? "off" : "unknown");
  add("virtual", cpu_field("flags").find("hypervisor") != std::string::npos ? "yes" : "no");
  double load = -1;
  char text[32] = "unknown";
  if (getloadavg(&load, 1) == 1) snprintf(text, sizeof text, "%.2f", load);
  add("load", text);
  std::string targets;
  lossgen_list_targets(
      [](void *user, const lossgen_target_info *info) {
        if (info->usable) *static_cast<std::string *>(user) += std::string(info->name) + " ";
        return 0;
      },
      &targets);
  add("targets", targets.substr(0, targets.size() - !targets.empty()));
  return json + "}";
}

std::string gpu_json(const Gpu &gpu) {
  const int capability = gpu.capability();
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  ..."
  std::istringstream words(first_line("/proc/driver/nvidia/version"));
  std::string module;
  for (std::string word; module.empty() && words >> word;)
    if (isdigit(static_cast<unsigned char>(word[0]))) module = word;
  return "{\"gpu\": " +
         quoted(gpu.name() + " (compute capability " + std::to_string(capability / 10) + "." +
                std::to_string(capability % 10) + ")") +
         ", \"driver\": " + quoted(gpu.driver() + (module.empty() ? "" : ", " + module)) + "}";
}

std::string bandwidth_json(int64_t bytes) {
  std::vector<uint64_t> data(static_cast<size_t>(bytes / 8 + 1), 1);
  volatile uint64_t sink = 0;
  const double read = best_rate(bytes, [&] { sink = sink ^ read_all(data.data(), static_cast<int64_t>(data.size())); });
  const double update = best_rate(bytes, [&] { change_all(data.data(), static_cast<int64_t>(data.size())); });
  std::vector<uint64_t> copied(data.size());
  const double copy = best_rate(bytes, [&] {
    memcpy(copied.data(), data.data(), data.size() * sizeof data[0]);
    sink = sink ^ copied[0];
  });
  char text[96];
  snprintf(text, sizeof text, "{\"read\": %.3f, \"update\": %.3f, \"copy\": %.3f}", read, 2 * update, 2 * copy);
  return text;
}

std::string gpu_bandwidth_json(const Gpu &gpu, int64_t bytes) {
  char text[96];
  const double copy = copy_rate(gpu, static_cast<size_t>(bytes), 9) / 1e9;
  snprintf(text, sizeof text, "{\"read\": %.3f, \"update\": %.3f, \"copy\": %.3f}", copy, copy, copy);
  return text;
}

}  // namespace tune
