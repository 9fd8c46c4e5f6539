"""Assembles the PTX of every CUDA kernel for the devices that it is meant for: no spills, few enough registers for three
quarters of the threads, 128-bit access where the layout promises it. Exit code 77: ptxas was not found."""

import argparse
import multiprocessing.pool
import os
import re
import subprocess
import sys
import tempfile

# The most registers for six blocks of 256 threads of 65536 registers, on sm_120 (which holds 1536 threads, not 2048) for five.
MAX_REGISTERS = {"sm_80": 40, "sm_90": 40, "sm_100": 40, "sm_120": 48}
ARCHITECTURES = list(MAX_REGISTERS)
# Targets that are built on request, by the kernels that convert most.
ON_REQUEST = {"sm_75": 64, "sm_86": 40}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def assemble(arguments, name, architectures=ARCHITECTURES):
    ptx = run([arguments.generator, "inspect", name, "--as", "ptx"])
    reports = []
    for architecture in architectures:
        with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
            file.write(ptx)
            file.flush()
            reports.append(run([arguments.ptxas, "-v", f"-arch={architecture}", "-o", os.devnull, file.name]))
    return ptx, reports


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--generator", required=True)
    parser.add_argument("--kernels", required=True, help="a folder that the generator wrote")
    parser.add_argument("--ptxas", default="")
    arguments = parser.parse_args()
    if not os.path.exists(arguments.ptxas):
        print("ptxas was not found: install a CUDA toolkit, or let `tools/test --with cuda` fetch it")
        return 77

    failures = []
    emitted = run([arguments.generator, "list", arguments.kernels]).splitlines()
    names = [line.split()[-1] for line in emitted if "__cuda_" in line]
    print(f"{'kernel':56} {'ld.v4':>5} {'st.v4':>5} {'barriers':>8}  registers on {', '.join(ARCHITECTURES)}")
    with multiprocessing.pool.ThreadPool() as pool:
        results = pool.map(lambda name: assemble(arguments, name), names)
    for name, (ptx, reports) in zip(names, results):
        registers = []
        for architecture, report in zip(ARCHITECTURES, reports):
            used = max(int(n) for n in re.findall(r"Used (\d+) registers", report))
            spilled = max(int(n) for n in re.findall(r"(\d+) bytes spill", report))
            registers.append(used)
            if spilled:
                failures.append(f"{name}: {spilled} bytes spilled on {architecture}")
            if used > MAX_REGISTERS[architecture]:
                failures.append(f"{name}: {used} registers on {architecture}, at most {MAX_REGISTERS[architecture]}")
        loads = len(re.findall(r"ld\.global\S*\.v4", ptx))
        stores = len(re.findall(r"st\.global\S*\.v4", ptx)) + len(re.findall(r"st\.global\.v2\.b64", ptx))
        barriers = len(re.findall(r"bar(?:rier)?\.sync", ptx))
        print(f"{name:56} {loads:5} {stores:5} {barriers:8}  {', '.join(map(str, registers))}")
        wide = re.search("__f32_(rows|middle|short)4", name) is not None
        if wide and "nll_loss" not in name and not loads:
            failures.append(f"{name}: no 128-bit load")
        if wide and ("backward" in name or "log_softmax" in name) and not stores:
            failures.append(f"{name}: no 128-bit store")
        # Approximations that the accuracy is not stated for, and atomics, whose order differs from run to run.
        for word in re.findall(r"\b(?:ex2|lg2|div|sqrt|rsqrt|rcp|sin|cos|tanh)\.(?:approx|full)\S*|\b(?:atom|red)\.\S*", ptx):
            failures.append(f"{name}: uses {word}")
    for architecture, most in ON_REQUEST.items():
        others = [n.replace("cuda_sm80", "cuda_" + architecture.replace("_", "")) for n in names if "__f16_" in n]
        with multiprocessing.pool.ThreadPool() as pool:
            results = pool.map(lambda name: assemble(arguments, name, [architecture]), others)
        for name, (_, (report,)) in zip(others, results):
            if int(re.search(r"Used (\d+) registers", report)[1]) > most or re.search(r"[1-9]\d* bytes spill", report):
                failures.append(f"{name}: more than {most} registers, or spills:\n{report}")
        print(f"{architecture}: {len(others)} kernels of f16 assembled")
    print(f"{len(names)} kernels, {len(failures)} failures")
    for failure in failures:
        print(failure)
    return 1 if failures or not names else 0


if __name__ == "__main__":
    sys.exit(main())
