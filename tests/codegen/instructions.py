"""instructions.py FOLDER VERSION: is every FOLDER/*.inc the bitcode of the .ll beside it? Both as text of llvm-dis-VERSION: an older
LLVM made the committed ones, which every newer one can read."""

import pathlib
import re
import subprocess
import sys

folder, version = pathlib.Path(sys.argv[1]), sys.argv[2]


def text(bitcode):
    lines = subprocess.run([f"llvm-dis-{version}", "-o", "-"], input=bitcode, stdout=subprocess.PIPE, check=True).stdout.decode()
    return re.sub(r"(?m)^(; ModuleID|source_filename).*\n", "", lines)


sources = sorted(folder.glob("*.ll"))
assert sources, folder
for source in sources:
    fresh = subprocess.run([f"llvm-as-{version}", str(source), "-o", "-"], stdout=subprocess.PIPE, check=True).stdout
    kept = bytes(int(byte, 16) for byte in source.with_suffix(".inc").read_text().replace("\n", "").split(",") if byte.strip())
    if text(fresh) != text(kept):
        sys.exit(f"{source.with_suffix('.inc').name} is not {source.name}: llvm-as-14 -opaque-pointers {source.name} -o - | xxd -i -c 32")
print(f"{len(sources)} sources and their bitcode agree")
