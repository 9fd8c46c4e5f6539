#!/bin/bash
# The test programs on an ARM CPU that qemu emulates: lossgen cross built as docs/cross-compile.md says, its tests with it.
# Arguments: the generator, the checkout, a folder to build in, CMake, its generator and make program, the folder with dlpack/.
# Ends with 77 (skipped) where compiler, emulator or GoogleTest's sources are missing.
set -euo pipefail
# The slice is given 40 minutes; the long form as many as it takes.
[ -n "${LOSSGEN_TEST_FULL:-}${ARM64_LIMITED:-}" ] || ARM64_LIMITED=1 exec timeout 2400 bash "$0" "$@"
generator=$1 root=$2 out=$3 cmake=$4 style=$5 make=$6 dlpack=${7:-$root/runtime/include}
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
command -v aarch64-linux-gnu-g++ >/dev/null || { echo "SKIPPED: no aarch64-linux-gnu-g++ (tools/test --with arm64 installs it)"; exit 77; }
[ -n "$qemu" ] || { echo "SKIPPED: no qemu-aarch64 (tools/test --with arm64 installs it)"; exit 77; }
[ -f /usr/src/googletest/CMakeLists.txt ] || { echo "SKIPPED: no GoogleTest sources in /usr/src/googletest"; exit 77; }
# Death tests, and with them the CUDA host side's, start themselves again, which an emulator's process cannot. And a slice: the
# emulator is some 30 times slower than the machine, and CUDA's PTX is the same whatever the host; LOSSGEN_TEST_FULL=1 runs everything else.
filter='-*DeathTest*' cases=20000 left_out= targets=
if [ -z "${LOSSGEN_TEST_FULL:-}" ]; then
  cases=1000 targets=arm64 left_out="cuda;docs"  # docs has the stand-in driver linked
  filter+=':*ManyClasses*:*ClassCounts*:*TenMillionRows*:*PastTheCaches*:*HardInputs/f64:*HardInputs/f16:*InnerExtents/f64:*InnerExtents/bf16:*Determinism*bf16'
fi

# A Cortex-A57 has ARMv8.0 and nothing more, as kernels and runtime may ask for.
emulator=("$qemu" -cpu cortex-a57 -L /usr/aarch64-linux-gnu)

"$cmake" -S "$root" -B "$out" -G "$style" -DCMAKE_MAKE_PROGRAM="$make" -DCMAKE_TOOLCHAIN_FILE="$root/tests/install/cross/aarch64.cmake" \
  -DLOSSGEN_GENERATOR="$generator" -DLOSSGEN_DLPACK_INCLUDE_DIR="$dlpack" -DCMAKE_CROSSCOMPILING_EMULATOR="$(IFS=";"; echo "${emulator[*]}")" \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" -DLOSSGEN_BUILD_TOOLS=OFF -DLOSSGEN_BUILD_MLIR=OFF -DLOSSGEN_TESTS_LEFT_OUT="$left_out" \
  -DLOSSGEN_TARGETS="$targets" >"$out.log" 2>&1 ||
  { cat "$out.log"; exit 1; }
"$cmake" --build "$out" -j "$(nproc)" >"$out.log" 2>&1 || { tail -50 "$out.log"; exit 1; }

failed=0
for program in "$out"/tests/*/*_test; do
  name=${program#"$out/tests/"}
  [ "$name" != cuda/cuda_host_test ] || continue
  echo "$name"
  "${emulator[@]}" "$program" --gtest_brief=1 --gtest_filter="$filter" || failed=1
done
"${emulator[@]}" "$out/tests/fuzz/lossgen_fuzz" --cases "${cases}" --jobs 2 || failed=1
exit $failed
