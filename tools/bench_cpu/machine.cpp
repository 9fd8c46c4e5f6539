// What the results depend on besides the code.
#include <lossgen/lossgen.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "contenders.h"
#include "loops.h"
#include "report.h"

namespace bench {
namespace {

std::string first_line(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string field(const std::string &path, const std::string &name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, name.size(), name) != 0) continue;
    const size_t colon = line.find(':');
    const size_t start = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    if (start != std::string::npos) return line.substr(start);
  }
  return "";
}

std::string caches() {
  std::string text;
  for (int index = 0; index < 8; index++) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const std::string level = first_line(folder + "level"), type = first_line(folder + "type");
    if (level.empty()) break;
    if (type == "Instruction") continue;
    text += (text.empty() ? "L" : ", L") + level + " " + first_line(folder + "size");
  }
  return text;
}

}  // namespace

double load_average() {
  double load;
  return getloadavg(&load, 1) == 1 ? load : -1;
}

Facts machine_facts() {
  Facts facts;
  std::string cpu = field("/proc/cpuinfo", "model name");
  if (cpu.empty()) cpu = "unknown";
  const std::string family = field("/proc/cpuinfo", "cpu family"), model = field("/proc/cpuinfo", "model\t");
  if (!family.empty()) cpu += " (family " + family + ", model " + model + ")";
  facts.emplace_back("cpu", cpu);
  facts.emplace_back("cores", std::to_string(std::thread::hardware_concurrency()));
  facts.emplace_back("caches", caches());
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  std::ostringstream gib;
  gib.precision(3);
  gib << memory / (1 << 30) << " GiB";
  facts.emplace_back("memory", gib.str());
  const std::string hypervisor = field("/proc/cpuinfo", "flags").find(" hypervisor") != std::string::npos ? "yes" : "no";
  facts.emplace_back("virtual", hypervisor);
  utsname system;
  if (uname(&system) == 0) facts.emplace_back("system", std::string(system.sysname) + " " + system.release);
  facts.emplace_back("huge pages", first_line("/sys/kernel/mm/transparent_hugepage/enabled"));
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
