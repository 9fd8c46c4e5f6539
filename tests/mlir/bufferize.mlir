// Destinations that nobody reads are written in place; one that is still needed is copied.
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(one-shot-bufferize{bufferize-function-boundaries=true function-boundary-type-conversion=identity-layout-map},cse,canonicalize)' | FileCheck %s

// CHECK-LABEL: func.func @in_place(
// CHECK-SAME:    %[[X:.*]]: memref<4x8xf32>, %[[T:.*]]: memref<4xi64>, %[[L:.*]]: memref<f32>, %[[Z:.*]]: memref<4xf32>
func.func @in_place(%x: tensor<4x8xf32>, %t: tensor<4xi64>, %l: tensor<f32>, %z: tensor<4xf32>, %s: tensor<f32>) -> tensor<f32> {
  // CHECK-NOT: memref.alloc
  // CHECK-NOT: memref.copy
  // CHECK: lossgen.cross_entropy_forward mean ignore_index(-100)
  // CHECK-SAME: ins(%[[X]], %[[T]] : memref<4x8xf32>, memref<4xi64>)
  // CHECK-SAME: outs(%[[L]], %[[Z]], %{{.*}} : memref<f32>, memref<4xf32>, memref<f32>)
  // CHECK: return %[[L]]
  %r:3 = lossgen.cross_entropy_forward mean ignore_index(-100) ins(%x, %t : tensor<4x8xf32>, tensor<4xi64>)
      outs(%l, %z, %s : tensor<f32>, tensor<4xf32>, tensor<f32>)
  return %r#0 : tensor<f32>
}

// The logits are read afterwards, so the log-probabilities get memory of their own.
// CHECK-LABEL: func.func @still_needed(
// CHECK-SAME:    %[[X:.*]]: memref<4x8xf32>
func.func @still_needed(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // CHECK: %[[P:.*]] = memref.alloc
  // CHECK: lossgen.log_softmax_forward ins(%[[X]] : {{.*}}) outs(%[[P]] :
  // CHECK: return %[[P]], %[[X]]
  %p = lossgen.log_softmax_forward ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>)
  return %p, %x : tensor<4x8xf32>, tensor<4x8xf32>
}

// One result of several, dynamic, in a loop.
// CHECK-LABEL: func.func @in_loop(
func.func @in_loop(%x: tensor<?x?xf32>, %t: tensor<?xi32>, %g: tensor<?x?xf32>, %n: index) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %one = arith.constant dense<1.0> : tensor<f32>
  // CHECK: scf.for
  // CHECK: lossgen.cross_entropy_forward_backward sum
  %last = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %g) -> (tensor<?x?xf32>) {
    %s = bufferization.alloc_tensor() : tensor<f32>
    %w = bufferization.alloc_tensor() : tensor<f32>
    %z = bufferization.alloc_tensor(%rows) : tensor<?xf32>
    %f:4 = lossgen.cross_entropy_forward_backward sum ins(%one, %x, %t : tensor<f32>, tensor<?x?xf32>, tensor<?xi32>)
        outs(%s, %z, %w, %acc : tensor<f32>, tensor<?xf32>, tensor<f32>, tensor<?x?xf32>)
    scf.yield %f#3 : tensor<?x?xf32>
  }
  return %last : tensor<?x?xf32>
}

// Logits that nobody reads afterwards become their gradient; results without readers do not share memory.
// CHECK-LABEL: func.func @over_the_logits(
// CHECK-SAME:    %[[X:.*]]: memref<4x8xf32>
func.func @over_the_logits(%x: tensor<4x8xf32>, %t: tensor<4xi64>, %one: tensor<f32>, %s: tensor<f32>, %z: tensor<4xf32>) -> tensor<4x8xf32> {
  // CHECK: %[[W:.*]] = memref.alloc() {{.*}}: memref<f32>
  // CHECK-NOT: memref.copy
  // CHECK: lossgen.cross_entropy_forward_backward mean ins(%{{[a-z0-9]+}}, %[[X]], %{{[a-z0-9]+}} :
  // CHECK-SAME: outs(%{{[a-z0-9]+}}, %{{[a-z0-9]+}}, %[[W]], %[[X]] :
  // CHECK: return %[[X]]
  %f:4 = lossgen.cross_entropy_forward_backward mean ins(%one, %x, %t : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>)
      outs(%s, %z, %s, %x : tensor<f32>, tensor<4xf32>, tensor<f32>, tensor<4x8xf32>)
  return %f#3 : tensor<4x8xf32>
}
