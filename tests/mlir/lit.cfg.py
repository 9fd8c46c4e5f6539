"""Runs tests/mlir: lit -sv build/.../tests/mlir, or `ctest -L mlir`."""

import os
import platform

import lit.formats

config.name = "lossgen-mlir"
config.test_format = lit.formats.ShTest()
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "frontends", "invalid-corpus"]
config.test_source_root = os.path.dirname(__file__)
# lit.site.cfg.py, which CMake writes, sets the paths; these are its keys.
for key in ("plugin", "llvm_tools", "filecheck", "shim", "runner_utils", "binary_dir"):
    if not hasattr(config, key):
        raise SystemExit("run lit on the build folder: lit.site.cfg.py there says where the tools are")

config.test_exec_root = config.binary_dir
config.environment["PATH"] = config.llvm_tools + os.pathsep + os.environ.get("PATH", "")
opt = os.path.join(config.llvm_tools, "mlir-opt")
config.substitutions += [
    ("%mlir-opt", f"{opt} --load-dialect-plugin={config.plugin}"),
    ("%stock-mlir-opt", opt),
    ("%plugin", config.plugin),
    ("%FileCheck", config.filecheck),
    # Runs a module in the LLVM dialect; its exit code is the program's.
    ("%run", os.path.join(config.llvm_tools, "mlir-runner") + " -e main --entry-point-result=void"
     f" --shared-libs={config.runner_utils} --shared-libs={config.shim}"),
    ("%shim", config.shim),
]
if config.shim:
    config.available_features.add("library")
