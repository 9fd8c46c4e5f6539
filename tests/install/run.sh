#!/bin/bash
# run.sh CASE: one test of the installed tree (see CMakeLists.txt for the environment). 77 = skipped.
set -euo pipefail

work=${TMPDIR:-/tmp}/lossgen-install.$(id -u).$(cksum <<<"$BUILD" | cut -d ' ' -f 1)
prefix=$work/moved
src=$work/src
cache=$work/cache
fail() { echo "FAILED: $*"; exit 1; }

# The tools that consumers use: the system's CMake, as old as it is, else the one that built lossgen.
system_cmake() { /usr/bin/cmake --version 2>/dev/null | head -n 1 | grep -Eq 'version (3\.(2[2-9]|[3-9])|[4-9])'; }
cmake_home=$(dirname "$(dirname "$CMAKE")")
new_cmake=$work/cmake/bin/cmake
can_hide() { unshare -rm true 2>/dev/null; }
can_hide || new_cmake=$CMAKE
cmake=$new_cmake
if system_cmake; then cmake=/usr/bin/cmake; fi

# bare COMMAND...: with an environment of nothing but a cache of kernels that these tests share and, where the kernel allows
# it, with the checkout (and the folder in $hidden) replaced by nothing.
bare() {
  local clean=(env -i PATH=/usr/bin:/bin HOME="$work" LC_ALL=C "PKG_CONFIG_PATH=$prefix/lib/pkgconfig" "LOSSGEN_KERNEL_CACHE=$cache" "$@")
  if ! can_hide; then "${clean[@]}"; return; fi
  mkdir -p "$work/cmake"
  unshare -rm bash -ec 'mount --bind "$1" "$2"; mount -t tmpfs none "$3"; mount -t tmpfs none "$4"; shift 4; exec "$@"' - \
    "$cmake_home" "$work/cmake" "$ROOT" "${hidden:-$ROOT}" "${clean[@]}"
}

no_trace() {  # no_trace FOLDER: nothing in it names the checkout
  local files
  files=$(grep -rlF -- "$ROOT/" "$1" || true)
  [ -z "$files" ] || ! can_hide || fail "the checkout's path is in" $files
}

# build CASE PROJECT [CMAKE OPTION...]
build() {
  local folder=$work/$1 project=$src/$2
  shift 2
  bare "$cmake" -S "$project" -B "$folder" -G "${generator:-Ninja}" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DCMAKE_PREFIX_PATH="$prefix" \
    $([ "${generator:-Ninja}" != Ninja ] || echo "-DCMAKE_MAKE_PROGRAM=$work/ninja") "$@" >"$folder.log" 2>&1 ||
    { cat "$folder.log"; fail "configure"; }
  bare "$cmake" --build "$folder" -j 2 >>"$folder.log" 2>&1 || { cat "$folder.log"; fail "build"; }
  no_trace "$folder"
}

emit() { bare "$prefix/bin/lossgen" emit "$@"; }

case_setup() {
  rm -rf "$work"
  mkdir -p "$work"
  "$CMAKE" --install "$BUILD" --prefix "$BUILD/stage" >/dev/null
  mv "$BUILD/stage" "$prefix"
  cp -r "$(dirname "$0")" "$src"
  cp "$(readlink -f "$NINJA")" "$work/ninja"
  can_hide || echo "note: no user namespaces here, the checkout is not hidden from the consumers"
}

case_cleanup() { rm -rf "$work"; }

case_tree() {
  no_trace "$prefix"
  local libraries
  libraries=$(bare ldd "$prefix/bin/lossgen")
  ! grep -q "not found" <<<"$libraries" || fail "$libraries"
  grep -q "libHalide.*=> $prefix/" <<<"$libraries" || fail "libHalide is not the tree's own: $libraries"
  bare "$prefix/bin/lossgen" list >/dev/null
  # A component alone.
  local files
  "$CMAKE" --install "$BUILD" --prefix "$work/component" --component runtime >/dev/null
  files=$(cd "$work/component" && find . -not -type d | sort | tr '\n' ' ')
  [[ $files =~ ^(./lib[^\ ]*/liblossgen.so.[0-9.]+\ ){2}$ ]] || fail "the component runtime is $files"
}

