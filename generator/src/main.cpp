// The `lossgen` command line.
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include "compile.h"
#include "emit.h"
#include "schedule_file.h"
#include "tune/tune.h"

namespace {
using namespace lossgen;
namespace fs = std::filesystem;

const std::map<std::string, Stale> kStaleNames = {
    {"error", Stale::error}, {"warn", Stale::warn}, {"ignore", Stale::ignore}};

void print_line(const char *label, const std::vector<std::string> &names) {
  std::printf("%-8s", label);
  for (const std::string &n : names) std::printf(" %s", n.c_str());
  std::printf("\n");
}

void list_choices() {
  print_line("ops", known_ops());
  print_line("dtypes", known_dtypes());
  print_line("layouts", known_layouts());
  print_line("targets", known_targets());
  print_line("default", default_targets());
}

// What `emit` writes when nothing else is asked for, without compiling it. A kernel that goes with the objects of two
// CPUs is named once.
void list_all_kernels() {
  std::set<std::string> seen;
  for (const Kernel &kernel : expand(Request{}))
    if (seen.insert(kernel.symbol).second) std::printf("%s\n", kernel.symbol.c_str());
}

// The kernels of an emitted folder, from its manifests, and what they add up to for each target.
int list_folder(const std::string &folder) {
  std::vector<fs::path> manifests;
  for (const auto &entry : fs::recursive_directory_iterator(folder))
    if (entry.path().filename() == "manifest.json") manifests.push_back(entry.path());
  if (manifests.empty()) throw std::runtime_error("no manifest.json under '" + folder + "'");
  std::sort(manifests.begin(), manifests.end());
  struct Sum {
    int kernels = 0;
    uintmax_t bytes = 0;
  };
  std::map<std::string, Sum> sums;
  for (const fs::path &path : manifests) {
    std::ifstream file(path);
    const nlohmann::json manifest = nlohmann::json::parse(file);
    for (const auto &k : manifest.at("kernels")) {
      const auto bytes = k.at("bytes").get<uintmax_t>();
      std::printf("%8ju B  %s  %s\n", bytes, k.at("schedule").get<std::string>().c_str(),
                  k.at("kernel").get<std::string>().c_str());
      Sum &sum = sums[k.at("target").get<std::string>()];
      sum.kernels++;
      sum.bytes += bytes;
    }
  }
  for (const std::string &target : known_targets())
    if (sums.count(target))
      std::printf("%s: %d kernels, %ju bytes of objects\n", target.c_str(), sums[target].kernels, sums[target].bytes);
  return 0;
}

int inspect(const std::string &name, const std::string &form, const std::vector<std::string> &files) {
  static const std::map<std::string, Halide::OutputFileType> forms = {
      {"stmt", Halide::OutputFileType::stmt},
      {"llvm", Halide::OutputFileType::llvm_assembly},
      {"asm", Halide::OutputFileType::assembly},
      {"ptx", Halide::OutputFileType::device_code},
      {"opencl", Halide::OutputFileType::device_code}};
  Request request;
  Kernel kernel{parse_kernel_name(name), {}, "", name, "", ""};
  const std::string machine = kTargetMachines[kernel.key.target];
  if (form == "ptx" && machine != "cuda") throw std::invalid_argument("only cuda kernels have PTX; use --as asm");
  if (form == "opencl" && machine != form) throw std::invalid_argument("only opencl kernels have OpenCL C; use --as asm");
  // Of devices the statement that the kernel is made of: behind it stand its text and the call that launches it.
  const bool whole = form == "stmt" && is_device(kernel.key.target);
  kernel.host = kernel.key.target == LOSSGEN_TARGET_arm64 ? "arm64" : "x86-64";
  kernel.params = default_params(kernel.key);
  merge_schedule_files(files, Stale::warn, {&kernel});
  char folder[] = "/tmp/lossgen-inspect-XXXXXX";
  if (!mkdtemp(folder)) throw std::runtime_error("cannot create a temporary folder");
  const fs::path path = fs::path(folder) / "out";
  compile_kernel(kernel, {{whole ? Halide::OutputFileType::conceptual_stmt : forms.at(form), path.string()}});
  std::ifstream file(path);
  std::cout << file.rdbuf();
  fs::remove_all(folder);
  return 0;
}

void add_tune_options(CLI::App &command, TuneOptions &o) {
  command.add_option("-o,--out", o.out, "schedule file to write; what it says of other kernels stays. Default: tuned.json");
  command.add_option("--ops", o.ops, "ops, or calls such as cross_entropy_forward; default: all");
  command.add_option("--dtypes", o.dtypes, "default: f32");
  command.add_option("--layouts", o.layouts, "default: rows for shapes NxC, planes for others");
  command.add_option("--targets", o.targets, "default: the newest that the machine runs");
  command.add_option("--classes", o.classes, "constants whose kernels are tuned beside the general ones");
  command.add_option("--shapes", o.shapes, "logits, as 4096x1000 or 8x21x256x256: those of your program. Several: the best over all");
  command.add_option("--threads", o.threads, "of the calls timed; default: 1")->check(CLI::Range(1, 1024));
  command.add_option("--budget", o.budget, "minutes that it may take, shared by the kernels; what is decided then is kept")->check(CLI::PositiveNumber);
  command.add_option("--seed", o.seed, "of the search's order; default: 1");
  command.add_flag("--resume", o.resume, "go on from the log of a run that was cut off");
  command.add_option("--check", o.check, "measure a tuned file again and say whether it still wins; status 1 if not");
  command.add_option("--report", o.report, "write a page (HTML) that shows why the winners win");
  command.add_option("--pictures", o.pictures, "folder for the page's pictures (SVG)");
  command.add_option("--runner", o.runner, "starts the measuring program: 'ssh board' gets it sent, 'qemu-aarch64 {}' its path");
  command.add_option("--cxx", o.cxx, "compiler for the machine measured; default: $CXX or c++");
  command.add_option("--log", o.log, "every measurement, a JSON object a line; default: beside --out");
  command.add_option("--work", o.work, "folder for what is compiled; default: beside --out");
  command.add_option("--share", o.share, "folder with the sources of runtime and runner; default: this command's own");
  command.add_option("--timeout", o.timeout, "seconds that a candidate may take for an answer; default: 60")->check(CLI::PositiveNumber);
  command.add_option("-j,--jobs", o.jobs, "compilations at a time; default: cores, as memory allows");
}

}  // namespace

