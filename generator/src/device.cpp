#include "device.h"

#include "object_file.h"

namespace lossgen {

namespace {

const std::string kTheirs = "halide_", kOurs = "lossgen_device_";

}  // namespace

void rename_runtime_symbols(const std::string &path) {
  rename_symbols(path, [](const std::string &name, bool defined) {
    return defined || name.rfind(kTheirs, 0) != 0 ? "" : kOurs + name.substr(kTheirs.size());
  });
}

}  // namespace lossgen
