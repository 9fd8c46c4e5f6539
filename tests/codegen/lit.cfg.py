"""What kernels compile to, and what the command says: lit on the build folder (its lit.site.cfg.py knows the generator)."""

import os
import platform
import shutil
import sys

import lit.formats

config.name = "lossgen-codegen"
config.test_format = lit.formats.ShTest()
config.suffixes = [".test"]
config.test_source_root = os.path.dirname(__file__)
if not hasattr(config, "lossgen"):
    raise SystemExit("run lit on the build folder: lit.site.cfg.py there says where the generator is")
config.test_exec_root = config.binary_dir

if shutil.which("llvm-as-22"):
    config.available_features.add("llvm-22")  # comes with tools/test --with mlir
filecheck = os.path.join(os.path.dirname(sys.executable), "filecheck")
config.environment.update({k: v for k, v in os.environ.items() if k == "LOSSGEN_TEST_FULL"})
config.substitutions += [
    ("%lossgen", config.lossgen),
    ("%kernels", config.kernels),  # of the default library
    ("%two-native", "x86-64-v2 x86-64-v3" if platform.machine() == "x86_64" else "arm64"),
    ("%python", sys.executable),
    ("%asm", f"{config.lossgen} inspect --as asm"),
    # %loop KERNEL: the hot loop of its assembly
    ("%loop", f"{sys.executable} {os.path.join(config.test_source_root, 'loop.py')} {config.lossgen}"),
    # %each-loop KERNEL: all its innermost loops
    ("%each-loop", f"{sys.executable} {os.path.join(config.test_source_root, 'loop.py')} {config.lossgen} --all"),
    ("%filecheck", filecheck if os.path.exists(filecheck) else "filecheck"),
]
