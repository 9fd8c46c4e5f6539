#!/bin/bash
# Kernels for arm64 keep to ARMv8.0, although f16 ones are compiled for a CPU with more: an assembler for that version takes them.
# Arguments: the generator, a folder to write to. Ends with 77 (skipped) where there is no assembler.
set -euo pipefail
generator=$1 out=$2 failed=0
command -v aarch64-linux-gnu-as >/dev/null || { echo "SKIPPED: no aarch64-linux-gnu-as (tools/test --with arm64 installs it)"; exit 77; }
rm -rf "$out"
"$generator" emit -o "$out" --targets arm64 --dtypes f16 --classes 2 21 --assembly >"$out.log"
for assembly in "$out"/*/*.s; do
  aarch64-linux-gnu-as -march=armv8-a "$assembly" -o /dev/null || failed=1
done
exit $failed
