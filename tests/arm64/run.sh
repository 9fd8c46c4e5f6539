#!/bin/bash
# The numerics and determinism suites on the NEON kernels: cross compiled, then run by qemu-aarch64. Arguments: the
# generator, the checkout, a folder for the objects. Ends with 77 (skipped) where compiler, emulator or GoogleTest's
# sources are missing.
set -euo pipefail
generator=$1 root=$2 out=$3
cxx=aarch64-linux-gnu-g++
gtest=/usr/src/googletest/googletest
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
command -v $cxx >/dev/null || { echo "SKIPPED: no $cxx (tools/test --with arm64 installs it)"; exit 77; }
[ -n "$qemu" ] || { echo "SKIPPED: no qemu-aarch64 (tools/test --with arm64 installs it)"; exit 77; }
[ -f $gtest/src/gtest-all.cc ] || { echo "SKIPPED: no GoogleTest sources in $gtest"; exit 77; }
dlpack=$(dirname "$(dirname "$(find /usr/include /usr/local/include -path '*dlpack/dlpack.h' | sed -n 1p)")")

mkdir -p "$out/include" "$out/objects"
ln -sfn "$dlpack/dlpack" "$out/include/dlpack"
"$generator" emit -o "$out/kernels" --targets arm64
kernels=$out/kernels/linux-aarch64

flags=(-std=c++17 -O1 -DGTEST_HAS_PTHREAD=1 -I"$out/include" -I"$root/runtime/include" -I"$root/generator/abi" -I"$root/runtime/src"
       -I"$root/tests/reference" -I"$kernels" -I$gtest/include -I$gtest)
compile() {  # only what is newer than its object
  local object=$out/objects/$(tr / _ <<<"${1#"$root"/}").o
  [ "$object" -nt "$1" ] || echo "$1 $object"
}
suites=("$root"/tests/numerics/*.cpp "$root"/tests/reference/{reference,bounds}.cpp)
for source in "$root"/runtime/src/*.cpp "$root"/runtime/src/*/*.cpp "${suites[@]}" "$kernels"/*_table.cpp \
    $gtest/src/gtest-all.cc $gtest/src/gtest_main.cc; do
  compile "$source"
done | xargs -r -P "$(nproc)" -L 1 sh -c 'exec "$@" ' sh "$(command -v env)" bash -c '
  set -e; n=$(($# - 1)); source=${!n}; object=${!#}; exec '"$cxx"' "${@:1:$(($# - 2))}" -c "$source" -o "$object"' bash "${flags[@]}"

shared=()
for object in "$out"/objects/*.o; do [[ $object == *_test.cpp.o ]] || shared+=("$object"); done
for test in numerics_test determinism_test conversion_test gradient_test; do
  $cxx -static -o "$out/$test" "$out/objects/tests_numerics_$test.cpp.o" "${shared[@]}" "$kernels"/*.o -lpthread -ldl
  # A slice: the emulator is some 30 times slower than the machine. LOSSGEN_TEST_FULL=1 runs everything.
  filter='-*ManyClasses*:*ClassCounts*:*TenMillionRows*:*HardInputs/f64:*HardInputs/f16:*InnerExtents/f64:*InnerExtents/bf16'
  [ -z "${LOSSGEN_TEST_FULL:-}" ] || filter='*'
  "$qemu" "$out/$test" --gtest_brief=1 --gtest_filter="$filter"
done
