// torch-mlir by StableHLO, printed by ../print_torch.py
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1) -> (d0)>
#map2 = affine_map<(d0, d1) -> (d0, 0)>
#map3 = affine_map<(d0) -> (d0)>
#map4 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map5 = affine_map<(d0) -> ()>
#map6 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<4x8xf32>, %arg1: tensor<4xi64>) -> tensor<f32> {
    %cst = arith.constant 9.000000e-01 : f64
    %cst_0 = arith.constant 1.250000e-02 : f64
    %true = arith.constant true
    %c7 = arith.constant 7 : index
    %c3 = arith.constant 3 : index
    %c1 = arith.constant 1 : index
    %c0 = arith.constant 0 : index
    %c0_i64 = arith.constant 0 : i64
    %c-100_i64 = arith.constant -100 : i64
    %cst_1 = arith.constant 0.000000e+00 : f32
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_3 = arith.constant 0xFF800000 : f32
    %0 = tensor.empty() : tensor<4xf32>
    %1 = linalg.fill ins(%cst_3 : f32) outs(%0 : tensor<4xf32>) -> tensor<4xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%arg0 : tensor<4x8xf32>) outs(%1 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %50 = arith.maximumf %out, %in : f32
      linalg.yield %50 : f32
    } -> tensor<4xf32>
    %expanded = tensor.expand_shape %2 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %3 = tensor.empty() : tensor<4x8xf32>
    %4 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded : tensor<4x1xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %4 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %50 = arith.subf %in, %in_8 : f32
      linalg.yield %50 : f32
    } -> tensor<4x8xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%5 : tensor<4x8xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %50 = math.exp %in : f32
      linalg.yield %50 : f32
    } -> tensor<4x8xf32>
    %7 = linalg.fill ins(%cst_1 : f32) outs(%0 : tensor<4xf32>) -> tensor<4xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%6 : tensor<4x8xf32>) outs(%7 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %50 = arith.addf %out, %in : f32
      linalg.yield %50 : f32
    } -> tensor<4xf32>
    %expanded_4 = tensor.expand_shape %8 [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %9 = tensor.empty() : tensor<4x1xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%expanded_4 : tensor<4x1xf32>) outs(%9 : tensor<4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %50 = math.log %in : f32
      linalg.yield %50 : f32
    } -> tensor<4x1xf32>
    %11 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<4x1xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4x8xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%5, %11 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%3 : tensor<4x8xf32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %50 = arith.subf %in, %in_8 : f32
      linalg.yield %50 : f32
    } -> tensor<4x8xf32>
    %13 = tensor.empty() : tensor<4xi1>
    %14 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%13 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %50 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %50 : i1
    } -> tensor<4xi1>
    %15 = tensor.empty() : tensor<4xi64>
    %16 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel"]} ins(%14, %arg1 : tensor<4xi1>, tensor<4xi64>) outs(%15 : tensor<4xi64>) {
    ^bb0(%in: i1, %in_8: i64, %out: i64):
      %50 = arith.select %in, %in_8, %c0_i64 : i64
      linalg.yield %50 : i64
    } -> tensor<4xi64>
    %17 = tensor.empty() : tensor<4x1x1xi64>
    %18 = linalg.generic {indexing_maps = [#map4], iterator_types = ["parallel", "parallel", "parallel"]} outs(%17 : tensor<4x1x1xi64>) {
    ^bb0(%out: i64):
      %50 = linalg.index 0 : index
      %51 = arith.index_cast %50 : index to i64
      linalg.yield %51 : i64
    } -> tensor<4x1x1xi64>
    %expanded_5 = tensor.expand_shape %16 [[0, 1, 2]] output_shape [4, 1, 1] : tensor<4xi64> into tensor<4x1x1xi64>
    %19 = tensor.empty() : tensor<4x1x2xi64>
    %20 = linalg.generic {indexing_maps = [#map4], iterator_types = ["parallel", "parallel", "parallel"]} outs(%19 : tensor<4x1x2xi64>) {
    ^bb0(%out: i64):
      %50 = linalg.index 0 : index
      %51 = linalg.index 2 : index
      %52 = arith.cmpi ult, %51, %c1 : index
      %53 = scf.if %52 -> (i64) {
        %extracted = tensor.extract %18[%50, %c0, %51] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      } else {
        %54 = arith.subi %51, %c1 : index
        %extracted = tensor.extract %expanded_5[%50, %c0, %54] : tensor<4x1x1xi64>
        scf.yield %extracted : i64
      }
      linalg.yield %53 : i64
    } -> tensor<4x1x2xi64>
    %21 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%9 : tensor<4x1xf32>) {
    ^bb0(%out: f32):
      %50 = linalg.index 0 : index
      %extracted = tensor.extract %20[%50, %c0, %c0] : tensor<4x1x2xi64>
      %51 = arith.index_cast %extracted : i64 to index
      %extracted_8 = tensor.extract %20[%50, %c0, %c1] : tensor<4x1x2xi64>
      %52 = arith.index_cast %extracted_8 : i64 to index
      %53 = arith.maxsi %51, %c0 : index
      %54 = arith.minsi %53, %c3 : index
      %55 = arith.maxsi %52, %c0 : index
      %56 = arith.minsi %55, %c7 : index
      %extracted_9 = tensor.extract %12[%54, %56] : tensor<4x8xf32>
      linalg.yield %extracted_9 : f32
    } -> tensor<4x1xf32>
    %collapsed = tensor.collapse_shape %21 [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    %22 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%collapsed : tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %50 = arith.negf %in : f32
      linalg.yield %50 : f32
    } -> tensor<4xf32>
    %23 = linalg.generic {indexing_maps = [#map5, #map3], iterator_types = ["parallel"]} ins(%cst_2 : tensor<f32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<4xf32>
    %24 = linalg.generic {indexing_maps = [#map3, #map3, #map3, #map3], iterator_types = ["parallel"]} ins(%14, %22, %23 : tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_8: f32, %in_9: f32, %out: f32):
      %50 = arith.select %in, %in_8, %in_9 : f32
      linalg.yield %50 : f32
    } -> tensor<4xf32>
    %25 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%14 : tensor<4xi1>) outs(%15 : tensor<4xi64>) {
    ^bb0(%in: i1, %out: i64):
      %50 = arith.extui %in : i1 to i64
      linalg.yield %50 : i64
    } -> tensor<4xi64>
    %26 = tensor.empty() : tensor<i64>
    %27 = linalg.fill ins(%c0_i64 : i64) outs(%26 : tensor<i64>) -> tensor<i64>
    %28 = linalg.generic {indexing_maps = [#map3, #map5], iterator_types = ["reduction"]} ins(%25 : tensor<4xi64>) outs(%27 : tensor<i64>) {
    ^bb0(%in: i64, %out: i64):
      %50 = arith.addi %out, %in : i64
      linalg.yield %50 : i64
    } -> tensor<i64>
    %29 = tensor.empty() : tensor<f32>
    %30 = linalg.generic {indexing_maps = [#map6, #map6], iterator_types = []} ins(%28 : tensor<i64>) outs(%29 : tensor<f32>) {
    ^bb0(%in: i64, %out: f32):
      %50 = arith.sitofp %in : i64 to f32
      linalg.yield %50 : f32
    } -> tensor<f32>
    %31 = linalg.fill ins(%cst_1 : f32) outs(%29 : tensor<f32>) -> tensor<f32>
    %32 = linalg.generic {indexing_maps = [#map3, #map5], iterator_types = ["reduction"]} ins(%24 : tensor<4xf32>) outs(%31 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %50 = arith.addf %out, %in : f32
      linalg.yield %50 : f32
    } -> tensor<f32>
    %33 = linalg.generic {indexing_maps = [#map6, #map6, #map6], iterator_types = []} ins(%32, %30 : tensor<f32>, tensor<f32>) outs(%29 : tensor<f32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %50 = arith.divf %in, %in_8 : f32
      linalg.yield %50 : f32
    } -> tensor<f32>
    %34 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "reduction"]} ins(%12 : tensor<4x8xf32>) outs(%7 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %50 = arith.addf %out, %in : f32
      linalg.yield %50 : f32
    } -> tensor<4xf32>
    %35 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%34 : tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %50 = arith.negf %in : f32
      linalg.yield %50 : f32
    } -> tensor<4xf32>
    %36 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%arg1 : tensor<4xi64>) outs(%13 : tensor<4xi1>) {
    ^bb0(%in: i64, %out: i1):
      %50 = arith.cmpi eq, %in, %c-100_i64 : i64
      linalg.yield %50 : i1
    } -> tensor<4xi1>
    %37 = linalg.generic {indexing_maps = [#map3, #map3, #map3, #map3], iterator_types = ["parallel"]} ins(%36, %23, %35 : tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) outs(%0 : tensor<4xf32>) {
    ^bb0(%in: i1, %in_8: f32, %in_9: f32, %out: f32):
      %50 = arith.select %in, %in_8, %in_9 : f32
      linalg.yield %50 : f32
    } -> tensor<4xf32>
    %38 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%36 : tensor<4xi1>) outs(%13 : tensor<4xi1>) {
    ^bb0(%in: i1, %out: i1):
      %50 = arith.xori %in, %true : i1
      linalg.yield %50 : i1
    } -> tensor<4xi1>
    %39 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel"]} ins(%38 : tensor<4xi1>) outs(%15 : tensor<4xi64>) {
    ^bb0(%in: i1, %out: i64):
      %50 = arith.extui %in : i1 to i64
      linalg.yield %50 : i64
    } -> tensor<4xi64>
    %40 = linalg.generic {indexing_maps = [#map3, #map5], iterator_types = ["reduction"]} ins(%39 : tensor<4xi64>) outs(%27 : tensor<i64>) {
    ^bb0(%in: i64, %out: i64):
      %50 = arith.addi %out, %in : i64
      linalg.yield %50 : i64
    } -> tensor<i64>
    %41 = linalg.generic {indexing_maps = [#map3, #map5], iterator_types = ["reduction"]} ins(%37 : tensor<4xf32>) outs(%31 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %50 = arith.addf %out, %in : f32
      linalg.yield %50 : f32
    } -> tensor<f32>
    %42 = linalg.generic {indexing_maps = [#map6, #map6], iterator_types = []} ins(%40 : tensor<i64>) outs(%29 : tensor<f32>) {
    ^bb0(%in: i64, %out: f32):
      %50 = arith.sitofp %in : i64 to f32
      linalg.yield %50 : f32
    } -> tensor<f32>
    %43 = linalg.generic {indexing_maps = [#map6, #map6, #map6], iterator_types = []} ins(%41, %42 : tensor<f32>, tensor<f32>) outs(%29 : tensor<f32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %50 = arith.divf %in, %in_8 : f32
      linalg.yield %50 : f32
    } -> tensor<f32>
    %44 = tensor.empty() : tensor<1xf32>
    %45 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%44 : tensor<1xf32>) {
    ^bb0(%out: f32):
      %50 = arith.truncf %cst_0 : f64 to f32
      linalg.yield %50 : f32
    } -> tensor<1xf32>
    %collapsed_6 = tensor.collapse_shape %45 [] : tensor<1xf32> into tensor<f32>
    %46 = linalg.generic {indexing_maps = [#map6, #map6, #map6], iterator_types = []} ins(%43, %collapsed_6 : tensor<f32>, tensor<f32>) outs(%29 : tensor<f32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %50 = arith.mulf %in, %in_8 : f32
      linalg.yield %50 : f32
    } -> tensor<f32>
    %47 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel"]} outs(%44 : tensor<1xf32>) {
    ^bb0(%out: f32):
      %50 = arith.truncf %cst : f64 to f32
      linalg.yield %50 : f32
    } -> tensor<1xf32>
    %collapsed_7 = tensor.collapse_shape %47 [] : tensor<1xf32> into tensor<f32>
    %48 = linalg.generic {indexing_maps = [#map6, #map6, #map6], iterator_types = []} ins(%33, %collapsed_7 : tensor<f32>, tensor<f32>) outs(%29 : tensor<f32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %50 = arith.mulf %in, %in_8 : f32
      linalg.yield %50 : f32
    } -> tensor<f32>
    %49 = linalg.generic {indexing_maps = [#map6, #map6, #map6], iterator_types = []} ins(%48, %46 : tensor<f32>, tensor<f32>) outs(%29 : tensor<f32>) {
    ^bb0(%in: f32, %in_8: f32, %out: f32):
      %50 = arith.addf %in, %in_8 : f32
      linalg.yield %50 : f32
    } -> tensor<f32>
    return %49 : tensor<f32>
  }
}

