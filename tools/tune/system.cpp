#include "system.h"

#include <sys/utsname.h>

#include <fstream>

namespace tune {

std::string first_line(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string cpu_field(const std::string &name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, name.size(), name) != 0) continue;
    const size_t colon = line.find(':');
    if (colon != std::string::npos && colon + 2 <= line.size()) return line.substr(colon + 2);
  }
  return "";
}

std::string cpu_model() {
  std::string model = cpu_field("model name");
  if (!model.empty()) {
    const std::string family = cpu_field("cpu family"), number = cpu_field("model\t");
    return family.empty() ? model : model + " (family " + family + ", model " + number + ")";
  }
  utsname system;
  const std::string part = cpu_field("CPU part"), implementer = cpu_field("CPU implementer");
  if (uname(&system) != 0) return "unknown";
  return std::string(system.machine) + (part.empty() ? "" : " implementer " + implementer + " part " + part);
}

std::string caches() {
  std::string text;
  for (int index = 0; index < 8; index++) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const std::string level = first_line(folder + "level");
    if (level.empty()) break;
    if (first_line(folder + "type") != "Instruction")
      text += (text.empty() ? "L" : ", L") + level + " " + first_line(folder + "size");
  }
  return text;
}

}  // namespace tune
