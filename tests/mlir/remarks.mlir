// A pass that cannot lower an op leaves it and says why.
// RUN: %mlir-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(convert-lossgen-to-calls)' | FileCheck %s --check-prefix=CALLS
// RUN: sed 's/remark-calls/expected-nothing/; s/remark-decompose/expected-remark/' %s | %mlir-opt --split-input-file --pass-pipeline='builtin.module(lossgen-decompose)' 2>&1 | FileCheck %s --check-prefix=DECOMPOSE

// CALLS-LABEL: func.func @tensors(
func.func @tensors(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // CALLS: lossgen.log_softmax_forward
  // expected-remark @+1 {{not converted: it is on tensors; bufferize first}}
  %p = lossgen.log_softmax_forward ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>)
  return %p : tensor<4x8xf32>
}

// -----

// CALLS-LABEL: func.func @layout(
func.func @layout(%x: memref<4x8xf32, affine_map<(d0, d1) -> (d0 floordiv 2, d1)>>) {
  // CALLS: lossgen.log_softmax_forward
  // expected-remark @+1 {{not converted: the layout of 'memref<4x8xf32, affine_map<(d0, d1) -> (d0 floordiv 2, d1)>>' is not strided}}
  lossgen.log_softmax_forward ins(%x : memref<4x8xf32, affine_map<(d0, d1) -> (d0 floordiv 2, d1)>>)
      outs(%x : memref<4x8xf32, affine_map<(d0, d1) -> (d0 floordiv 2, d1)>>)
  return
}

// -----

func.func private @lossgen_mlir_log_softmax_forward_f32(i32)

// CALLS-LABEL: func.func @declared(
// DECOMPOSE: remark: not decomposed: it is on memrefs; decompose before bufferization
func.func @declared(%x: memref<4x8xf32>) {
  // CALLS: lossgen.log_softmax_forward
  // expected-remark @+1 {{not converted: the module declares 'lossgen_mlir_log_softmax_forward_f32' with another type}}
  lossgen.log_softmax_forward ins(%x : memref<4x8xf32>) outs(%x : memref<4x8xf32>)
  return
}
