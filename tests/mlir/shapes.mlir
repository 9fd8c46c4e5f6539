// Result shapes are the inits'; ops on tensors have no effects, ops on memrefs write.
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(func.func(resolve-ranked-shaped-type-result-dims),cse,canonicalize)' | FileCheck %s

// CHECK-LABEL: func.func @dims(
// CHECK-SAME:    %[[X:.*]]: tensor<?x?xf32>
func.func @dims(%x: tensor<?x?xf32>, %init: tensor<?x?xf32>) -> index {
  %c1 = arith.constant 1 : index
  %p = lossgen.log_softmax_forward ins(%x : tensor<?x?xf32>) outs(%init : tensor<?x?xf32>)
  // CHECK: %[[D:.*]] = tensor.dim %arg1
  // CHECK: return %[[D]]
  %d = tensor.dim %p, %c1 : tensor<?x?xf32>
  return %d : index
}

// CHECK-LABEL: func.func @dead(
func.func @dead(%x: tensor<4x8xf32>) {
  // CHECK-NOT: lossgen
  // CHECK: return
  %p = lossgen.log_softmax_forward ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>)
  return
}

// CHECK-LABEL: func.func @common(
func.func @common(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // CHECK: %[[P:.*]] = lossgen.log_softmax_forward
  // CHECK-NOT: lossgen
  // CHECK: return %[[P]], %[[P]]
  %p = lossgen.log_softmax_forward ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>)
  %q = lossgen.log_softmax_forward ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>)
  return %p, %q : tensor<4x8xf32>, tensor<4x8xf32>
}

// CHECK-LABEL: func.func @written(
func.func @written(%x: memref<4x8xf32>) {
  // CHECK: lossgen.log_softmax_forward
  // CHECK: lossgen.log_softmax_forward
  lossgen.log_softmax_forward ins(%x : memref<4x8xf32>) outs(%x : memref<4x8xf32>)
  lossgen.log_softmax_forward ins(%x : memref<4x8xf32>) outs(%x : memref<4x8xf32>)
  return
}
