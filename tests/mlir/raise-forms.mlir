// Spellings that no printed module has: other front ends, older ones, programs by hand.
// RUN: %mlir-opt %s --split-input-file --pass-pipeline='builtin.module(raise-linalg-to-lossgen,cse,canonicalize,cse)' | FileCheck %s --implicit-check-not=linalg.generic

// log_softmax with everything in two generics, the lowest finite number below all logits, classes first.
// CHECK-LABEL: func.func @fused_classes_first(
// CHECK: lossgen.log_softmax_forward class_axis(0) ins(%{{.*}} : tensor<8x?xf32>)
func.func @fused_classes_first(%x: tensor<8x?xf32>, %init: tensor<8x?xf32>, %rows: tensor<?xf32>) -> tensor<8x?xf32> {
  %lowest = arith.constant 0xFF7FFFFF : f32
  %zero = arith.constant 0.0 : f32
  %m0 = linalg.fill ins(%lowest : f32) outs(%rows : tensor<?xf32>) -> tensor<?xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%rows : tensor<?xf32>) -> tensor<?xf32>
  %m = linalg.generic {indexing_maps = [affine_map<(c, r) -> (c, r)>, affine_map<(c, r) -> (r)>],
                       iterator_types = ["reduction", "parallel"]} ins(%x : tensor<8x?xf32>) outs(%m0 : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %k = arith.maximumf %o, %a : f32
    linalg.yield %k : f32
  } -> tensor<?xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(c, r) -> (c, r)>, affine_map<(c, r) -> (r)>, affine_map<(c, r) -> (r)>],
                       iterator_types = ["reduction", "parallel"]}
      ins(%x, %m : tensor<8x?xf32>, tensor<?xf32>) outs(%s0 : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    %e = math.exp %d : f32
    %k = arith.addf %o, %e : f32
    linalg.yield %k : f32
  } -> tensor<?xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(c, r) -> (c, r)>, affine_map<(c, r) -> (r)>, affine_map<(c, r) -> (r)>, affine_map<(c, r) -> (c, r)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %m, %s : tensor<8x?xf32>, tensor<?xf32>, tensor<?xf32>) outs(%init : tensor<8x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %l = math.log %c : f32
    %z = arith.addf %b, %l : f32
    %k = arith.subf %a, %z : f32
    linalg.yield %k : f32
  } -> tensor<8x?xf32>
  return %p : tensor<8x?xf32>
}

// -----

#all = affine_map<(d0, d1) -> (d0, d1)>

// The logarithm of linalg.softmax.
// CHECK-LABEL: func.func @log_of_softmax(
// CHECK: lossgen.log_softmax_forward ins(%{{.*}} : tensor<4x8xf32>)
func.func @log_of_softmax(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %s = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %l = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%s : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %k = math.log %a : f32
    linalg.yield %k : f32
  } -> tensor<4x8xf32>
  return %l : tensor<4x8xf32>
}

// -----

