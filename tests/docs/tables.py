"""The tables of docs/contract.md and docs/support.md, from the code: tables.py GENERATOR SUPPORT [--write]

GENERATOR: the `lossgen` command, whose `list --kernels` names every kernel. SUPPORT: the program of support.cpp, which
calls every op with every option. Without --write the pages are compared; a difference is an error.
"""

import pathlib
import subprocess
import sys

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
TARGET_DTYPES = "u8 i8 u16 i16 u32 i32 u64 i64".split()


def lines_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


class Kernels:
    """Of a generator: target -> stage -> layout -> dtypes."""

    def __init__(self, generator):
        self.targets = next(line.split()[1:] for line in lines_of(generator, "list") if line.startswith("default"))
        self.of = {target: {} for target in self.targets}
        for name in lines_of(generator, "list", "--kernels"):
            head, middle, identifier = name.rsplit("__", 2)
            dtype, layout = middle.split("_", 1)
            target = next(t for t in self.targets if t.replace("-", "_") == identifier)
            stage = self.of[target].setdefault(head[len("lossgen_"):], {})
            stage.setdefault(layout, []).append(dtype)

    def table(self):
        def cell(layouts):
            groups = {}  # the same dtypes in several layouts
            for layout, dtypes in (layouts or {}).items():
                text = "every integer" if dtypes == TARGET_DTYPES else " ".join(dtypes)
                groups.setdefault(text, []).append(layout)
            return "<br>".join(f"{d}: {', '.join(l)}" for d, l in groups.items()) or "-"

        stages = list(dict.fromkeys(s for target in self.targets for s in self.of[target]))
        columns = {}  # targets with the same kernels share a column
        for target in self.targets:
            columns.setdefault(tuple(cell(self.of[target].get(s)) for s in stages), []).append(target)
        rows = [[f"`{s}`"] + [c[i] for c in columns] for i, s in enumerate(stages)]
        return table(["stage"] + [", ".join(names) for names in columns.values()], rows)


class Support:
    """Answers of support.cpp: (option, op) -> target -> (dtype, layout) -> answer."""

    def __init__(self, program, kernels):
        self.answers, self.dtypes, self.layouts, called, missing = {}, {}, {}, {}, set()
        for line in lines_of(program):
            op, option, target, dtype, layout, answer = line.split("|")
            if option == "defaults" and answer != "yes":
                missing.add((op, target, dtype, layout))
            if (op, target, dtype, layout) in missing:  # whatever the option: the table shows it once, there
                answer = "-"
            self.answers.setdefault((option, op), {}).setdefault(target, {})[dtype, layout] = answer
            self.dtypes[dtype] = self.layouts[layout] = called[target] = True
        # CPU targets that are not called here: the runtime is the same code for all of them, the kernels have to be.
        for target in kernels.targets:
            if target in called:
                continue
            same = next((t for t in called if kernels.of[t] == kernels.of[target]), None)
            if same is None:
                sys.exit(f"{target}: not called, and no target that is has the same kernels")
            for answers in self.answers.values():
                answers[target] = answers[same]
        self.targets = kernels.targets

    def where(self, answers):
        """The combinations that are supported, as text; "" for none."""
        groups = {}  # targets that agree
        for target in self.targets:
            groups.setdefault(frozenset(k for k, a in answers[target].items() if a == "yes"), []).append(target)
        texts = []
        for yes, targets in groups.items():
            if not yes:
                continue
            dtypes = [d for d in self.dtypes if any((d, l) in yes for l in self.layouts)]
            layouts = [l for l in self.layouts if any((d, l) in yes for d in self.dtypes)]
            if len(yes) == len(dtypes) * len(layouts):
                text = f"{' '.join(dtypes)} in {', '.join(layouts)}"
            else:
                text = ", ".join(f"{d} in {l}" for d in self.dtypes for l in self.layouts if (d, l) in yes)
            texts.append(f"{', '.join(targets)}: {text}")
        return "; ".join(texts)

    def table(self):
        options = list(dict.fromkeys(option for option, _ in self.answers))
        ops = list(dict.fromkeys(op for _, op in self.answers))
        letters = {}  # text -> letter
        rows = []
        for option in options:
            row = [f"`{option}`"]
            for op in ops:
                answers = self.answers[option, op]
                text = self.where(answers)
                if text:
                    row.append(letters.setdefault(text, chr(ord("A") + len(letters))))
                else:
                    refused = any("refused" in a.values() for a in answers.values())
                    row.append("refused" if refused else "-")
            # Options of one kind that do not differ share a row.
            kind, _, which = option.partition(" ")
            if rows and which and rows[-1][1:] == row[1:] and rows[-1][0].startswith(f"`{kind} "):
                rows[-1][0] = rows[-1][0][:-1] + f", {which}`"
            else:
                rows.append(row)
        legend = [[letter] + [text.replace("; ", "<br>")] for text, letter in letters.items()]
        return table(["option"] + ops, rows) + "\n" + table(["", "dtypes and layouts of the logits, by target"], legend)


def main():
    generator, program = sys.argv[1:3]
    kernels = Kernels(generator)
    stale = []
    for name, part, text in (("contract.md", "kernels", kernels.table()),
                             ("support.md", "support", Support(program, kernels).table())):
        page = (DOCS / name).read_text()
        begin, end = f"<!-- generated: {part} -->\n", "<!-- end -->"
        start = page.index(begin) + len(begin)
        fresh = page[:start] + text + page[page.index(end, start):]
        if fresh != page:
            stale.append(name)
            if "--write" in sys.argv:
                (DOCS / name).write_text(fresh)
    if stale and "--write" not in sys.argv:
        sys.exit(f"not what the code has: {', '.join(stale)}; cmake --build build/release --target docs_tables")


main()
