// RUN: %mlir-opt %s --pass-pipeline='builtin.module(func.func(canonicalize,cse))' | FileCheck %s

// nll_loss of log_softmax is cross_entropy.
// CHECK-LABEL: func.func @forward(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>, %[[T:.*]]: tensor<?xi64>, %[[W:.*]]: tensor<8xf32>, %[[P:.*]]: tensor<?x8xf32>, %[[L:.*]]: tensor<f32>
func.func @forward(%x: tensor<?x8xf32>, %t: tensor<?xi64>, %w: tensor<8xf32>, %p0: tensor<?x8xf32>, %l0: tensor<f32>)
    -> (tensor<f32>, tensor<f32>) {
  // CHECK: %[[N:.*]] = tensor.dim %[[X]]
  // CHECK: %[[Z:.*]] = tensor.empty(%[[N]]) : tensor<?xf32>
  // CHECK: %[[R:.*]]:3 = lossgen.cross_entropy_forward mean ignore_index(-100) bounds(ignore)
  // CHECK-SAME: ins(%[[X]], %[[T]], %[[W]] :
  // CHECK-SAME: outs(%[[L]], %[[Z]], %[[L]] :
  // CHECK-NOT: lossgen
  // CHECK: return %[[R]]#0, %[[R]]#2
  %p = lossgen.log_softmax_forward ins(%x : tensor<?x8xf32>) outs(%p0 : tensor<?x8xf32>)
  %r:2 = lossgen.nll_loss_forward mean ignore_index(-100) bounds(ignore)
      ins(%p, %t, %w : tensor<?x8xf32>, tensor<?xi64>, tensor<8xf32>) outs(%l0, %l0 : tensor<f32>, tensor<f32>)
  return %r#0, %r#1 : tensor<f32>, tensor<f32>
}

// Not when the log-probabilities are needed, or lie along another axis.
// CHECK-LABEL: func.func @forward_kept(
func.func @forward_kept(%x: tensor<8x8xf32>, %t: tensor<8xi64>, %l0: tensor<f32>) -> (tensor<f32>, tensor<8x8xf32>, tensor<f32>) {
  // CHECK-COUNT-2: lossgen.log_softmax_forward
  // CHECK-COUNT-2: lossgen.nll_loss_forward
  %p = lossgen.log_softmax_forward ins(%x : tensor<8x8xf32>) outs(%x : tensor<8x8xf32>)
  %q = lossgen.log_softmax_forward class_axis(0) ins(%x : tensor<8x8xf32>) outs(%x : tensor<8x8xf32>)
  %r:2 = lossgen.nll_loss_forward mean ins(%p, %t : tensor<8x8xf32>, tensor<8xi64>) outs(%l0, %l0 : tensor<f32>, tensor<f32>)
  %s:2 = lossgen.nll_loss_forward mean ins(%q, %t : tensor<8x8xf32>, tensor<8xi64>) outs(%l0, %l0 : tensor<f32>, tensor<f32>)
  return %r#0, %p, %s#0 : tensor<f32>, tensor<8x8xf32>, tensor<f32>
}