case_header() {
  local header
  for header in lossgen.h kernel_abi.h; do
    echo "#include <lossgen/$header>" >"$work/header.c"
    cp "$work/header.c" "$work/header.cpp"
    bare cc -std=c99 -fsyntax-only -Wall -Wextra -Werror -pedantic -I "$prefix/include" "$work/header.c"
    bare c++ -std=c++17 -fsyntax-only -Wall -Wextra -Werror -pedantic -I "$prefix/include" "$work/header.cpp"
  done
  [ ! -e "$prefix/include/lossgen/lossgen.hpp" ] || echo '#include <lossgen/lossgen.hpp>' >"$work/header.cpp"
  bare c++ -std=c++17 -fsyntax-only -Wall -Wextra -Werror -pedantic -I "$prefix/include" "$work/header.cpp"
}

case_exports() {
  local so=$prefix/lib/liblossgen.so others abi
  others=$(nm -D --defined-only "$so" | awk '$3 !~ /^lossgen_/')
  [ -z "$others" ] || fail "exported: $others"
  # Kernels are reached through the table only.
  others=$(nm -D --defined-only "$so" | grep -E '__|_argv' || true)
  [ -z "$others" ] || fail "exported: $others"
  abi=$(sed -n 's/#define LOSSGEN_KERNEL_ABI //p' "$prefix/include/lossgen/kernel_abi.h")
  readelf -d "$so" | grep -q "SONAME.*\[liblossgen.so.$abi\]" || fail "SONAME is not liblossgen.so.$abi"
  ! readelf -d "$so" | grep -Eq 'TEXTREL|RPATH|RUNPATH' || fail "text relocations or a run path"
}

case_kernels() {
  local undefined native=$BUILD/lossgen/lossgen_kernels/linux-$(uname -m)
  emit -o "$work/kernels" --ops cross_entropy --dtypes f32 --layouts rows --targets x86-64-v2 arm64 >/dev/null
  undefined=$(find "$native" "$work/kernels" -name '*.o' -not -name '*__cuda_*' -exec nm -A --undefined-only {} + |
    grep -Ev ' U mem(cpy|set)$' || true)
  [ -z "$undefined" ] || fail "undefined symbols: $undefined"
  # A shared object of all of them needs no relocation of code.
  find "$native" -name '*.o' -not -name '*__cuda_*' -exec cc -shared -Wl,-z,text -o "$work/kernels.so" {} +
}

case_pkgconfig() {
  cd "$src/common"
  # shellcheck disable=SC2046
  bare cc -std=c99 -Wall -Wextra -Werror -pedantic main.c check.c -o "$work/plain" $(bare pkg-config --cflags --libs lossgen) -lm
  bare env LD_LIBRARY_PATH="$prefix/lib" "$work/plain" lossgen
  # shellcheck disable=SC2046
  bare cc -std=c99 -static main.c check.c -o "$work/plain_static" $(bare pkg-config --static --cflags --libs lossgen) -lm
  bare "$work/plain_static" lossgen
  build c_only c_only
  bare "$work/c_only/with_shared" lossgen
  bare "$work/c_only/with_static" lossgen
}

