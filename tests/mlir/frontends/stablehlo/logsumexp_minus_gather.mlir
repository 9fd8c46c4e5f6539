// torch-mlir by StableHLO, printed by ../print_torch.py
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<() -> ()>
#map4 = affine_map<(d0, d1) -> ()>
#map5 = affine_map<(d0, d1) -> (d0, 0)>
#map6 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map7 = affine_map<(d0) -> ()>
module {
  func.func @main(%arg0: tensor<4x8xf32>, %arg1: tensor<4xi64>) -> tensor<f32> {
    %cst = arith.constant 4.000000e+00 : f32
    %c7 = arith.constant 7 : index
    %c3 = arith.constant 3 : index
    %c1 = arith.constant 1 : index
    %c0 = arith.constant 0 : index
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant 0x7FF0000000000000 : f64
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_3 = arith.constant 0xFF800000 : f32
    %0 = tensor.empty() : tensor<4xf32>
    %1 = linalg.fill ins(%cst_3 : f32) outs(%0 : tensor<4xf32>) -> tensor<4xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<4x8xf32>) outs(%1 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %33 = arith.maximumf %out, %in : f32
      linalg.yield %33 : f32
    } -> tensor<4xf32>
    %expanded = tensor.expand_shape %2 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %3 = tensor.empty() : tensor<4x1xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded : tensor<4x1xf32>) outs(%3 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %33 = math.absf %in : f32
      linalg.yield %33 : f32
    } -> tensor<4x1xf32>
    %5 = tensor.empty() : tensor<1xf64>
    %6 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%5 : tensor<1xf64>) {
    ^bb0(%out: f64):
      linalg.yield %cst_1 : f64
    } -> tensor<1xf64>
    %collapsed = tensor.collapse_shape %6 [] : tensor<1xf64> into tensor<f64>
    %7 = tensor.empty() : tensor<f32>
    %8 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = []} ins(%collapsed : tensor<f64>) outs(%7 : tensor<f32>) {
    ^bb0(%in: f64, %out: f32):
      %33 = arith.truncf %in : f64 to f32
      linalg.yield %33 : f32
    } -> tensor<f32>
    %9 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%8 : tensor<f32>) outs(%3 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x1xf32>
    %10 = tensor.empty() : tensor<4x1xi1>
    %11 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%4, %9 : tensor<4x1xf32>, tensor<4x1xf32>) outs(%10 : tensor<4x1xi1>) {
    ^bb0(%in: f32, %in_8: f32, %out: i1):
      %33 = arith.cmpf oeq, %in, %in_8 : f32
      linalg.yield %33 : i1
    } -> tensor<4x1xi1>
    %12 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel"]} ins(%cst_2 : tensor<f32>) outs(%3 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x1xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%11, %12, %expanded : tensor<4x1xi1>, tensor<4x1xf32>, tensor<4x1xf32>) outs(%3 : tensor<4x1xf32>) {
    ^bb0(%in: i1, %in_8: f32, %in_9: f32, %out: f32):
      %33 = arith.select %in, %in_8, %in_9 : f32
      linalg.yield %33 : f32
    } -> tensor<4x1xf32>
    %collapsed_4 = tensor.collapse_shape %13 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %14 = tensor.empty() : tensor<4x8xf32>
    %15 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel"]} ins(%13 : tensor<4x1xf32>) outs(%14 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %15 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%14 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %33 = arith.subf %in, %in_8 : f32
      linalg.yield %33 : f32
    } -> tensor<4x8xf32>
    %17 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%16 : tensor<4x8xf32>) outs(%14 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %33 = math.exp %in : f32
      linalg.yield %33 : f32
    } -> tensor<4x8xf32>
    %18 = linalg.fill ins(%cst_0 : f32) outs(%0 : tensor<4xf32>) -> tensor<4xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%17 : tensor<4x8xf32>) outs(%18 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %33 = arith.addf %out, %in : f32
      linalg.yield %33 : f32
    } -> tensor<4xf32>
    %20 = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel"]} ins(%19 : tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %33 = math.log %in : f32
      linalg.yield %33 : f32
    } -> tensor<4xf32>
    %21 = linalg.generic {indexing_maps = [#map2, #map2, #map2], iterator_types = ["parallel"]} ins(%20, %collapsed_4 : tensor<4xf32>, tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %33 = arith.addf %in, %in_8 : f32
      linalg.yield %33 : f32
    } -> tensor<4xf32>
    %22 = tensor.empty() : tensor<4x1x1xi64>
    %23 = linalg.generic {indexing_maps = [#map6], iterator_types = ["parallel", "parallel", "parallel"]} outs(%22 : tensor<4x1x1xi64>) {
    ^bb0(%out: i64):
      %33 = linalg.index 0 : index
      %34 = arith.index_cast %33 : index to i64
      linalg.yield %34 : i64
    } -> tensor<4x1x1xi64>
    %expanded_5 = tensor.expand_shape %arg1 [[0, 1, 2]] output_shape [4, 1, 1] : tensor<4xi64> into tensor<4x1x1xi64>
    %24 = tensor.empty() : tensor<4x1x2xi64>
    %25 = linalg.generic {indexing_maps = [#map6], iterator_types = ["parallel", "parallel", "parallel"]} outs(%24 : tensor<4x1x2xi64>) {
    ^bb0(%out: i64):
      %33 = linalg.index 0 : index
      %34 = linalg.index 2 : index
      %35 = arith.cmpi ult, %34, %c1 : index
      %36 = scf.if %35 -> (i64) {
        %extracted = tensor.extract %23[%33, %c0, %34] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      } else {
        %37 = arith.subi %34, %c1 : index
        %extracted = tensor.extract %expanded_5[%33, %c0, %37] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      }
      linalg.yield %36 : i64
    } -> tensor<4x1x2xi64>
    %26 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%3 : tensor<4x1xf32>) {
    ^bb0(%out: f32):
      %33 = linalg.index 0 : index
      %extracted = tensor.extract %25[%33, %c0, %c0] : tensor<4x1x2xi64>
      %34 = arith.index_cast %extracted : i64 to index
      %extracted_8 = tensor.extract %25[%33, %c0, %c1] : tensor<4x1x2xi64>
      %35 = arith.index_cast %extracted_8 : i64 to index
      %36 = arith.maxsi %34, %c0 : index
      %37 = arith.minsi %36, %c3 : index
      %38 = arith.maxsi %35, %c0 : index
      %39 = arith.minsi %38, %c7 : index
      %extracted_9 = tensor.extract %arg0[%37, %39] : tensor<4x8xf32>
      linalg.yield %extracted_9 : f32
    } -> tensor<4x1xf32>
    %collapsed_6 = tensor.collapse_shape %26 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %27 = linalg.generic {indexing_maps = [#map2, #map2, #map2], iterator_types = ["parallel"]} ins(%21, %collapsed_6 : tensor<4xf32>, tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %33 = arith.subf %in, %in_8 : f32
      linalg.yield %33 : f32
    } -> tensor<4xf32>
    %28 = linalg.fill ins(%cst_0 : f32) outs(%7 : tensor<f32>) -> tensor<f32>
    %29 = linalg.generic {indexing_maps = [#map2, #map7], iterator_types = ["reduction"]} ins(%27 : tensor<4xf32>) outs(%28 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %33 = arith.addf %out, %in : f32
      linalg.yield %33 : f32
    } -> tensor<f32>
    %30 = tensor.empty() : tensor<1xf32>
    %31 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%30 : tensor<1xf32>) {
    ^bb0(%out: f32):
      linalg.yield %cst : f32
    } -> tensor<1xf32>
    %collapsed_7 = tensor.collapse_shape %31 [] : tensor<1xf32> into tensor<f32>
    %32 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = []} ins(%29, %collapsed_7 : tensor<f32>, tensor<f32>) outs(%7 : tensor<f32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %33 = arith.divf %in, %in_8 : f32
      linalg.yield %33 : f32
    } -> tensor<f32>
    return %32 : tensor<f32>
  }
}

