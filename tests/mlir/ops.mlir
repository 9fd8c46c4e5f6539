// Every op parses, prints as written, and survives bytecode's generic form: tensors and memrefs, each option.
// RUN: %mlir-opt %s | %mlir-opt | FileCheck %s
// RUN: %mlir-opt %s --mlir-print-op-generic | %mlir-opt | FileCheck %s

// CHECK-LABEL: @log_softmax
func.func @log_softmax(%x: tensor<4x8xf32>, %m: memref<?x?x5xbf16, strided<[?, 1, ?], offset: ?>>) -> tensor<4x8xf32> {
  // CHECK: lossgen.log_softmax_forward ins(%{{.*}} : tensor<4x8xf32>) outs(%{{.*}} : tensor<4x8xf32>)
  %p = lossgen.log_softmax_forward ins(%x : tensor<4x8xf32>) outs(%x : tensor<4x8xf32>)
  // CHECK: lossgen.log_softmax_backward class_axis(0) ins(%{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<4x8xf32>) outs(
  %g = lossgen.log_softmax_backward class_axis(0) ins(%x, %p : tensor<4x8xf32>, tensor<4x8xf32>)
      outs(%x : tensor<4x8xf32>)
  // CHECK: lossgen.log_softmax_forward class_axis(-1) ins(
  lossgen.log_softmax_forward class_axis(-1) ins(%m : memref<?x?x5xbf16, strided<[?, 1, ?], offset: ?>>)
      outs(%m : memref<?x?x5xbf16, strided<[?, 1, ?], offset: ?>>)
  return %g : tensor<4x8xf32>
}

// CHECK-LABEL: @nll_loss
func.func @nll_loss(%p: tensor<?x8x3xf16>, %t: tensor<?x3xi32>, %w: tensor<8xf32>, %l: tensor<?x3xf16>,
                    %s: tensor<f32>) -> tensor<?x8x3xf16> {
  // CHECK: lossgen.nll_loss_forward none ignore_index(255) bounds(ignore)
  // CHECK-SAME: ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8x3xf16>, tensor<?x3xi32>, tensor<8xf32>)
  // CHECK-SAME: outs(%{{.*}}, %{{.*}} : tensor<?x3xf16>, tensor<f32>)
  %loss, %total = lossgen.nll_loss_forward none ignore_index(255) bounds(ignore)
      ins(%p, %t, %w : tensor<?x8x3xf16>, tensor<?x3xi32>, tensor<8xf32>)
      outs(%l, %s : tensor<?x3xf16>, tensor<f32>)
  // CHECK: lossgen.nll_loss_backward sum
  // CHECK-SAME: ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<f32>, tensor<?x3xi32>, tensor<f32>)
  %g = lossgen.nll_loss_backward sum ins(%s, %t, %total : tensor<f32>, tensor<?x3xi32>, tensor<f32>)
      outs(%p : tensor<?x8x3xf16>)
  return %g : tensor<?x8x3xf16>
}

// CHECK-LABEL: @cross_entropy
func.func @cross_entropy(%x: tensor<4x8xf32>, %t: tensor<4xi64>, %w: tensor<8xf32>, %z: tensor<4xf32>,
                         %s: tensor<f32>) -> tensor<4x8xf32> {
  // CHECK: lossgen.cross_entropy_forward mean ignore_index(-100) class_axis(1) label_smoothing(1.000000e-01)
  %l:3 = lossgen.cross_entropy_forward mean ignore_index(-100) class_axis(1) label_smoothing(0.1)
      ins(%x, %t, %w : tensor<4x8xf32>, tensor<4xi64>, tensor<8xf32>)
      outs(%s, %z, %s : tensor<f32>, tensor<4xf32>, tensor<f32>)
  // CHECK: lossgen.cross_entropy_backward mean
  // CHECK-SAME: tensor<f32>, tensor<4x8xf32>, tensor<4xi64>, tensor<4xf32>, tensor<f32>, tensor<8xf32>)
  %g = lossgen.cross_entropy_backward mean
      ins(%s, %x, %t, %l#1, %l#2, %w
          : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>, tensor<4xf32>, tensor<f32>, tensor<8xf32>)
      outs(%x : tensor<4x8xf32>)
  // CHECK: %{{.*}}:4 = lossgen.cross_entropy_forward_backward sum bounds(trap)
  %f:4 = lossgen.cross_entropy_forward_backward sum bounds(trap)
      ins(%s, %g, %t : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>)
      outs(%s, %z, %s, %x : tensor<f32>, tensor<4xf32>, tensor<f32>, tensor<4x8xf32>)
  return %f#3 : tensor<4x8xf32>
}

// CHECK-LABEL: @memrefs
func.func @memrefs(%x: memref<8xf64>, %t: memref<i64>, %s: memref<f64>) {
  // CHECK: lossgen.cross_entropy_forward none ins(%{{.*}}, %{{.*}} : memref<8xf64>, memref<i64>)
  lossgen.cross_entropy_forward none ins(%x, %t : memref<8xf64>, memref<i64>)
      outs(%s, %s, %s : memref<f64>, memref<f64>, memref<f64>)
  // CHECK: lossgen.cross_entropy_forward_backward mean
  lossgen.cross_entropy_forward_backward mean ins(%s, %x, %t : memref<f64>, memref<8xf64>, memref<i64>)
      outs(%s, %s, %s, %x : memref<f64>, memref<f64>, memref<f64>, memref<8xf64>)
  return
}
