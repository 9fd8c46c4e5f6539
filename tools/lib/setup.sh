# Set-up shared by tools/demo and tools/test: says what it installs, installs what is missing, configures and builds.
# Sourced by bash; the caller has set -euo pipefail. Everything but apt's packages stays inside the checkout.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build/release
logs=$root/build/logs
jobs=$(nproc)
install=0  # 1: apt through sudo

# The venv's cmake, ninja, lit and ptxas come before the system's: Debian 12 has CMake 3.25, the build needs 3.28.
export PATH=$root/.venv/bin:$PATH

# CUDA kernels are the same with and without sanitizers, libraries share what they have in common, and a generator that comes back finds its
# kernels. (tests/codegen, which says what is emitted, compiles; tests/install has a cache of its own.)
export LOSSGEN_KERNEL_CACHE=$root/build/kernels

say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }
fail() { say "error: $*" >&2; exit 1; }

# Shows the last line of a log while a step runs: on a terminal each second in place, elsewhere one line a minute.
watch_log() {
  local log=$1 n=0 line
  while sleep 1 >/dev/null 2>&1; do
    n=$((n + 1))
    [ -t 1 ] || [ $((n % 60)) = 0 ] || continue
    line=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | grep -v '^ *$' | tail -n 1 | tr -cd '[:print:]' | cut -c 1-88) || true
    if [ -t 1 ]; then printf '\r[%4ds]   %-88s' "$SECONDS" "$line"; else say "  $line"; fi
  done
}

# step TITLE LOGNAME COMMAND...: runs the command into a log; returns its status. The command stays in the foreground, so that ^C reaches it.
step() {
  local title=$1 log=$logs/$2.log watcher rc=0
  shift 2
  mkdir -p "$logs"
  say "$title"
  : >"$log"
  watch_log "$log" &
  watcher=$!
  # shellcheck disable=SC2064
  trap "kill $watcher 2>/dev/null" EXIT
  "$@" >"$log" 2>&1 </dev/null || rc=$?
  trap - EXIT
  { kill "$watcher" && wait "$watcher"; } 2>/dev/null || true
  if [ -t 1 ]; then printf '\r%98s\r' ''; fi
  return "$rc"
}

# The same for steps that nothing can go on without.
must() {
  local log=$logs/$2.log
  step "$@" && return
  echo "--- the end of ${log#"$root"/} ---"
  tail -n 40 "$log"
  fail "$1: failed, see ${log#"$root"/}"
}

# --- apt ---

apt_field() { awk -F'|' -v name="$1" -v field="$2" '!/^#/ { gsub(/ *\| */, "|"); if ($1 == name) print $field }' "$root/tools/lib/packages.txt"; }

