// torch-mlir by StableHLO, printed by ../print_torch.py
#map = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1, d2)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map4 = affine_map<(d0, d1, d2, d3) -> (0, d1, 0, 0)>
#map5 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map6 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map7 = affine_map<(d0, d1, d2) -> ()>
#map8 = affine_map<() -> ()>
#map9 = affine_map<(d0) -> (d0)>
#map10 = affine_map<(d0) -> ()>
module {
  func.func @main(%arg0: tensor<2x8x3x5xf32>, %arg1: tensor<2x3x5xi64>, %arg2: tensor<8xf32>) -> tensor<f32> {
    %cst = arith.constant 9.000000e-01 : f64
    %cst_0 = arith.constant 1.250000e-02 : f64
    %c7 = arith.constant 7 : index
    %c3 = arith.constant 3 : index
    %c2 = arith.constant 2 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c0 = arith.constant 0 : index
    %c0_i64 = arith.constant 0 : i64
    %c-100_i64 = arith.constant -100 : i64
    %cst_1 = arith.constant 0.000000e+00 : f32
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_3 = arith.constant 0xFF800000 : f32
    %0 = tensor.empty() : tensor<2x3x5xf32>
    %1 = linalg.fill ins(%cst_3 : f32) outs(%0 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%arg0 : tensor<2x8x3x5xf32>) outs(%1 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.maximumf %out, %in : f32
      linalg.yield %54 : f32
    } -> tensor<2x3x5xf32>
    %expanded = tensor.expand_shape %2 [[0], [1, 2], [3]] output_shape [2, 1, 3, 5] : tensor<2x3x5xf32> into tensor<2x1x3x5xf32>
    %3 = tensor.empty() : tensor<2x8x3x5xf32>
    %4 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded : tensor<2x1x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x8x3x5xf32>
    %5 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %4 : tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_13: f32, %out: f32):
      %54 = arith.subf %in, %in_13 : f32
      linalg.yield %54 : f32
    } -> tensor<2x8x3x5xf32>
    %6 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<2x8x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = math.exp %in : f32
      linalg.yield %54 : f32
    } -> tensor<2x8x3x5xf32>
    %7 = linalg.fill ins(%cst_1 : f32) outs(%0 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%6 : tensor<2x8x3x5xf32>) outs(%7 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.addf %out, %in : f32
      linalg.yield %54 : f32
    } -> tensor<2x3x5xf32>
    %expanded_4 = tensor.expand_shape %8 [[0], [1, 2], [3]] output_shape [2, 1, 3, 5] : tensor<2x3x5xf32> into tensor<2x1x3x5xf32>
    %9 = tensor.empty() : tensor<2x1x3x5xf32>
    %10 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_4 : tensor<2x1x3x5xf32>) outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = math.log %in : f32
      linalg.yield %54 : f32
    } -> tensor<2x1x3x5xf32>
    %11 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10 : tensor<2x1x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x8x3x5xf32>
    %12 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5, %11 : tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_13: f32, %out: f32):
      %54 = arith.subf %in, %in_13 : f32
      linalg.yield %54 : f32
    } -> tensor<2x8x3x5xf32>
    %expanded_5 = tensor.expand_shape %arg2 [[0, 1, 2, 3]] output_shape [1, 8, 1, 1] : tensor<8xf32> into tensor<1x8x1x1xf32>
    %13 = linalg.generic {indexing_maps = [#map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_5 : tensor<1x8x1x1xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x8x3x5xf32>
    %14 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%12, %13 : tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_13: f32, %out: f32):
      %54 = arith.mulf %in, %in_13 : f32
      linalg.yield %54 : f32
    } -> tensor<2x8x3x5xf32>
    %15 = tensor.empty() : tensor<2x3x5xi1>
    %16 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x3x5xi64>) outs(%15 : tensor<2x3x5xi1>) {
    ^bb0(%in: i64, %out: i1):
      %54 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %54 : i1
    } -> tensor<2x3x5xi1>
    %17 = tensor.empty() : tensor<2x3x5xi64>
    %18 = linalg.generic {indexing_maps = [#map5, #map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%16, %arg1 : tensor<2x3x5xi1>, tensor<2x3x5xi64>) outs(%17 : tensor<2x3x5xi64>) {
    ^bb0(%in: i1, %in_13: i64, %out: i64):
      %54 = arith.select %in, %in_13, %c0_i64 : i64
      linalg.yield %54 : i64
    } -> tensor<2x3x5xi64>
    %19 = tensor.empty() : tensor<2x1x3x5x1xi64>
    %20 = linalg.generic {indexing_maps = [#map6], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%19 : tensor<2x1x3x5x1xi64>) {
    ^bb0(%out: i64):
      %54 = linalg.index 0 : index
      %55 = arith.index_cast %54 : index to i64
      linalg.yield %55 : i64
    } -> tensor<2x1x3x5x1xi64>
    %expanded_6 = tensor.expand_shape %18 [[0], [1, 2], [3, 4]] output_shape [2, 1, 3, 5, 1] : tensor<2x3x5xi64> into tensor<2x1x3x5x1xi64>
    %21 = linalg.generic {indexing_maps = [#map6], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%19 : tensor<2x1x3x5x1xi64>) {
    ^bb0(%out: i64):
      %54 = linalg.index 2 : index
      %55 = arith.index_cast %54 : index to i64
      linalg.yield %55 : i64
    } -> tensor<2x1x3x5x1xi64>
    %22 = linalg.generic {indexing_maps = [#map6], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%19 : tensor<2x1x3x5x1xi64>) {
    ^bb0(%out: i64):
      %54 = linalg.index 3 : index
      %55 = arith.index_cast %54 : index to i64
      linalg.yield %55 : i64
    } -> tensor<2x1x3x5x1xi64>
    %23 = tensor.empty() : tensor<2x1x3x5x4xi64>
    %24 = linalg.generic {indexing_maps = [#map6], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%23 : tensor<2x1x3x5x4xi64>) {
    ^bb0(%out: i64):
      %54 = linalg.index 0 : index
      %55 = linalg.index 2 : index
      %56 = linalg.index 3 : index
      %57 = linalg.index 4 : index
      %58 = arith.cmpi ult, %57, %c1 : index
      %59 = scf.if %58 -> (i64) {
        %extracted = tensor.extract %20[%54, %c0, %55, %56, %57] : tensor<2x1x3x5x1xi64>
        scf.yield %extracted : i64
      } else {
        %60 = arith.cmpi ult, %57, %c2 : index
        %61 = scf.if %60 -> (i64) {
          %62 = arith.subi %57, %c1 : index
          %extracted = tensor.extract %expanded_6[%54, %c0, %55, %56, %62] : tensor<2x1x3x5x1xi64>
          scf.yield %extracted : i64
        } else {
          %62 = arith.cmpi ult, %57, %c3 : index
          %63 = scf.if %62 -> (i64) {
            %64 = arith.subi %57, %c2 : index
            %extracted = tensor.extract %21[%54, %c0, %55, %56, %64] : tensor<2x1x3x5x1xi64>
            scf.yield %extracted : i64
          } else {
            %64 = arith.subi %57, %c3 : index
            %extracted = tensor.extract %22[%54, %c0, %55, %56, %64] : tensor<2x1x3x5x1xi64>
            scf.yield %extracted : i64
          }
          scf.yield %63 : i64
        }
        scf.yield %61 : i64
      }
      linalg.yield %59 : i64
    } -> tensor<2x1x3x5x4xi64>
    %25 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%out: f32):
      %54 = linalg.index 0 : index
      %55 = linalg.index 2 : index
      %56 = linalg.index 3 : index
      %extracted = tensor.extract %24[%54, %c0, %55, %56, %c0] : tensor<2x1x3x5x4xi64>
      %57 = arith.index_cast %extracted : i64 to index
      %extracted_13 = tensor.extract %24[%54, %c0, %55, %56, %c1] : tensor<2x1x3x5x4xi64>
      %58 = arith.index_cast %extracted_13 : i64 to index
      %extracted_14 = tensor.extract %24[%54, %c0, %55, %56, %c2] : tensor<2x1x3x5x4xi64>
      %59 = arith.index_cast %extracted_14 : i64 to index
      %extracted_15 = tensor.extract %24[%54, %c0, %55, %56, %c3] : tensor<2x1x3x5x4xi64>
      %60 = arith.index_cast %extracted_15 : i64 to index
      %61 = arith.maxsi %57, %c0 : index
      %62 = arith.minsi %61, %c1 : index
      %63 = arith.maxsi %58, %c0 : index
      %64 = arith.minsi %63, %c7 : index
      %65 = arith.maxsi %59, %c0 : index
      %66 = arith.minsi %65, %c2 : index
      %67 = arith.maxsi %60, %c0 : index
      %68 = arith.minsi %67, %c4 : index
      %extracted_16 = tensor.extract %14[%62, %64, %66, %68] : tensor<2x8x3x5xf32>
      linalg.yield %extracted_16 : f32
    } -> tensor<2x1x3x5xf32>
    %collapsed = tensor.collapse_shape %25 [[0], [1, 2], [3]] : tensor<2x1x3x5xf32> into tensor<2x3x5xf32>
    %26 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed : tensor<2x3x5xf32>) outs(%0 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.negf %in : f32
      linalg.yield %54 : f32
    } -> tensor<2x3x5xf32>
    %27 = linalg.generic {indexing_maps = [#map7, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst_2 : tensor<f32>) outs(%0 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x3x5xf32>
    %28 = linalg.generic {indexing_maps = [#map5, #map5, #map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%16, %26, %27 : tensor<2x3x5xi1>, tensor<2x3x5xf32>, tensor<2x3x5xf32>) outs(%0 : tensor<2x3x5xf32>) {
    ^bb0(%in: i1, %in_13: f32, %in_14: f32, %out: f32):
      %54 = arith.select %in, %in_13, %in_14 : f32
      linalg.yield %54 : f32
    } -> tensor<2x3x5xf32>
    %29 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%out: f32):
      %54 = linalg.index 0 : index
      %55 = linalg.index 2 : index
      %56 = linalg.index 3 : index
      %extracted = tensor.extract %24[%54, %c0, %55, %56, %c0] : tensor<2x1x3x5x4xi64>
      %57 = arith.index_cast %extracted : i64 to index
      %extracted_13 = tensor.extract %24[%54, %c0, %55, %56, %c1] : tensor<2x1x3x5x4xi64>
      %58 = arith.index_cast %extracted_13 : i64 to index
      %extracted_14 = tensor.extract %24[%54, %c0, %55, %56, %c2] : tensor<2x1x3x5x4xi64>
      %59 = arith.index_cast %extracted_14 : i64 to index
      %extracted_15 = tensor.extract %24[%54, %c0, %55, %56, %c3] : tensor<2x1x3x5x4xi64>
      %60 = arith.index_cast %extracted_15 : i64 to index
      %61 = arith.maxsi %57, %c0 : index
      %62 = arith.minsi %61, %c1 : index
      %63 = arith.maxsi %58, %c0 : index
      %64 = arith.minsi %63, %c7 : index
      %65 = arith.maxsi %59, %c0 : index
      %66 = arith.minsi %65, %c2 : index
      %67 = arith.maxsi %60, %c0 : index
      %68 = arith.minsi %67, %c4 : index
      %extracted_16 = tensor.extract %13[%62, %64, %66, %68] : tensor<2x8x3x5xf32>
      linalg.yield %extracted_16 : f32
    } -> tensor<2x1x3x5xf32>
    %collapsed_7 = tensor.collapse_shape %29 [[0], [1, 2], [3]] : tensor<2x1x3x5xf32> into tensor<2x3x5xf32>
    %30 = linalg.generic {indexing_maps = [#map5, #map5, #map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%16, %collapsed_7, %27 : tensor<2x3x5xi1>, tensor<2x3x5xf32>, tensor<2x3x5xf32>) outs(%0 : tensor<2x3x5xf32>) {
    ^bb0(%in: i1, %in_13: f32, %in_14: f32, %out: f32):
      %54 = arith.select %in, %in_13, %in_14 : f32
      linalg.yield %54 : f32
    } -> tensor<2x3x5xf32>
    %31 = tensor.empty() : tensor<f32>
    %32 = linalg.fill ins(%cst_1 : f32) outs(%31 : tensor<f32>) -> tensor<f32>
    %33 = linalg.generic {indexing_maps = [#map5, #map7], iterator_types = ["reduction", "reduction", "reduction"]} ins(%30 : tensor<2x3x5xf32>) outs(%32 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.addf %out, %in : f32
      linalg.yield %54 : f32
    } -> tensor<f32>
    %34 = linalg.generic {indexing_maps = [#map5, #map7], iterator_types = ["reduction", "reduction", "reduction"]} ins(%28 : tensor<2x3x5xf32>) outs(%32 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.addf %out, %in : f32
      linalg.yield %54 : f32
    } -> tensor<f32>
    %35 = linalg.generic {indexing_maps = [#map8, #map8, #map8], iterator_types = []} ins(%34, %33 : tensor<f32>, tensor<f32>) outs(%31 : tensor<f32>) {
    ^bb0(%in: f32, %in_13: f32, %out: f32):
      %54 = arith.divf %in, %in_13 : f32
      linalg.yield %54 : f32
    } -> tensor<f32>
    %36 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%14 : tensor<2x8x3x5xf32>) outs(%7 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.addf %out, %in : f32
      linalg.yield %54 : f32
    } -> tensor<2x3x5xf32>
    %37 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%36 : tensor<2x3x5xf32>) outs(%0 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.negf %in : f32
      linalg.yield %54 : f32
    } -> tensor<2x3x5xf32>
    %38 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x3x5xi64>) outs(%15 : tensor<2x3x5xi1>) {
    ^bb0(%in: i64, %out: i1):
      %54 = arith.cmpi eq, %in, %c-100_i64 : i64
      linalg.yield %54 : i1
    } -> tensor<2x3x5xi1>
    %39 = linalg.generic {indexing_maps = [#map5, #map5, #map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%38, %27, %37 : tensor<2x3x5xi1>, tensor<2x3x5xf32>, tensor<2x3x5xf32>) outs(%0 : tensor<2x3x5xf32>) {
    ^bb0(%in: i1, %in_13: f32, %in_14: f32, %out: f32):
      %54 = arith.select %in, %in_13, %in_14 : f32
      linalg.yield %54 : f32
    } -> tensor<2x3x5xf32>
    %40 = linalg.generic {indexing_maps = [#map5, #map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%38, %arg1 : tensor<2x3x5xi1>, tensor<2x3x5xi64>) outs(%17 : tensor<2x3x5xi64>) {
    ^bb0(%in: i1, %in_13: i64, %out: i64):
      %54 = arith.select %in, %c0_i64, %in_13 : i64
      linalg.yield %54 : i64
    } -> tensor<2x3x5xi64>
    %collapsed_8 = tensor.collapse_shape %40 [[0, 1, 2]] : tensor<2x3x5xi64> into tensor<30xi64>
    %expanded_9 = tensor.expand_shape %collapsed_8 [[0, 1]] output_shape [30, 1] : tensor<30xi64> into tensor<30x1xi64>
    %41 = tensor.empty() : tensor<30xf32>
    %42 = linalg.generic {indexing_maps = [#map9], iterator_types = ["parallel"]} outs(%41 : tensor<30xf32>) {
    ^bb0(%out: f32):
      %54 = linalg.index 0 : index
      %extracted = tensor.extract %expanded_9[%54, %c0] : tensor<30x1xi64>
      %55 = arith.index_cast %extracted : i64 to index
      %56 = arith.maxsi %55, %c0 : index
      %57 = arith.minsi %56, %c7 : index
      %extracted_13 = tensor.extract %arg2[%57] : tensor<8xf32>
      linalg.yield %extracted_13 : f32
    } -> tensor<30xf32>
    %collapsed_10 = tensor.collapse_shape %38 [[0, 1, 2]] : tensor<2x3x5xi1> into tensor<30xi1>
    %43 = linalg.generic {indexing_maps = [#map10, #map9], iterator_types = ["parallel"]} ins(%cst_2 : tensor<f32>) outs(%41 : tensor<30xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<30xf32>
    %44 = linalg.generic {indexing_maps = [#map9, #map9, #map9, #map9], iterator_types = ["parallel"]} ins(%collapsed_10, %43, %42 : tensor<30xi1>, tensor<30xf32>, tensor<30xf32>) outs(%41 : tensor<30xf32>) {
    ^bb0(%in: i1, %in_13: f32, %in_14: f32, %out: f32):
      %54 = arith.select %in, %in_13, %in_14 : f32
      linalg.yield %54 : f32
    } -> tensor<30xf32>
    %45 = linalg.generic {indexing_maps = [#map9, #map10], iterator_types = ["reduction"]} ins(%44 : tensor<30xf32>) outs(%32 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.addf %out, %in : f32
      linalg.yield %54 : f32
    } -> tensor<f32>
    %46 = linalg.generic {indexing_maps = [#map5, #map7], iterator_types = ["reduction", "reduction", "reduction"]} ins(%39 : tensor<2x3x5xf32>) outs(%32 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.addf %out, %in : f32
      linalg.yield %54 : f32
    } -> tensor<f32>
    %47 = linalg.generic {indexing_maps = [#map8, #map8, #map8], iterator_types = []} ins(%46, %45 : tensor<f32>, tensor<f32>) outs(%31 : tensor<f32>) {
    ^bb0(%in: f32, %in_13: f32, %out: f32):
      %54 = arith.divf %in, %in_13 : f32
      linalg.yield %54 : f32
    } -> tensor<f32>
    %48 = tensor.empty() : tensor<1xf32>
    %49 = linalg.generic {indexing_maps = [#map9], iterator_types = ["parallel"]} outs(%48 : tensor<1xf32>) {
    ^bb0(%out: f32):
      %54 = arith.truncf %cst_0 : f64 to f32
      linalg.yield %54 : f32
    } -> tensor<1xf32>
    %collapsed_11 = tensor.collapse_shape %49 [] : tensor<1xf32> into tensor<f32>
    %50 = linalg.generic {indexing_maps = [#map8, #map8, #map8], iterator_types = []} ins(%47, %collapsed_11 : tensor<f32>, tensor<f32>) outs(%31 : tensor<f32>) {
    ^bb0(%in: f32, %in_13: f32, %out: f32):
      %54 = arith.mulf %in, %in_13 : f32
      linalg.yield %54 : f32
    } -> tensor<f32>
    %51 = linalg.generic {indexing_maps = [#map9], iterator_types = ["parallel"]} outs(%48 : tensor<1xf32>) {
    ^bb0(%out: f32):
      %54 = arith.truncf %cst : f64 to f32
      linalg.yield %54 : f32
    } -> tensor<1xf32>
    %collapsed_12 = tensor.collapse_shape %51 [] : tensor<1xf32> into tensor<f32>
    %52 = linalg.generic {indexing_maps = [#map8, #map8, #map8], iterator_types = []} ins(%35, %collapsed_12 : tensor<f32>, tensor<f32>) outs(%31 : tensor<f32>) {
    ^bb0(%in: f32, %in_13: f32, %out: f32):
      %54 = arith.mulf %in, %in_13 : f32
      linalg.yield %54 : f32
    } -> tensor<f32>
    %53 = linalg.generic {indexing_maps = [#map8, #map8, #map8], iterator_types = []} ins(%52, %50 : tensor<f32>, tensor<f32>) outs(%31 : tensor<f32>) {
    ^bb0(%in: f32, %in_13: f32, %out: f32):
      %54 = arith.addf %in, %in_13 : f32
      linalg.yield %54 : f32
    } -> tensor<f32>
    return %53 : tensor<f32>
  }
}

