// ONNX, printed by ../print_onnx.py
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (0, d1)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0) -> ()>
#map4 = affine_map<(d0, d1) -> (d1)>
module {
  func.func @main(%arg0: tensor<4x8xf32>, %arg1: tensor<4xi64>, %arg2: tensor<8xf32>) -> tensor<f32> {
    %c3_i64 = arith.constant 3 : i64
    %c8 = arith.constant 8 : index
    %cst = arith.constant 0.000000e+00 : f32
    %c0_i64 = arith.constant 0 : i64
    %cst_0 = arith.constant dense<0> : tensor<i64>
    %expanded = tensor.expand_shape %arg2 [[0, 1]] output_shape [1, 8] : tensor<8xf32> into tensor<1x8xf32>
    %0 = tensor.empty() : tensor<4x8xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %expanded : tensor<4x8xf32>, tensor<1x8xf32>) outs(%0 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_2: f32, %out: f32):
      %17 = arith.mulf %in, %in_2 : f32
      linalg.yield %17 : f32
    } -> tensor<4x8xf32>
    %2 = tensor.empty() : tensor<4xi1>
    %3 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%2 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %17 = arith.cmpi ne, %in, %c3_i64 : i64
      linalg.yield %17 : i1
    } -> tensor<4xi1>
    %4 = tensor.empty() : tensor<4xi64>
    %5 = linalg.generic {indexing_maps = [#map2, #map2, #map3, #map2], iterator_types = ["parallel"]} ins(%3, %arg1, %cst_0 : tensor<4xi1>, tensor<4xi64>, tensor<i64>) outs(%4 : tensor<4xi64>) {
    ^bb0(%in: i1, %in_2: i64, %in_3: i64, %out: i64):
      %17 = arith.select %in, %in_2, %in_3 : i64
      linalg.yield %17 : i64
    } -> tensor<4xi64>
    %expanded_1 = tensor.expand_shape %5 [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
    %6 = tensor.empty() : tensor<4x1xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<4x1xf32>) -> tensor<4x1xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_1 : tensor<4x1xi64>) outs(%7 : tensor<4x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %17 = linalg.index 0 : index
      %18 = arith.index_cast %in : i64 to index
      %19 = arith.cmpi slt, %18, %c8 : index
      cf.assert %19, "index must be smaller than dim size"
      %20 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %20, "index must be larger or equal to 0"
      %extracted = tensor.extract %1[%17, %18] : tensor<4x8xf32>
      linalg.yield %extracted : f32
    } -> tensor<4x1xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<4x1xf32>) outs(%6 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %17 = arith.negf %in : f32
      linalg.yield %17 : f32
    } -> tensor<4x1xf32>
    %collapsed = tensor.collapse_shape %9 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %10 = tensor.empty() : tensor<4xf32>
    %11 = linalg.generic {indexing_maps = [#map2, #map2, #map3, #map2], iterator_types = ["parallel"]} ins(%3, %collapsed, %cst_0 : tensor<4xi1>, tensor<4xf32>, tensor<i64>) outs(%10 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_2: f32, %in_3: i64, %out: f32):
      %17 = arith.sitofp %in_3 : i64 to f32
      %18 = arith.select %in, %in_2, %17 : f32
      linalg.yield %18 : f32
    } -> tensor<4xf32>
    %12 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<8xf32>) outs(%0 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_1 : tensor<4x1xi64>) outs(%7 : tensor<4x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %17 = linalg.index 0 : index
      %18 = arith.index_cast %in : i64 to index
      %19 = arith.cmpi slt, %18, %c8 : index
      cf.assert %19, "index must be smaller than dim size"
      %20 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %20, "index must be larger or equal to 0"
      %extracted = tensor.extract %12[%17, %18] : tensor<4x8xf32>
      linalg.yield %extracted : f32
    } -> tensor<4x1xf32>
    %14 = tensor.empty() : tensor<f32>
    %15 = linalg.fill ins(%cst : f32) outs(%14 : tensor<f32>) -> tensor<f32>
    %16 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["reduction"]} ins(%11 : tensor<4xf32>) outs(%15 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %17 = arith.addf %in, %out : f32
      linalg.yield %17 : f32
    } -> tensor<f32>
    return %16 : tensor<f32>
  }
}

