"""sizes.py LOSSGEN FOLDER OUT: what `lossgen list` says that the kernels of each CPU target add up to.

FOLDER holds kernels of all ops, dtypes and layouts. With LOSSGEN_TEST_FULL set all CPU targets are emitted into OUT
first, and the time that takes is checked too.
"""

import os
import re
import resource
import shutil
import subprocess
import sys

LARGEST = 1_500_000  # bytes of one CPU target
LONGEST = 2 * 90  # seconds of CPU time for all of them: 90 s on two cores

lossgen, folder, out = sys.argv[1:]
run = lambda *command: subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
cpus = [t for t in re.search(r"^targets (.*)$", run(lossgen, "list"), re.M).group(1).split() if not t.startswith(("cuda", "opencl"))]
failed = False
if os.environ.get("LOSSGEN_TEST_FULL"):
    folder = out
    shutil.rmtree(out, ignore_errors=True)
    run(lossgen, "emit", "-o", out, "--targets", *cpus)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = usage.ru_utime + usage.ru_stime
    print(f"emitting {' '.join(cpus)}: {seconds:.0f} s of CPU time, {LONGEST} allowed")
    failed |= seconds > LONGEST
sums = re.findall(r"^(\S+): (\d+) kernels, (\d+) bytes of objects$", run(lossgen, "list", folder), re.M)
for target, kernels, size in sums:
    if target in cpus:
        print(f"{target}: {kernels} kernels, {size} bytes, {LARGEST} allowed")
        failed |= int(size) > LARGEST
if not any(target in cpus for target, _, _ in sums):
    sys.exit("no sums")
shutil.rmtree(out, ignore_errors=True)
sys.exit(failed)
