#!/usr/bin/env python3
"""Mutants of printed modules that still run: raised or not, they compute what they computed.

    meaning.py --opt MLIR-OPT --plugin PLUGIN --runner MLIR-RUNNER --libs A.so,B.so [--mutants N] [--seed N] FILE...

Exchanges one or two operations, operands or numbers of a module, so that much of it still resembles a loss. What the
raise then takes for one must be one.
"""

import random
import re
import sys

import run_frontend

CHANGES = [("addf", "subf"), ("addf", "mulf"), ("subf", "addf"), ("maximumf", "minimumf"), ("divf", "mulf"),
           ("mulf", "addf"), ("cmpi ne", "cmpi sgt"), ("cmpi ne", "cmpi eq"), ("cmpi eq", "cmpi sle"),
           ("math.exp ", "math.log "), ("math.log ", "math.exp "), ("0.000000e+00", "1.000000e+00"),
           ("dense<0>", "dense<2>"), ("0xFF800000", "0.5"), ("arith.addi", "arith.muli"), ("maxsi", "minsi"),
           ("slt", "sgt"), ("sge", "sle"), ("one,", "oeq,"), ("andi", "ori"), ("4.000000e+00", "5.000000e+00")]


def mutate(text, rng):
    for _ in range(rng.choice((1, 1, 2))):
        change = rng.randrange(len(CHANGES) + 4)
        if change < len(CHANGES):
            old, new = CHANGES[change]
            places = [m.start() for m in re.finditer(re.escape(old), text)]
            if places:
                place = rng.choice(places)
                text = text[:place] + new + text[place + len(old):]
            continue
        # The operands of an operation in the other order, or one of two inputs twice.
        pattern, new = ((r"(arith\.\w+) (%\w+), (%\w+) :", r"\1 \3, \2 :") if change % 2 else
                        (r"(ins)\((%\w+), %\w+ : (tensor<[^>]*>), \3\)", r"\1(\2, \2 : \3, \3)"))
        places = list(re.finditer(pattern, text))
        if places:
            place = rng.choice(places)
            text = text[:place.start()] + place.expand(new) + text[place.end():]
    return text


def main():
    parser = run_frontend.parser()
    parser.add_argument("--mutants", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    ran = raised = wrong = 0
    for i in range(arguments.mutants):
        path = arguments.files[i % len(arguments.files)]
        source = mutate(open(path).read(), rng)
        text = run_frontend.driver(source, (4, 8))
        try:
            wanted = run_frontend.run(arguments, text, run_frontend.WAYS["as it is"])
        except RuntimeError:
            continue  # no longer a program, or one that traps
        ran += 1
        try:
            if "lossgen." not in run_frontend.optimized(arguments, source, "raise-linalg-to-lossgen"):
                continue
        except RuntimeError:
            pass  # what the raise breaks shows below
        raised += 1
        try:
            got = run_frontend.run(arguments, text, run_frontend.WAYS["raised, loops"])
        except RuntimeError as error:
            got = []
            print(error)
        if len(got) != len(wanted) or not all(run_frontend.close(a, b, 1e-4) for a, b in zip(got, wanted)):
            wrong += 1
            print(f"{path}, mutant {i}: {got[:4]}, as it is {wanted[:4]}\n{source}")
    print(f"{ran} programs, {raised} with an op raised, {wrong} of them wrong")
    sys.exit(1 if wrong or not raised else 0)


if __name__ == "__main__":
    main()
