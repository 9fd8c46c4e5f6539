// torch-mlir by StableHLO, printed by ../print_torch.py
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
#map3 = affine_map<(d0, d1) -> (0, d1)>
#map4 = affine_map<(d0) -> (d0)>
#map5 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map6 = affine_map<(d0) -> ()>
#map7 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<4x8xf32>, %arg1: tensor<4xi64>, %arg2: tensor<8xf32>) -> tensor<f32> {
    %c7 = arith.constant 7 : index
    %c3 = arith.constant 3 : index
    %c1 = arith.constant 1 : index
    %c0 = arith.constant 0 : index
    %c0_i64 = arith.constant 0 : i64
    %c-100_i64 = arith.constant -100 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_1 = arith.constant 0xFF800000 : f32
    %0 = tensor.empty() : tensor<4xf32>
    %1 = linalg.fill ins(%cst_1 : f32) outs(%0 : tensor<4xf32>) -> tensor<4xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<4x8xf32>) outs(%1 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %34 = arith.maximumf %out, %in : f32
      linalg.yield %34 : f32
    } -> tensor<4xf32>
    %expanded = tensor.expand_shape %2 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %3 = tensor.empty() : tensor<4x8xf32>
    %4 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded : tensor<4x1xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %4 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %34 = arith.subf %in, %in_6 : f32
      linalg.yield %34 : f32
    } -> tensor<4x8xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<4x8xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %34 = math.exp %in : f32
      linalg.yield %34 : f32
    } -> tensor<4x8xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%0 : tensor<4xf32>) -> tensor<4xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%6 : tensor<4x8xf32>) outs(%7 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %34 = arith.addf %out, %in : f32
      linalg.yield %34 : f32
    } -> tensor<4xf32>
    %expanded_2 = tensor.expand_shape %8 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %9 = tensor.empty() : tensor<4x1xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_2 : tensor<4x1xf32>) outs(%9 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %34 = math.log %in : f32
      linalg.yield %34 : f32
    } -> tensor<4x1xf32>
    %11 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<4x1xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%5, %11 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %34 = arith.subf %in, %in_6 : f32
      linalg.yield %34 : f32
    } -> tensor<4x8xf32>
    %expanded_3 = tensor.expand_shape %arg2 [[0, 1]] output_shape [1, 8] : tensor<8xf32> into tensor<1x8xf32>
    %13 = linalg.generic {indexing_maps = [#map3, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_3 : tensor<1x8xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%12, %13 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %34 = arith.mulf %in, %in_6 : f32
      linalg.yield %34 : f32
    } -> tensor<4x8xf32>
    %15 = tensor.empty() : tensor<4xi1>
    %16 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%15 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %34 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %34 : i1
    } -> tensor<4xi1>
    %17 = tensor.empty() : tensor<4xi64>
    %18 = linalg.generic {indexing_maps = [#map4, #map4, #map4], iterator_types = ["parallel"]} ins(%16, %arg1 : tensor<4xi1>, tensor<4xi64>) outs(%17 : tensor<4xi64>) {
    ^bb0(%in: i1, %in_6: i64, %out: i64):
      %34 = arith.select %in, %in_6, %c0_i64 : i64
      linalg.yield %34 : i64
    } -> tensor<4xi64>
    %19 = tensor.empty() : tensor<4x1x1xi64>
    %20 = linalg.generic {indexing_maps = [#map5], iterator_types = ["parallel", "parallel", "parallel"]} outs(%19 : tensor<4x1x1xi64>) {
    ^bb0(%out: i64):
      %34 = linalg.index 0 : index
      %35 = arith.index_cast %34 : index to i64
      linalg.yield %35 : i64
    } -> tensor<4x1x1xi64>
    %expanded_4 = tensor.expand_shape %18 [[0, 1, 2]] output_shape [4, 1, 1] : tensor<4xi64> into tensor<4x1x1xi64>
    %21 = tensor.empty() : tensor<4x1x2xi64>
    %22 = linalg.generic {indexing_maps = [#map5], iterator_types = ["parallel", "parallel", "parallel"]} outs(%21 : tensor<4x1x2xi64>) {
    ^bb0(%out: i64):
      %34 = linalg.index 0 : index
      %35 = linalg.index 2 : index
      %36 = arith.cmpi ult, %35, %c1 : index
      %37 = scf.if %36 -> (i64) {
        %extracted = tensor.extract %20[%34, %c0, %35] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      } else {
        %38 = arith.subi %35, %c1 : index
        %extracted = tensor.extract %expanded_4[%34, %c0, %38] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      }
      linalg.yield %37 : i64
    } -> tensor<4x1x2xi64>
    %23 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%9 : tensor<4x1xf32>) {
    ^bb0(%out: f32):
      %34 = linalg.index 0 : index
      %extracted = tensor.extract %22[%34, %c0, %c0] : tensor<4x1x2xi64>
      %35 = arith.index_cast %extracted : i64 to index
      %extracted_6 = tensor.extract %22[%34, %c0, %c1] : tensor<4x1x2xi64>
      %36 = arith.index_cast %extracted_6 : i64 to index
      %37 = arith.maxsi %35, %c0 : index
      %38 = arith.minsi %37, %c3 : index
      %39 = arith.maxsi %36, %c0 : index
      %40 = arith.minsi %39, %c7 : index
      %extracted_7 = tensor.extract %14[%38, %40] : tensor<4x8xf32>
      linalg.yield %extracted_7 : f32
    } -> tensor<4x1xf32>
    %collapsed = tensor.collapse_shape %23 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %24 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel"]} ins(%collapsed : tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %34 = arith.negf %in : f32
      linalg.yield %34 : f32
    } -> tensor<4xf32>
    %25 = linalg.generic {indexing_maps = [#map6, #map4], iterator_types = ["parallel"]} ins(%cst_0 : tensor<f32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4xf32>
    %26 = linalg.generic {indexing_maps = [#map4, #map4, #map4, #map4], iterator_types = ["parallel"]} ins(%16, %24, %25 : tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_6: f32, %in_7: f32, %out: f32):
      %34 = arith.select %in, %in_6, %in_7 : f32
      linalg.yield %34 : f32
    } -> tensor<4xf32>
    %27 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%9 : tensor<4x1xf32>) {
    ^bb0(%out: f32):
      %34 = linalg.index 0 : index
      %extracted = tensor.extract %22[%34, %c0, %c0] : tensor<4x1x2xi64>
      %35 = arith.index_cast %extracted : i64 to index
      %extracted_6 = tensor.extract %22[%34, %c0, %c1] : tensor<4x1x2xi64>
      %36 = arith.index_cast %extracted_6 : i64 to index
      %37 = arith.maxsi %35, %c0 : index
      %38 = arith.minsi %37, %c3 : index
      %39 = arith.maxsi %36, %c0 : index
      %40 = arith.minsi %39, %c7 : index
      %extracted_7 = tensor.extract %13[%38, %40] : tensor<4x8xf32>
      linalg.yield %extracted_7 : f32
    } -> tensor<4x1xf32>
    %collapsed_5 = tensor.collapse_shape %27 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %28 = linalg.generic {indexing_maps = [#map4, #map4, #map4, #map4], iterator_types = ["parallel"]} ins(%16, %collapsed_5, %25 : tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_6: f32, %in_7: f32, %out: f32):
      %34 = arith.select %in, %in_6, %in_7 : f32
      linalg.yield %34 : f32
    } -> tensor<4xf32>
    %29 = tensor.empty() : tensor<f32>
    %30 = linalg.fill ins(%cst : f32) outs(%29 : tensor<f32>) -> tensor<f32>
    %31 = linalg.generic {indexing_maps = [#map4, #map6], iterator_types = ["reduction"]} ins(%28 : tensor<4xf32>) outs(%30 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %34 = arith.addf %out, %in : f32
      linalg.yield %34 : f32
    } -> tensor<f32>
    %32 = linalg.generic {indexing_maps = [#map4, #map6], iterator_types = ["reduction"]} ins(%26 : tensor<4xf32>) outs(%30 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %34 = arith.addf %out, %in : f32
      linalg.yield %34 : f32
    } -> tensor<f32>
    %33 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = []} ins(%32, %31 : tensor<f32>, tensor<f32>) outs(%29 : tensor<f32>) {
    ^bb0(%in: f32, %in_6: f32, %out: f32):
      %34 = arith.divf %in, %in_6 : f32
      linalg.yield %34 : f32
    } -> tensor<f32>
    return %33 : tensor<f32>
  }
}

