"""What limits the CUDA kernels, by counting: sass_model.py --generator LOSSGEN --ptxas PTXAS [--write | --check]

Assembles kernels with ptxas, takes them apart with nvdisasm, and counts the machine instructions of the loops that walk along
the classes: issued instructions per logit against bytes per logit say which limit a device meets first. Without an option the
table goes to stdout; --check compares it with docs/targets.md, --write puts it there. Exit code 77: no ptxas or nvdisasm, or others than the pinned ones.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/targets.md"
REQUIREMENTS = PAGE.parents[1] / "tools/requirements-cuda.txt"
BEGIN, END = "<!-- generated: sass -->\n", "<!-- end -->\n"
# Multiprocessors, boost clock in GHz, GB/s; each issues 4 instructions of 32 lanes per clock. From the vendor's data sheets.
DEVICES = {"A100": ("sm_80", 108, 1.41, 1555), "H100": ("sm_90", 132, 1.98, 3350), "H200": ("sm_90", 132, 1.98, 4800)}
STAGES = ["cross_entropy_forward_parts", "cross_entropy_forward_backward", "cross_entropy_backward", "log_softmax_forward"]
LAYOUTS = ["rows4", "middle4", "planes"]
LOGIT_BYTES = {"f32": 4, "bf16": 2}


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def instructions(ptx, architecture, tools):
    """[(address, text)] and the addresses of labels."""
    with tempfile.TemporaryDirectory() as folder:
        source, cubin = pathlib.Path(folder, "k.ptx"), pathlib.Path(folder, "k.cubin")
        source.write_text(ptx)
        run(tools.ptxas, f"-arch={architecture}", "-o", str(cubin), str(source))
        listing = run(tools.nvdisasm, "-c", str(cubin))
    code, labels, waiting = [], {}, []
    for line in listing.splitlines():
        if label := re.match(r"(\.L_x_\d+):", line):
            waiting.append(label[1])
        elif found := re.match(r"\s+/\*([0-9a-f]{4,})\*/\s+(.*?)\s*;", line):
            code.append((int(found[1], 16), found[2]))
            labels.update(dict.fromkeys(waiting, code[-1][0]))
            waiting = []
    return code, labels


def global_bytes(text, kind):
    access = re.search(kind + r"\.E(?:\.CONSTANT)?((?:\.\w+)*)", text)
    if not access:
        return 0
    width = re.search(r"\.(U8|S8|U16|S16|64|128)\b", text)
    return {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16}[width[1]] if width else 4


def pass_of(body):
    """What a loop does: the polynomial's second coefficient tells exp."""
    if any("STG" in t for t in body):
        return "output"
    return "sum" if any("0.00967151" in t for t in body) else "maximum"


def passes(code, labels, logit_bytes):
    """Instructions per logit by pass: of the innermost loops, or of all of the code where threads do not loop."""
    spans = []
    for address, text in code:
        branch = re.search(r"BRA.*`\((\.L_x_\d+)\)", text)
        if branch and labels.get(branch[1], address) < address:
            spans.append((labels[branch[1]], address))
    inner = [s for s in spans if not any(o != s and s[0] <= o[0] and o[1] <= s[1] for o in spans)]
    found = {}  # pass -> (logits at a time, instructions for each): of whole steps and what is left of them the former
    for low, high in set(inner):
        body = [t for a, t in code if low <= a <= high]
        logits = max(sum(global_bytes(t, kind) for t in body) for kind in ("LDG", "STG")) / logit_bytes
        if logits >= 4:
            found[pass_of(body)] = max(found.get(pass_of(body), (0, 0)), (logits, len(body) / logits))
    if found:
        return {name: rate for name, (_, rate) in found.items()}
    written = sum(global_bytes(t, "STG") for _, t in code) / logit_bytes
    return {"output": len([t for _, t in code if "NOP" not in t]) / written}


def table(tools):
    lines = ["| kernel | instructions per logit: maximum + sum + output | bytes per logit | "
             + " | ".join(f"{d} issue / memory" for d in DEVICES) + " |", "|" + " --- |" * (3 + len(DEVICES))]
    for stage in STAGES:
        for layout in LAYOUTS:
            if stage.endswith("parts") and layout != "rows4":
                continue
            for dtype, size in LOGIT_BYTES.items():
                name = f"lossgen_{stage}__{dtype}_{layout}__cuda_sm80"
                ptx = run(tools.generator, "inspect", name, "--as", "ptx")
                counts = {a: passes(*instructions(ptx, a, tools), size) for a in {d[0] for d in DEVICES.values()}}
                bytes_moved = size if stage.endswith("parts") else 2 * size
                cells = []
                for architecture, processors, clock, bandwidth in DEVICES.values():
                    issue, memory = processors * 128 * clock / sum(counts[architecture].values()), bandwidth / bytes_moved
                    cells.append(f"{issue:.0f} / {memory:.0f}" + ("" if issue > memory else " (issue)"))
                shown = " + ".join(f"{counts['sm_90'][p]:.1f}" for p in ("maximum", "sum", "output") if p in counts["sm_90"])
                lines.append(f"| {stage} {dtype} {layout} | {shown} | {bytes_moved} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--generator", required=True)
    parser.add_argument("--ptxas", default="")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    tools = parser.parse_args()
    beside = pathlib.Path(tools.ptxas).with_name("nvdisasm")
    tools.nvdisasm = str(beside) if beside.exists() else shutil.which("nvdisasm")
    if not pathlib.Path(tools.ptxas).exists() or not tools.nvdisasm:
        print("ptxas or nvdisasm was not found: `tools/test --with cuda` fetches them")
        return 77
    pinned = re.search(r"nvidia-cuda-nvcc==([\d.]+)", REQUIREMENTS.read_text())[1]
    if tools.check and pinned not in run(tools.ptxas, "--version"):
        print(f"{tools.ptxas} is not {pinned}, which the table was made with")
        return 77
    made = table(tools)
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    old, _, after = rest.partition(END)
    if tools.write:
        PAGE.write_text(before + BEGIN + made + END + after)
    elif not tools.check:
        print(made, end="")
    elif made != old:
        print(f"the table in {PAGE.name} is another one: write it with --write\n{made}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
