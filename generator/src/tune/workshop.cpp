#include "workshop.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "emit.h"
#include "files.h"
#include "lossgen/kernel_names.h"
#include "process.h"
#include "stamps.h"

namespace lossgen {
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> files_of(const std::string &share, const char *extension) {
  std::vector<fs::path> list;
  for (const char *folder : {"runtime/src", "runtime/src/gpu", "runtime/include/lossgen", "tune"}) {
    std::error_code none;
    for (const auto &entry : fs::directory_iterator(fs::path(share) / folder, none))
      if (entry.path().extension() == extension) list.push_back(entry.path());
  }
  std::sort(list.begin(), list.end());
  return list;
}

std::vector<std::string> compile_words(const Toolchain &tools) {
  std::vector<std::string> words = split_words(tools.cxx);
  for (const std::string &w : {std::string("-std=c++17"), std::string("-O2"), "-I" + tools.share + "/runtime/include",
                               "-I" + tools.share + "/runtime/src"})
    words.push_back(w);
  return words;
}

}  // namespace

std::string own_share_folder() {
  std::error_code none;
  const fs::path program = fs::read_symlink("/proc/self/exe", none);
  return (program.parent_path() / LOSSGEN_SHARE_FROM_PROGRAM).lexically_normal().string();
}

Workshop::Workshop(const Toolchain &tools) : tools_(tools) {
  const std::vector<fs::path> sources = files_of(tools.share, ".cpp");
  if (!fs::exists(fs::path(tools.share) / "tune/runner.cpp") ||
      !fs::exists(fs::path(tools.share) / "runtime/src/api.cpp"))
    throw std::runtime_error("no sources of runtime and runner in '" + tools.share +
                             "'; --share names the folder that has runtime/ and tune/");
  std::string id = tools.cxx;
  for (const fs::path &source : sources) id += read_file(source);
  for (const fs::path &header : files_of(tools.share, ".h")) id += read_file(header);
  shared_ = tools.work / ("shared-" + hash_text(id));
  fs::create_directories(shared_);
  std::vector<Task> tasks;
  for (const fs::path &source : sources) {
    const fs::path object =
        shared_ / (source.parent_path().filename().string() + "-" + source.filename().string() + ".o");
    if (fs::exists(object)) continue;
    tasks.push_back({[this, source, object] {
                       std::vector<std::string> words = compile_words(tools_);
                       for (const std::string &w :
                            {std::string("-c"), source.string(), std::string("-o"), object.string() + ".new"})
                         words.push_back(w);
                       run_program(words);
                       fs::rename(object.string() + ".new", object);
                     },
                     object.string() + ".log"});
  }
  const std::vector<std::string> failures = run_tasks(tasks, tools.jobs, tools.seconds);
  if (stop_asked()) throw std::runtime_error("stopped before the runner was compiled");
  for (size_t i = 0; i < failures.size(); i++)
    if (!failures[i].empty())
      throw std::runtime_error("the runner does not compile (" + tools.cxx + "): " + failures[i] + "; see " +
                               tasks[i].output);
}

void Workshop::link(const Unit &unit, const Candidate &candidate, const fs::path &folder) const {
  Request request;
  request.library = "candidate";
  request.ops = {unit.op};
  request.dtypes = {kDtypeNames[unit.dtype]};
  request.layouts = {unit.logits()};
  request.targets = {kTargetNames[unit.target]};
  request.host = unit.host;
  if (unit.classes) request.classes = {unit.classes};
  request.schedule_files = {(folder / "schedule.json").string()};
  write_if_changed(folder / "schedule.json", candidate.schedule.dump(2) + "\n");
  emit(request, {folder.string(), 1, false});

  link_program(folder / host_folder(unit.host), (folder / "program").string(), is_device(unit.target));
}

// With the kernels of a folder, "" for none.
void Workshop::link_program(const fs::path &objects, const std::string &program, bool loads_driver) const {
  std::vector<std::string> words = compile_words(tools_);
  words.push_back("-s");
  // Static: the program may be sent to another machine. A driver comes with a C library of its own.
  if (loads_driver) words.insert(words.end(), {"-static-libstdc++", "-static-libgcc"});
  else words.push_back("-static");
  if (!objects.empty()) {
    words.push_back("-I" + objects.string());
    words.push_back((objects / "candidate_table.cpp").string());
  }
  for (const fs::path &from : {objects, shared_}) {
    std::error_code none;
    for (const auto &entry : fs::directory_iterator(from, none))
      if (entry.path().extension() == ".o") words.push_back(entry.path().string());
  }
  for (const std::string &w : {std::string("-lpthread"), std::string("-ldl"), std::string("-o"), program})
    words.push_back(w);
  run_program(words);
}

std::string Workshop::probe(bool loads_driver) {
  const std::string program = fs::absolute(shared_ / (loads_driver ? "probe-gpu" : "probe")).string();
  if (fs::exists(program)) return program;
  const std::string failure =
      run_tasks({{[&] { link_program({}, program, loads_driver); }, program + ".log"}}, 1, tools_.seconds)[0];
  if (!failure.empty()) throw std::runtime_error("the runner does not link (" + tools_.cxx + "): " + failure);
  return program;
}

void Workshop::make(const Unit &unit, std::vector<Candidate *> candidates) {
  if (base_.empty() || !base_unit_.same_kernels(unit)) {
    // The first one compiles everything; the others only what differs from it.
    base_.clear();
    base_unit_ = unit;
    if (candidates.size() > 1) {
      make(unit, {candidates[0]});
      if (candidates[0]->failure.empty()) candidates.erase(candidates.begin());
    }
  }
  std::vector<Task> tasks;
  std::vector<fs::path> folders;
  for (Candidate *candidate : candidates) {
    const fs::path folder = fs::absolute(tools_.work) / ("candidate-" + std::to_string(made_++));
    fs::remove_all(folder);
    fs::create_directories(folder);
    if (!base_.empty()) {
      const fs::path name = host_folder(unit.host);
      fs::create_directory(folder / name);
      for (const auto &entry : fs::directory_iterator(fs::path(base_) / name))
        if (entry.path().extension() == ".o" || entry.path().filename() == ".stamps")
          fs::copy_file(entry.path(), folder / name / entry.path().filename());
    }
    folders.push_back(folder);
    tasks.push_back({[this, unit, candidate, folder] { link(unit, *candidate, folder); }, (folder / "log").string()});
  }
  const std::vector<std::string> failures = run_tasks(tasks, tools_.jobs, tools_.seconds);
  for (size_t i = 0; i < candidates.size(); i++) {
    candidates[i]->failure = failures[i];
    if (failures[i].empty()) candidates[i]->program = (folders[i] / "program").string();
    if (failures[i].empty() && base_.empty()) base_ = folders[i].string();
  }
}

void Workshop::clear() {
  base_.clear();
  std::error_code none;
  for (int i = 0; i < made_; i++) fs::remove_all(fs::absolute(tools_.work) / ("candidate-" + std::to_string(i)), none);
}

}  // namespace lossgen
