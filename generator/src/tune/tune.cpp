#include "tune.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "emit.h"
#include "lossgen/kernel_names.h"
#include "progress.h"
#include "report.h"
#include "result.h"
#include "schedule_file.h"
#include "storage.h"

namespace lossgen {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// What disturbs timings on this machine, as far as it says.
std::vector<std::string> disturbances(const json &machine) {
  std::vector<std::string> list;
  const std::string governor = machine.value("governor", "unknown"), load = machine.value("load", "unknown");
  if (governor != "performance" && governor != "unknown")
    list.push_back("frequency governor " + governor + ": the clock follows the load");
  if (load != "unknown" && std::atof(load.c_str()) > 0.5) list.push_back("load " + load + ": others compute here");
  if (machine.value("smt", "") == "on") list.push_back("SMT is on: a neighbour may share the core");
  if (machine.value("virtual", "") == "yes") list.push_back("a virtual machine: its neighbours are not seen");
  return list;
}

std::vector<Shape> shapes_of(const TuneOptions &o) {
  std::vector<std::string> texts = o.shapes;
  if (texts.empty()) {
    const auto wants = [&](const char *layout) {
      return o.layouts.empty() || std::find(o.layouts.begin(), o.layouts.end(), layout) != o.layouts.end();
    };
    if (wants("rows") || wants("strided")) texts.push_back("4096x1000");
    if (wants("planes")) texts.push_back("4x21x256x256");
    for (int64_t c : o.classes)
      texts.push_back(std::to_string(std::max<int64_t>(64, (1 << 22) / std::max<int64_t>(1, c))) + "x" +
                      std::to_string(c));
  }
  std::vector<Shape> shapes;
  for (const std::string &t : texts) {
    const Shape shape = parse_shape(t);
    if (std::none_of(shapes.begin(), shapes.end(), [&](const Shape &s) { return s.text == t; }))
      shapes.push_back(shape);
  }
  return shapes;
}

// The command that tunes this again, for the file; without what only says where and how.
std::string command_of(const TuneOptions &o) {
  std::string text = "lossgen tune -o " + fs::path(o.out).filename().string();
  const auto add = [&](const char *name, const auto &list) {
    if (list.empty()) return;
    text += std::string(" --") + name;
    for (const auto &item : list) {
      if constexpr (std::is_integral_v<std::decay_t<decltype(item)>>) text += " " + std::to_string(item);
      else text += " " + item;
    }
  };
  add("ops", o.ops), add("dtypes", o.dtypes), add("layouts", o.layouts), add("targets", o.targets),
      add("classes", o.classes), add("shapes", o.shapes);
  return o.threads == 1 ? text : text + " --threads " + std::to_string(o.threads);
}

class Tuning {
 public:
  explicit Tuning(TuneOptions options)
      : o_(std::move(options)),
        workshop_(toolchain()),
        probe_(workshop_.probe(wants_gpu()), o_.runner, o_.timeout),
        machine_(probe_.ask("machine")) {
    if (o_.check.empty() && wants_gpu()) machine_.update(probe_.ask("gpu"));
    for (const std::string &d : disturbances(machine_)) machine_["disturbances"].push_back(d);
    std::printf("%s, %s cores, %s\n", machine_.value("cpu", "?").c_str(), machine_.value("cores", "?").c_str(),
                machine_.value("caches", "?").c_str());
    if (machine_.contains("gpu"))
      std::printf("%s, %s\n", machine_.value("gpu", "?").c_str(), machine_.value("driver", "?").c_str());
    for (const std::string &d : disturbances(machine_)) std::printf("  spoils timings: %s\n", d.c_str());
    std::fflush(stdout);
    measure_ = {o_.runner, o_.timeout, o_.threads};
  }
  ~Tuning() { workshop_.clear(); }

