// torch-mlir, printed by ../print_torch.py
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
#map3 = affine_map<(d0, d1) -> (0, d1)>
#map4 = affine_map<(d0) -> (d0)>
#map5 = affine_map<(d0) -> ()>
#map6 = affine_map<(d0, d1) -> (d1)>
#map7 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<4x8xf32>, %arg1: tensor<4xi64>, %arg2: tensor<8xf32>) -> tensor<f32> {
    %c-100_i64 = arith.constant -100 : i64
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0xFF800000 : f32
    %c8 = arith.constant 8 : index
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant 9.000000e-01 : f64
    %cst_3 = arith.constant 1.250000e-02 : f64
    %cst_4 = arith.constant dense<0> : tensor<i64>
    %0 = tensor.empty() : tensor<4xi64>
    %1 = linalg.fill ins(%c0_i64 : i64) outs(%0 : tensor<4xi64>) -> tensor<4xi64>
    %2 = tensor.empty() : tensor<4xf32>
    %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<4xf32>) -> tensor<4xf32>
    %4:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<4x8xf32>) outs(%3, %1 : tensor<4xf32>, tensor<4xi64>) {
    ^bb0(%in: f32, %out: f32, %out_8: i64):
      %42 = linalg.index 1 : index
      %43 = arith.index_cast %42 : index to i64
      %44 = arith.maximumf %in, %out : f32
      %45 = arith.cmpf ogt, %in, %out : f32
      %46 = arith.select %45, %43, %out_8 : i64
      linalg.yield %44, %46 : f32, i64
    } -> (tensor<4xf32>, tensor<4xi64>)
    %expanded = tensor.expand_shape %4#0 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %5 = tensor.empty() : tensor<4x8xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %expanded : tensor<4x8xf32>, tensor<4x1xf32>) outs(%5 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %42 = arith.subf %in, %in_8 : f32
      linalg.yield %42 : f32
    } -> tensor<4x8xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<4x8xf32>) outs(%5 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = math.exp %in : f32
      linalg.yield %42 : f32
    } -> tensor<4x8xf32>
    %8 = tensor.empty() : tensor<4x1xf32>
    %9 = linalg.fill ins(%cst_0 : f32) outs(%8 : tensor<4x1xf32>) -> tensor<4x1xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "reduction"]} ins(%7 : tensor<4x8xf32>) outs(%9 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.addf %in, %out : f32
      linalg.yield %42 : f32
    } -> tensor<4x1xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<4x1xf32>) outs(%8 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = math.log %in : f32
      linalg.yield %42 : f32
    } -> tensor<4x1xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%6, %11 : tensor<4x8xf32>, tensor<4x1xf32>) outs(%5 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %42 = arith.subf %in, %in_8 : f32
      linalg.yield %42 : f32
    } -> tensor<4x8xf32>
    %expanded_5 = tensor.expand_shape %arg2 [[0, 1]] output_shape [1, 8] : tensor<8xf32> into tensor<1x8xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map3, #map], iterator_types = ["parallel", "parallel"]} ins(%12, %expanded_5 : tensor<4x8xf32>, tensor<1x8xf32>) outs(%5 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %42 = arith.mulf %in, %in_8 : f32
      linalg.yield %42 : f32
    } -> tensor<4x8xf32>
    %14 = tensor.empty() : tensor<4xi1>
    %15 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%14 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %42 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %42 : i1
    } -> tensor<4xi1>
    %16 = linalg.generic {indexing_maps = [#map4, #map4, #map5, #map4], iterator_types = ["parallel"]} ins(%15, %arg1, %cst_4 : tensor<4xi1>, tensor<4xi64>, tensor<i64>) outs(%0 : tensor<4xi64>) {
    ^bb0(%in: i1, %in_8: i64, %in_9: i64, %out: i64):
      %42 = arith.select %in, %in_8, %in_9 : i64
      linalg.yield %42 : i64
    } -> tensor<4xi64>
    %expanded_6 = tensor.expand_shape %16 [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
    %17 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_6 : tensor<4x1xi64>) outs(%9 : tensor<4x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %42 = linalg.index 0 : index
      %43 = arith.index_cast %in : i64 to index
      %44 = arith.cmpi slt, %43, %c8 : index
      cf.assert %44, "index must be smaller than dim size"
      %45 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %45, "index must be larger or equal to 0"
      %extracted = tensor.extract %13[%42, %43] : tensor<4x8xf32>
      linalg.yield %extracted : f32
    } -> tensor<4x1xf32>
    %collapsed = tensor.collapse_shape %17 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %18 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%collapsed : tensor<4xf32>) outs(%2 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.negf %in : f32
      linalg.yield %42 : f32
    } -> tensor<4xf32>
    %19 = linalg.generic {indexing_maps = [#map4, #map4, #map5, #map4], iterator_types = ["parallel"]} ins(%15, %18, %cst_1 : tensor<4xi1>, tensor<4xf32>, tensor<f32>) outs(%2 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_8: f32, %in_9: f32, %out: f32):
      %42 = arith.select %in, %in_8, %in_9 : f32
      linalg.yield %42 : f32
    } -> tensor<4xf32>
    %20 = linalg.generic {indexing_maps = [#map6, #map], iterator_types = ["parallel", "parallel"]} ins(%arg2 : tensor<8xf32>) outs(%5 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %21 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_6 : tensor<4x1xi64>) outs(%9 : tensor<4x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %42 = linalg.index 0 : index
      %43 = arith.index_cast %in : i64 to index
      %44 = arith.cmpi slt, %43, %c8 : index
      cf.assert %44, "index must be smaller than dim size"
      %45 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %45, "index must be larger or equal to 0"
      %extracted = tensor.extract %20[%42, %43] : tensor<4x8xf32>
      linalg.yield %extracted : f32
    } -> tensor<4x1xf32>
    %collapsed_7 = tensor.collapse_shape %21 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %22 = linalg.generic {indexing_maps = [#map4, #map4, #map5, #map4], iterator_types = ["parallel"]} ins(%15, %collapsed_7, %cst_1 : tensor<4xi1>, tensor<4xf32>, tensor<f32>) outs(%2 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_8: f32, %in_9: f32, %out: f32):
      %42 = arith.select %in, %in_8, %in_9 : f32
      linalg.yield %42 : f32
    } -> tensor<4xf32>
    %23 = tensor.empty() : tensor<f32>
    %24 = linalg.fill ins(%cst_0 : f32) outs(%23 : tensor<f32>) -> tensor<f32>
    %25 = linalg.generic {indexing_maps = [#map4, #map5], iterator_types = ["reduction"]} ins(%22 : tensor<4xf32>) outs(%24 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.addf %in, %out : f32
      linalg.yield %42 : f32
    } -> tensor<f32>
    %26 = linalg.generic {indexing_maps = [#map4, #map5], iterator_types = ["reduction"]} ins(%19 : tensor<4xf32>) outs(%24 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.addf %in, %out : f32
      linalg.yield %42 : f32
    } -> tensor<f32>
    %27 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = []} ins(%26, %25 : tensor<f32>, tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %42 = arith.divf %in, %in_8 : f32
      linalg.yield %42 : f32
    } -> tensor<f32>
    %28 = linalg.fill ins(%cst_0 : f32) outs(%2 : tensor<4xf32>) -> tensor<4xf32>
    %29 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%13 : tensor<4x8xf32>) outs(%28 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.addf %in, %out : f32
      linalg.yield %42 : f32
    } -> tensor<4xf32>
    %30 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%29 : tensor<4xf32>) outs(%2 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.negf %in : f32
      linalg.yield %42 : f32
    } -> tensor<4xf32>
    %31 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%14 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %42 = arith.cmpi eq, %in, %c-100_i64 : i64
      linalg.yield %42 : i1
    } -> tensor<4xi1>
    %32 = linalg.generic {indexing_maps = [#map4, #map5, #map4, #map4], iterator_types = ["parallel"]} ins(%31, %cst_1, %30 : tensor<4xi1>, tensor<f32>, tensor<4xf32>) outs(%2 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_8: f32, %in_9: f32, %out: f32):
      %42 = arith.select %in, %in_8, %in_9 : f32
      linalg.yield %42 : f32
    } -> tensor<4xf32>
    %33 = linalg.generic {indexing_maps = [#map4, #map5, #map4, #map4], iterator_types = ["parallel"]} ins(%31, %cst_4, %arg1 : tensor<4xi1>, tensor<i64>, tensor<4xi64>) outs(%0 : tensor<4xi64>) {
    ^bb0(%in: i1, %in_8: i64, %in_9: i64, %out: i64):
      %42 = arith.select %in, %in_8, %in_9 : i64
      linalg.yield %42 : i64
    } -> tensor<4xi64>
    %34 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%33 : tensor<4xi64>) outs(%28 : tensor<4xf32>) {
    ^bb0(%in: i64, %out: f32):
      %42 = arith.index_cast %in : i64 to index
      %43 = arith.cmpi slt, %42, %c8 : index
      cf.assert %43, "index must be smaller than dim size"
      %44 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %44, "index must be larger or equal to 0"
      %extracted = tensor.extract %arg2[%42] : tensor<8xf32>
      linalg.yield %extracted : f32
    } -> tensor<4xf32>
    %35 = linalg.generic {indexing_maps = [#map4, #map5, #map4, #map4], iterator_types = ["parallel"]} ins(%31, %cst_1, %34 : tensor<4xi1>, tensor<f32>, tensor<4xf32>) outs(%2 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_8: f32, %in_9: f32, %out: f32):
      %42 = arith.select %in, %in_8, %in_9 : f32
      linalg.yield %42 : f32
    } -> tensor<4xf32>
    %36 = linalg.generic {indexing_maps = [#map4, #map5], iterator_types = ["reduction"]} ins(%35 : tensor<4xf32>) outs(%24 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.addf %in, %out : f32
      linalg.yield %42 : f32
    } -> tensor<f32>
    %37 = linalg.generic {indexing_maps = [#map4, #map5], iterator_types = ["reduction"]} ins(%32 : tensor<4xf32>) outs(%24 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.addf %in, %out : f32
      linalg.yield %42 : f32
    } -> tensor<f32>
    %38 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = []} ins(%37, %36 : tensor<f32>, tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %42 = arith.divf %in, %in_8 : f32
      linalg.yield %42 : f32
    } -> tensor<f32>
    %39 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = []} ins(%38 : tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.truncf %cst_3 : f64 to f32
      %43 = arith.mulf %in, %42 : f32
      linalg.yield %43 : f32
    } -> tensor<f32>
    %40 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = []} ins(%27 : tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.truncf %cst_2 : f64 to f32
      %43 = arith.mulf %in, %42 : f32
      linalg.yield %43 : f32
    } -> tensor<f32>
    %41 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = []} ins(%40, %39 : tensor<f32>, tensor<f32>) outs(%23 : tensor<f32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %42 = arith.addf %in, %in_8 : f32
      linalg.yield %42 : f32
    } -> tensor<f32>
    return %41 : tensor<f32>
  }
}
