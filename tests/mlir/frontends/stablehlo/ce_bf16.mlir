// torch-mlir by StableHLO, printed by ../print_torch.py
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
#map3 = affine_map<(d0) -> (d0)>
#map4 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map5 = affine_map<(d0) -> ()>
#map6 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<4x8xbf16>, %arg1: tensor<4xi64>) -> tensor<bf16> {
    %cst = arith.constant 0.000000e+00 : bf16
    %c7 = arith.constant 7 : index
    %c3 = arith.constant 3 : index
    %c1 = arith.constant 1 : index
    %c0 = arith.constant 0 : index
    %c0_i64 = arith.constant 0 : i64
    %c-100_i64 = arith.constant -100 : i64
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant 0xFF800000 : f32
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<bf16>
    %0 = tensor.empty() : tensor<4x8xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0 : tensor<4x8xbf16>) outs(%0 : tensor<4x8xf32>) {
    ^bb0(%in: bf16, %out: f32):
      %39 = arith.extf %in : bf16 to f32
      linalg.yield %39 : f32
    } -> tensor<4x8xf32>
    %2 = tensor.empty() : tensor<4xf32>
    %3 = linalg.fill ins(%cst_1 : f32) outs(%2 : tensor<4xf32>) -> tensor<4xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%1 : tensor<4x8xf32>) outs(%3 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %39 = arith.maximumf %out, %in : f32
      linalg.yield %39 : f32
    } -> tensor<4xf32>
    %expanded = tensor.expand_shape %4 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %5 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded : tensor<4x1xf32>) outs(%0 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%1, %5 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%0 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_5: f32, %out: f32):
      %39 = arith.subf %in, %in_5 : f32
      linalg.yield %39 : f32
    } -> tensor<4x8xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%6 : tensor<4x8xf32>) outs(%0 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %39 = math.exp %in : f32
      linalg.yield %39 : f32
    } -> tensor<4x8xf32>
    %8 = linalg.fill ins(%cst_0 : f32) outs(%2 : tensor<4xf32>) -> tensor<4xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%7 : tensor<4x8xf32>) outs(%8 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %39 = arith.addf %out, %in : f32
      linalg.yield %39 : f32
    } -> tensor<4xf32>
    %expanded_3 = tensor.expand_shape %9 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %10 = tensor.empty() : tensor<4x1xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_3 : tensor<4x1xf32>) outs(%10 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %39 = math.log %in : f32
      linalg.yield %39 : f32
    } -> tensor<4x1xf32>
    %12 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel"]} ins(%11 : tensor<4x1xf32>) outs(%0 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%6, %12 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%0 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_5: f32, %out: f32):
      %39 = arith.subf %in, %in_5 : f32
      linalg.yield %39 : f32
    } -> tensor<4x8xf32>
    %14 = tensor.empty() : tensor<4x8xbf16>
    %15 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%13 : tensor<4x8xf32>) outs(%14 : tensor<4x8xbf16>) {
    ^bb0(%in: f32, %out: bf16):
      %39 = arith.truncf %in : f32 to bf16
      linalg.yield %39 : bf16
    } -> tensor<4x8xbf16>
    %16 = tensor.empty() : tensor<4xi1>
    %17 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%16 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %39 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %39 : i1
    } -> tensor<4xi1>
    %18 = tensor.empty() : tensor<4xi64>
    %19 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel"]} ins(%17, %arg1 : tensor<4xi1>, tensor<4xi64>) outs(%18 : tensor<4xi64>) {
    ^bb0(%in: i1, %in_5: i64, %out: i64):
      %39 = arith.select %in, %in_5, %c0_i64 : i64
      linalg.yield %39 : i64
    } -> tensor<4xi64>
    %20 = tensor.empty() : tensor<4x1x1xi64>
    %21 = linalg.generic {indexing_maps = [#map4], iterator_types = ["parallel", "parallel", "parallel"]} outs(%20 : tensor<4x1x1xi64>) {
    ^bb0(%out: i64):
      %39 = linalg.index 0 : index
      %40 = arith.index_cast %39 : index to i64
      linalg.yield %40 : i64
    } -> tensor<4x1x1xi64>
    %expanded_4 = tensor.expand_shape %19 [[0, 1, 2]] output_shape [4, 1, 1] : tensor<4xi64> into tensor<4x1x1xi64>
    %22 = tensor.empty() : tensor<4x1x2xi64>
    %23 = linalg.generic {indexing_maps = [#map4], iterator_types = ["parallel", "parallel", "parallel"]} outs(%22 : tensor<4x1x2xi64>) {
    ^bb0(%out: i64):
      %39 = linalg.index 0 : index
      %40 = linalg.index 2 : index
      %41 = arith.cmpi ult, %40, %c1 : index
      %42 = scf.if %41 -> (i64) {
        %extracted = tensor.extract %21[%39, %c0, %40] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      } else {
        %43 = arith.subi %40, %c1 : index
        %extracted = tensor.extract %expanded_4[%39, %c0, %43] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      }
      linalg.yield %42 : i64
    } -> tensor<4x1x2xi64>
    %24 = tensor.empty() : tensor<4x1xbf16>
    %25 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%24 : tensor<4x1xbf16>) {
    ^bb0(%out: bf16):
      %39 = linalg.index 0 : index
      %extracted = tensor.extract %23[%39, %c0, %c0] : tensor<4x1x2xi64>
      %40 = arith.index_cast %extracted : i64 to index
      %extracted_5 = tensor.extract %23[%39, %c0, %c1] : tensor<4x1x2xi64>
      %41 = arith.index_cast %extracted_5 : i64 to index
      %42 = arith.maxsi %40, %c0 : index
      %43 = arith.minsi %42, %c3 : index
      %44 = arith.maxsi %41, %c0 : index
      %45 = arith.minsi %44, %c7 : index
      %extracted_6 = tensor.extract %15[%43, %45] : tensor<4x8xbf16>
      linalg.yield %extracted_6 : bf16
    } -> tensor<4x1xbf16>
    %collapsed = tensor.collapse_shape %25 [[0, 1]] : tensor<4x1xbf16> into tensor<4xbf16>
    %26 = tensor.empty() : tensor<4xbf16>
    %27 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%collapsed : tensor<4xbf16>) outs(%26 : tensor<4xbf16>) {
    ^bb0(%in: bf16, %out: bf16):
      %39 = arith.negf %in : bf16
      linalg.yield %39 : bf16
    } -> tensor<4xbf16>
    %28 = linalg.generic {indexing_maps = [#map5, #map3], iterator_types = ["parallel"]} ins(%cst_2 : tensor<bf16>) outs(%26 : tensor<4xbf16>) {
    ^bb0(%in: bf16, %out: bf16):
      linalg.yield %in : bf16
    } -> tensor<4xbf16>
    %29 = linalg.generic {indexing_maps = [#map3, #map3, #map3, #map3], iterator_types = ["parallel"]} ins(%17, %27, %28 : tensor<4xi1>, tensor<4xbf16>, tensor<4xbf16>) outs(%26 : tensor<4xbf16>) {
    ^bb0(%in: i1, %in_5: bf16, %in_6: bf16, %out: bf16):
      %39 = arith.select %in, %in_5, %in_6 : bf16
      linalg.yield %39 : bf16
    } -> tensor<4xbf16>
    %30 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%17 : tensor<4xi1>) outs(%18 : tensor<4xi64>) {
    ^bb0(%in: i1, %out: i64):
      %39 = arith.extui %in : i1 to i64
      linalg.yield %39 : i64
    } -> tensor<4xi64>
    %31 = tensor.empty() : tensor<i64>
    %32 = linalg.fill ins(%c0_i64 : i64) outs(%31 : tensor<i64>) -> tensor<i64>
    %33 = linalg.generic {indexing_maps = [#map3, #map5], iterator_types = ["reduction"]} ins(%30 : tensor<4xi64>) outs(%32 : tensor<i64>) {
    ^bb0(%in: i64, %out: i64):
      %39 = arith.addi %out, %in : i64
      linalg.yield %39 : i64
    } -> tensor<i64>
    %34 = tensor.empty() : tensor<bf16>
    %35 = linalg.generic {indexing_maps = [#map6, #map6], iterator_types = []} ins(%33 : tensor<i64>) outs(%34 : tensor<bf16>) {
    ^bb0(%in: i64, %out: bf16):
      %39 = arith.sitofp %in : i64 to bf16
      linalg.yield %39 : bf16
    } -> tensor<bf16>
    %36 = linalg.fill ins(%cst : bf16) outs(%34 : tensor<bf16>) -> tensor<bf16>
    %37 = linalg.generic {indexing_maps = [#map3, #map5], iterator_types = ["reduction"]} ins(%29 : tensor<4xbf16>) outs(%36 : tensor<bf16>) {
    ^bb0(%in: bf16, %out: bf16):
      %39 = arith.addf %out, %in : bf16
      linalg.yield %39 : bf16
    } -> tensor<bf16>
    %38 = linalg.generic {indexing_maps = [#map6, #map6, #map6], iterator_types = []} ins(%37, %35 : tensor<bf16>, tensor<bf16>) outs(%34 : tensor<bf16>) {
    ^bb0(%in: bf16, %in_5: bf16, %out: bf16):
      %39 = arith.divf %in, %in_5 : bf16
      linalg.yield %39 : bf16
    } -> tensor<bf16>
    return %38 : tensor<bf16>
  }
}