// forward and backward of the same operands are one pass.
// CHECK-LABEL: func.func @pair(
func.func @pair(%x: tensor<4x8xf32>, %t: tensor<4xi64>, %g: tensor<f32>, %l0: tensor<f32>, %z0: tensor<4xf32>)
    -> (tensor<f32>, tensor<4x8xf32>) {
  // CHECK: %[[R:.*]]:4 = lossgen.cross_entropy_forward_backward mean ignore_index(-100) label_smoothing(1.000000e-01)
  // CHECK-NOT: lossgen
  // CHECK: return %[[R]]#0, %[[R]]#3
  %f:3 = lossgen.cross_entropy_forward mean ignore_index(-100) label_smoothing(0.1)
      ins(%x, %t : tensor<4x8xf32>, tensor<4xi64>) outs(%l0, %z0, %l0 : tensor<f32>, tensor<4xf32>, tensor<f32>)
  %init = tensor.empty() : tensor<4x8xf32>
  %b = lossgen.cross_entropy_backward mean ignore_index(-100) label_smoothing(0.1)
      ins(%g, %x, %t, %f#1, %f#2 : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>, tensor<4xf32>, tensor<f32>)
      outs(%init : tensor<4x8xf32>)
  return %f#0, %b : tensor<f32>, tensor<4x8xf32>
}

// The upstream gradient comes after forward, and nobody reads the loss before: one op at the place of backward.
// CHECK-LABEL: func.func @pair_later(
func.func @pair_later(%x: tensor<4x8xf32>, %t: tensor<4xi64>, %g: f32, %l0: tensor<f32>, %z0: tensor<4xf32>)
    -> (tensor<f32>, tensor<4x8xf32>) {
  // CHECK: tensor.from_elements
  // CHECK: lossgen.cross_entropy_forward_backward sum
  %f:3 = lossgen.cross_entropy_forward sum
      ins(%x, %t : tensor<4x8xf32>, tensor<4xi64>) outs(%l0, %z0, %l0 : tensor<f32>, tensor<4xf32>, tensor<f32>)
  %up = tensor.from_elements %g : tensor<f32>
  %b = lossgen.cross_entropy_backward sum
      ins(%up, %x, %t, %f#1, %f#2 : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>, tensor<4xf32>, tensor<f32>)
      outs(%x : tensor<4x8xf32>)
  return %f#0, %b : tensor<f32>, tensor<4x8xf32>
}

// The upstream gradient is made from the loss: two passes.
// CHECK-LABEL: func.func @pair_dependent(
func.func @pair_dependent(%x: tensor<4x8xf32>, %t: tensor<4xi64>, %l0: tensor<f32>, %z0: tensor<4xf32>) -> tensor<4x8xf32> {
  // CHECK: lossgen.cross_entropy_forward sum
  // CHECK: lossgen.cross_entropy_backward sum
  %f:3 = lossgen.cross_entropy_forward sum
      ins(%x, %t : tensor<4x8xf32>, tensor<4xi64>) outs(%l0, %z0, %l0 : tensor<f32>, tensor<4xf32>, tensor<f32>)
  %up = math.exp %f#0 : tensor<f32>
  %b = lossgen.cross_entropy_backward sum
      ins(%up, %x, %t, %f#1, %f#2 : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>, tensor<4xf32>, tensor<f32>)
      outs(%x : tensor<4x8xf32>)
  return %b : tensor<4x8xf32>
}

// Other options, another target: two ops.
// CHECK-LABEL: func.func @pair_other(
func.func @pair_other(%x: tensor<4x8xf32>, %t: tensor<4xi64>, %u: tensor<4xi64>, %g: tensor<f32>, %l0: tensor<f32>,
                      %z0: tensor<4xf32>) -> (tensor<f32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  // CHECK: lossgen.cross_entropy_forward sum
  // CHECK-COUNT-2: lossgen.cross_entropy_backward sum
  %f:3 = lossgen.cross_entropy_forward sum ignore_index(-100)
      ins(%x, %t : tensor<4x8xf32>, tensor<4xi64>) outs(%l0, %z0, %l0 : tensor<f32>, tensor<4xf32>, tensor<f32>)
  %b = lossgen.cross_entropy_backward sum
      ins(%g, %x, %t, %f#1, %f#2 : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>, tensor<4xf32>, tensor<f32>)
      outs(%x : tensor<4x8xf32>)
  %c = lossgen.cross_entropy_backward sum ignore_index(-100)
      ins(%g, %x, %u, %f#1, %f#2 : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>, tensor<4xf32>, tensor<f32>)
      outs(%x : tensor<4x8xf32>)
  return %f#0, %b, %c : tensor<f32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// Both halves apart: log_softmax and nll_loss, each with its backward.
// CHECK-LABEL: func.func @halves(
func.func @halves(%x: tensor<4x8xf32>, %t: tensor<4xi64>, %g: tensor<f32>, %l0: tensor<f32>) -> (tensor<f32>, tensor<4x8xf32>) {
  // CHECK: lossgen.cross_entropy_forward_backward mean ignore_index(-100)
  // CHECK-NOT: lossgen
  // CHECK: return
  %e = tensor.empty() : tensor<4x8xf32>
  %p = lossgen.log_softmax_forward ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>)
  %r:2 = lossgen.nll_loss_forward mean ignore_index(-100) ins(%p, %t : tensor<4x8xf32>, tensor<4xi64>)
      outs(%l0, %l0 : tensor<f32>, tensor<f32>)
  %d = lossgen.nll_loss_backward mean ignore_index(-100) ins(%g, %t, %r#1 : tensor<f32>, tensor<4xi64>, tensor<f32>)
      outs(%e : tensor<4x8xf32>)
  %b = lossgen.log_softmax_backward ins(%d, %p : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>)
  return %r#0, %b : tensor<f32>, tensor<4x8xf32>
}

// Axes of extent 1 go, the class axis stays.
// CHECK-LABEL: func.func @unit_axes(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8x1x1xf32>, %[[T:.*]]: tensor<?x1x1xi64>
func.func @unit_axes(%x: tensor<?x8x1x1xf32>, %t: tensor<?x1x1xi64>, %l0: tensor<?x1x1xf32>, %s: tensor<f32>) -> tensor<?x1x1xf32> {
  // CHECK-DAG: tensor.collapse_shape %[[X]] {{\[\[}}0], [1, 2, 3]] : tensor<?x8x1x1xf32> into tensor<?x8xf32>
  // CHECK-DAG: tensor.collapse_shape %[[T]] {{\[\[}}0, 1, 2]] : tensor<?x1x1xi64> into tensor<?xi64>
  // CHECK: %[[R:.*]]:2 = lossgen.nll_loss_forward none class_axis(1) ins({{.*}} : tensor<?x8xf32>, tensor<?xi64>)
  // CHECK: tensor.expand_shape %[[R]]#0 {{\[\[}}0, 1, 2]] {{.*}} : tensor<?xf32> into tensor<?x1x1xf32>
  %r:2 = lossgen.nll_loss_forward none ins(%x, %t : tensor<?x8x1x1xf32>, tensor<?x1x1xi64>)
      outs(%l0, %s : tensor<?x1x1xf32>, tensor<f32>)
  return %r#0 : tensor<?x1x1xf32>
}

// CHECK-LABEL: func.func @unit_class_axis(
func.func @unit_class_axis(%x: tensor<1x1x8xf32>, %y: tensor<1x1x1xf32>) -> (tensor<1x1x8xf32>, tensor<1x1x1xf32>) {
  // CHECK: lossgen.log_softmax_forward class_axis(0) ins({{.*}} : tensor<1x8xf32>)
  // CHECK: lossgen.log_softmax_forward class_axis(1) ins({{.*}} : tensor<1x1xf32>)
  %p = lossgen.log_softmax_forward ins(%x : tensor<1x1x8xf32>) outs(%x : tensor<1x1x8xf32>)
  %q = lossgen.log_softmax_forward ins(%y : tensor<1x1x1xf32>) outs(%y : tensor<1x1x1xf32>)
  return %p, %q : tensor<1x1x8xf32>, tensor<1x1x1xf32>
}
