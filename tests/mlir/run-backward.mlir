// Gradients through loops and through the library: each backward op, both in one pass, weights, smoothing, K dims.
// REQUIRES: library
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-loops-to-llvm)' | %run | FileCheck %s
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-calls-to-llvm)' | %run | FileCheck %s

func.func private @printMemrefF32(tensor<*xf32>) attributes {llvm.emit_c_interface}
func.func @show(%t: tensor<2x3xf32>) {
  %u = tensor.cast %t : tensor<2x3xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0], [0.5, -2.0, 0.0]]> : tensor<2x3xf32>
  %t = arith.constant dense<[2, 0]> : tensor<2xi32>
  %ignored = arith.constant dense<[2, -100]> : tensor<2xi32>
  %w = arith.constant dense<[1.0, 0.5, 2.0]> : tensor<3xf32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %rows = arith.constant dense<[1.0, -2.0]> : tensor<2xf32>
  %s = tensor.empty() : tensor<f32>
  %r = tensor.empty() : tensor<2xf32>
  %g0 = tensor.empty() : tensor<2x3xf32>

  // softmax - one-hot, over 2 rows
  // CHECK: [0.0450{{[0-9]*}}, 0.1223{{[0-9]*}}, -0.1673{{[0-9]*}}],
  // CHECK-NEXT: [-0.2038{{[0-9]*}}, 0.0243{{[0-9]*}}, 0.1795{{[0-9]*}}]
  %a:4 = lossgen.cross_entropy_forward_backward mean ins(%one, %x, %t : tensor<f32>, tensor<2x3xf32>, tensor<2xi32>)
      outs(%s, %r, %s, %g0 : tensor<f32>, tensor<2xf32>, tensor<f32>, tensor<2x3xf32>)
  func.call @show(%a#3) : (tensor<2x3xf32>) -> ()

  // The second row is ignored: its gradient is 0, the mean is the first row's.
  // CHECK: [0.09003{{[0-9]*}}, 0.2447{{[0-9]*}}, -0.3347{{[0-9]*}}],
  // CHECK-NEXT: [{{-?}}0, {{-?}}0, {{-?}}0]
  %b:4 = lossgen.cross_entropy_forward_backward mean ignore_index(-100)
      ins(%one, %x, %ignored : tensor<f32>, tensor<2x3xf32>, tensor<2xi32>)
      outs(%s, %r, %s, %g0 : tensor<f32>, tensor<2xf32>, tensor<f32>, tensor<2x3xf32>)
  func.call @show(%b#3) : (tensor<2x3xf32>) -> ()

  // Backward alone, by row, with weights 2 and 1.
  // CHECK: [0.1800{{[0-9]*}}, 0.4894{{[0-9]*}}, -0.6695{{[0-9]*}}],
  // CHECK-NEXT: [0.8155{{[0-9]*}}, -0.0972{{[0-9]*}}, -0.7183{{[0-9]*}}]
  %c:3 = lossgen.cross_entropy_forward none ins(%x, %t, %w : tensor<2x3xf32>, tensor<2xi32>, tensor<3xf32>)
      outs(%r, %r, %s : tensor<2xf32>, tensor<2xf32>, tensor<f32>)
  %d = lossgen.cross_entropy_backward none
      ins(%rows, %x, %t, %c#1, %c#2, %w : tensor<2xf32>, tensor<2x3xf32>, tensor<2xi32>, tensor<2xf32>, tensor<f32>, tensor<3xf32>)
      outs(%g0 : tensor<2x3xf32>)
  func.call @show(%d) : (tensor<2x3xf32>) -> ()

  // nll_loss, then log_softmax: the same as cross_entropy's first row.
  // CHECK: [{{-?}}0, {{-?}}0, -1],
  // CHECK-NEXT: [{{-?}}0, {{-?}}0, {{-?}}0]
  // CHECK: [0.09003{{[0-9]*}}, 0.2447{{[0-9]*}}, -0.3347{{[0-9]*}}],
  // CHECK-NEXT: [{{-?}}0, {{-?}}0, {{-?}}0]
  %p = lossgen.log_softmax_forward ins(%x : tensor<2x3xf32>) outs(%g0 : tensor<2x3xf32>)
  %e:2 = lossgen.nll_loss_forward mean ignore_index(-100) ins(%p, %ignored : tensor<2x3xf32>, tensor<2xi32>)
      outs(%s, %s : tensor<f32>, tensor<f32>)
  %f = lossgen.nll_loss_backward mean ignore_index(-100) ins(%one, %ignored, %e#1 : tensor<f32>, tensor<2xi32>, tensor<f32>)
      outs(%g0 : tensor<2x3xf32>)
  func.call @show(%f) : (tensor<2x3xf32>) -> ()
  %h = lossgen.log_softmax_backward ins(%f, %p : tensor<2x3xf32>, tensor<2x3xf32>) outs(%g0 : tensor<2x3xf32>)
  func.call @show(%h) : (tensor<2x3xf32>) -> ()

  // Smoothing by 0.3: 0.7 (softmax - one-hot) + 0.3 (softmax - 1/3).
  // CHECK: [-0.0099{{[0-9]*}}, 0.1447{{[0-9]*}}, -0.1347{{[0-9]*}}],
  // CHECK-NEXT: [-0.2077{{[0-9]*}}, -0.0513{{[0-9]*}}, 0.2591{{[0-9]*}}]
  %i:4 = lossgen.cross_entropy_forward_backward sum label_smoothing(0.3)
      ins(%one, %x, %t : tensor<f32>, tensor<2x3xf32>, tensor<2xi32>)
      outs(%s, %r, %s, %g0 : tensor<f32>, tensor<2xf32>, tensor<f32>, tensor<2x3xf32>)
  func.call @show(%i#3) : (tensor<2x3xf32>) -> ()
  return
}
