// One C symbol for each op and element types; ranks and strides go in unranked descriptors; the status is asserted.
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(convert-lossgen-to-calls)' | FileCheck %s

// CHECK-DAG: func.func private @lossgen_mlir_log_softmax_forward_f64(memref<*xf64>, memref<*xf64>, i32) -> i32 attributes {llvm.emit_c_interface}
// CHECK-DAG: func.func private @lossgen_mlir_log_softmax_backward_bf16(memref<*xbf16>, memref<*xbf16>, memref<*xbf16>, i32) -> i32
// CHECK-DAG: func.func private @lossgen_mlir_nll_loss_forward_f32_i32(memref<*xf32>, memref<*xi32>, memref<*xf32>, memref<*xf32>, memref<*xf32>, i32, i32, i64, i32, f64, i32) -> i32
// CHECK-DAG: func.func private @lossgen_mlir_nll_loss_backward_f32_i64(
// CHECK-DAG: func.func private @lossgen_mlir_cross_entropy_forward_f32_i64(
// CHECK-DAG: func.func private @lossgen_mlir_cross_entropy_forward_bf16_i64_loss_weight(memref<*xbf16>, memref<*xi64>, memref<*xbf16>, memref<*xf32>, memref<*xf32>, memref<*xbf16>,
// CHECK-DAG: func.func private @lossgen_mlir_cross_entropy_backward_f16_i32_loss(memref<*xf16>, memref<*xf16>,
// CHECK-DAG: func.func private @lossgen_mlir_cross_entropy_forward_backward_f32_i64(

// CHECK-LABEL: func.func @softmax(
func.func @softmax(%x: memref<?x?xf64, strided<[?, ?], offset: ?>>, %b: memref<8xbf16>) {
  // CHECK: %[[U:.*]] = memref.cast %{{.*}} : memref<?x?xf64, strided<[?, ?], offset: ?>> to memref<*xf64>
  // CHECK: %[[AXIS:.*]] = arith.constant 0 : i32
  // CHECK: %[[S:.*]] = call @lossgen_mlir_log_softmax_forward_f64(%[[U]], %{{.*}}, %[[AXIS]])
  // CHECK: %[[ZERO:.*]] = arith.constant 0 : i32
  // CHECK: %[[OK:.*]] = arith.cmpi eq, %[[S]], %[[ZERO]]
  // CHECK: cf.assert %[[OK]], "lossgen.log_softmax_forward failed: see lossgen_last_error()"
  lossgen.log_softmax_forward class_axis(-2) ins(%x : memref<?x?xf64, strided<[?, ?], offset: ?>>)
      outs(%x : memref<?x?xf64, strided<[?, ?], offset: ?>>)
  // CHECK: call @lossgen_mlir_log_softmax_backward_bf16
  lossgen.log_softmax_backward ins(%b, %b : memref<8xbf16>, memref<8xbf16>) outs(%b : memref<8xbf16>)
  return
}

// CHECK-LABEL: func.func @nll(
func.func @nll(%p: memref<4x8xf32>, %t: memref<4xi32>, %t64: memref<4xi64>, %w: memref<8xf32>, %s: memref<f32>) {
  // An absent weight is an empty vector.
  // CHECK: memref.alloca() : memref<0xf32>
  // CHECK-DAG: arith.constant 1 : i32
  // CHECK-DAG: arith.constant 255 : i64
  // CHECK: call @lossgen_mlir_nll_loss_forward_f32_i32
  lossgen.nll_loss_forward sum ignore_index(255) bounds(ignore) ins(%p, %t : memref<4x8xf32>, memref<4xi32>)
      outs(%s, %s : memref<f32>, memref<f32>)
  // CHECK-NOT: memref.alloca
  // CHECK: call @lossgen_mlir_nll_loss_backward_f32_i64
  lossgen.nll_loss_backward mean ins(%s, %t64, %s, %w : memref<f32>, memref<4xi64>, memref<f32>, memref<8xf32>)
      outs(%p : memref<4x8xf32>)
  return
}

// CHECK-LABEL: func.func @cross_entropy(
func.func @cross_entropy(%x: memref<4x8xf32>, %b: memref<2x8x3xbf16>, %h: memref<8xf16>, %t: memref<4xi64>,
                         %tb: memref<2x3xi64>, %th: memref<i32>, %l: memref<2x3xbf16>, %lh: memref<f16>,
                         %z: memref<4xf32>, %zb: memref<2x3xf32>, %w: memref<8xbf16>, %s: memref<f32>) {
  // CHECK: arith.constant 1.000000e-01 : f64
  // CHECK: call @lossgen_mlir_cross_entropy_forward_f32_i64
  lossgen.cross_entropy_forward mean label_smoothing(0.1) ins(%x, %t : memref<4x8xf32>, memref<4xi64>)
      outs(%s, %z, %s : memref<f32>, memref<4xf32>, memref<f32>)
  // CHECK: call @lossgen_mlir_cross_entropy_forward_bf16_i64_loss_weight
  lossgen.cross_entropy_forward none ins(%b, %tb, %w : memref<2x8x3xbf16>, memref<2x3xi64>, memref<8xbf16>)
      outs(%l, %zb, %s : memref<2x3xbf16>, memref<2x3xf32>, memref<f32>)
  // CHECK: call @lossgen_mlir_cross_entropy_backward_f16_i32_loss
  lossgen.cross_entropy_backward none ins(%lh, %h, %th, %s, %s : memref<f16>, memref<8xf16>, memref<i32>, memref<f32>, memref<f32>)
      outs(%h : memref<8xf16>)
  // CHECK: call @lossgen_mlir_cross_entropy_forward_backward_f32_i64
  lossgen.cross_entropy_forward_backward mean ins(%s, %x, %t : memref<f32>, memref<4x8xf32>, memref<4xi64>)
      outs(%s, %z, %s, %x : memref<f32>, memref<4xf32>, memref<f32>, memref<4x8xf32>)
  return
}
