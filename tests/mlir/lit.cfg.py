"""Runs tests/mlir: lit -sv build/.../tests/mlir, or `ctest -L mlir`."""

import glob
import os
import shutil
import sys

import lit.formats

config.name = "lossgen-mlir"
config.test_format = lit.formats.ShTest()
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "frontends", "invalid-corpus"]
config.test_source_root = os.path.dirname(__file__)
# lit.site.cfg.py, which CMake writes, sets the paths; these are its keys.
for key in ("plugin", "llvm_tools", "shim", "runner_utils", "library_dir", "generator", "runtime", "includes", "embedder",
            "version", "cmake", "project_dir", "binary_dir"):
    if not hasattr(config, key):
        raise SystemExit("run lit on the build folder: lit.site.cfg.py there says where the tools are")

config.test_exec_root = config.binary_dir
config.environment["PATH"] = config.llvm_tools + os.pathsep + os.environ.get("PATH", "")
tool = lambda name: os.path.join(config.llvm_tools, name)
runner = next((tool(name) for name in ("mlir-runner", "mlir-cpu-runner") if os.path.exists(tool(name))), "mlir-runner")
# An mlir-opt of another version, where there is one.
other = next((path for path in sorted(glob.glob("/usr/lib/llvm-*/bin/mlir-opt"))
              if f"/llvm-{config.version}/" not in path), os.environ.get("LOSSGEN_OTHER_MLIR_OPT", ""))
libraries = [os.path.join(config.runner_utils, f"libmlir_{part}_utils.so") for part in ("runner", "c_runner", "float16")]
libraries += [config.shim] if config.shim else []
tools = " ".join(["--opt", tool("mlir-opt"), "--plugin", config.plugin, "--runner", runner, "--libs", ",".join(libraries)])
script = lambda name: " ".join([sys.executable, os.path.join(config.test_source_root, name), tools])
# The longer name first: lit replaces in this order.
config.substitutions += [
    ("%stock-mlir-opt", tool("mlir-opt")),
    ("%mlir-opt", f"{tool('mlir-opt')} --load-dialect-plugin={config.plugin}"),
    ("%raise", f"{tool('mlir-opt')} --load-dialect-plugin={config.plugin}"
     " --pass-pipeline='builtin.module(raise-linalg-to-lossgen,cse,canonicalize,cse)'"),
    ("%plugin", config.plugin),
    ("%other-mlir-opt", other),
    ("%version", config.version),
    ("%embedder", config.embedder),
    ("%generator", config.generator),
    ("%runtime", config.runtime),
    ("%includes", config.includes),
    ("%cmake", config.cmake),
    ("%project", config.project_dir),
    ("%source", os.path.dirname(os.path.dirname(config.test_source_root))),
    ("%llvm-tools", config.llvm_tools),
    ("%libs", os.path.dirname(config.plugin)),
    ("%link", config.library_dir),
    ("%python", sys.executable),
    ("%mutate", f"{sys.executable} {os.path.join(config.test_source_root, 'mutate.py')}"),
    ("%meaning", script("meaning.py")),
    ("%summary", script("summary.py")),
    ("%run-frontend", script("run_frontend.py") + ("" if config.shim else " --no-calls")),
    ("%run-ops", script("run_ops.py")),
    # Runs a module in the LLVM dialect: its functions print.
    ("%run", " ".join([runner, "-e main --entry-point-result=void"] +
                      [f"--shared-libs={library}" for library in libraries])),
]
for feature in ("generator", "embedder"):
    if getattr(config, feature):
        config.available_features.add(feature)
if other:
    config.available_features.add("other-mlir")
if os.environ.get("LOSSGEN_TEST_FULL"):
    config.environment["LOSSGEN_TEST_FULL"] = "1"
    config.available_features.add("full")
if config.shim:
    config.available_features.add("library")
if shutil.which("valgrind"):
    config.available_features.add("valgrind")
