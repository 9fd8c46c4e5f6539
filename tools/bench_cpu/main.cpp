// lossgen_bench: what memory gives, what lossgen takes, and what hand-written code reaches, alternating in one process.
#include <lossgen/lossgen.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "cases.h"
#include "charts.h"
#include "contenders.h"
#include "measure.h"
#include "report.h"

namespace {

struct Options {
  std::vector<std::string> cases, shapes, dtypes, from, compared;
  std::vector<int> threads;
  std::string json, csv, svg;
  bench::Wanted wanted;
  bench::Pace pace;
  bool quick = false, sweep = false, large = false, machine = false, list = false, explain = false;
};

bool has(const std::vector<std::string> &list, const std::string &word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::vector<bench::Case> chosen_cases(const Options &o) {
  std::vector<bench::Case> list = o.quick   ? bench::quick_cases()
                                  : o.sweep ? bench::sweep_cases(o.large)
                                            : bench::standard_cases();
  for (const std::string &name : o.cases) {
    if (std::none_of(list.begin(), list.end(), [&](const bench::Case &c) { return c.name == name; })) {
      throw std::invalid_argument("no case '" + name + "' (see --list)");
    }
  }
  if (!o.cases.empty() || !o.shapes.empty()) {
    list.erase(std::remove_if(list.begin(), list.end(), [&](const bench::Case &c) { return !has(o.cases, c.name); }),
               list.end());
  }
  for (const std::string &shape : o.shapes) list.push_back(bench::case_of_shape(shape));
  for (bench::Case &c : list) {
    if (o.dtypes.empty()) continue;
    std::vector<bench::Dtype> wanted;
    for (const std::string &name : o.dtypes) wanted.push_back(bench::dtype_named(name));
    if (o.cases.empty() && o.shapes.empty()) {  // --dtype alone narrows, with --case or --shape it says which
      wanted.erase(std::remove_if(wanted.begin(), wanted.end(), [&](bench::Dtype d) {
                     return std::find(c.dtypes.begin(), c.dtypes.end(), d) == c.dtypes.end();
                   }), wanted.end());
    }
    c.dtypes = wanted;
  }
  return list;
}

double free_memory() {
  struct sysinfo info;
  return sysinfo(&info) == 0 ? static_cast<double>(info.freeram + info.bufferram) * info.mem_unit : 0;
}

void warn_of_load() {
  const double load = bench::load_average(), cores = std::thread::hardware_concurrency();
  if (load > 0.1 * cores + 0.1) {
    printf("WARNING: the load average is %.2f on %g cores: others are running, do not trust these times.\n\n", load, cores);
  }
}

void run(const Options &o, bench::Results *results) {
  const std::vector<bench::Case> cases = chosen_cases(o);
  bench::Pool pool(std::max(*std::max_element(o.threads.begin(), o.threads.end()),
                            static_cast<int>(std::thread::hardware_concurrency())));
  bench::Wanted wanted = o.wanted;
  if (o.sweep && wanted.ops.empty()) {
    wanted.ops = {"cross_entropy_forward", "cross_entropy_forward_backward", "cross_entropy_forward_backward_in_place"};
  }
  if (o.sweep && wanted.impls.empty()) wanted.impls = {"lossgen", "roofline"};
  const bool quiet = o.json == "-";  // standard output is for the JSON alone
  if (!quiet) bench::print_heading();
  for (const bench::Case &c : cases) {
    for (const bench::Dtype dtype : c.dtypes) {
      const bool log_probs = wanted.op("log_softmax_backward") || wanted.op("nll_loss_forward");
      bool gradient = true, in_place = wanted.op("cross_entropy_forward_backward_in_place");
      const double room = 0.8 * free_memory();
      if (bench::memory_needed(c, dtype, gradient, in_place, log_probs) > room) gradient = false;
      if (bench::memory_needed(c, dtype, gradient, in_place, log_probs) > room) in_place = false;
      if (bench::memory_needed(c, dtype, gradient, in_place, gradient && log_probs) > room) {
        fprintf(stderr, "%s %s: left out, not enough free memory\n", c.name.c_str(), bench::text_of(c.shape).c_str());
        continue;
      }
      const bench::Batches batches(c, dtype, pool, gradient, in_place, gradient && log_probs);
      for (const int threads : o.threads) {
        std::vector<bench::Contender> contenders;
        bench::add_rooflines(batches, pool, threads, &contenders);
        bench::add_lossgen(batches, threads, wanted, pool, &contenders);
        bench::add_bare(batches, threads, wanted, &contenders);
        bench::add_yardsticks(batches, pool, threads, wanted, &contenders);
        std::vector<bench::Row> rows = bench::measure(batches, threads, contenders, o.pace);
        if (!wanted.impl("roofline")) {
          rows.erase(std::remove_if(rows.begin(), rows.end(),
                                    [](const bench::Row &r) { return r.op.rfind("roofline", 0) == 0; }),
                     rows.end());
        }
        if (!quiet) bench::print_rows(rows);
        results->rows.insert(results->rows.end(), rows.begin(), rows.end());
      }
    }
  }
}

int bench_main(int argc, char **argv) {
  Options o;
  CLI::App app("Times lossgen beside what memory gives and beside hand-written code");
  app.add_option("--case", o.cases, "cases by name (--list); default: all")->delimiter(',');
  app.add_option("--shape", o.shapes, "other shapes, as in 2048x32768 or 4x21x512x512 (class axis 1)")->delimiter(',');
  app.add_option("--dtype", o.dtypes, "f32, f64, bf16, f16; default: those of the case")->delimiter(',');
  app.add_option("--op", o.wanted.ops, "ops; default: all")->delimiter(',')->check(CLI::IsMember(bench::all_ops()));
  app.add_option("--impl", o.wanted.impls, "lossgen, yardstick, roofline, kernels (without the library around them; one thread, f32); default: the first three")
      ->delimiter(',')
      ->check(CLI::IsMember({"lossgen", "yardstick", "roofline", "kernels"}));
  app.add_option("--target", o.wanted.targets, "kernel targets; default: the best, on A, C, E f32 each")
      ->delimiter(',')
      ->check(CLI::IsMember(bench::usable_targets()));
  app.add_option("--threads", o.threads, "numbers of threads; default: 1 and all cores")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_flag("--general-kernels-only", o.wanted.general_kernels_only, "no kernels for known class counts");
  app.add_option("--rounds", o.pace.rounds, "at least so many samples of each; default 9")->check(CLI::Range(1, 10000));
  app.add_option("--prefetch", o.wanted.prefetch, "bytes ahead, of the yardsticks; default 4096")
      ->check(CLI::Range(0, 1 << 20));
  app.add_flag("--sweep", o.sweep, "instead of the cases: time against the number of rows and of classes");
  app.add_flag("--large", o.large, "with --sweep: up to 2^31 logits (26 GB, less where not free)");
  app.add_flag("--quick", o.quick, "tiny cases, for tests");
  app.add_option("--json", o.json, "writes the results (- = standard output)");
  app.add_option("--csv", o.csv, "writes the results as CSV");
  app.add_option("--svg", o.svg, "writes charts into this folder");
  app.add_option("--from", o.from, "takes the results from these files instead of measuring");
  app.add_option("--compare", o.compared, "prints the ratios of two result files, and marks changes above 5 %")
      ->expected(2);
  app.add_flag("--machine", o.machine, "prints what is known about this machine, and stops");
  app.add_flag("--explain", o.explain, "prints which kernels the cases take, and stops");
  app.add_flag("--list", o.list, "prints the cases, and stops");
  CLI11_PARSE(app, argc, argv);

  if (!o.compared.empty()) {
    bench::compare(bench::read_json(o.compared[0]), bench::read_json(o.compared[1]));
    return 0;
  }
  if (o.list) {
    for (const bench::Case &c : chosen_cases(o)) {
      printf("%-10s %-18s", c.name.c_str(), bench::text_of(c.shape).c_str());
      for (const bench::Dtype dtype : c.dtypes) printf(" %s", bench::name_of(dtype));
      printf("\n");
    }
    return 0;
  }
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  if (o.threads.empty()) o.threads = cores > 1 ? std::vector<int>{1, cores} : std::vector<int>{1};
  if (o.explain) {
    for (const bench::Case &c : chosen_cases(o)) {
      for (const bench::Dtype dtype : c.dtypes) {
        printf("%s %s %s\n%s\n", c.name.c_str(), bench::text_of(c.shape).c_str(), bench::name_of(dtype),
               bench::explained(c, dtype, o.threads.back(), o.wanted).c_str());
      }
    }
    return 0;
  }
  bench::Results results;
  if (!o.from.empty()) {
    for (const std::string &file : o.from) {  // facts of the first, and what later ones add
      const bench::Results more = bench::read_json(file);
      for (const auto &fact : more.machine) {
        if (results.fact(fact.first).empty()) results.machine.push_back(fact);
      }
      results.rows.insert(results.rows.end(), more.rows.begin(), more.rows.end());
    }
  } else {
    results.machine = bench::machine_facts();
    std::string command = "tools/bench";
    for (int i = 1; i < argc; i++) {
      const std::string word = argv[i];
      if (word == "--json" || word == "--csv" || word == "--svg") i++;  // where the results go says nothing about them
      else command += " " + word;
    }
    results.machine.emplace_back("command", command);
    if (o.machine || o.json != "-") bench::print_machine(results.machine);
    if (o.machine) return 0;
    if (o.json != "-") warn_of_load();
    if (o.quick) o.pace.seconds = 0, o.pace.sample = 0;
    run(o, &results);
    char after[16];
    snprintf(after, sizeof after, "%.2f", bench::load_average());
    for (auto &fact : results.machine) {
      if (fact.first == "load") fact.second += " before, " + std::string(after) + " after";
    }
  }
  if (!o.json.empty()) bench::write_json(results, o.json);
  if (!o.csv.empty()) bench::write_csv(results, o.csv);
  if (!o.svg.empty()) {
    for (const std::string &file : bench::draw_charts(results, o.svg)) fprintf(stderr, "wrote %s\n", file.c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char **argv) {
  try {
    return bench_main(argc, argv);
  } catch (const std::exception &error) {
    fprintf(stderr, "lossgen_bench: %s\n", error.what());
    return 1;
  }
}
