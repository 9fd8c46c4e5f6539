#!/bin/bash
# Runs tests of the ops on Oclgrind, a device that finds data races, uninitialised reads, accesses out of bounds and wrong calls of OpenCL: two
# small ones or, with LOSSGEN_TEST_FULL, a shape of each kind.   oclgrind.sh PROGRAM ICD
set -euo pipefail
program=$1 icd=$2
[ -e "$icd" ] || { echo "no Oclgrind: tools/test --with opencl installs it"; exit 77; }
shapes="Shapes/Ops.*/one_class"
if [ -n "${LOSSGEN_TEST_FULL:-}" ]; then
  for shape in rows4 few_pitch planes planes_wide short_odd middle4; do shapes="$shapes:*.ForwardBackward/$shape:*.LogSoftmaxAndNllLoss/$shape"; done
  shapes="$shapes:*.ForwardThenBackward/rows4:*.HalfPrecision/short_odd:*.ForwardBackward/rows4_long"
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The runtime finds libOpenCL.so.1 by itself, past what the command `oclgrind` would put before it: hence the loader's own setting.
export OCL_ICD_VENDORS=$icd OCLGRIND_DATA_RACES=1 OCLGRIND_UNINITIALIZED=1 OCLGRIND_CHECK_API=1 OCLGRIND_LOG=$log
"$program" --gtest_filter="$shapes" --gtest_brief=1
if [ -s "$log" ]; then
  head -n 60 "$log"
  exit 1
fi
echo "Oclgrind found nothing"
