"""The tables of docs/contract.md, from the code: tables.py GENERATOR OPTIONS [--write]

GENERATOR: the `lossgen` command, whose `list --kernels` names every kernel. OPTIONS: the program of options.cpp.
Without --write the page is compared; a difference is an error.
"""

import pathlib
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/contract.md"
TARGET_DTYPES = "u8 i8 u16 i16 u32 i32 u64 i64".split()


def lines_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def dtypes_text(dtypes):
    return "every integer" if dtypes == TARGET_DTYPES else " ".join(dtypes)


def kernels_table(generator):
    targets = next(line.split()[1:] for line in lines_of(generator, "list") if line.startswith("targets"))
    cells = {}  # stage -> target -> layout -> dtypes
    for name in lines_of(generator, "list", "--kernels"):
        head, middle, identifier = name.rsplit("__", 2)
        dtype, layout = middle.split("_", 1)
        target = next(t for t in targets if t.replace("-", "_") == identifier)
        stage = cells.setdefault(head[len("lossgen_"):], {})
        stage.setdefault(target, {}).setdefault(layout, []).append(dtype)

    def cell(layouts):
        groups = {}  # the same dtypes in several layouts
        for layout, dtypes in (layouts or {}).items():
            groups.setdefault(dtypes_text(dtypes), []).append(layout)
        return "<br>".join(f"{d}: {', '.join(l)}" for d, l in groups.items()) or "-"

    columns = {}  # targets with the same kernels share a column
    for target in targets:
        columns.setdefault(tuple(cell(stage.get(target)) for stage in cells.values()), []).append(target)
    rows = [[f"`{s}`"] + [c[i] for c in columns] for i, s in enumerate(cells)]
    return table(["stage"] + [", ".join(names) for names in columns.values()], rows)


def options_table(program):
    rows = []
    for line in lines_of(program):
        name, *answers = line.split("|")
        header = [a.split("=")[0] for a in answers]
        rows.append([f"`{name}`"] + [a.split("=")[1] for a in answers])
    return table(["option"] + header, rows)


generator, program = sys.argv[1:3]
page = PAGE.read_text()
fresh = page
for name, text in (("kernels", kernels_table(generator)), ("options", options_table(program))):
    begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
    start = fresh.index(begin) + len(begin)
    fresh = fresh[:start] + text + fresh[fresh.index(end, start):]
if fresh != page and "--write" in sys.argv:
    PAGE.write_text(fresh)
elif fresh != page:
    sys.exit("the tables of docs/contract.md are not what the code has; cmake --build build/release --target docs_tables")