case_find_package() {
  build find_package find_package
  grep "skipped, not for" "$work/find_package.log" || fail "no status line about skipped targets"
  cd "$work/find_package"
  bare ./ready_shared lossgen
  bare ./ready_static lossgen
  bare ./two_static my_losses more_losses
  bare ./two_shared shared_losses shared_more
  bare ./mixed my_losses shared_more lossgen
  bare ./collected my_losses more_losses
  bare ./fixed_address my_losses
  bare ./host "$PWD/libplugin.so"
  local others
  others=$(nm -D --defined-only libshared_losses.so | awk '$3 !~ /^lossgen_/ && $3 != "shared_losses_kernels"')
  [ -z "$others" ] || fail "exported: $others"

  # Nothing to do when nothing changed; a schedule of one op rebuilds its objects alone.
  bare "$cmake" --build . | grep -q "no work to do" || fail "an unchanged project is built again"
  local objects=$work/find_package/lossgen/my_losses/linux-$(uname -m) changed
  touch "$work/mark"
  sleep 0.1
  sed -i 's/"prefetch": 0/"prefetch": 1/' "$src/find_package/schedules.json"
  bare "$cmake" --build . >/dev/null
  changed=$(find "$objects" -name '*.o' -newer "$work/mark" -printf '%f\n' | sort)
  [ -n "$changed" ] || fail "a changed schedule file rebuilt nothing"
  ! grep -v "cross_entropy_forward__" <<<"$changed" || fail "a schedule of cross_entropy_forward rebuilt these"
  bare ./two_static my_losses more_losses
}

case_lto() {
  generator="Unix Makefiles" build lto lto
  bare "$work/lto/with_my_losses" my_losses
  bare "$work/lto/with_shared_losses" shared_losses
  # Make, too, leaves alone what did not change.
  bare "$cmake" --build "$work/lto" >"$work/lto.again"
  ! grep -E "Building|Linking|kernels of" "$work/lto.again" || fail "an unchanged project is built again"
}

case_subproject() {
  mkdir -p "$work/sources"
  (cd "$ROOT" && cp -r CMakeLists.txt cmake runtime generator schedules "$work/sources")
  cmake=$new_cmake build subproject subproject -DLOSSGEN_SOURCES="$work/sources" -DLOSSGEN_GENERATOR="$prefix/bin/lossgen"
  bare "$work/subproject/consumer" my_losses
  [ ! -e "$work/subproject/lossgen/liblossgen.a" ] || fail "a subproject builds libraries that nobody asked for"
}

case_emitted() {
  # As docs/link.md has it: emitted kernels and the runtime's sources inside the project.
  emit -o "$src/emitted/kernels" --library vendored --dtypes f32 --layouts rows --targets x86-64-v2 arm64 >/dev/null
  cp -r "$prefix/share/lossgen/runtime" "$src/emitted/runtime"
  hidden=$prefix build emitted emitted -DCMAKE_PREFIX_PATH=  # neither generator nor libHalide take part
  bare "$work/emitted/consumer" vendored
}

case_halide() {
  [ "$(uname -m)" = x86_64 ] || exit 77
  cp -rL "$HALIDE_INCLUDE" "$work/halide_include"
  build halide halide -DHALIDE_INCLUDE="$work/halide_include" -DHALIDE_LIBRARY="$prefix/lib/lossgen/libHalide.so" \
    "-DLOSSGEN_TARGETS=x86-64-v2;cuda-sm80"
  bare "$work/halide/consumer"
}

case_cross() {
  local qemu
  [ "$(uname -m)" != aarch64 ] || { echo "skipped: this is an arm64 machine"; exit 77; }
  command -v aarch64-linux-gnu-g++ >/dev/null || { echo "skipped: no aarch64-linux-gnu-g++"; exit 77; }
  build cross cross -DCMAKE_TOOLCHAIN_FILE="$src/cross/aarch64.cmake" -Dlossgen_DIR="$prefix/lib/cmake/lossgen"
  grep "skipped, not for arm64: x86-64-v2" "$work/cross.log" || fail "no status line about skipped targets"
  readelf -h "$work/cross/with_my_losses" | grep -q AArch64 || fail "not an arm64 program"
  qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) || { echo "built, not run: no qemu-aarch64"; return; }
  bare "$qemu" -L /usr/aarch64-linux-gnu "$work/cross/with_my_losses" my_losses
  bare "$qemu" -L /usr/aarch64-linux-gnu "$work/cross/with_shared_losses" shared_losses
}

