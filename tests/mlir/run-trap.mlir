// A bad label ends the program either way; with bounds(ignore) its row counts for nothing.
// REQUIRES: library
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-loops-to-llvm)' -o %t.loops
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-calls-to-llvm)' -o %t.calls
// RUN: not --crash %run %t.loops 2>&1 | FileCheck %s
// RUN: not --crash %run %t.calls 2>&1 | FileCheck %s

// CHECK: 0.4076
// CHECK-NOT: data =

func.func private @printMemrefF32(tensor<*xf32>) attributes {llvm.emit_c_interface}
func.func @show(%t: tensor<f32>) {
  %u = tensor.cast %t : tensor<f32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  %p = arith.constant dense<[[-1.0, -2.0, -0.4076], [-1.0, -1.0, -1.0]]> : tensor<2x3xf32>
  %t = arith.constant dense<[2, 3]> : tensor<2xi64>
  %s = tensor.empty() : tensor<f32>
  %a:2 = lossgen.nll_loss_forward mean bounds(ignore) ins(%p, %t : tensor<2x3xf32>, tensor<2xi64>)
      outs(%s, %s : tensor<f32>, tensor<f32>)
  func.call @show(%a#0) : (tensor<f32>) -> ()
  %b:2 = lossgen.nll_loss_forward mean ins(%p, %t : tensor<2x3xf32>, tensor<2xi64>) outs(%s, %s : tensor<f32>, tensor<f32>)
  func.call @show(%b#0) : (tensor<f32>) -> ()
  return
}
