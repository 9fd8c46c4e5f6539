// ONNX, printed by ../print_onnx.py
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
#map3 = affine_map<(d0) -> (d0)>
#map4 = affine_map<(d0) -> ()>
#map5 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<4x8xf16>, %arg1: tensor<4xi64>) -> tensor<f16> {
    %c-100_i64 = arith.constant -100 : i64
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0xFC00 : f16
    %c8 = arith.constant 8 : index
    %cst_0 = arith.constant 0.000000e+00 : f16
    %cst_1 = arith.constant dense<0> : tensor<i64>
    %0 = tensor.empty() : tensor<4xi64>
    %1 = linalg.fill ins(%c0_i64 : i64) outs(%0 : tensor<4xi64>) -> tensor<4xi64>
    %2 = tensor.empty() : tensor<4xf16>
    %3 = linalg.fill ins(%cst : f16) outs(%2 : tensor<4xf16>) -> tensor<4xf16>
    %4:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<4x8xf16>) outs(%3, %1 : tensor<4xf16>, tensor<4xi64>) {
    ^bb0(%in: f16, %out: f16, %out_3: i64):
      %26 = linalg.index 1 : index
      %27 = arith.index_cast %26 : index to i64
      %28 = arith.maximumf %in, %out : f16
      %29 = arith.cmpf ogt, %in, %out : f16
      %30 = arith.select %29, %27, %out_3 : i64
      linalg.yield %28, %30 : f16, i64
    } -> (tensor<4xf16>, tensor<4xi64>)
    %expanded = tensor.expand_shape %4#0 [[0, 1]] output_shape [4, 1] : tensor<4xf16> into tensor<4x1xf16>
    %5 = tensor.empty() : tensor<4x8xf16>
    %6 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %expanded : tensor<4x8xf16>, tensor<4x1xf16>) outs(%5 : tensor<4x8xf16>) {
    ^bb0(%in: f16, %in_3: f16, %out: f16):
      %26 = arith.subf %in, %in_3 : f16
      linalg.yield %26 : f16
    } -> tensor<4x8xf16>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<4x8xf16>) outs(%5 : tensor<4x8xf16>) {
    ^bb0(%in: f16, %out: f16):
      %26 = math.exp %in : f16
      linalg.yield %26 : f16
    } -> tensor<4x8xf16>
    %8 = tensor.empty() : tensor<4x1xf16>
    %9 = linalg.fill ins(%cst_0 : f16) outs(%8 : tensor<4x1xf16>) -> tensor<4x1xf16>
    %10 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["parallel", "reduction"]} ins(%7 : tensor<4x8xf16>) outs(%9 : tensor<4x1xf16>) {
    ^bb0(%in: f16, %out: f16):
      %26 = arith.addf %in, %out : f16
      linalg.yield %26 : f16
    } -> tensor<4x1xf16>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<4x1xf16>) outs(%8 : tensor<4x1xf16>) {
    ^bb0(%in: f16, %out: f16):
      %26 = math.log %in : f16
      linalg.yield %26 : f16
    } -> tensor<4x1xf16>
    %12 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel", "parallel"]} ins(%6, %11 : tensor<4x8xf16>, tensor<4x1xf16>) outs(%5 : tensor<4x8xf16>) {
    ^bb0(%in: f16, %in_3: f16, %out: f16):
      %26 = arith.subf %in, %in_3 : f16
      linalg.yield %26 : f16
    } -> tensor<4x8xf16>
    %13 = tensor.empty() : tensor<4xi1>
    %14 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%13 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %26 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %26 : i1
    } -> tensor<4xi1>
    %15 = linalg.generic {indexing_maps = [#map3, #map3, #map4, #map3], iterator_types = ["parallel"]} ins(%14, %arg1, %cst_1 : tensor<4xi1>, tensor<4xi64>, tensor<i64>) outs(%0 : tensor<4xi64>) {
    ^bb0(%in: i1, %in_3: i64, %in_4: i64, %out: i64):
      %26 = arith.select %in, %in_3, %in_4 : i64
      linalg.yield %26 : i64
    } -> tensor<4xi64>
    %expanded_2 = tensor.expand_shape %15 [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
    %16 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_2 : tensor<4x1xi64>) outs(%9 : tensor<4x1xf16>) {
    ^bb0(%in: i64, %out: f16):
      %26 = linalg.index 0 : index
      %27 = arith.index_cast %in : i64 to index
      %28 = arith.cmpi slt, %27, %c8 : index
      cf.assert %28, "index must be smaller than dim size"
      %29 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %29, "index must be larger or equal to 0"
      %extracted = tensor.extract %12[%26, %27] : tensor<4x8xf16>
      linalg.yield %extracted : f16
    } -> tensor<4x1xf16>
    %17 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%16 : tensor<4x1xf16>) outs(%8 : tensor<4x1xf16>) {
    ^bb0(%in: f16, %out: f16):
      %26 = arith.negf %in : f16
      linalg.yield %26 : f16
    } -> tensor<4x1xf16>
    %collapsed = tensor.collapse_shape %17 [[0, 1]] : tensor<4x1xf16> into tensor<4xf16>
    %18 = linalg.generic {indexing_maps = [#map3, #map3, #map4, #map3], iterator_types = ["parallel"]} ins(%14, %collapsed, %cst_1 : tensor<4xi1>, tensor<4xf16>, tensor<i64>) outs(%2 : tensor<4xf16>) {
    ^bb0(%in: i1, %in_3: f16, %in_4: i64, %out: f16):
      %26 = arith.sitofp %in_4 : i64 to f16
      %27 = arith.select %in, %in_3, %26 : f16
      linalg.yield %27 : f16
    } -> tensor<4xf16>
    %19 = tensor.empty() : tensor<i64>
    %20 = linalg.fill ins(%c0_i64 : i64) outs(%19 : tensor<i64>) -> tensor<i64>
    %21 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["reduction"]} ins(%14 : tensor<4xi1>) outs(%20 : tensor<i64>) {
    ^bb0(%in: i1, %out: i64):
      %26 = arith.extui %in : i1 to i64
      %27 = arith.addi %26, %out : i64
      linalg.yield %27 : i64
    } -> tensor<i64>
    %22 = tensor.empty() : tensor<f16>
    %23 = linalg.fill ins(%cst_0 : f16) outs(%22 : tensor<f16>) -> tensor<f16>
    %24 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["reduction"]} ins(%18 : tensor<4xf16>) outs(%23 : tensor<f16>) {
    ^bb0(%in: f16, %out: f16):
      %26 = arith.addf %in, %out : f16
      linalg.yield %26 : f16
    } -> tensor<f16>
    %25 = linalg.generic {indexing_maps = [#map5, #map5, #map5], iterator_types = []} ins(%24, %21 : tensor<f16>, tensor<i64>) outs(%22 : tensor<f16>) {
    ^bb0(%in: f16, %in_3: i64, %out: f16):
      %26 = arith.sitofp %in_3 : i64 to f16
      %27 = arith.divf %in, %26 : f16
      linalg.yield %27 : f16
    } -> tensor<f16>
    return %25 : tensor<f16>
  }
}

