// The same input through loops and through the library: mean, sum, none; ignored rows, weights, smoothing, K dims.
// REQUIRES: library
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-loops-to-llvm)' | %run | FileCheck %s
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-calls-to-llvm)' | %run | FileCheck %s

func.func private @printMemrefF32(tensor<*xf32>) attributes {llvm.emit_c_interface}

func.func @show(%loss: tensor<f32>, %total: tensor<f32>) {
  %l = tensor.cast %loss : tensor<f32> to tensor<*xf32>
  call @printMemrefF32(%l) : (tensor<*xf32>) -> ()
  %t = tensor.cast %total : tensor<f32> to tensor<*xf32>
  call @printMemrefF32(%t) : (tensor<*xf32>) -> ()
  return
}
func.func @show_rows(%rows: tensor<?xf32>) {
  %r = tensor.cast %rows : tensor<?xf32> to tensor<*xf32>
  call @printMemrefF32(%r) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [0.5, -2.0, 0.0]]> : tensor<3x3xf32>
  %t = arith.constant dense<[2, -100, 1]> : tensor<3xi64>
  %w = arith.constant dense<[1.0, 0.5, 2.0]> : tensor<3xf32>
  %s = tensor.empty() : tensor<f32>
  %r = tensor.empty() : tensor<3xf32>

  // (0.407606 + 3.023891) / 2
  // CHECK: 1.7157
  // CHECK: 2
  %a:3 = lossgen.cross_entropy_forward mean ignore_index(-100) ins(%x, %t : tensor<3x3xf32>, tensor<3xi64>)
      outs(%s, %r, %s : tensor<f32>, tensor<3xf32>, tensor<f32>)
  call @show(%a#0, %a#2) : (tensor<f32>, tensor<f32>) -> ()
  // CHECK: 3.4076{{[0-9]*}}, 2.0986{{[0-9]*}}, 1.0239
  %rows = tensor.cast %a#1 : tensor<3xf32> to tensor<?xf32>
  call @show_rows(%rows) : (tensor<?xf32>) -> ()

  // (2 * 0.407606 + 0.5 * 3.023891) / 2.5
  // CHECK: 0.9308
  // CHECK: 2.5
  %b:3 = lossgen.cross_entropy_forward mean ignore_index(-100)
      ins(%x, %t, %w : tensor<3x3xf32>, tensor<3xi64>, tensor<3xf32>)
      outs(%s, %r, %s : tensor<f32>, tensor<3xf32>, tensor<f32>)
  call @show(%b#0, %b#2) : (tensor<f32>, tensor<f32>) -> ()

  // CHECK: 0.4076{{[0-9]*}}, 0, 3.0239
  %c:3 = lossgen.cross_entropy_forward none ignore_index(-100) ins(%x, %t : tensor<3x3xf32>, tensor<3xi64>)
      outs(%r, %r, %s : tensor<3xf32>, tensor<3xf32>, tensor<f32>)
  %crows = tensor.cast %c#0 : tensor<3xf32> to tensor<?xf32>
  call @show_rows(%crows) : (tensor<?xf32>) -> ()

  // Each row 0.9 of the row's loss and 0.1 of the mean over its classes.
  // CHECK: 3.3815
  // CHECK: 0
  %d:3 = lossgen.cross_entropy_forward sum ignore_index(-100) label_smoothing(0.1)
      ins(%x, %t : tensor<3x3xf32>, tensor<3xi64>)
      outs(%s, %r, %s : tensor<f32>, tensor<3xf32>, tensor<f32>)
  call @show(%d#0, %d#2) : (tensor<f32>, tensor<f32>) -> ()

  // The same logits read as (1, 3, 3), classes down the columns.
  %kx = tensor.expand_shape %x [[0, 1], [2]] output_shape [1, 3, 3] : tensor<3x3xf32> into tensor<1x3x3xf32>
  %kt = arith.constant dense<[[0, 1, 2]]> : tensor<1x3xi64>
  %kr = tensor.empty() : tensor<1x3xf32>
  // CHECK: 0.9580{{[0-9]*}}, 1.3265{{[0-9]*}}, 3.1698
  %e:3 = lossgen.cross_entropy_forward none ins(%kx, %kt : tensor<1x3x3xf32>, tensor<1x3xi64>)
      outs(%kr, %kr, %s : tensor<1x3xf32>, tensor<1x3xf32>, tensor<f32>)
  %er = tensor.collapse_shape %e#0 [[0, 1]] : tensor<1x3xf32> into tensor<3xf32>
  %erows = tensor.cast %er : tensor<3xf32> to tensor<?xf32>
  call @show_rows(%erows) : (tensor<?xf32>) -> ()

  // log_softmax and nll_loss apart.
  // CHECK: 1.7157
  // CHECK: 2
  %p0 = tensor.empty() : tensor<3x3xf32>
  %p = lossgen.log_softmax_forward ins(%x : tensor<3x3xf32>) outs(%p0 : tensor<3x3xf32>)
  %f:2 = lossgen.nll_loss_forward mean ignore_index(-100) ins(%p, %t : tensor<3x3xf32>, tensor<3xi64>)
      outs(%s, %s : tensor<f32>, tensor<f32>)
  call @show(%f#0, %f#1) : (tensor<f32>, tensor<f32>) -> ()
  return
}
