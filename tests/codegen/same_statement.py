"""Compares the Halide statements of kernels for CUDA and OpenCL: after the API's name and the numbers of temporaries they are the
same text, for every stage, layout and type but f16, which CUDA converts in hardware. With LOSSGEN_TEST_FULL all kernels, else a part."""

import os
import re
import subprocess
import sys
from multiprocessing.pool import ThreadPool

lossgen = sys.argv[1]


def run(*arguments):
    return subprocess.run([lossgen, *arguments], check=True, capture_output=True, text=True).stdout


def statement(kernel):
    text = run("inspect", kernel, "--as", "stmt")
    temporaries = {}
    text = re.sub(r"\bt\d+\b", lambda m: f"t#{temporaries.setdefault(m[0], len(temporaries))}", text)
    text, loops = re.subn(r"\b(gpu_block|gpu_thread)<(CUDA|OpenCL)>", r"\1<API>", text)
    assert loops > 1, f"{kernel}: no loops of a device"
    return re.sub(r"halide_(cuda|opencl)_device_interface", "halide_API_device_interface", text).splitlines()


def compare(kernel):
    other = kernel.replace("__cuda_sm80", "__opencl")
    ours, theirs = statement(kernel), statement(other)
    if ours == theirs:
        return ""
    line = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    return f"{kernel} and {other} differ in line {line + 1}:\n{ours[line:line + 1]}\n{theirs[line:line + 1]}\n"


kernels = [k for k in run("list", "--kernels").split() if k.endswith("__cuda_sm80") and "__f16_" not in k]
if not os.environ.get("LOSSGEN_TEST_FULL"):
    kernels = [k for k in kernels if "__f32_any" in k or ("cross_entropy_forward" in k and "__f32_" in k)]
with ThreadPool(2) as pool:
    failures = "".join(pool.map(compare, kernels))
print(failures or f"same statements: {len(kernels)} kernels")
sys.exit(bool(failures) or len(kernels) < 20)