case_abi() {
  local abi folder=$work/abi
  abi=$(sed -n 's/#define LOSSGEN_KERNEL_ABI //p' "$prefix/include/lossgen/kernel_abi.h")
  emit -o "$folder" --library old --ops nll_loss --dtypes f32 --layouts rows --targets x86-64-v2 arm64 >/dev/null
  cd "$folder/linux-$(uname -m)"
  # A table from a generator of another ABI with its own headers: the registration function is not there.
  sed "s/kernels_abi_$abi\b/kernels_abi_999/; /static_assert/d" old_table.cpp >other.cpp
  ! bare c++ -std=c++17 -I "$prefix/include" -I . -x c++ other.cpp -x none ./*.o -x c "$src/common/main.c" "$src/common/check.c" \
    -x none -L "$prefix/lib" -llossgen -lm -o "$folder/program" 2>"$folder/log" || fail "a table of another ABI was linked"
  grep -q "undefined reference to .*lossgen_register_kernels_abi_999" "$folder/log" || { cat "$folder/log"; fail "the name does not tell"; }
  # And with this version's headers it does not compile.
  sed 's/LOSSGEN_KERNEL_ABI == [0-9]*/LOSSGEN_KERNEL_ABI == 999/' old_table.cpp >other.cpp
  ! bare c++ -std=c++17 -fsyntax-only -I "$prefix/include" -I . other.cpp 2>"$folder/log" || fail "it compiled"
  grep -q "emit these kernels again" "$folder/log" || { cat "$folder/log"; fail "the message does not tell"; }
}

case_emit() {
  cache=  # what the generator itself makes
  local request=(--library same --ops cross_entropy --dtypes f32 --layouts rows --classes 21 --targets x86-64-v3 arm64)
  mkdir -p "$work/emit/a_longer_path_than_the_other"
  local one=$work/emit/one two=$work/emit/a_longer_path_than_the_other/two
  emit -o "$one" -j 1 "${request[@]}" >/dev/null
  emit -o "$two" -j 3 "${request[@]}" >/dev/null
  diff -r "$one" "$two" || fail "the same request gave different bytes"
  no_trace "$one"
  ! grep -rlF "$work" "$one" || fail "the output's path is in these"

  # Again into the same folder: nothing is written. One class count less: its objects go, others stay.
  touch "$work/emit/mark"
  sleep 0.1
  emit -o "$one" "${request[@]}" >/dev/null
  [ -z "$(find "$one" -type f -newer "$work/emit/mark")" ] || fail "emitting again wrote files"
  emit -o "$one" "${request[@]/21/22}" >/dev/null
  [ -z "$(find "$one" -name '*_c21__*')" ] || fail "objects of an earlier request are left"
  [ -z "$(find "$one" -name '*.o' -not -name '*_c22__*' -newer "$work/emit/mark")" ] || fail "unchanged objects were written"
  # A damaged object is made again.
  local object
  object=$(find "$one" -name "*.o" | sort | sed -n 1p)  # head would end the pipe early, and the script with it
  echo >>"$object"
  emit -o "$one" "${request[@]}" >/dev/null
  diff -r "$one" "$two" || fail "a damaged object was kept"
}

case_tune() {
  build tune tune
  bare "$cmake" --build "$work/tune" --target lossgen_tune >"$work/lossgen_tune.log" 2>&1 || { cat "$work/lossgen_tune.log"; fail "lossgen_tune"; }
  local found=$work/tune/small_tuned.json
  [ -s "$found" ] && [ -s "$work/tune/lossgen/tune/small_tuned.html" ] || fail "no schedule file, or no report"
  # The page names the compiler and the command, which stand in the consumer's own folders; the file, which is committed, no folder at all.
  ! grep -F "$work" "$found" || fail "a folder of this machine is in the schedule file"
  cp "$found" "$src/tune/small.json"
  build tune tune -DTUNED=small.json
  local entries manifest
  entries=$(grep -c '"params"' "$found" || true)
  manifest=$(find "$work/tune/lossgen/small" -name manifest.json)
  [ "$entries" = 0 ] || grep -q '"schedule_file": "small.json"' "$manifest" || fail "the tuned numbers are not in the manifest"
}

"case_$1"
echo "$1: ok"
