// torch-mlir, printed by ../print_torch.py
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map4 = affine_map<(d0, d1, d2) -> ()>
module {
  func.func @main(%arg0: tensor<2x8x3x5xf32>, %arg1: tensor<2x3x5xi64>) -> tensor<f32> {
    %c-100_i64 = arith.constant -100 : i64
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0xFF800000 : f32
    %c8 = arith.constant 8 : index
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant dense<0> : tensor<i64>
    %0 = tensor.empty() : tensor<2x3x5xi64>
    %1 = linalg.fill ins(%c0_i64 : i64) outs(%0 : tensor<2x3x5xi64>) -> tensor<2x3x5xi64>
    %2 = tensor.empty() : tensor<2x3x5xf32>
    %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
    %4:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction", "parallel", "parallel"]} ins(%arg0 : tensor<2x8x3x5xf32>) outs(%3, %1 : tensor<2x3x5xf32>, tensor<2x3x5xi64>) {
    ^bb0(%in: f32, %out: f32, %out_4: i64):
      %22 = linalg.index 1 : index
      %23 = arith.index_cast %22 : index to i64
      %24 = arith.maximumf %in, %out : f32
      %25 = arith.cmpf ogt, %in, %out : f32
      %26 = arith.select %25, %23, %out_4 : i64
      linalg.yield %24, %26 : f32, i64
    } -> (tensor<2x3x5xf32>, tensor<2x3x5xi64>)
    %expanded = tensor.expand_shape %4#0 [[0, 1], [2], [3]] output_shape [2, 1, 3, 5] : tensor<2x3x5xf32> into tensor<2x1x3x5xf32>
    %5 = tensor.empty() : tensor<2x8x3x5xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %expanded : tensor<2x8x3x5xf32>, tensor<2x1x3x5xf32>) outs(%5 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_4: f32, %out: f32):
      %22 = arith.subf %in, %in_4 : f32
      linalg.yield %22 : f32
    } -> tensor<2x8x3x5xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6 : tensor<2x8x3x5xf32>) outs(%5 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %22 = math.exp %in : f32
      linalg.yield %22 : f32
    } -> tensor<2x8x3x5xf32>
    %8 = tensor.empty() : tensor<2x1x3x5xf32>
    %9 = linalg.fill ins(%cst_0 : f32) outs(%8 : tensor<2x1x3x5xf32>) -> tensor<2x1x3x5xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "reduction", "parallel", "parallel"]} ins(%7 : tensor<2x8x3x5xf32>) outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %22 = arith.addf %in, %out : f32
      linalg.yield %22 : f32
    } -> tensor<2x1x3x5xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10 : tensor<2x1x3x5xf32>) outs(%8 : tensor<2x1x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %22 = math.log %in : f32
      linalg.yield %22 : f32
    } -> tensor<2x1x3x5xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6, %11 : tensor<2x8x3x5xf32>, tensor<2x1x3x5xf32>) outs(%5 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_4: f32, %out: f32):
      %22 = arith.subf %in, %in_4 : f32
      linalg.yield %22 : f32
    } -> tensor<2x8x3x5xf32>
    %13 = tensor.empty() : tensor<2x3x5xi1>
    %14 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x3x5xi64>) outs(%13 : tensor<2x3x5xi1>) {
    ^bb0(%in: i64, %out: i1):
      %22 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %22 : i1
    } -> tensor<2x3x5xi1>
    %15 = linalg.generic {indexing_maps = [#map3, #map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %arg1, %cst_2 : tensor<2x3x5xi1>, tensor<2x3x5xi64>, tensor<i64>) outs(%0 : tensor<2x3x5xi64>) {
    ^bb0(%in: i1, %in_4: i64, %in_5: i64, %out: i64):
      %22 = arith.select %in, %in_4, %in_5 : i64
      linalg.yield %22 : i64
    } -> tensor<2x3x5xi64>
    %expanded_3 = tensor.expand_shape %15 [[0], [1, 2], [3]] output_shape [2, 1, 3, 5] : tensor<2x3x5xi64> into tensor<2x1x3x5xi64>
    %16 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_3 : tensor<2x1x3x5xi64>) outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%in: i64, %out: f32):
      %22 = linalg.index 0 : index
      %23 = arith.index_cast %in : i64 to index
      %24 = linalg.index 2 : index
      %25 = linalg.index 3 : index
      %26 = arith.cmpi slt, %23, %c8 : index
      cf.assert %26, "index must be smaller than dim size"
      %27 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %27, "index must be larger or equal to 0"
      %extracted = tensor.extract %12[%22, %23, %24, %25] : tensor<2x8x3x5xf32>
      linalg.yield %extracted : f32
    } -> tensor<2x1x3x5xf32>
    %collapsed = tensor.collapse_shape %16 [[0, 1], [2], [3]] : tensor<2x1x3x5xf32> into tensor<2x3x5xf32>
    %17 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed : tensor<2x3x5xf32>) outs(%2 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %22 = arith.negf %in : f32
      linalg.yield %22 : f32
    } -> tensor<2x3x5xf32>
    %18 = linalg.generic {indexing_maps = [#map3, #map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %17, %cst_1 : tensor<2x3x5xi1>, tensor<2x3x5xf32>, tensor<f32>) outs(%2 : tensor<2x3x5xf32>) {
    ^bb0(%in: i1, %in_4: f32, %in_5: f32, %out: f32):
      %22 = arith.select %in, %in_4, %in_5 : f32
      linalg.yield %22 : f32
    } -> tensor<2x3x5xf32>
    %19 = tensor.empty() : tensor<f32>
    %20 = linalg.fill ins(%cst_0 : f32) outs(%19 : tensor<f32>) -> tensor<f32>
    %21 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["reduction", "reduction", "reduction"]} ins(%18 : tensor<2x3x5xf32>) outs(%20 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %22 = arith.addf %in, %out : f32
      linalg.yield %22 : f32
    } -> tensor<f32>
    return %21 : tensor<f32>
  }
}
