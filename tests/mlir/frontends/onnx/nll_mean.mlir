// ONNX, printed by ../print_onnx.py
#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0) -> ()>
#map2 = affine_map<(d0, d1) -> (d0, d1)>
#map3 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<4x8xf32>, %arg1: tensor<4xi64>) -> tensor<f32> {
    %c-100_i64 = arith.constant -100 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %c8 = arith.constant 8 : index
    %c0_i64 = arith.constant 0 : i64
    %cst_0 = arith.constant dense<0> : tensor<i64>
    %0 = tensor.empty() : tensor<4xi1>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%0 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %15 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %15 : i1
    } -> tensor<4xi1>
    %2 = tensor.empty() : tensor<4xi64>
    %3 = linalg.generic {indexing_maps = [#map, #map, #map1, #map], iterator_types = ["parallel"]} ins(%1, %arg1, %cst_0 : tensor<4xi1>, tensor<4xi64>, tensor<i64>) outs(%2 : tensor<4xi64>) {
    ^bb0(%in: i1, %in_1: i64, %in_2: i64, %out: i64):
      %15 = arith.select %in, %in_1, %in_2 : i64
      linalg.yield %15 : i64
    } -> tensor<4xi64>
    %expanded = tensor.expand_shape %3 [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
    %4 = tensor.empty() : tensor<4x1xf32>
    %5 = linalg.fill ins(%cst : f32) outs(%4 : tensor<4x1xf32>) -> tensor<4x1xf32>
    %6 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel"]} ins(%expanded : tensor<4x1xi64>) outs(%5 : tensor<4x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %15 = linalg.index 0 : index
      %16 = arith.index_cast %in : i64 to index
      %17 = arith.cmpi slt, %16, %c8 : index
      cf.assert %17, "index must be smaller than dim size"
      %18 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %18, "index must be larger or equal to 0"
      %extracted = tensor.extract %arg0[%15, %16] : tensor<4x8xf32>
      linalg.yield %extracted : f32
    } -> tensor<4x1xf32>
    %7 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<4x1xf32>) outs(%4 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %15 = arith.negf %in : f32
      linalg.yield %15 : f32
    } -> tensor<4x1xf32>
    %collapsed = tensor.collapse_shape %7 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %8 = tensor.empty() : tensor<4xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map, #map1, #map], iterator_types = ["parallel"]} ins(%1, %collapsed, %cst_0 : tensor<4xi1>, tensor<4xf32>, tensor<i64>) outs(%8 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_1: f32, %in_2: i64, %out: f32):
      %15 = arith.sitofp %in_2 : i64 to f32
      %16 = arith.select %in, %in_1, %15 : f32
      linalg.yield %16 : f32
    } -> tensor<4xf32>
    %10 = tensor.empty() : tensor<f32>
    %11 = linalg.fill ins(%cst : f32) outs(%10 : tensor<f32>) -> tensor<f32>
    %12 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["reduction"]} ins(%1 : tensor<4xi1>) outs(%11 : tensor<f32>) {
    ^bb0(%in: i1, %out: f32):
      %15 = arith.uitofp %in : i1 to f32
      %16 = arith.addf %15, %out : f32
      linalg.yield %16 : f32
    } -> tensor<f32>
    %13 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["reduction"]} ins(%9 : tensor<4xf32>) outs(%11 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %15 = arith.addf %in, %out : f32
      linalg.yield %15 : f32
    } -> tensor<f32>
    %14 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = []} ins(%13, %12 : tensor<f32>, tensor<f32>) outs(%10 : tensor<f32>) {
    ^bb0(%in: f32, %in_1: f32, %out: f32):
      %15 = arith.divf %in, %in_1 : f32
      linalg.yield %15 : f32
    } -> tensor<f32>
    return %14 : tensor<f32>
  }
}