// Named ops instead of generics, the maximum as linalg.softmax decomposes to it.
// CHECK-LABEL: func.func @named(
// CHECK: lossgen.log_softmax_forward ins(%{{.*}} : tensor<4x8xf32>)
func.func @named(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %nan = arith.constant 0x7FC00000 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %r = tensor.empty() : tensor<4xf32>
  %m0 = linalg.fill ins(%nan : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %m = linalg.reduce { arith.maxnumf } ins(%x : tensor<4x8xf32>) outs(%m0 : tensor<4xf32>) dimensions = [1]
  %mb = linalg.broadcast ins(%m : tensor<4xf32>) outs(%e : tensor<4x8xf32>) dimensions = [1]
  %d = linalg.sub ins(%x, %mb : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %x1 = linalg.exp ins(%d : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %s = linalg.reduce { arith.addf } ins(%x1 : tensor<4x8xf32>) outs(%s0 : tensor<4xf32>) dimensions = [1]
  %l = linalg.log ins(%s : tensor<4xf32>) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %lb = linalg.broadcast ins(%l : tensor<4xf32>) outs(%e : tensor<4x8xf32>) dimensions = [1]
  %p = linalg.sub ins(%d, %lb : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %p : tensor<4x8xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>

// torch-mlir's older C++ form, reached through ONNX: gather, weight and ignored label in one body, an integer count.
// CHECK-LABEL: func.func @one_body(
// CHECK-SAME:    %[[P:.*]]: tensor<4x8xf32>, %[[T:.*]]: tensor<4xi64>, %[[W:.*]]: tensor<8xf32>
// CHECK: lossgen.nll_loss_forward sum ignore_index(3) ins(%[[P]], %[[T]], %[[W]] : tensor<4x8xf32>, tensor<4xi64>, tensor<8xf32>)
// CHECK: lossgen.nll_loss_forward mean ignore_index(3) ins(%[[P]], %[[T]] : tensor<4x8xf32>, tensor<4xi64>)
func.func @one_body(%p: tensor<4x8xf32>, %t: tensor<4xi64>, %w: tensor<8xf32>) -> (tensor<f32>, tensor<f32>) {
  %ignore = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %i0 = arith.constant 0 : i32
  %e = tensor.empty() : tensor<4xf32>
  %weighted = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%t : tensor<4xi64>) outs(%e : tensor<4xf32>) {
  ^bb0(%label: i64, %o: f32):
    %c = arith.index_cast %label : i64 to index
    %same = arith.cmpi eq, %c, %ignore : index
    %r = linalg.index 0 : index
    %v = tensor.extract %p[%r, %c] : tensor<4x8xf32>
    %u = tensor.extract %w[%c] : tensor<8xf32>
    %m = arith.mulf %v, %u : f32
    %n = arith.negf %m : f32
    %k = arith.select %same, %zero, %n : f32
    linalg.yield %k : f32
  } -> tensor<4xf32>
  %plain = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%t : tensor<4xi64>) outs(%e : tensor<4xf32>) {
  ^bb0(%label: i64, %o: f32):
    %c = arith.index_cast %label : i64 to index
    %same = arith.cmpi eq, %c, %ignore : index
    %r = linalg.index 0 : index
    %v = tensor.extract %p[%r, %c] : tensor<4x8xf32>
    %n = arith.negf %v : f32
    %k = arith.select %same, %zero, %n : f32
    linalg.yield %k : f32
  } -> tensor<4xf32>
  %s = tensor.empty() : tensor<f32>
  %s0 = linalg.fill ins(%zero : f32) outs(%s : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]} ins(%weighted : tensor<4xf32>) outs(%s0 : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %k = arith.addf %a, %o : f32
    linalg.yield %k : f32
  } -> tensor<f32>
  %n = tensor.empty() : tensor<i32>
  %n0 = linalg.fill ins(%i0 : i32) outs(%n : tensor<i32>) -> tensor<i32>
  %count = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]} ins(%t : tensor<4xi64>) outs(%n0 : tensor<i32>) {
  ^bb0(%label: i64, %o: i32):
    %c = arith.index_cast %label : i64 to index
    %other = arith.cmpi ne, %c, %ignore : index
    %one = arith.extui %other : i1 to i32
    %k = arith.addi %o, %one : i32
    linalg.yield %k : i32
  } -> tensor<i32>
  %c = tensor.extract %count[] : tensor<i32>
  %f = arith.sitofp %c : i32 to f32
  %mean = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]} ins(%plain : tensor<4xf32>) outs(%s0 : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %q = arith.divf %a, %f : f32
    %k = arith.addf %q, %o : f32
    linalg.yield %k : f32
  } -> tensor<f32>
  return %sum, %mean : tensor<f32>, tensor<f32>
}

// -----

#all = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// An island of f32 in a program in bf16, all in three bodies.
// CHECK-LABEL: func.func @rounded(
func.func @rounded(%x: tensor<4x8xbf16>) -> tensor<4x8xbf16> {
  // CHECK: lossgen.log_softmax_forward ins(%{{.*}} : tensor<4x8xbf16>)
  %minus = arith.constant 0xFF800000 : f32
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xbf16>
  %r = tensor.empty() : tensor<4xf32>
  %m0 = linalg.fill ins(%minus : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %m = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x8xbf16>) outs(%m0 : tensor<4xf32>) {
  ^bb0(%a: bf16, %o: f32):
    %w = arith.extf %a : bf16 to f32
    %k = arith.maximumf %w, %o : f32
    linalg.yield %k : f32
  } -> tensor<4xf32>
  %s = linalg.generic {indexing_maps = [#all, #row, #row], iterator_types = ["parallel", "reduction"]} ins(%x, %m : tensor<4x8xbf16>, tensor<4xf32>) outs(%s0 : tensor<4xf32>) {
  ^bb0(%a: bf16, %b: f32, %o: f32):
    %w = arith.extf %a : bf16 to f32
    %d = arith.subf %w, %b : f32
    %x1 = math.exp %d : f32
    %k = arith.addf %x1, %o : f32
    linalg.yield %k : f32
  } -> tensor<4xf32>
  %p = linalg.generic {indexing_maps = [#all, #row, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %m, %s : tensor<4x8xbf16>, tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4x8xbf16>) {
  ^bb0(%a: bf16, %b: f32, %c: f32, %o: bf16):
    %w = arith.extf %a : bf16 to f32
    %l = math.log %c : f32
    %d = arith.subf %w, %b : f32
    %n = arith.subf %d, %l : f32
    %k = arith.truncf %n : f32 to bf16
    linalg.yield %k : bf16
  } -> tensor<4x8xbf16>
  return %p : tensor<4x8xbf16>
}
