// What the system says about this machine, for the tuner and for the bench.
#ifndef LOSSGEN_TUNE_SYSTEM_H
#define LOSSGEN_TUNE_SYSTEM_H

#include <string>

namespace tune {

std::string first_line(const std::string &path);       // "" where there is no such file
std::string cpu_field(const std::string &name);        // of /proc/cpuinfo, the first one whose name begins so
std::string cpu_model();                               // "AMD EPYC (family 25, model 17)"
std::string caches();                                  // "L1 32K, L2 1024K, L3 32768K"

}  // namespace tune
#endif  // LOSSGEN_TUNE_SYSTEM_H
