"""Prints a file of `tools/bench --json` as the Markdown table of docs/performance.md: cross entropy in f32, all cases, each number of threads.

A cell is the speed of lossgen as a share of the flat loop that moves the same bytes, and, behind the slash, of the hand-written yardstick (the
faster one of ordinary and streaming stores)."""

import argparse
import json

OPS = {
    "cross_entropy_forward": "forward",
    "cross_entropy_forward_backward": "loss and gradient",
    "cross_entropy_forward_backward_in_place": "in place",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results")
    parser.add_argument("--dtype", default="f32")
    arguments = parser.parse_args()
    with open(arguments.results) as file:
        results = json.load(file)
    rows = [r for r in results["rows"] if r["dtype"] == arguments.dtype and r["op"] in OPS]
    targets = [r["target"] for r in rows if r["impl"] == "lossgen"]
    best = max(targets)  # x86-64-v4 after -v3
    rows = [r for r in rows if r["target"] == best]
    threads = sorted({r["threads"] for r in rows})
    machine = results["machine"]
    print(f"{machine['cpu']}, {best}, {machine['date']}, load {machine['load']}; `{machine['command']}`\n")
    heads = [f"{name}, {n} thread{'s' * (n > 1)}" for name in OPS.values() for n in threads]
    print("| case | shape | " + " | ".join(heads) + " |")
    print("|---|---|" + "---|" * len(heads))
    for case in dict.fromkeys(r["case"] for r in rows):
        cells = []
        for op in OPS:
            for n in threads:
                here = [r for r in rows if (r["case"], r["op"], r["threads"]) == (case, op, n)]
                ours = [r for r in here if r["impl"] == "lossgen"]
                hands = [r["gbps"] for r in here if r["impl"].startswith("yardstick")]
                cell = f"{ours[0]['ratio']:.2f}" if ours and ours[0]["ratio"] else "-"
                cells.append(cell + (f" / {ours[0]['gbps'] / max(hands):.2f}" if ours and hands else ""))
        shape = next(r["shape"] for r in rows if r["case"] == case)
        print(f"| {case} | ({', '.join(map(str, shape))}) | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
