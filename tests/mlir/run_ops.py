#!/usr/bin/env python3
"""Every op with every pair of element types, and options by chance, through loops and through the library's calls: both
print the same. Takes the arguments of run_frontend.py, with element types in the place of files."""

import os
import random
import sys

import run_frontend

SHAPES = [((4, 8), None), ((2, 5, 3), None), ((2, 3, 5), 2), ((6,), None), ((3, 4, 2, 2), 0)]


def tensor(shape, element):
    return "tensor<" + "".join(f"{extent}x" for extent in shape) + element + ">"


class Module:
    """Text of a function @drive: ops and prints of their results."""

    def __init__(self, rng):
        self.rng, self.lines, self.names = rng, [], 0

    def add(self, text, results=1):
        self.names += 1
        name = f"%v{self.names}"
        self.lines.append(f"{name}{f':{results}' if results > 1 else ''} = {text}")
        return [f"{name}#{i}" for i in range(results)] if results > 1 else name

    def constant(self, shape, element, make):
        kind = tensor(shape, element)
        return self.add(f"arith.constant dense<{run_frontend.literal(self.rng, shape, make)}> : {kind}"), kind

    def floats(self, shape, element, low=-4.0, high=4.0):
        return self.constant(shape, element, lambda: f"{self.rng.uniform(low, high):.3f}")

    def labels(self, shape, element, choices):
        return self.constant(shape, element, lambda: str(self.rng.choice(choices)))

    def op(self, name, attributes, ins, outs):
        """ins: (value, type); outs: types. Prints all results and returns them."""
        inits = [self.add(f"tensor.empty() : {kind}") for kind in outs]
        listed = lambda values, kinds: f"({', '.join(values)} : {', '.join(kinds)})"
        values = self.add(f"lossgen.{name} {attributes} ins{listed(*zip(*ins))} outs{listed(inits, outs)}", len(outs))
        results = list(zip([values] if len(outs) == 1 else values, outs))
        for value, kind in results:
            element = kind[:-1].split("x")[-1].replace("tensor<", "")
            wide = kind[:-1 - len(element)] + "f64>"
            wider = value if element == "f64" else self.add(f"arith.extf {value} : {kind} to {wide}")
            cast = self.add(f"tensor.cast {wider} : {wide} to tensor<*xf64>")
            self.lines.append(f"func.call @printMemrefF64({cast}) : (tensor<*xf64>) -> ()")
        return results

    def text(self):
        body = "\n    ".join(self.lines)
        reads = "tensor<*xf64> {bufferization.access = \"read\"}"
        return (f"module {{\n  func.func private @printMemrefF64({reads}) attributes {{llvm.emit_c_interface}}\n"
                f"  func.func @drive() {{\n    {body}\n    return\n  }}\n}}\n")


def add_ops(m, element, target):
    """One choice of options, all seven ops."""
    rng, wide = m.rng, "f64" if element == "f64" else "f32"
    shape, given = rng.choice(SHAPES)
    axis = given if given is not None else (1 if len(shape) > 1 else 0)
    rows = shape[:axis] + shape[axis + 1:]
    attributes = rng.choice(("mean", "sum", "none"))
    none = attributes == "none"
    ignore, bad = rng.choice((None, -100, 2)), rng.choice((False, True))
    choices = list(range(shape[axis])) + [ignore] * (ignore is not None) + [-1, 77] * bad
    attributes += f" ignore_index({ignore})" if ignore is not None else ""
    axes = f" class_axis({axis})" if given is not None else ""
    attributes += axes + (" bounds(ignore)" if bad else "")
    smooth = attributes + rng.choice(("", " label_smoothing(0.2)"))
    loss, weight = rng.choice((wide, element)), rng.choice((None, wide, element))

    x, t = m.floats(shape, element), m.labels(rows, target, choices)
    w = [m.floats(shape[axis:axis + 1], weight, 0.25, 2.0)] if weight else []
    g = m.floats(rows if none else (), loss, 0.5, 2.0)
    scalar, row = tensor((), wide), tensor(rows, wide)
    value = tensor(rows if none else (), loss)
    _, lse, total = m.op("cross_entropy_forward", smooth, [x, t, *w], [value, row, scalar])
    m.op("cross_entropy_backward", smooth, [g, x, t, lse, total, *w], [x[1]])
    m.op("cross_entropy_forward_backward", smooth, [g, x, t, *w], [value, row, scalar, x[1]])
    [p] = m.op("log_softmax_forward", axes, [x], [x[1]])
    m.op("log_softmax_backward", axes, [m.floats(shape, element), p], [x[1]])
    _, total = m.op("nll_loss_forward", attributes, [p, t, *w], [value, scalar])
    m.op("nll_loss_backward", attributes, [g, t, total, *w], [x[1]])


def main():
    arguments = run_frontend.parser().parse_args()
    failed = 0
    for element in arguments.files:
        m = Module(random.Random(element))
        for i in range(24 if os.environ.get("LOSSGEN_TEST_FULL") else 12):
            add_ops(m, element, ("i32", "i64")[i % 2])
        ways = [run_frontend.run(arguments, m.text(), run_frontend.LOWER % convert if "calls" in convert else
                                 convert + run_frontend.LOWER % "")
                for convert in ("lossgen-decompose,", "convert-lossgen-to-calls,")]
        tolerance = {"f16": 4e-3, "bf16": 3e-2}.get(element, 2e-5)
        different = sum(not run_frontend.close(a, b, tolerance) for a, b in zip(*ways))
        print(f"{element}: {len(ways[0])} numbers by loops, {len(ways[1])} by calls, {different} of them different")
        failed += bool(different) or len(ways[0]) != len(ways[1])
    sys.exit(failed)


if __name__ == "__main__":
    main()
