"""loop.py LOSSGEN KERNEL: the hot loop of a kernel's assembly, of the innermost ones that with the most packed arithmetic.

LLVM's comments mark loop headers; a loop ends with the last branch back to its header.
"""

import re
import subprocess
import sys

PACKED = re.compile(r"^\s+(v?(mul|add|sub|max|min|fmadd\w*|fmsub\w*|fnmadd\w*)p[sd]\s|f(mul|add|sub|mla|mls|max\w*|min\w*)\t.*v\d+\.)")


def innermost_loops(lines):
    # A header's comment may stand behind its label or in the lines after it.
    label = None
    for i, line in enumerate(lines):
        found = re.match(r"(\.L\w+):", line)
        if found:
            label, start = found.group(1), i
        if "Inner Loop Header" in line and label:
            back = [k for k in range(start, len(lines)) if re.search(rf"^\s+(j\w+|b(\.\w+)?|cbn?z.*|tbn?z.*)\s+.*{re.escape(label)}\b", lines[k])]
            if back:
                yield lines[start:back[-1] + 1]


def main():
    assembly = subprocess.run([sys.argv[1], "inspect", sys.argv[2], "--as", "asm"], stdout=subprocess.PIPE, text=True, check=True)
    loops = list(innermost_loops(assembly.stdout.splitlines()))
    if not loops:
        sys.exit("no loop")
    best = max(loops, key=lambda loop: sum(bool(PACKED.match(line)) for line in loop))
    print("\n".join(line for line in best if not re.match(r"^\s*[#/]", line)))
    print("end of loop")


main()
