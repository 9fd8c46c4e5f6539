"""Instructions per logit of arm64 kernels, beside a yardstick written by hand: instruction_counts.py --generator LOSSGEN
--include ABI_FOLDER [--write | --check]

Compiles yardstick_neon.cpp and takes the kernels as the generator writes them, for ARMv8.0, and has qemu log every instruction that
a call executes, on a Cortex-A57. First both sides must agree on what they compute. Loops: what a class more costs, in rows and
pixels of many classes. Calls: everything that a call executes, the ends of rows included. Exit code 1: above LIMIT, 77: tools are
missing. Without an option the table goes to stdout; --write puts it into docs/targets.md, --check compares it with what stands
there, where the compiler is the one that made it, to within SAME: the C library's memset takes as many instructions as the stack's
alignment asks for, and that depends on the environment.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs/targets.md"
BEGIN, END = "<!-- generated: arm64 -->\n", "<!-- end -->\n"
LIMIT = 1.15
SAME = 0.02
COMPILER, NM = "aarch64-linux-gnu-g++", "aarch64-linux-gnu-nm"
# layout: (rows, classes, more classes) for the loop, (rows, classes) for whole calls
SHAPES = {"rows": ((4, 1024, 3072), (8, 1003)), "planes": ((256, 32, 64), (512, 21))}
COMPARED = {"rows": [(1, 4), (3, 7), (8, 21), (9, 1003), (2, 2500)], "planes": [(4, 2), (260, 21), (512, 40)]}


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


class Program:
    def __init__(self, arguments, qemu, folder):
        self.qemu, self.path = [qemu, "-cpu", "cortex-a57"], str(folder / "counts")
        sources = [str(HERE / "instruction_counts.cpp"), str(HERE / "yardstick_neon.cpp")]
        names = re.findall(r"^  X\((\w+), (\w+), (\w+)\)", (HERE / "instruction_counts.cpp").read_text(), re.M)
        for stage, dtype, layout in names:
            kernel = f"lossgen_{stage}__{dtype}_{layout}__arm64"
            assembly = folder / f"{kernel}.s"
            assembly.write_text(run(arguments.generator, "inspect", kernel, "--as", "asm"))
            sources.append(str(assembly))
        run(COMPILER, "-std=c++17", "-O3", "-ffp-contract=off", "-march=armv8-a", "-static", "-no-pie", "-Wall", "-Wextra",
            f"-I{arguments.include}", *sources, "-o", self.path)
        self.names = [" ".join(name) for name in names]
        # What belongs to a call: kernels, yardstick, and what a compiler makes of loops.
        self.ranges, self.calibration = [], None
        for line in run(NM, "-S", "--defined-only", self.path).splitlines():
            found = re.match(r"([0-9a-f]+) ([0-9a-f]+) [tTiW] (\S+)$", line)
            if not found:
                continue
            span = f"0x{found[1]}+0x{int(found[2], 16) - 1:x}"
            if found[3] == "calibrate":
                self.calibration = span
            elif re.match(r"(lossgen_|yardstick_|_ZN12_GLOBAL__N_1\d+\D)|_*mem(set|cpy|move)", found[3]) and not re.search(
                    r"Problem|Tensor|agree|compare", found[3]):
                self.ranges.append(span)
        one = "-one-insn-per-tb" if "-one-insn-per-tb" in run(qemu, "-h") else "-singlestep"
        self.count_by = [one, "-d", "exec,nochain"]
        counted = self.executed([self.calibration], "calibrate")
        if counted != 2002:
            sys.exit(f"the emulator logs {counted} instructions of 2002: no way to count with it")

    def executed(self, ranges, *arguments):
        with tempfile.NamedTemporaryFile("r") as log:
            subprocess.run([*self.qemu, *self.count_by, "-dfilter", ",".join(ranges), "-D", log.name, self.path, *arguments],
                           check=True)
            return sum(line.startswith("Trace ") for line in log)

    def agrees(self, name):
        for rows, classes in COMPARED[name.split()[2]]:
            done = subprocess.run([*self.qemu, self.path, name, "both", str(rows), str(classes), "1"])
            if done.returncode:
                sys.exit(f"{name}: kernel and yardstick differ at {rows} rows of {classes} classes")

    def call(self, name, side, rows, classes):
        """Instructions of one call: two less one, so that what the program does around them cancels out."""
        twice, once = (self.executed(self.ranges, name, side, str(rows), str(classes), n) for n in ("2", "1"))
        return twice - once

    def rates(self, name, side):
        (rows, few, many), (call_rows, classes) = SHAPES[name.split()[2]]
        loop = (self.call(name, side, rows, many) - self.call(name, side, rows, few)) / (rows * (many - few))
        return loop, self.call(name, side, call_rows, classes) / (call_rows * classes)


def table(program):
    lines = ["| kernel | loop: instructions per logit | by hand | ratio | call | by hand | ratio |", "|" + " --- |" * 7]
    above = []
    for name in program.names:
        program.agrees(name)
        ours, yardstick = (program.rates(name, side) for side in ("ours", "yardstick"))
        cells = []
        for what, x, y in zip(("loop", "call"), ours, yardstick):
            if not x > 1 or not y > 1:
                sys.exit(f"{name}: {x:.2f} and {y:.2f} instructions per logit is no count of its {what}")
            cells += [f"{x:.2f}", f"{y:.2f}", f"{x / y:.2f}"]
            if x > LIMIT * y:
                above.append(f"{name}: {what} {x / y:.3f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n", above


def same(made, old):
    number = re.compile(r"(?<=\| )\d+\.\d+(?= \|)")
    return number.sub("N", made) == number.sub("N", old) and all(
        abs(float(x) - float(y)) <= SAME * float(y) for x, y in zip(number.findall(made), number.findall(old)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--generator", required=True)
    parser.add_argument("--include", required=True)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    missing = [t for t in (COMPILER, NM) if not shutil.which(t)] + ([] if qemu else ["qemu-aarch64"])
    if missing:
        print(f"SKIPPED: no {' and no '.join(missing)} (tools/test --with arm64 installs them)")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        made, above = table(Program(arguments, qemu, pathlib.Path(folder)))
    compiler = f"By hand: {run(COMPILER, '--version').splitlines()[0]}, -O3.\n"
    made = made + "\n" + compiler
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    old, _, after = rest.partition(END)
    if arguments.write:
        PAGE.write_text(before + BEGIN + made + END + after)
    elif not arguments.check or compiler not in old:
        print(made, end="")
    elif not same(made, old):
        print(f"the table in {PAGE.name} is another one: write it with --write\n{made}")
        return 1
    if above:
        print(f"above {LIMIT}: {'; '.join(above)}")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
