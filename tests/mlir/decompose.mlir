// Every op goes to linalg: nothing of the dialect stays, labels are checked once per row, 16 bits compute in f32.
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-decompose,canonicalize,cse)' | FileCheck %s --implicit-check-not=lossgen.cross --implicit-check-not=lossgen.nll --implicit-check-not=lossgen.log

// CHECK-LABEL: func.func @log_softmax(
func.func @log_softmax(%x: tensor<4x8x3xbf16>, %g: tensor<4x8x3xbf16>) -> (tensor<4x8x3xbf16>, tensor<4x8x3xbf16>) {
  // CHECK: iterator_types = ["parallel", "reduction", "parallel"]
  // CHECK: arith.extf
  // CHECK: arith.maximumf %{{.*}}, %{{.*}} : f32
  // CHECK: math.exp %{{.*}} : f32
  // CHECK: math.log %{{.*}} : f32
  // CHECK: arith.truncf %{{.*}} : f32 to bf16
  %p = lossgen.log_softmax_forward ins(%x : tensor<4x8x3xbf16>) outs(%x : tensor<4x8x3xbf16>)
  // CHECK: arith.addf
  // CHECK: math.exp
  %b = lossgen.log_softmax_backward ins(%g, %p : tensor<4x8x3xbf16>, tensor<4x8x3xbf16>) outs(%g : tensor<4x8x3xbf16>)
  return %p, %b : tensor<4x8x3xbf16>, tensor<4x8x3xbf16>
}

// CHECK-LABEL: func.func @trap(
func.func @trap(%p: tensor<4x8xf32>, %t: tensor<4xi64>, %l: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<4x8xf32>) {
  // CHECK: arith.cmpi ult
  // CHECK: cf.assert %{{.*}}, "lossgen.nll_loss_forward: target is out of bounds"
  %r:2 = lossgen.nll_loss_forward mean ignore_index(-100) ins(%p, %t : tensor<4x8xf32>, tensor<4xi64>)
      outs(%l, %l : tensor<f32>, tensor<f32>)
  // CHECK: cf.assert %{{.*}}, "lossgen.nll_loss_backward: target is out of bounds"
  %b = lossgen.nll_loss_backward mean ignore_index(-100) ins(%l, %t, %r#1 : tensor<f32>, tensor<4xi64>, tensor<f32>)
      outs(%p : tensor<4x8xf32>)
  return %r#0, %r#1, %b : tensor<f32>, tensor<f32>, tensor<4x8xf32>
}

// CHECK-LABEL: func.func @ignore(
func.func @ignore(%x: tensor<?x?xf32>, %t: tensor<?xi32>, %w: tensor<?xf32>, %l: tensor<f32>, %z: tensor<?xf32>)
    -> (tensor<f32>, tensor<?xf32>, tensor<?x?xf32>) {
  // CHECK-NOT: cf.assert
  // CHECK: return
  %f:3 = lossgen.cross_entropy_forward sum bounds(ignore) label_smoothing(0.1)
      ins(%x, %t, %w : tensor<?x?xf32>, tensor<?xi32>, tensor<?xf32>) outs(%l, %z, %l : tensor<f32>, tensor<?xf32>, tensor<f32>)
  %b = lossgen.cross_entropy_backward sum bounds(ignore) label_smoothing(0.1)
      ins(%f#0, %x, %t, %f#1, %f#2, %w : tensor<f32>, tensor<?x?xf32>, tensor<?xi32>, tensor<?xf32>, tensor<f32>, tensor<?xf32>)
      outs(%x : tensor<?x?xf32>)
  %g:4 = lossgen.cross_entropy_forward_backward none class_axis(0) bounds(ignore)
      ins(%z, %b, %t : tensor<?xf32>, tensor<?x?xf32>, tensor<?xi32>)
      outs(%z, %z, %l, %x : tensor<?xf32>, tensor<?xf32>, tensor<f32>, tensor<?x?xf32>)
  return %f#0, %g#0, %g#3 : tensor<f32>, tensor<?xf32>, tensor<?x?xf32>
}
