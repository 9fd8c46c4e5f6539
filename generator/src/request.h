// What to emit: parsed from the command line, expanded into one key per kernel.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "algorithm.h"
#include "schedule.h"

namespace lossgen {

// What to do about a schedule file that was tuned for other pipelines than this generator's.
enum class Stale { error, warn, ignore };

struct Request {
  std::string library = "lossgen";
  std::vector<std::string> ops, dtypes, layouts, targets;  // empty: all
  std::vector<int64_t> classes;                            // constants, beside the general kernels
  std::vector<std::string> schedule_files;                 // later ones override earlier ones
  Stale stale = Stale::error;
  std::string sanitize;                                    // "address" or "thread": instrumented CPU kernels
  std::string host = "x86-64";                             // CPU that launches device kernels, where targets names none
};

// A kernel with the schedule it gets and the CPU whose objects it goes with ("x86-64" or "arm64").
struct Kernel {
  KernelKey key;
  Params params;
  std::string host;
  std::string symbol;
  std::string sanitize;  // "" unless the request says so and it is a CPU kernel
  std::string from;      // name of the schedule file that had the last word on params; "" = built in
};

// The names that a request may use.
std::vector<std::string> known_ops();
std::vector<std::string> known_dtypes();
std::vector<std::string> known_layouts();
std::vector<std::string> known_targets();
std::vector<std::string> default_targets();  // of a request that names none
std::vector<std::string> known_sanitizers();
std::vector<std::string> known_hosts();
constexpr int64_t kMaxClasses = 1 << 24;

// Every kernel of the request, in a fixed order. Throws std::invalid_argument with the valid choices.
std::vector<Kernel> expand(const Request &request);

// lossgen_cross_entropy_forward__f32_rows_c21__x86_64_v4, with the library's name in front.
std::string kernel_symbol(const std::string &library, const KernelKey &key);
// The kernel that a name spells. Throws std::invalid_argument.
KernelKey parse_kernel_name(const std::string &name);

}  // namespace lossgen
