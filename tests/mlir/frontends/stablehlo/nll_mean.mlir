// torch-mlir by StableHLO, printed by ../print_torch.py
#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map2 = affine_map<(d0, d1) -> (d0, d1)>
#map3 = affine_map<(d0) -> ()>
#map4 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<4x8xf32>, %arg1: tensor<4xi64>) -> tensor<f32> {
    %cst = arith.constant 0.000000e+00 : f32
    %c7 = arith.constant 7 : index
    %c3 = arith.constant 3 : index
    %c1 = arith.constant 1 : index
    %c0 = arith.constant 0 : index
    %c0_i64 = arith.constant 0 : i64
    %c-100_i64 = arith.constant -100 : i64
    %cst_0 = arith.constant dense<0.000000e+00> : tensor<f32>
    %0 = tensor.empty() : tensor<4xi1>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%0 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %23 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %23 : i1
    } -> tensor<4xi1>
    %2 = tensor.empty() : tensor<4xi64>
    %3 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]} ins(%1, %arg1 : tensor<4xi1>, tensor<4xi64>) outs(%2 : tensor<4xi64>) {
    ^bb0(%in: i1, %in_1: i64, %out: i64):
      %23 = arith.select %in, %in_1, %c0_i64 : i64
      linalg.yield %23 : i64
    } -> tensor<4xi64>
    %4 = tensor.empty() : tensor<4x1x1xi64>
    %5 = linalg.generic {indexing_maps = [#map1], iterator_types = ["parallel", "parallel", "parallel"]} outs(%4 : tensor<4x1x1xi64>) {
    ^bb0(%out: i64):
      %23 = linalg.index 0 : index
      %24 = arith.index_cast %23 : index to i64
      linalg.yield %24 : i64
    } -> tensor<4x1x1xi64>
    %expanded = tensor.expand_shape %3 [[0, 1, 2]] output_shape [4, 1, 1] : tensor<4xi64> into tensor<4x1x1xi64>
    %6 = tensor.empty() : tensor<4x1x2xi64>
    %7 = linalg.generic {indexing_maps = [#map1], iterator_types = ["parallel", "parallel", "parallel"]} outs(%6 : tensor<4x1x2xi64>) {
    ^bb0(%out: i64):
      %23 = linalg.index 0 : index
      %24 = linalg.index 2 : index
      %25 = arith.cmpi ult, %24, %c1 : index
      %26 = scf.if %25 -> (i64) {
        %extracted = tensor.extract %5[%23, %c0, %24] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      } else {
        %27 = arith.subi %24, %c1 : index
        %extracted = tensor.extract %expanded[%23, %c0, %27] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      }
      linalg.yield %26 : i64
    } -> tensor<4x1x2xi64>
    %8 = tensor.empty() : tensor<4x1xf32>
    %9 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel", "parallel"]} outs(%8 : tensor<4x1xf32>) {
    ^bb0(%out: f32):
      %23 = linalg.index 0 : index
      %extracted = tensor.extract %7[%23, %c0, %c0] : tensor<4x1x2xi64>
      %24 = arith.index_cast %extracted : i64 to index
      %extracted_1 = tensor.extract %7[%23, %c0, %c1] : tensor<4x1x2xi64>
      %25 = arith.index_cast %extracted_1 : i64 to index
      %26 = arith.maxsi %24, %c0 : index
      %27 = arith.minsi %26, %c3 : index
      %28 = arith.maxsi %25, %c0 : index
      %29 = arith.minsi %28, %c7 : index
      %extracted_2 = tensor.extract %arg0[%27, %29] : tensor<4x8xf32>
      linalg.yield %extracted_2 : f32
    } -> tensor<4x1xf32>
    %collapsed = tensor.collapse_shape %9 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %10 = tensor.empty() : tensor<4xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%collapsed : tensor<4xf32>) outs(%10 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %23 = arith.negf %in : f32
      linalg.yield %23 : f32
    } -> tensor<4xf32>
    %12 = linalg.generic {indexing_maps = [#map3, #map], iterator_types = ["parallel"]} ins(%cst_0 : tensor<f32>) outs(%10 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel"]} ins(%1, %11, %12 : tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) outs(%10 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_1: f32, %in_2: f32, %out: f32):
      %23 = arith.select %in, %in_1, %in_2 : f32
      linalg.yield %23 : f32
    } -> tensor<4xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%1 : tensor<4xi1>) outs(%2 : tensor<4xi64>) {
    ^bb0(%in: i1, %out: i64):
      %23 = arith.extui %in : i1 to i64
      linalg.yield %23 : i64
    } -> tensor<4xi64>
    %15 = tensor.empty() : tensor<i64>
    %16 = linalg.fill ins(%c0_i64 : i64) outs(%15 : tensor<i64>) -> tensor<i64>
    %17 = linalg.generic {indexing_maps = [#map, #map3], iterator_types = ["reduction"]} ins(%14 : tensor<4xi64>) outs(%16 : tensor<i64>) {
    ^bb0(%in: i64, %out: i64):
      %23 = arith.addi %out, %in : i64
      linalg.yield %23 : i64
    } -> tensor<i64>
    %18 = tensor.empty() : tensor<f32>
    %19 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = []} ins(%17 : tensor<i64>) outs(%18 : tensor<f32>) {
    ^bb0(%in: i64, %out: f32):
      %23 = arith.sitofp %in : i64 to f32
      linalg.yield %23 : f32
    } -> tensor<f32>
    %20 = linalg.fill ins(%cst : f32) outs(%18 : tensor<f32>) -> tensor<f32>
    %21 = linalg.generic {indexing_maps = [#map, #map3], iterator_types = ["reduction"]} ins(%13 : tensor<4xf32>) outs(%20 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %23 = arith.addf %out, %in : f32
      linalg.yield %23 : f32
    } -> tensor<f32>
    %22 = linalg.generic {indexing_maps = [#map4, #map4, #map4], iterator_types = []} ins(%21, %19 : tensor<f32>, tensor<f32>) outs(%18 : tensor<f32>) {
    ^bb0(%in: f32, %in_1: f32, %out: f32):
      %23 = arith.divf %in, %in_1 : f32
      linalg.yield %23 : f32
    } -> tensor<f32>
    return %22 : tensor<f32>
  }
}

