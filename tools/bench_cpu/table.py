"""Prints files of `tools/bench --json`, of several the medians, as a Markdown table of docs/performance.md: cross entropy in f32, all cases,
each number of threads.

A cell is the speed of lossgen as a share of the flat loop that moves the same bytes, and, behind the slash, of the hand-written yardstick (the
faster one of ordinary and streaming stores). --goals prints what falls short of the goals below instead. Of a file of `tools/bench --peers`: how
many times lossgen's time each peer takes."""

import argparse
import json
import statistics

OPS = {
    "cross_entropy_forward": "forward",
    "cross_entropy_forward_backward": "loss and gradient",
    "cross_entropy_forward_backward_in_place": "in place",
}

# The share of the flat loop that each op should reach, on one thread and on all: set from hand-written kernels on a Zen 5 with AVX-512.
LONG_ROWS, MANY_PLANES = [(0.85, 0.92), (0.78, 0.88), (1.0, 1.2)], [(0.62, 0.62), (0.75, 0.75), (0.8, 0.8)]
GOALS = {
    "A": LONG_ROWS,
    "B": LONG_ROWS,
    "L": LONG_ROWS[:2] + [(0.88, 1.2)],
    "C": [(0.9, 0.9), (0.85, 0.85), (1.25, 1.25)],
    "G": [(0.6, 0.6), (0.75, 0.75), (0.9, 0.9)],
    "E": MANY_PLANES,
    "E'": MANY_PLANES,
    "F": MANY_PLANES,
    "M": MANY_PLANES,
    "S": [(0.3, 0.3), (0.42, 0.42), (0.45, 0.45)],
    "H": [(0.36, 0.36), (0.3, 0.3), (0.33, 0.33)],
    "T": [(0.22, 0.22), (0.42, 0.42), (0.48, 0.48)],
}
NOISE = 0.03


def print_table(heads, lines):
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for line in lines:
        print("| " + " | ".join(line) + " |")


def columns(ops, threads):
    return [(op, n) for op in ops for n in threads]


def of_threads(n):
    return f"{n} thread{'s' * (n > 1)}"


def heads_of(columns):
    return [f"{OPS[op]}, {of_threads(n)}" for op, n in columns]


def of_best_target(rows):
    best = max(r["target"] for r in rows if r["impl"] == "lossgen")  # x86-64-v4 after -v3
    return [r for r in rows if r["target"] == best]


def beside_memory(rows):
    rows = of_best_target(rows)
    wanted = columns(OPS, sorted({r["threads"] for r in rows}))
    lines = []
    for case in dict.fromkeys(r["case"] for r in rows):
        line = [case, f"({', '.join(str(n) for n in next(r['shape'] for r in rows if r['case'] == case))})"]
        for op, n in wanted:
            here = [r for r in rows if (r["case"], r["op"], r["threads"]) == (case, op, n)]
            ours = next((r for r in here if r["impl"] == "lossgen"), None)
            hand = max((r["gbps"] for r in here if r["impl"].startswith("yardstick")), default=None)
            line.append("-" if ours is None else f"{ours['ratio']:.2f}" + (f" / {ours['gbps'] / hand:.2f}" if hand else ""))
        lines.append(line)
    print_table(["case", "shape"] + heads_of(wanted), lines)


def short_of_goals(rows):
    ours = {(r["case"], r["op"], r["threads"]): r["ratio"] for r in of_best_target(rows) if r["impl"] == "lossgen" and r["case"] in GOALS}
    threads = sorted({n for _, _, n in ours})
    lines, reached = [], 0
    for case, goals in GOALS.items():
        for (op, what), goal in zip(OPS.items(), goals):
            cells = []
            for n in threads:
                wanted = goal[0] if n == 1 else goal[1]
                short = ours[case, op, n] < wanted - NOISE
                reached += not short
                cells.append(f"{ours[case, op, n]:.2f} of {wanted}" if short else "reached")
            if any(c != "reached" for c in cells):
                lines.append([case, what] + cells)
    print(f"{reached} of {len(ours)} goals reached, to within {NOISE}. The others:\n")
    print_table(["case", "op"] + [of_threads(n) for n in threads], lines)


def medians(runs):
    same = {}
    for row in (row for run in runs for row in run["rows"]):
        key = tuple(str(row[k]) for k in ("case", "shape", "op", "dtype", "threads", "target", "impl"))  # --shape: cases of one name
        same.setdefault(key, []).append(row)
    numbers = ("median_s", "gbps", "ratio")
    return [{**rows[0], **{k: statistics.median(row[k] for row in rows) for k in numbers if k in rows[0]}} for rows in same.values()]


def beside_peers(rows):
    wanted = columns(list(OPS)[:2], sorted({r["threads"] for r in rows}))
    time = {(r["case"], r["op"], r["threads"], r["impl"]): r["median_s"] for r in rows}
    peers = list(dict.fromkeys(r["impl"] for r in rows if r["impl"].startswith("peer ")))
    lines = []
    for case in dict.fromkeys(r["case"] for r in rows):
        for peer in peers:
            # Each peer's process has its own measurement of lossgen.
            ours = f"lossgen (beside {peer.removeprefix('peer ').split('-')[0]})"
            cells = [(time.get((case, op, n, peer)), time.get((case, op, n, ours))) for op, n in wanted]
            lines.append([case, peer.removeprefix("peer ")] + [f"{p / o:.1f}" if p and o else "-" for p, o in cells])
    print_table(["case", "peer"] + heads_of(wanted), lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+")
    parser.add_argument("--dtype", default="f32")
    parser.add_argument("--goals", action="store_true")
    arguments = parser.parse_args()
    runs = []
    for name in arguments.results:
        with open(name) as file:
            runs.append(json.load(file))
    rows = [r for r in medians(runs) if r["dtype"] == arguments.dtype and r["op"] in OPS]
    machine = runs[0]["machine"]
    versions = f", {machine['peers']}" if "peers" in machine else ""
    more = f", medians of {len(runs)} runs until {runs[-1]['machine']['date']}" if len(runs) > 1 else ""
    print(f"{machine['cpu']}, {machine['date']}, load {machine['load']}{more}{versions}; `{machine['command']}`\n")
    (short_of_goals if arguments.goals else beside_peers if versions else beside_memory)(rows)


if __name__ == "__main__":
    main()
