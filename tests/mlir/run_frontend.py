#!/usr/bin/env python3
"""Runs a module as a front end printed it three ways, and compares: as it is, raised and decomposed, raised and calling
the library. Inputs are made up: logits and weights at random, labels with ignored and, where the module asserts nothing
of them, bad ones.

    run_frontend.py --opt MLIR-OPT --plugin PLUGIN --runner MLIR-RUNNER --libs A.so,B.so [--no-calls] [--trap LABEL]
                    FILE...

With --trap the first label is that one, and all three ways must end in a failed assertion.
"""

import argparse
import math
import random
import re
import signal
import subprocess
import sys

LOWER = ("convert-elementwise-to-linalg,canonicalize,cse,empty-tensor-to-alloc-tensor,"
         "one-shot-bufferize{bufferize-function-boundaries=true},buffer-deallocation-pipeline,%s"
         "func.func(convert-linalg-to-loops),convert-scf-to-cf,expand-strided-metadata,lower-affine,"
         "arith-expand{include-bf16=true},convert-math-to-llvm,convert-arith-to-llvm,finalize-memref-to-llvm,"
         "convert-func-to-llvm,convert-cf-to-llvm,convert-index-to-llvm,reconcile-unrealized-casts")
RAISE = "raise-linalg-to-lossgen,cse,canonicalize,cse,"
WAYS = {
    "as it is": LOWER % "",
    "raised, loops": RAISE + "lossgen-decompose," + LOWER % "",
    "raised, calls": RAISE + LOWER % "convert-lossgen-to-calls,",
}

class Trapped(RuntimeError):
    """The program aborted, as a failed assertion makes it."""


def literal(rng, shape, make):
    """A nested list of a shape, as MLIR writes it."""
    if not shape:
        return make()
    return "[" + ", ".join(literal(rng, shape[1:], make) for _ in range(shape[0])) + "]"


def driver(text, sizes, first_label=None):
    """The module with a function @drive that calls @main with made-up tensors and prints what it returns; twice, the
    second time with labels that are no classes, where the module does not assert that there are none."""
    parameters, returned = re.search(r"func\.func (?:public )?@main\((.*?)\) -> (.*?) \{\n", text).groups()
    types = re.findall(r"%\w+: (tensor<[^>]*>)", parameters)
    results = re.findall(r"tensor<[^>]*>", returned)
    ignored = [-100 if "-100" in text else 255 if "255" in text else 0]
    rounds = ([], []) if "cf.assert" in text else ([-1, -8], [-1, -8, 8, -9, 100])
    rng = random.Random(7)
    lines = []
    for call, unusual in enumerate(rounds):
        labels = list(range(8)) * (1 if unusual else 2) + (ignored + unusual) * 2
        values = []
        for number, kind in enumerate(types):
            *shape, element = kind[len("tensor<"):-1].split("x")
            shape = [sizes[i % 2] if size == "?" else int(size) for i, size in enumerate(shape)]
            static = "tensor<" + "x".join([str(s) for s in shape] + [element]) + ">"
            if element.startswith("i"):
                data = literal(rng, shape, lambda: str(rng.choice(labels)))
                if first_label is not None:
                    data = re.sub(r"-?\d+", str(first_label), data, count=1)
            else:
                sign = (1,) if len(shape) == 1 else (-1, 1)
                data = literal(rng, shape, lambda: f"{rng.uniform(0.25, 3) * rng.choice(sign):.4f}")
            value = f"%in{call}_{number}"
            lines.append(f"{value} = arith.constant dense<{data}> : {static}")
            if static != kind:
                lines.append(f"{value}_cast = tensor.cast {value} : {static} to {kind}")
                value += "_cast"
            values.append(value)
        lines.append(f"%out{call}:{len(results)} = func.call @main({', '.join(values)}) : "
                     f"({', '.join(types)}) -> ({', '.join(results)})")
        for number, kind in enumerate(results):
            value = f"%out{call}#{number}"
            wide = re.sub(r"(f32|f64|f16|bf16)>$", "f64>", kind)
            if wide != kind:
                lines.append(f"%wide{call}_{number} = arith.extf {value} : {kind} to {wide}")
                value = f"%wide{call}_{number}"
            lines.append(f"%any{call}_{number} = tensor.cast {value} : {wide} to tensor<*xf64>")
            lines.append(f"func.call @printMemrefF64(%any{call}_{number}) : (tensor<*xf64>) -> ()")
    body = "\n    ".join(lines)
    function = ("  func.func private @printMemrefF64(tensor<*xf64>) attributes {llvm.emit_c_interface}\n"
                f"  func.func @drive() {{\n    {body}\n    return\n  }}\n")
    return text.rstrip()[:-1] + function + "}\n"


def optimized(arguments, text, pipeline):
    done = subprocess.run([arguments.opt, f"--load-dialect-plugin={arguments.plugin}",
                           f"--pass-pipeline=builtin.module({pipeline})"], input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"mlir-opt: {done.stderr[-2000:]}")
    return done.stdout


def run(arguments, text, pipeline):
    lowered = optimized(arguments, text, pipeline)
    ran = subprocess.run([arguments.runner, "-e", "drive", "--entry-point-result=void"] +
                         [f"--shared-libs={lib}" for lib in arguments.libs.split(",") if lib],
                         input=lowered, capture_output=True, text=True)
    if ran.returncode == -signal.SIGABRT:
        raise Trapped(ran.stderr[-500:])
    if ran.returncode:
        raise RuntimeError(f"mlir-runner: {ran.stdout[-500:]}{ran.stderr[-1500:]}")
    printed = re.sub(r"Unranked.*data =", "", ran.stdout)
    return [float(word) for word in re.findall(r"-?nan|-?inf|-?\d[\d.e+-]*", printed)]


def close(a, b, tolerance):
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def parser():
    made = argparse.ArgumentParser()
    for name in ("opt", "plugin", "runner", "libs"):
        made.add_argument(f"--{name}", required=True)
    made.add_argument("--no-calls", action="store_true")
    made.add_argument("files", nargs="+")
    return made


def main():
    options = parser()
    options.add_argument("--trap", type=int)
    arguments = options.parse_args()
    failures = 0
    for path in arguments.files:
        source = open(path).read()
        text = driver(source, (4, 8), arguments.trap)
        tolerance = 3e-2 if re.search(r"bf16|f16", source) else 1e-5
        wanted = None
        for way, pipeline in WAYS.items():
            if arguments.no_calls and "calls" in way:
                continue
            try:
                got = run(arguments, text, pipeline)
            except Trapped as error:
                expected = arguments.trap is not None
                print(f"ok   {path} {way}: aborted" if expected else f"FAIL {path} {way}: {error}")
                failures += not expected
                continue
            except RuntimeError as error:
                print(f"FAIL {path} {way}: {error}")
                failures += 1
                continue
            if arguments.trap is not None:
                print(f"FAIL {path} {way}: label {arguments.trap} gave {got}")
                failures += 1
                continue
            if wanted is None:
                wanted = got
            if len(got) != len(wanted) or not got or not all(close(a, b, tolerance) for a, b in zip(got, wanted)):
                print(f"FAIL {path} {way}: {got}\n  as it is: {wanted}")
                failures += 1
            else:
                print(f"ok   {path} {way}: {got[:3]} ... {got[-1]}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