  int find() {
    if (o_.targets.empty()) o_.targets = {newest_target()};
    Request request;
    request.dtypes = o_.dtypes, request.layouts = o_.layouts, request.targets = o_.targets,
    request.classes = o_.classes;
    request.host = host();
    expand(request);  // refuses names that are none
    request.ops = o_.ops;
    const std::vector<Unit> units = units_for(request, shapes_of(o_));
    if (units.empty()) throw std::invalid_argument("no shape has a layout of --layouts");

    json start = {{"event", "start"},    {"pipeline", pipeline_hash()}, {"halide", halide_version()},
                  {"machine", machine_}, {"threads", o_.threads},       {"seed", o_.seed},
                  {"runner", o_.runner}, {"command", command_of(o_)}};
    Log log(o_.log, start, o_.resume);
    const Clock::time_point end = o_.budget > 0 ? Clock::now() + seconds(seconds_left()) : Clock::time_point::max();
    TuneProgress progress(units.size(), end);
    SearchOptions search_options{measure_, o_.seed, end, json::array()};
    for (size_t i = 0; i < units.size() && !stop_asked(); i++) {
      // Its share; with less than kLeast nothing comes of it, so that the last ones are left out rather than all cut
      // short.
      constexpr double kLeast = 20;
      if (o_.budget > 0)
        search_options.deadline =
            std::min(end, Clock::now() + std::max(seconds(kLeast), (end - Clock::now()) / (int64_t)(units.size() - i)));
      progress.begin(i, units[i].name());
      const Clock::time_point begin = Clock::now();
      const double memory = bandwidth(units[i]);
      Found f = search(units[i], search_options, workshop_, log,
                       [&](double done, double best, const std::string &what) { progress.update(done, best, what); });
      progress.clear();
      f.memory = memory;
      const double spent = std::chrono::duration<double>(Clock::now() - begin).count();
      found_.push_back(f);
      if (f.ratio < 1)
        for (const json &e : entries_for(f.unit, f.winner)) search_options.earlier.push_back(e);
      if (units[i].classes) compare_with_general(units[i], search_options.earlier, f.winner, &log);
      say(found_.back());
      log.write({{"event", "found"},
                 {"unit", unit_text(f.unit)},
                 {"ratio", f.ratio},
                 {"params", to_json(f.winner)},
                 {"default_seconds", f.base_seconds},
                 {"seconds", f.seconds},
                 {"memory", f.memory},
                 {"in_cache", f.in_cache},
                 {"default_of_roof", share_of_roof(f, f.base_seconds)},
                 {"of_roof", share_of_roof(f, f.seconds)},
                 {"spent", spent},
                 {"complete", f.complete}});
      // Kept as it is known: a run that is cut off here has lost one unit.
      write_result(o_.out, found_, machine_, command_of(o_), o_.seed, o_.threads);
      if (i + 1 == units.size() || !units[i].same_kernels(units[i + 1])) workshop_.clear();
    }
    const auto known =
        std::count_if(found_.begin(), found_.end(), [](const Found &f) { return !f.base_seconds.empty(); });
    if (interrupted() || found_.size() < units.size() || !found_.back().complete)
      std::printf("%s: %d of %zu kernels are decided, the log has the rest; --resume goes on\n",
                  interrupted() ? "stopped" : "the budget is spent", (int)known, units.size());
    std::printf("%s: add it to SCHEDULES of lossgen_add_library, or to `lossgen emit --schedules`\n", o_.out.c_str());
    if (!o_.report.empty() || !o_.pictures.empty()) {
      write_report(o_.report, o_.pictures, {found_, machine_, general_, command_of(o_), o_.seed});
      if (!o_.report.empty()) std::printf("%s: why\n", o_.report.c_str());
    }
    return interrupted() ? 130 : 0;
  }

  int check() {
    int threads = 1, lost = 0;
    const std::string stale = why_stale(o_.check, read_schedule_file(o_.check));
    if (!stale.empty()) std::printf("%s\n", stale.c_str());
    json before = json::array();
    for (Tuned tuned : read_result(o_.check, &threads)) {
      if (is_device(tuned.unit.target)) tuned.unit.host = host();
      const std::vector<std::string> usable = split_words(machine_.value("targets", ""));
      if (std::find(usable.begin(), usable.end(), kTargetNames[tuned.unit.target]) == usable.end()) {
        std::printf("%s: this machine cannot run it\n", tuned.unit.name().c_str());
        continue;
      }
      measure_.threads = threads;
      Workshop::Candidate standard{default_point(tuned.unit), schedule_with(before), "", ""}, candidate = standard;
      for (const json &e : tuned.entries) before.push_back(e);
      candidate.schedule = schedule_with(before);
      workshop_.make(tuned.unit, {&standard, &candidate});
      std::vector<Measurement> results;
      measure(tuned.unit, standard, {&candidate}, measure_, kFinal, &results);
      if (stop_asked()) return 130;
      const Measurement &m = results[0];
      const bool wins = m.failure.empty() && m.ratio - uncertainty(m.rounds) <= 1;
      lost += !wins;
      if (!m.failure.empty()) std::printf("%s: FAILS: %s\n", unit_text(tuned.unit).c_str(), m.failure.c_str());
      else
        std::printf("%s: %s, %.3fx the default (%.3fx when tuned)\n", unit_text(tuned.unit).c_str(),
                    wins ? "still wins" : "NO LONGER WINS", 1 / m.ratio, 1 / tuned.ratio);
      std::fflush(stdout);
    }
    return lost > 0;
  }