apt_absent() {  # the packages of the components named that are not installed
  local component package
  for component in "$@"; do
    for package in $(apt_field "$component" 5); do
      [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
  done
}

apt_install() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@"; }

# Packages that this release of the distribution does not have, after apt's lists were read.
apt_unknown() {
  local package
  for package in "$@"; do
    # (No pipe into grep -q: it ends early, and under pipefail apt-cache's broken pipe would count as a miss.)
    [[ $(apt-cache policy "$package" 2>/dev/null) =~ Candidate:\ [^\(] ]] || echo "$package"
  done
}

# system_packages COMPONENT...: brings the components' packages, where that is allowed; else prints the line that would.
system_packages() {
  local component absent unknown all=() wanted=()
  command -v dpkg-query >/dev/null || { say "no dpkg here: needs $(for c in "$@"; do apt_field "$c" 5; done | tr '\n' ' ')or their like"; return 0; }
  for component in "$@"; do
    absent=$(apt_absent "$component" | tr '\n' ' ')
    [ -n "$absent" ] || continue
    wanted+=("$component")
    # shellcheck disable=SC2206
    all+=($absent)
    say "apt: ${component}: $(apt_field "$component" 2); up to $(apt_field "$component" 3) MB to fetch," \
      "$(apt_field "$component" 4) MB on disk: ${absent% }"
  done
  [ ${#wanted[@]} -gt 0 ] || return 0
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    if [ "$install" = 0 ]; then
      say "not root and no --install; to get these packages: sudo apt-get install --no-install-recommends ${all[*]}"
      return 0
    fi
    command -v sudo >/dev/null || fail "--install needs sudo; as root: apt-get install --no-install-recommends ${all[*]}"
    as_root=(sudo)
    sudo -v || fail "--install: sudo refused"  # asks here, because steps have no terminal to ask on
  fi
  step "apt-get update" apt-update "${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update ||
    say "apt-get update failed, going on with the lists that are there"
  for component in "${wanted[@]}"; do
    absent=$(apt_absent "$component")
    # shellcheck disable=SC2086
    unknown=$(apt_unknown $absent)
    if [ -n "$unknown" ]; then
      say "apt: $component: unknown to this system's apt: $(xargs <<<"$unknown")"
      absent=$(grep -vxF "$unknown" <<<"$absent") || continue
    fi
    # shellcheck disable=SC2086
    step "apt-get install: $component" "apt-$component" apt_install $absent || { tail -n 5 "$logs/apt-$component.log"; say "apt: $component failed"; }
  done
}

# --- Python wheels ---

# Halide's wheel is made for one minor version of CPython each.
find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11; do
    command -v "$candidate" >/dev/null || continue
    "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue
    echo "$candidate"
    return
  done
  return 1
}

# wheels VENV REQUIREMENTS TITLE [PIP OPTION...]: does nothing when the stamp in the venv says that just this was installed.
wheels() {
  local venv=$root/$1 file=$root/tools/$2 title=$3 stamp python sum
  shift 3
  stamp=$venv/.installed-$(basename "$file" .txt)
  sum=$({ cat "$file"; echo "$venv"; } | sha256sum | cut -d ' ' -f 1)  # the folder, because a venv does not survive being moved
  [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && return
  [ "$(uname -sm)" = "Linux x86_64" ] || { say "$title: wheels exist for Linux on x86-64 only, this is $(uname -sm)"; return 1; }
  say "pip: $title, into ${venv#"$root"/}; $(sed -n 's/.*Download \(.* MB\), installed \(.*\)\.$/\1 to fetch, \2 on disk/p' "$file")"
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(PATH=${PATH#"$root"/.venv/bin:} find_python) || { say "no Python 3.11, 3.12 or 3.13 here"; return 1; }
    # Debian's python3 comes without ensurepip; then venv leaves half an environment behind.
    "$python" -c 'import ensurepip' 2>/dev/null || { say "$python has no ensurepip (package python3-venv)"; return 1; }
    step "creating ${venv#"$root"/}" venv "$python" -m venv --clear "$venv" || return 1
  fi
  step "pip install -r tools/$(basename "$file")" "pip-$(basename "$file" .txt)" \
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --require-hashes --only-binary :all: "$@" -r "$file" || {
    tail -n 5 "$logs/pip-$(basename "$file" .txt).log"
    return 1
  }
  echo "$sum" >"$stamp"
}

base_wheels() {
  local site
  wheels .venv requirements.txt "Halide, CMake, Ninja, lit" || return 1
  # One name for CMakePresets.json, whatever Python's version. (The configuration in the wheel's share/cmake would ask for Python's headers,
  # and Debian's CMake does not look into lib64: FIND_LIBRARY_USE_LIB64_PATHS is off there.)
  site=$("$root/.venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
  ln -sfn "${site#"$root/.venv/"}/halide" "$root/.venv/halide"
}

image_wheel() { wheels .venv requirements-images.txt "photographs, in scikit-image's wheel" --no-deps; }

# --- build ---

configure() {
  local preset=$1
  shift
  # Configuring again is a second's work and finds what was installed since; it needs no network.
  (cd "$root" && must "configuring build/$preset" "configure-$preset" cmake --preset "$preset" "$@")
}

build_targets() {  # build_targets PRESET [TARGET...]
  local preset=$1
  shift
  must "building build/$preset (log: build/logs/build-$preset.log)" "build-$preset" \
    cmake --build "$root/build/$preset" -j "$jobs" ${1:+--target "$@"}
}

# Whatever a build cannot do without, named in one go instead of by CMake's first error.
check_tools() {
  local problems=()
  command -v g++ >/dev/null || command -v clang++ >/dev/null || problems+=("a C++ compiler (package g++)")
  [ -x "$root/.venv/bin/cmake" ] || problems+=("the wheels of tools/requirements.txt (see above)")
  [ ${#problems[@]} = 0 ] || fail "cannot build without $(printf '%s; ' "${problems[@]}" | sed 's/; $//')"
}
