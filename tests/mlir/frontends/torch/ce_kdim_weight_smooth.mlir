// torch-mlir, printed by ../print_torch.py
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map3 = affine_map<(d0, d1, d2, d3) -> (0, d1, 0, 0)>
#map4 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2) -> ()>
#map6 = affine_map<(d0, d1, d2, d3) -> (d1)>
#map7 = affine_map<() -> ()>
#map8 = affine_map<(d0) -> (d0)>
#map9 = affine_map<(d0) -> ()>
module {
  func.func @main(%arg0: tensor<2x8x3x5xf32>, %arg1: tensor<2x3x5xi64>, %arg2: tensor<8xf32>) -> tensor<f32> {
    %c-100_i64 = arith.constant -100 : i64
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0xFF800000 : f32
    %c8 = arith.constant 8 : index
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant 9.000000e-01 : f64
    %cst_3 = arith.constant 1.250000e-02 : f64
    %cst_4 = arith.constant dense<0> : tensor<i64>
    %0 = tensor.empty() : tensor<2x3x5xi64>
    %1 = linalg.fill ins(%c0_i64 : i64) outs(%0 : tensor<2x3x5xi64>) -> tensor<2x3x5xi64>
    %2 = tensor.empty() : tensor<2x3x5xf32>
    %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
    %4:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction", "parallel", "parallel"]} ins(%arg0 : tensor<2x8x3x5xf32>) outs(%3, %1 : tensor<2x3x5xf32>, tensor<2x3x5xi64>) {
    ^bb0(%in: f32, %out: f32, %out_10: i64):
      %44 = linalg.index 1 : index
      %45 = arith.index_cast %44 : index to i64
      %46 = arith.maximumf %in, %out : f32
      %47 = arith.cmpf ogt, %in, %out : f32
      %48 = arith.select %47, %45, %out_10 : i64
      linalg.yield %46, %48 : f32, i64
    } -> (tensor<2x3x5xf32>, tensor<2x3x5xi64>)
    %expanded = tensor.expand_shape %4#0 [[0, 1], [2], [3]] output_shape [2, 1, 3, 5] : tensor<2x3x5xf32> into tensor<2x1x3x5xf32>
    %5 = tensor.empty() : tensor<2x8x3x5xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %expanded : tensor<2x8x3x5xf32>, tensor<2x1x3x5xf32>) outs(%5 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %44 = arith.subf %in, %in_10 : f32
      linalg.yield %44 : f32
    } -> tensor<2x8x3x5xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6 : tensor<2x8x3x5xf32>) outs(%5 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = math.exp %in : f32
      linalg.yield %44 : f32
    } -> tensor<2x8x3x5xf32>
    %8 = tensor.empty() : tensor<2x1x3x5xf32>
    %9 = linalg.fill ins(%cst_0 : f32) outs(%8 : tensor<2x1x3x5xf32>) -> tensor<2x1x3x5xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "reduction", "parallel", "parallel"]} ins(%7 : tensor<2x8x3x5xf32>) outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.addf %in, %out : f32
      linalg.yield %44 : f32
    } -> tensor<2x1x3x5xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10 : tensor<2x1x3x5xf32>) outs(%8 : tensor<2x1x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = math.log %in : f32
      linalg.yield %44 : f32
    } -> tensor<2x1x3x5xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6, %11 : tensor<2x8x3x5xf32>, tensor<2x1x3x5xf32>) outs(%5 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %44 = arith.subf %in, %in_10 : f32
      linalg.yield %44 : f32
    } -> tensor<2x8x3x5xf32>
    %expanded_5 = tensor.expand_shape %arg2 [[0, 1, 2, 3]] output_shape [1, 8, 1, 1] : tensor<8xf32> into tensor<1x8x1x1xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map3, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%12, %expanded_5 : tensor<2x8x3x5xf32>, tensor<1x8x1x1xf32>) outs(%5 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %44 = arith.mulf %in, %in_10 : f32
      linalg.yield %44 : f32
    } -> tensor<2x8x3x5xf32>
    %14 = tensor.empty() : tensor<2x3x5xi1>
    %15 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x3x5xi64>) outs(%14 : tensor<2x3x5xi1>) {
    ^bb0(%in: i64, %out: i1):
      %44 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %44 : i1
    } -> tensor<2x3x5xi1>
    %16 = linalg.generic {indexing_maps = [#map4, #map4, #map5, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%15, %arg1, %cst_4 : tensor<2x3x5xi1>, tensor<2x3x5xi64>, tensor<i64>) outs(%0 : tensor<2x3x5xi64>) {
    ^bb0(%in: i1, %in_10: i64, %in_11: i64, %out: i64):
      %44 = arith.select %in, %in_10, %in_11 : i64
      linalg.yield %44 : i64
    } -> tensor<2x3x5xi64>
    %expanded_6 = tensor.expand_shape %16 [[0], [1, 2], [3]] output_shape [2, 1, 3, 5] : tensor<2x3x5xi64> into tensor<2x1x3x5xi64>
    %17 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_6 : tensor<2x1x3x5xi64>) outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%in: i64, %out: f32):
      %44 = linalg.index 0 : index
      %45 = arith.index_cast %in : i64 to index
      %46 = linalg.index 2 : index
      %47 = linalg.index 3 : index
      %48 = arith.cmpi slt, %45, %c8 : index
      cf.assert %48, "index must be smaller than dim size"
      %49 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %49, "index must be larger or equal to 0"
      %extracted = tensor.extract %13[%44, %45, %46, %47] : tensor<2x8x3x5xf32>
      linalg.yield %extracted : f32
    } -> tensor<2x1x3x5xf32>
    %collapsed = tensor.collapse_shape %17 [[0, 1], [2], [3]] : tensor<2x1x3x5xf32> into tensor<2x3x5xf32>
    %18 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed : tensor<2x3x5xf32>) outs(%2 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.negf %in : f32
      linalg.yield %44 : f32
    } -> tensor<2x3x5xf32>
    %19 = linalg.generic {indexing_maps = [#map4, #map4, #map5, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%15, %18, %cst_1 : tensor<2x3x5xi1>, tensor<2x3x5xf32>, tensor<f32>) outs(%2 : tensor<2x3x5xf32>) {
    ^bb0(%in: i1, %in_10: f32, %in_11: f32, %out: f32):
      %44 = arith.select %in, %in_10, %in_11 : f32
      linalg.yield %44 : f32
    } -> tensor<2x3x5xf32>
    %20 = linalg.generic {indexing_maps = [#map6, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg2 : tensor<8xf32>) outs(%5 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x8x3x5xf32>
    %21 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_6 : tensor<2x1x3x5xi64>) outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%in: i64, %out: f32):
      %44 = linalg.index 0 : index
      %45 = arith.index_cast %in : i64 to index
      %46 = linalg.index 2 : index
      %47 = linalg.index 3 : index
      %48 = arith.cmpi slt, %45, %c8 : index
      cf.assert %48, "index must be smaller than dim size"
      %49 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %49, "index must be larger or equal to 0"
      %extracted = tensor.extract %20[%44, %45, %46, %47] : tensor<2x8x3x5xf32>
      linalg.yield %extracted : f32
    } -> tensor<2x1x3x5xf32>
    %collapsed_7 = tensor.collapse_shape %21 [[0, 1], [2], [3]] : tensor<2x1x3x5xf32> into tensor<2x3x5xf32>
    %22 = linalg.generic {indexing_maps = [#map4, #map4, #map5, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%15, %collapsed_7, %cst_1 : tensor<2x3x5xi1>, tensor<2x3x5xf32>, tensor<f32>) outs(%2 : tensor<2x3x5xf32>) {
    ^bb0(%in: i1, %in_10: f32, %in_11: f32, %out: f32):
      %44 = arith.select %in, %in_10, %in_11 : f32
      linalg.yield %44 : f32
    } -> tensor<2x3x5xf32>
    %23 = tensor.empty() : tensor<f32>
    %24 = linalg.fill ins(%cst_0 : f32) outs(%23 : tensor<f32>) -> tensor<f32>
    %25 = linalg.generic {indexing_maps = [#map4, #map5], iterator_types = ["reduction", "reduction", "reduction"]} ins(%22 : tensor<2x3x5xf32>) outs(%24 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.addf %in, %out : f32
      linalg.yield %44 : f32
    } -> tensor<f32>
    %26 = linalg.generic {indexing_maps = [#map4, #map5], iterator_types = ["reduction", "reduction", "reduction"]} ins(%19 : tensor<2x3x5xf32>) outs(%24 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.addf %in, %out : f32
      linalg.yield %44 : f32
    } -> tensor<f32>
    %27 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = []} ins(%26, %25 : tensor<f32>, tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %44 = arith.divf %in, %in_10 : f32
      linalg.yield %44 : f32
    } -> tensor<f32>
    %28 = linalg.fill ins(%cst_0 : f32) outs(%2 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
    %29 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction", "parallel", "parallel"]} ins(%13 : tensor<2x8x3x5xf32>) outs(%28 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.addf %in, %out : f32
      linalg.yield %44 : f32
    } -> tensor<2x3x5xf32>
    %30 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%29 : tensor<2x3x5xf32>) outs(%2 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.negf %in : f32
      linalg.yield %44 : f32
    } -> tensor<2x3x5xf32>
    %31 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x3x5xi64>) outs(%14 : tensor<2x3x5xi1>) {
    ^bb0(%in: i64, %out: i1):
      %44 = arith.cmpi eq, %in, %c-100_i64 : i64
      linalg.yield %44 : i1
    } -> tensor<2x3x5xi1>
    %32 = linalg.generic {indexing_maps = [#map4, #map5, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%31, %cst_1, %30 : tensor<2x3x5xi1>, tensor<f32>, tensor<2x3x5xf32>) outs(%2 : tensor<2x3x5xf32>) {
    ^bb0(%in: i1, %in_10: f32, %in_11: f32, %out: f32):
      %44 = arith.select %in, %in_10, %in_11 : f32
      linalg.yield %44 : f32
    } -> tensor<2x3x5xf32>
    %33 = linalg.generic {indexing_maps = [#map4, #map5, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%31, %cst_4, %arg1 : tensor<2x3x5xi1>, tensor<i64>, tensor<2x3x5xi64>) outs(%0 : tensor<2x3x5xi64>) {
    ^bb0(%in: i1, %in_10: i64, %in_11: i64, %out: i64):
      %44 = arith.select %in, %in_10, %in_11 : i64
      linalg.yield %44 : i64
    } -> tensor<2x3x5xi64>
    %collapsed_8 = tensor.collapse_shape %33 [[0, 1, 2]] : tensor<2x3x5xi64> into tensor<30xi64>
    %34 = tensor.empty() : tensor<30xf32>
    %35 = linalg.fill ins(%cst_0 : f32) outs(%34 : tensor<30xf32>) -> tensor<30xf32>
    %36 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel"]} ins(%collapsed_8 : tensor<30xi64>) outs(%35 : tensor<30xf32>) {
    ^bb0(%in: i64, %out: f32):
      %44 = arith.index_cast %in : i64 to index
      %45 = arith.cmpi slt, %44, %c8 : index
      cf.assert %45, "index must be smaller than dim size"
      %46 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %46, "index must be larger or equal to 0"
      %extracted = tensor.extract %arg2[%44] : tensor<8xf32>
      linalg.yield %extracted : f32
    } -> tensor<30xf32>
    %collapsed_9 = tensor.collapse_shape %31 [[0, 1, 2]] : tensor<2x3x5xi1> into tensor<30xi1>
    %37 = linalg.generic {indexing_maps = [#map8, #map9, #map8, #map8], iterator_types = ["parallel"]} ins(%collapsed_9, %cst_1, %36 : tensor<30xi1>, tensor<f32>, tensor<30xf32>) outs(%34 : tensor<30xf32>) {
    ^bb0(%in: i1, %in_10: f32, %in_11: f32, %out: f32):
      %44 = arith.select %in, %in_10, %in_11 : f32
      linalg.yield %44 : f32
    } -> tensor<30xf32>
    %38 = linalg.generic {indexing_maps = [#map8, #map9], iterator_types = ["reduction"]} ins(%37 : tensor<30xf32>) outs(%24 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.addf %in, %out : f32
      linalg.yield %44 : f32
    } -> tensor<f32>
    %39 = linalg.generic {indexing_maps = [#map4, #map5], iterator_types = ["reduction", "reduction", "reduction"]} ins(%32 : tensor<2x3x5xf32>) outs(%24 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.addf %in, %out : f32
      linalg.yield %44 : f32
    } -> tensor<f32>
    %40 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = []} ins(%39, %38 : tensor<f32>, tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %44 = arith.divf %in, %in_10 : f32
      linalg.yield %44 : f32
    } -> tensor<f32>
    %41 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = []} ins(%40 : tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.truncf %cst_3 : f64 to f32
      %45 = arith.mulf %in, %44 : f32
      linalg.yield %45 : f32
    } -> tensor<f32>
    %42 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = []} ins(%27 : tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %44 = arith.truncf %cst_2 : f64 to f32
      %45 = arith.mulf %in, %44 : f32
      linalg.yield %45 : f32
    } -> tensor<f32>
    %43 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = []} ins(%42, %41 : tensor<f32>, tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %44 = arith.addf %in, %in_10 : f32
      linalg.yield %44 : f32
    } -> tensor<f32>
    return %43 : tensor<f32>
  }
}
