"""What docs/targets.md shows of a report of check-gpu: table.py REPORT.json [CHART.svg]

The table goes to stdout; the chart has the loss with its gradient beside PyTorch's, as shares of a copy's bandwidth.
"""

import json
import sys
from xml.sax.saxutils import escape


def cell(row):
    torch = f", {row['torch_s'] / row['median_s']:.1f}x" if "torch_s" in row else ""
    return f"{row['median_s'] * 1e6:.0f} us, {row['gbps'] / row['copy_gbps']:.2f}{torch}"


def shape_of(row):
    return "(" + ", ".join(map(str, row["shape"])) + ")" + (" channels last" if row["channels_last"] else "")


def chart(report):
    rows = [r for r in report["rows"] if r["op"] == "forward_backward" and r["dtype"] in ("f32", "bf16")]
    left, full, pitch, top = 300, 460, 34, 64
    height = top + pitch * len(rows) + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + full + 90} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="100%" height="100%" fill="white"/><text x="10" y="22" font-size="15">Loss and gradient on an {escape(report["device"])}, '
           f'cross_entropy_forward_backward in place</text>',
           f'<text x="10" y="42" fill="#555">share of a copy\'s bandwidth ({rows[0]["copy_gbps"]:.0f} GB/s); dark: lossgen {report["version"]}, '
           f'light: PyTorch {report.get("torch", "")}, eager</text>']
    for share in range(0, 101, 20):
        x = left + full * share / 100
        out.append(f'<line x1="{x}" x2="{x}" y1="{top - 8}" y2="{height - 26}" stroke="#ddd"/>'
                   f'<text x="{x}" y="{height - 10}" text-anchor="middle" fill="#555">{share} %</text>')
    for i, row in enumerate(rows):
        y = top + i * pitch
        ours = row["gbps"] / row["copy_gbps"]
        out.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(shape_of(row))} {row["dtype"]}</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{full * ours:.1f}" height="13" fill="#1f5fa8"/>'
                   f'<text x="{left + full * ours + 5:.1f}" y="{y + 11}">{row["median_s"] * 1e6:.0f} us</text>')
        if "torch_s" in row:
            theirs = ours * row["median_s"] / row["torch_s"]
            out.append(f'<rect x="{left}" y="{y + 14}" width="{full * theirs:.1f}" height="10" fill="#b9cde3"/>'
                       f'<text x="{left + full * theirs + 5:.1f}" y="{y + 24}" fill="#555">{row["torch_s"] * 1e6:.0f} us</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    report = json.load(open(sys.argv[1]))
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as file:
            file.write(chart(report))
    ops = ["forward", "forward_backward", "backward", "log_softmax"]
    print("| shape | dtype | " + " | ".join(ops) + " |")
    print("|" + " --- |" * (2 + len(ops)))
    for first in report["rows"]:
        if first["op"] != ops[0]:
            continue
        same = {r["op"]: r for r in report["rows"] if (r["case"], r["dtype"]) == (first["case"], first["dtype"])}
        print(f"| {shape_of(first)} | {first['dtype']} | " + " | ".join(cell(same[op]) for op in ops) + " |")


if __name__ == "__main__":
    main()
