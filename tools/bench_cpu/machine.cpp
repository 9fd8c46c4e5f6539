// What the results depend on besides the code.
#include <lossgen/lossgen.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <sstream>
#include <string>
#include <thread>

#include "contenders.h"
#include "loops.h"
#include "report.h"
#include "system.h"

namespace bench {

double load_average() {
  double load;
  return getloadavg(&load, 1) == 1 ? load : -1;
}

Facts machine_facts() {
  Facts facts;
  facts.emplace_back("cpu", tune::cpu_model());
  facts.emplace_back("cores", std::to_string(std::thread::hardware_concurrency()));
  facts.emplace_back("caches", tune::caches());
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  std::ostringstream gib;
  gib.precision(3);
  gib << memory / (1 << 30) << " GiB";
  facts.emplace_back("memory", gib.str());
  const std::string hypervisor = tune::cpu_field("flags").find(" hypervisor") != std::string::npos ? "yes" : "no";
  facts.emplace_back("virtual", hypervisor);
  utsname system;
  if (uname(&system) == 0) facts.emplace_back("system", std::string(system.sysname) + " " + system.release);
  facts.emplace_back("huge pages", tune::first_line("/sys/kernel/mm/transparent_hugepage/enabled"));
#if defined(__clang__)
  facts.emplace_back("compiler", "clang " __clang_version__);
#else
  facts.emplace_back("compiler", "gcc " __VERSION__);
#endif
  facts.emplace_back("lossgen", lossgen_version());
  std::string targets;
  for (const std::string &target : usable_targets()) targets += (targets.empty() ? "" : " ") + target;
  facts.emplace_back("targets", targets);
  facts.emplace_back("flat loops", best_loops().isa);
  const time_t now = time(nullptr);
  char date[32];
  strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime(&now));
  facts.emplace_back("date", date);
  std::ostringstream load;
  load.precision(2);
  load << std::fixed << load_average();
  facts.emplace_back("load", load.str());
  return facts;
}

}  // namespace bench
