#!/bin/bash
# docs/add-an-op.patch on a copy of the sources: it applies, builds (the generator, the runtime, one library of kernels)
# and its test passes. Only what changed since the last run is built again.
#   ROOT, WORK, CMAKE and the options for the configuration in CONFIGURE come from the environment.
set -euo pipefail

command -v git >/dev/null || { echo "SKIP: no git"; exit 77; }
fresh=$WORK/fresh tree=$WORK/tree
rm -rf "$fresh"
mkdir -p "$fresh/tests" "$tree"
cp -R "$ROOT"/{CMakeLists.txt,cmake,generator,runtime,schedules} "$fresh"
cp "$ROOT/tests/CMakeLists.txt" "$fresh/tests"
# (Without the ceiling git would take the checkout around the folder for the repository to patch.)
(cd "$fresh" && GIT_CEILING_DIRECTORIES=$WORK git apply --whitespace=nowarn "$ROOT/docs/add-an-op.patch")

# Files that are as they were keep their time.
(cd "$tree" && find . -type f) | while read -r file; do [ -e "$fresh/$file" ] || rm "$tree/$file"; done
(cd "$fresh" && find . -type f) | while read -r file; do
  cmp -s "$fresh/$file" "$tree/$file" && continue
  mkdir -p "$(dirname "$tree/$file")"
  cp "$fresh/$file" "$tree/$file"
done

# Halide.h is most of the generator's compile time, hence compiled once.
echo 'cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL target_precompile_headers lossgen PRIVATE <Halide.h>)' >"$WORK/once.cmake"
readarray -t configure <<<"$CONFIGURE"
"$CMAKE" -S "$tree" -B "$WORK/build" "${configure[@]}" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O0 \
  -DCMAKE_PROJECT_TOP_LEVEL_INCLUDES="$WORK/once.cmake" -DLOSSGEN_BUILD_TOOLS=OFF -DLOSSGEN_BUILD_MLIR=OFF -DLOSSGEN_INSTALL=OFF
"$CMAKE" --build "$WORK/build" --target logsumexp_test -j 2
"$WORK/build/tests/logsumexp/logsumexp_test"
