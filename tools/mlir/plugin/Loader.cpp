// What mlir-opt finds after --load-dialect-plugin or --load-pass-plugin. MLIR promises no ABI from one version to the next
// and its plugin interface does not compare them: this file, which uses nothing of MLIR, does, before the code that does
// use it is even loaded.
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

namespace mlir {
class DialectRegistry;
}

namespace {

// As in mlir/Tools/Plugins; the layout is what MLIR_PLUGIN_API_VERSION 1 stands for.
constexpr uint32_t kApiVersion = 1;
struct DialectInfo {
  uint32_t api;
  const char *name, *version;
  void (*run)(mlir::DialectRegistry *);
};
struct PassInfo {
  uint32_t api;
  const char *name, *version;
  void (*run)();
};

// "22.1" of the libMLIR.so that the program uses; of its LLVM where it has MLIR inside; "" when neither tells.
std::string hostVersion() {
  std::string found;
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *data) {
        std::string path = info->dlpi_name;
        const std::string mark = "libMLIR.so.";
        if (size_t at = path.rfind(mark); at != std::string::npos)
          *static_cast<std::string *>(data) = path.substr(at + mark.size());
        return 0;
      },
      &found);
  using GetVersion = void (*)(unsigned *, unsigned *, unsigned *);
  if (found.empty())
    if (auto get = reinterpret_cast<GetVersion>(dlsym(RTLD_DEFAULT, "LLVMGetVersion"))) {
      unsigned major = 0, minor = 0, patch = 0;
      get(&major, &minor, &patch);
      found = std::to_string(major) + "." + std::to_string(minor);
    }
  return found;
}

std::string program() {
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<size_t>(length)) : "the program";
}

void (*registerAll)(mlir::DialectRegistry *) = nullptr;

// Opens the plugin proper, or says why not.
bool load() {
  if (registerAll)
    return true;
  std::string host = hostVersion();
  // A program with MLIR inside is only known by what it exports, and may be the right one where the plugin was built for
  // such; with a shared libMLIR it is the wrong one.
  if (host != LOSSGEN_MLIR_VERSION && (LOSSGEN_MLIR_SHARED || !host.empty())) {
    std::fprintf(stderr, "lossgen: this plugin is for MLIR %s, but %s is %s%s\n", LOSSGEN_MLIR_VERSION, program().c_str(),
                 host.empty() ? "without a libMLIR.so, of a version that it does not tell" : "MLIR ", host.c_str());
    return false;
  }
  Dl_info self;
  std::string folder;
  if (dladdr(reinterpret_cast<void *>(&load), &self) && self.dli_fname) {
    folder = self.dli_fname;
    size_t slash = folder.rfind('/');
    folder = slash == std::string::npos ? "." : folder.substr(0, slash);
  }
  void *core = dlopen((folder + "/" LOSSGEN_MLIR_CORE).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (core)
    registerAll = reinterpret_cast<void (*)(mlir::DialectRegistry *)>(dlsym(core, "lossgen_mlir_register"));
  if (!registerAll) {
    std::fprintf(stderr, "lossgen: cannot load the plugin for MLIR %s into %s: %s\n", LOSSGEN_MLIR_VERSION,
                 program().c_str(), dlerror());
    return false;
  }
  return true;
}

} // namespace

#define LOSSGEN_EXPORT extern "C" __attribute__((visibility("default")))

// An API version of 0 makes mlir-opt refuse the plugin.
LOSSGEN_EXPORT DialectInfo mlirGetDialectPluginInfo() {
  return {load() ? kApiVersion : 0, "lossgen", LOSSGEN_MLIR_VERSION,
          [](mlir::DialectRegistry *registry) { registerAll(registry); }};
}

LOSSGEN_EXPORT PassInfo mlirGetPassPluginInfo() {
  return {load() ? kApiVersion : 0, "lossgen", LOSSGEN_MLIR_VERSION, [] { registerAll(nullptr); }};
}
