#!/bin/bash
# Makes PyTorch's standard wheel usable on a CPU without the CUDA libraries it is linked with (2.5 GB that no test here calls): one small library
# that defines each CUDA symbol the wheel needs as a function that returns an error, under the names of those libraries.
# torch.cuda.is_available() is then False, as on a machine without a driver.   torch_without_cuda.sh VENV
set -euo pipefail
lib=$(echo "$1"/lib/python3.*/site-packages/torch/lib)
[ -d "$lib" ] || { echo "no torch in $1"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find "$lib" -name '*nocuda*' -delete
find "$lib" -maxdepth 1 -type l -delete

nm -D --undefined-only "$lib"/*.so | awk '$1 == "U" { print $2 }' | grep -E '^(cu|nccl|nvrtc|nvshmem|__cuda)' | sort -u >"$work/wanted"
nm -D --defined-only "$lib"/*.so | awk 'NF > 2 { sub(/@.*/, "", $3); print $3 }' | sort -u >"$work/defined"
sed 's/@.*//' "$work/wanted" | sort -u | comm -23 - "$work/defined" >"$work/names"

# Registration runs when the libraries are loaded and expects a handle; everything else may fail: 100 is cudaErrorNoDevice.
{
  echo 'static void *handle; void **__cudaRegisterFatBinary(void *image) { (void)image; return &handle; }'
  grep -v '^__cudaRegisterFatBinary$' "$work/names" | sed 's/.*/int &(void) { return 100; }/'
} >"$work/stub.c"
# The loader insists on the symbol versions that the wheel was linked with.
grep @ "$work/wanted" | awk -F@ '{ names[$2] = names[$2] " " $1 ";" } END { for (v in names) print v " { global:" names[v] " };" }' >"$work/stub.map"
gcc -shared -fPIC -O1 -w -Wl,--version-script="$work/stub.map" -o "$lib/libnocuda.so" "$work/stub.c"
readelf -d "$lib"/*.so | grep -oE 'NEEDED.*\[lib(cu|nv|nccl)[^]]*' | sed 's/.*\[//' | sort -u | while read -r name; do
  [ -e "$lib/$name" ] || ln -s libnocuda.so "$lib/$name"
done
"$1/bin/python" -c 'import torch; print("torch", torch.__version__, "on the CPU:", float(torch.ones(3).sum()))'