 private:
  Toolchain toolchain() {
    if (o_.cxx.empty()) o_.cxx = std::getenv("CXX") && *std::getenv("CXX") ? std::getenv("CXX") : "c++";
    if (o_.share.empty()) o_.share = own_share_folder();
    const std::string base = fs::path(o_.check.empty() ? o_.out : o_.check).replace_extension("").string();
    if (o_.log.empty()) o_.log = base + ".log.jsonl";
    if (o_.work.empty()) o_.work = base + ".work";
    fs::create_directories(o_.work);
    const int jobs = o_.jobs > 0 ? o_.jobs : default_jobs();
    return {o_.cxx, o_.share, o_.work, jobs, 300};
  }
  // The file to check or the targets named have kernels for CUDA devices.
  bool wants_gpu() const {
    std::vector<std::string> targets = o_.targets;
    if (!o_.check.empty())
      for (const json &entry : read_schedule_file(o_.check).at("schedules"))
        targets.push_back(entry.value("target", ""));
    return std::any_of(targets.begin(), targets.end(), [](const std::string &t) { return t.rfind("cuda", 0) == 0; });
  }
  static Clock::duration seconds(double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  }

  std::string newest_target() const {
    std::string newest;
    for (const std::string &t : split_words(machine_.value("targets", "")))
      if (const int id = index_of(kTargetNames, t.c_str()); id >= 0 && !is_device((lossgen_target_id)id)) newest = t;
    if (newest.empty()) throw std::runtime_error("the runner's machine can run no CPU target");
    return newest;
  }

  // The CPU of the programs there.
  std::string host() const { return kTargetMachines[index_of(kTargetNames, newest_target().c_str())]; }

  // GB/s of memory as large as what the unit's first shape moves, accessed as the call does.
  double bandwidth(const Unit &unit) {
    const int64_t bytes = unit.shapes[0].elements() * storage_type(unit.dtype).bytes();
    const std::string where = is_device(unit.target) ? kTargetNames[unit.target] : unit.host;
    const std::string question = "bandwidth " + where + " " + std::to_string(bytes);
    try {
      if (!rates_.count(question)) rates_[question] = probe_.ask(question);
    } catch (const std::exception &) {
      if (!stop_asked()) throw;
    }
    return rates_.count(question) ? rates_[question].value(unit.access(), 0.0) : 0;
  }

  // What the constant brings: its winner beside the general kernel with what has been found for that.
  void compare_with_general(const Unit &unit, const json &earlier, const Params &winner, Log *log) {
    if (stop_asked()) return;
    const std::string name = "6 beside the general kernel";
    if (const Measurement *known = log->known(unit, winner, name)) {
      general_[unit_text(unit)] = {known->ratio, uncertainty(known->rounds)};
      return;
    }
    Unit general = unit;
    general.classes = 0;
    Workshop::Candidate standard{default_point(unit), schedule_with(earlier), "", ""}, constant = standard;
    workshop_.make(unit, {&constant});
    workshop_.make(general, {&standard});
    std::vector<Measurement> results;
    measure(unit, standard, {&constant}, measure_, kFinal, &results);
    if (!results[0].failure.empty()) return;
    log->add(unit, winner, name, results[0]);
    general_[unit_text(unit)] = {results[0].ratio, uncertainty(results[0].rounds)};
  }

  void say(const Found &f) const {
    std::printf("%s: ", unit_text(f.unit).c_str());
    if (f.ratio < 1) std::printf("%.3fx the default with %s", 1 / f.ratio, describe(f.unit, f.winner).c_str());
    else std::printf("nothing beats the default");
    std::printf(" (%zu of %zu tried%s)\n", f.tried, f.space, f.complete ? "" : ", not all that were to be");
    const auto general = general_.find(unit_text(f.unit));
    if (general != general_.end()) {
      if (gains(general->second)) std::printf("  %.3fx the general kernel\n", 1 / general->second.ratio);
      else
        std::printf("  gains nothing over the general kernel: CLASSES %lld is of no use here\n",
                    (long long)f.unit.classes);
    }
    std::fflush(stdout);
  }

  TuneOptions o_;
  Workshop workshop_;
  Runner probe_;
  json machine_;
  MeasureOptions measure_;
  std::vector<Found> found_;
  std::map<std::string, json> rates_;  // by question
  std::map<std::string, OverGeneral> general_;
};

}  // namespace

int tune(const TuneOptions &options) {
  stop_on_ctrl_c();
  constexpr double kGoodbye = 1;  // second, to write what is known
  if (options.budget > 0) stop_after(options.budget * 60 - kGoodbye);
  Tuning tuning(options);
  return options.check.empty() ? tuning.find() : tuning.check();
}

}  // namespace lossgen