int main(int argc, char **argv) {
  CLI::App app{"lossgen: fused log-softmax and negative log likelihood kernels, compiled ahead of time"};
  app.require_subcommand(1);

  Request request;
  EmitOptions options;
  CLI::App *emit_command = app.add_subcommand("emit", "write objects, dispatch table, header and manifest");
  emit_command->add_option("-o,--out", options.folder, "output folder")->required();
  emit_command->add_option("--library", request.library, "name of the library: prefix of its symbols and files");
  emit_command->add_option("--ops", request.ops, "default: all");
  emit_command->add_option("--dtypes", request.dtypes, "default: all");
  emit_command->add_option("--layouts", request.layouts, "default: all");
  emit_command->add_option("--targets", request.targets, "default: all");
  emit_command->add_option("--classes", request.classes, "class counts that get kernels of their own");
  emit_command->add_option("--schedules", request.schedule_files, "schedule files (JSON), later ones override");
  emit_command
      ->add_option("--stale", request.stale, "error, warn or ignore: what a file tuned for other pipelines is; default: error")
      ->transform(CLI::CheckedTransformer(kStaleNames));
  emit_command->add_option("--host", request.host,
                           "x86-64 or arm64: CPU of the programs that launch device kernels, where --targets names none; default: x86-64");
  emit_command->add_option("--sanitize", request.sanitize,
                           "address or thread: kernels that the sanitizer watches, for programs built with it");
  emit_command->add_option("-j,--jobs", options.jobs, "compilations at a time; default: cores, as memory allows");
  emit_command->add_flag("--assembly", options.assembly, "write .s, .ll and .stmt beside each object");
  emit_command->add_option("--cache", options.cache, "folder that keeps what is compiled, for other output folders and builds")
      ->envname("LOSSGEN_KERNEL_CACHE");

  std::string folder;
  CLI::App *list_command = app.add_subcommand("list", "what can be emitted, or what a folder holds");
  list_command->add_option("folder", folder, "a folder that `lossgen emit` wrote");
  bool all_kernels = false;
  list_command->add_flag("--kernels", all_kernels, "the name of every kernel that `emit` writes by default");
  bool schema = false;
  list_command->add_flag("--schedule-schema", schema, "the JSON Schema of schedule files");

  std::string kernel, form = "stmt";
  std::vector<std::string> inspect_files;
  CLI::App *inspect_command = app.add_subcommand("inspect", "print a kernel as Halide statement, LLVM, assembly, PTX or OpenCL C");
  inspect_command->add_option("kernel", kernel, "name, as `lossgen list FOLDER` prints it")->required();
  inspect_command->add_option("--as", form)->check(CLI::IsMember({"stmt", "llvm", "asm", "ptx", "opencl"}));
  inspect_command->add_option("--schedules", inspect_files, "schedule files (JSON)");

  TuneOptions tune_options;
  CLI::App *tune_command = app.add_subcommand("tune", "find the fastest schedules for a machine and shapes, as a schedule file");
  add_tune_options(*tune_command, tune_options);

  CLI11_PARSE(app, argc, argv);
  try {
    if (*emit_command) {
      const auto start = std::chrono::steady_clock::now();
      const int count = emit(request, options);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      std::printf("%d kernels in %s, %.1f s\n", count, options.folder.c_str(), seconds.count());
    } else if (*list_command) {
      if (schema) std::printf("%s\n", schedule_schema().dump(2).c_str());
      else if (all_kernels) list_all_kernels();
      else if (folder.empty()) list_choices();
      else return list_folder(folder);
    } else if (*tune_command) {
      return tune(tune_options);
    } else {
      return inspect(kernel, form, inspect_files);
    }
  } catch (const std::exception &e) {
    std::fprintf(stderr, "lossgen: %s\n", e.what());
    return 1;
  }
  return 0;
}
