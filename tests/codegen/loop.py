"""loop.py LOSSGEN [--all] KERNEL: the hot loop of a kernel's assembly, of the innermost ones that with the most packed arithmetic.

--all: every innermost loop but the one that takes the element of each row's own class.
Spaces in place of tabs, which filecheck 1.0 takes for one another, but not between {{ and }}.
LLVM's comments mark loop headers and the blocks that belong to them; a loop ends with the last branch back to its header.
"""

import re
import subprocess
import sys

PACKED = re.compile(r"^\s+(v?(mul|add|sub|max|min|fmadd\w*|fmsub\w*|fnmadd\w*)p[sd]\s|f(mul|add|sub|mla|mls|max\w*|min\w*)\t.*v\d+\.)")


def innermost_loops(lines):
    blocks = [[]]
    for line in lines:
        if re.match(r"(\.L\w+:|\S+ %bb\.\d+:)", line):
            blocks.append([])
        blocks[-1].append(line)
    starts = [sum(map(len, blocks[:k])) for k in range(len(blocks))]
    for start, block in zip(starts, blocks):
        if not any("Inner Loop Header" in line for line in block):
            continue
        label = block[0].split(":")[0]
        back = [k for k in range(start, len(lines)) if re.search(rf"^\s+(j\w+|b(\.\w+)?|cbn?z.*|tbn?z.*)\s+.*{re.escape(label)}\b", lines[k])]
        if back:
            yield lines[start:back[-1] + 1]
        else:  # LLVM put the loop's end above its beginning, which it then falls into
            header = label.lstrip(".L")
            yield block + [line for other in blocks if any(re.search(rf"in Loop: Header={header}\b", line) for line in other) for line in other]


def main():
    assembly = subprocess.run([sys.argv[1], "inspect", sys.argv[-1], "--as", "asm"], stdout=subprocess.PIPE, text=True, check=True)
    loops = list(innermost_loops(assembly.stdout.splitlines()))
    say = lambda lines, end: print("\n".join(line.replace("\t", " ") for line in [*lines, end]))
    if not loops:
        sys.exit("no loop")
    if "--all" in sys.argv:
        say((line for loop in loops if "_of_target" not in loop[0] for line in loop), "end of loops")
        return
    # Sums run over whole blocks of classes, perhaps of several parts of a row together; what is left over of a block, or of a loop that
    # Halide partitioned ("rebased"), has loops of its own, with masks.
    for main_one in (
        lambda name: "_together.s" in name,
        lambda name: "_block.s" in name and "rebased" not in name,
        lambda name: "rebased" not in name,
    ):
        loops = [loop for loop in loops if main_one(loop[0])] or loops
    best = max(loops, key=lambda loop: sum(bool(PACKED.match(line)) for line in loop))
    say((line for line in best if not re.match(r"^\s*[#/]", line)), "end of loop")


main()
