"""The table of docs/targets.md from a report of check-gpu: table.py REPORT.json"""

import json
import sys


def cell(row):
    torch = f", {row['torch_s'] / row['median_s']:.1f}x" if "torch_s" in row else ""
    return f"{row['median_s'] * 1e6:.0f} us, {row['gbps'] / row['copy_gbps']:.2f}{torch}"


def main():
    report = json.load(open(sys.argv[1]))
    ops = ["forward", "forward_backward", "backward", "log_softmax"]
    print("| shape | dtype | " + " | ".join(ops) + " |")
    print("|" + " --- |" * (2 + len(ops)))
    for first in report["rows"]:
        if first["op"] != ops[0]:
            continue
        same = {r["op"]: r for r in report["rows"] if (r["case"], r["dtype"]) == (first["case"], first["dtype"])}
        shape = "(" + ", ".join(map(str, first["shape"])) + ")" + (" channels last" if first["channels_last"] else "")
        print(f"| {shape} | {first['dtype']} | " + " | ".join(cell(same[op]) for op in ops) + " |")


if __name__ == "__main__":
    main()
