// torch-mlir, printed by ../print_torch.py
#map = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d2)>
#map2 = affine_map<(d0, d1, d2) -> (d0, 0, d2)>
#map3 = affine_map<(d0, d1, d2) -> ()>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map5 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<2x3x8xf32>, %arg1: tensor<2x3xi64>) -> tensor<f32> {
    %c-100_i64 = arith.constant -100 : i64
    %c8 = arith.constant 8 : index
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0xFF800000 : f32
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %c0 = arith.constant 0 : index
    %cst_2 = arith.constant dense<0> : tensor<i64>
    %0 = tensor.empty() : tensor<2x8x3xf32>
    %transposed = linalg.transpose ins(%arg0 : tensor<2x3x8xf32>) outs(%0 : tensor<2x8x3xf32>) permutation = [0, 2, 1] 
    %1 = tensor.empty() : tensor<2x3xi64>
    %2 = linalg.fill ins(%c0_i64 : i64) outs(%1 : tensor<2x3xi64>) -> tensor<2x3xi64>
    %3 = tensor.empty() : tensor<2x3xf32>
    %4 = linalg.fill ins(%cst : f32) outs(%3 : tensor<2x3xf32>) -> tensor<2x3xf32>
    %5:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction", "parallel"]} ins(%transposed : tensor<2x8x3xf32>) outs(%4, %2 : tensor<2x3xf32>, tensor<2x3xi64>) {
    ^bb0(%in: f32, %out: f32, %out_6: i64):
      %30 = linalg.index 1 : index
      %31 = arith.index_cast %30 : index to i64
      %32 = arith.maximumf %in, %out : f32
      %33 = arith.cmpf ogt, %in, %out : f32
      %34 = arith.select %33, %31, %out_6 : i64
      linalg.yield %32, %34 : f32, i64
    } -> (tensor<2x3xf32>, tensor<2x3xi64>)
    %expanded = tensor.expand_shape %5#0 [[0, 1], [2]] output_shape [2, 1, 3] : tensor<2x3xf32> into tensor<2x1x3xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%transposed, %expanded : tensor<2x8x3xf32>, tensor<2x1x3xf32>) outs(%0 : tensor<2x8x3xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %30 = arith.subf %in, %in_6 : f32
      linalg.yield %30 : f32
    } -> tensor<2x8x3xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6 : tensor<2x8x3xf32>) outs(%0 : tensor<2x8x3xf32>) {
    ^bb0(%in: f32, %out: f32):
      %30 = math.exp %in : f32
      linalg.yield %30 : f32
    } -> tensor<2x8x3xf32>
    %8 = tensor.empty() : tensor<2x1x3xf32>
    %9 = linalg.fill ins(%cst_0 : f32) outs(%8 : tensor<2x1x3xf32>) -> tensor<2x1x3xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "reduction", "parallel"]} ins(%7 : tensor<2x8x3xf32>) outs(%9 : tensor<2x1x3xf32>) {
    ^bb0(%in: f32, %out: f32):
      %30 = arith.addf %in, %out : f32
      linalg.yield %30 : f32
    } -> tensor<2x1x3xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%10 : tensor<2x1x3xf32>) outs(%8 : tensor<2x1x3xf32>) {
    ^bb0(%in: f32, %out: f32):
      %30 = math.log %in : f32
      linalg.yield %30 : f32
    } -> tensor<2x1x3xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6, %11 : tensor<2x8x3xf32>, tensor<2x1x3xf32>) outs(%0 : tensor<2x8x3xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %30 = arith.subf %in, %in_6 : f32
      linalg.yield %30 : f32
    } -> tensor<2x8x3xf32>
    %expanded_3 = tensor.expand_shape %12 [[0], [1], [2, 3]] output_shape [2, 8, 1, 3] : tensor<2x8x3xf32> into tensor<2x8x1x3xf32>
    %expanded_4 = tensor.expand_shape %arg1 [[0], [1, 2]] output_shape [2, 1, 3] : tensor<2x3xi64> into tensor<2x1x3xi64>
    %13 = tensor.empty() : tensor<2x1x3xi1>
    %14 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_4 : tensor<2x1x3xi64>) outs(%13 : tensor<2x1x3xi1>) {
    ^bb0(%in: i64, %out: i1):
      %30 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %30 : i1
    } -> tensor<2x1x3xi1>
    %15 = tensor.empty() : tensor<2x1x3xi64>
    %16 = linalg.generic {indexing_maps = [#map, #map, #map3, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %expanded_4, %cst_2 : tensor<2x1x3xi1>, tensor<2x1x3xi64>, tensor<i64>) outs(%15 : tensor<2x1x3xi64>) {
    ^bb0(%in: i1, %in_6: i64, %in_7: i64, %out: i64):
      %30 = arith.select %in, %in_6, %in_7 : i64
      linalg.yield %30 : i64
    } -> tensor<2x1x3xi64>
    %expanded_5 = tensor.expand_shape %16 [[0], [1, 2], [3]] output_shape [2, 1, 1, 3] : tensor<2x1x3xi64> into tensor<2x1x1x3xi64>
    %17 = tensor.empty() : tensor<2x1x1x3xf32>
    %18 = linalg.fill ins(%cst_0 : f32) outs(%17 : tensor<2x1x1x3xf32>) -> tensor<2x1x1x3xf32>
    %19 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_5 : tensor<2x1x1x3xi64>) outs(%18 : tensor<2x1x1x3xf32>) {
    ^bb0(%in: i64, %out: f32):
      %30 = linalg.index 0 : index
      %31 = arith.index_cast %in : i64 to index
      %32 = linalg.index 3 : index
      %33 = arith.cmpi slt, %31, %c8 : index
      cf.assert %33, "index must be smaller than dim size"
      %34 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %34, "index must be larger or equal to 0"
      %extracted = tensor.extract %expanded_3[%30, %31, %c0, %32] : tensor<2x8x1x3xf32>
      linalg.yield %extracted : f32
    } -> tensor<2x1x1x3xf32>
    %collapsed = tensor.collapse_shape %19 [[0, 1], [2], [3]] : tensor<2x1x1x3xf32> into tensor<2x1x3xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed : tensor<2x1x3xf32>) outs(%8 : tensor<2x1x3xf32>) {
    ^bb0(%in: f32, %out: f32):
      %30 = arith.negf %in : f32
      linalg.yield %30 : f32
    } -> tensor<2x1x3xf32>
    %21 = linalg.generic {indexing_maps = [#map, #map, #map3, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %20, %cst_1 : tensor<2x1x3xi1>, tensor<2x1x3xf32>, tensor<f32>) outs(%8 : tensor<2x1x3xf32>) {
    ^bb0(%in: i1, %in_6: f32, %in_7: f32, %out: f32):
      %30 = arith.select %in, %in_6, %in_7 : f32
      linalg.yield %30 : f32
    } -> tensor<2x1x3xf32>
    %22 = tensor.empty() : tensor<i64>
    %23 = linalg.fill ins(%c0_i64 : i64) outs(%22 : tensor<i64>) -> tensor<i64>
    %24 = linalg.generic {indexing_maps = [#map, #map3], iterator_types = ["reduction", "reduction", "reduction"]} ins(%14 : tensor<2x1x3xi1>) outs(%23 : tensor<i64>) {
    ^bb0(%in: i1, %out: i64):
      %30 = arith.extui %in : i1 to i64
      %31 = arith.addi %30, %out : i64
      linalg.yield %31 : i64
    } -> tensor<i64>
    %25 = tensor.empty() : tensor<f32>
    %26 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = []} ins(%24 : tensor<i64>) outs(%25 : tensor<f32>) {
    ^bb0(%in: i64, %out: f32):
      %30 = arith.sitofp %in : i64 to f32
      linalg.yield %30 : f32
    } -> tensor<f32>
    %27 = linalg.fill ins(%cst_0 : f32) outs(%25 : tensor<f32>) -> tensor<f32>
    %28 = linalg.generic {indexing_maps = [#map, #map3], iterator_types = ["reduction", "reduction", "reduction"]} ins(%21 : tensor<2x1x3xf32>) outs(%27 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %30 = arith.addf %in, %out : f32
      linalg.yield %30 : f32
    } -> tensor<f32>
    %29 = linalg.generic {indexing_maps = [#map5, #map5, #map5], iterator_types = []} ins(%28, %26 : tensor<f32>, tensor<f32>) outs(%25 : tensor<f32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %30 = arith.divf %in, %in_6 : f32
      linalg.yield %30 : f32
    } -> tensor<f32>
    return %29 : tensor<f32>
  }
}
