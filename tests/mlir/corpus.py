#!/usr/bin/env python3
"""Malformed modules: every pass on mutants of the modules in this folder. A diagnostic is fine, a crash is not.

    corpus.py --opt MLIR-OPT --plugin PLUGIN [--mutants N] [--under 'valgrind ...'] FILE...

The mutants are the same in every run. Prints the first lines of what crashed and exits with 1.
"""

import argparse
import concurrent.futures
import random
import re
import subprocess
import sys

PIPELINES = [
    "raise-linalg-to-lossgen,cse,canonicalize,lossgen-decompose",
    "canonicalize,lossgen-request{format=json},lossgen-decompose",
    "raise-linalg-to-lossgen,canonicalize,empty-tensor-to-alloc-tensor,"
    "one-shot-bufferize{bufferize-function-boundaries=true},convert-lossgen-to-calls",
]
EXTENTS = ["?", "0", "1", "2", "4", "8", "9223372036854775807"]
ELEMENTS = ["f32", "f16", "bf16", "f64", "i64", "i32", "i1", "index", "complex<f32>", "f80"]


def mutate(text, rng):
    """One to three changes that keep most modules parsable, so that they reach the verifiers and passes."""
    for _ in range(rng.randint(1, 3)):
        kind = rng.randrange(7)
        if kind == 0:  # an extent
            hits = list(re.finditer(r"(?<=[<x])(\d+|\?)(?=x)", text))
            new = rng.choice(EXTENTS)
        elif kind == 1:  # an element type
            hits = list(re.finditer(r"(?<=[<x])(f32|i64|i32|bf16|f16|f64)(?=>)", text))
            new = rng.choice(ELEMENTS)
        elif kind == 2:  # every extent of a value: shapes stay consistent, the formula changes
            value = rng.choice(["4", "8", "3", "2"])
            text = re.sub(rf"(?<=[<x]){value}(?=x)", rng.choice(EXTENTS), text)
            continue
        elif kind == 3:  # an operand
            hits = list(re.finditer(r"%\w+(?:#\d+)?", text))
            new = rng.choice(hits).group() if hits else ""
        elif kind == 4:  # an operation of the same shape
            pair = rng.choice([("addf", "mulf"), ("subf", "addf"), ("maximumf", "minimumf"), ("divf", "remf"),
                               ("cmpi ne", "cmpi ult"), ("negf", "negf"), ("reduction", "parallel"), ("mean", "none"),
                               ("parallel", "reduction"), ("sum", "mean"), ("ins", "outs"), ("math.exp ", "math.log ")])
            hits = list(re.finditer(re.escape(pair[0]), text))
            new = pair[1]
        elif kind == 5:  # a number
            hits = list(re.finditer(r"(?<= )-?\d+(?:\.\d+e[+-]\d+)?(?= :)", text))
            new = rng.choice(["0", "-1", "9223372036854775807", "1.0e+300", "0x7FC00000"])
        else:  # a line
            lines = text.split("\n")
            del lines[rng.randrange(len(lines))]
            text = "\n".join(lines)
            continue
        if hits:
            hit = rng.choice(hits)
            text = text[:hit.start()] + new + text[hit.end():]
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--opt", required=True)
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--mutants", type=int, default=8)
    parser.add_argument("--under", default="")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()

    def run(job):
        text, pipeline = job
        command = arguments.under.split() + [arguments.opt, f"--load-dialect-plugin={arguments.plugin}",
                                             f"--pass-pipeline=builtin.module({pipeline})"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=600)
        return job, done

    jobs = []
    for path in arguments.files:
        source = open(path).read()
        for part in source.split("// -----"):
            rng = random.Random(f"{path.rsplit('/', 1)[-1]}{len(part)}")
            for i in range(arguments.mutants + 1):
                jobs += [(mutate(part, rng) if i else part, pipeline) for pipeline in PIPELINES]
    crashes = passed = refused = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for (text, pipeline), done in pool.map(run, jobs):
            passed += done.returncode == 0
            refused += done.returncode == 1
            if done.returncode not in (0, 1):
                crashes += 1
                open(f"crash{crashes}.mlir", "w").write(text)
                print(f"exit {done.returncode}, crash{crashes}.mlir, {pipeline}\n{done.stderr[-1500:]}")
    print(f"{len(jobs)} runs: {passed} passed, {refused} refused, {crashes} crashed")
    sys.exit(1 if crashes else 0)


if __name__ == "__main__":
    main()
