// torch-mlir by StableHLO, printed by ../print_torch.py
#map = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1, d2)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map4 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map6 = affine_map<(d0, d1, d2) -> ()>
#map7 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<2x8x3x5xf32>, %arg1: tensor<2x3x5xi64>) -> tensor<f32> {
    %c7 = arith.constant 7 : index
    %c3 = arith.constant 3 : index
    %c2 = arith.constant 2 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c0 = arith.constant 0 : index
    %c0_i64 = arith.constant 0 : i64
    %c-100_i64 = arith.constant -100 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_1 = arith.constant 0xFF800000 : f32
    %0 = tensor.empty() : tensor<2x3x5xf32>
    %1 = linalg.fill ins(%cst_1 : f32) outs(%0 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%arg0 : tensor<2x8x3x5xf32>) outs(%1 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %36 = arith.maximumf %out, %in : f32
      linalg.yield %36 : f32
    } -> tensor<2x3x5xf32>
    %expanded = tensor.expand_shape %2 [[0], [1, 2], [3]] output_shape [2, 1, 3, 5] : tensor<2x3x5xf32> into tensor<2x1x3x5xf32>
    %3 = tensor.empty() : tensor<2x8x3x5xf32>
    %4 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded : tensor<2x1x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x8x3x5xf32>
    %5 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %4 : tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_4: f32, %out: f32):
      %36 = arith.subf %in, %in_4 : f32
      linalg.yield %36 : f32
    } -> tensor<2x8x3x5xf32>
    %6 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<2x8x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %36 = math.exp %in : f32
      linalg.yield %36 : f32
    } -> tensor<2x8x3x5xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%0 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%6 : tensor<2x8x3x5xf32>) outs(%7 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %36 = arith.addf %out, %in : f32
      linalg.yield %36 : f32
    } -> tensor<2x3x5xf32>
    %expanded_2 = tensor.expand_shape %8 [[0], [1, 2], [3]] output_shape [2, 1, 3, 5] : tensor<2x3x5xf32> into tensor<2x1x3x5xf32>
    %9 = tensor.empty() : tensor<2x1x3x5xf32>
    %10 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_2 : tensor<2x1x3x5xf32>) outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %36 = math.log %in : f32
      linalg.yield %36 : f32
    } -> tensor<2x1x3x5xf32>
    %11 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%10 : tensor<2x1x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x8x3x5xf32>
    %12 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5, %11 : tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) outs(%3 : tensor<2x8x3x5xf32>) {
    ^bb0(%in: f32, %in_4: f32, %out: f32):
      %36 = arith.subf %in, %in_4 : f32
      linalg.yield %36 : f32
    } -> tensor<2x8x3x5xf32>
    %13 = tensor.empty() : tensor<2x3x5xi1>
    %14 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg1 : tensor<2x3x5xi64>) outs(%13 : tensor<2x3x5xi1>) {
    ^bb0(%in: i64, %out: i1):
      %36 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %36 : i1
    } -> tensor<2x3x5xi1>
    %15 = tensor.empty() : tensor<2x3x5xi64>
    %16 = linalg.generic {indexing_maps = [#map4, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %arg1 : tensor<2x3x5xi1>, tensor<2x3x5xi64>) outs(%15 : tensor<2x3x5xi64>) {
    ^bb0(%in: i1, %in_4: i64, %out: i64):
      %36 = arith.select %in, %in_4, %c0_i64 : i64
      linalg.yield %36 : i64
    } -> tensor<2x3x5xi64>
    %17 = tensor.empty() : tensor<2x1x3x5x1xi64>
    %18 = linalg.generic {indexing_maps = [#map5], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%17 : tensor<2x1x3x5x1xi64>) {
    ^bb0(%out: i64):
      %36 = linalg.index 0 : index
      %37 = arith.index_cast %36 : index to i64
      linalg.yield %37 : i64
    } -> tensor<2x1x3x5x1xi64>
    %expanded_3 = tensor.expand_shape %16 [[0], [1, 2], [3, 4]] output_shape [2, 1, 3, 5, 1] : tensor<2x3x5xi64> into tensor<2x1x3x5x1xi64>
    %19 = linalg.generic {indexing_maps = [#map5], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%17 : tensor<2x1x3x5x1xi64>) {
    ^bb0(%out: i64):
      %36 = linalg.index 2 : index
      %37 = arith.index_cast %36 : index to i64
      linalg.yield %37 : i64
    } -> tensor<2x1x3x5x1xi64>
    %20 = linalg.generic {indexing_maps = [#map5], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%17 : tensor<2x1x3x5x1xi64>) {
    ^bb0(%out: i64):
      %36 = linalg.index 3 : index
      %37 = arith.index_cast %36 : index to i64
      linalg.yield %37 : i64
    } -> tensor<2x1x3x5x1xi64>
    %21 = tensor.empty() : tensor<2x1x3x5x4xi64>
    %22 = linalg.generic {indexing_maps = [#map5], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%21 : tensor<2x1x3x5x4xi64>) {
    ^bb0(%out: i64):
      %36 = linalg.index 0 : index
      %37 = linalg.index 2 : index
      %38 = linalg.index 3 : index
      %39 = linalg.index 4 : index
      %40 = arith.cmpi ult, %39, %c1 : index
      %41 = scf.if %40 -> (i64) {
        %extracted = tensor.extract %18[%36, %c0, %37, %38, %39] : tensor<2x1x3x5x1xi64>
        scf.yield %extracted : i64
      } else {
        %42 = arith.cmpi ult, %39, %c2 : index
        %43 = scf.if %42 -> (i64) {
          %44 = arith.subi %39, %c1 : index
          %extracted = tensor.extract %expanded_3[%36, %c0, %37, %38, %44] : tensor<2x1x3x5x1xi64>
          scf.yield %extracted : i64
        } else {
          %44 = arith.cmpi ult, %39, %c3 : index
          %45 = scf.if %44 -> (i64) {
            %46 = arith.subi %39, %c2 : index
            %extracted = tensor.extract %19[%36, %c0, %37, %38, %46] : tensor<2x1x3x5x1xi64>
            scf.yield %extracted : i64
          } else {
            %46 = arith.subi %39, %c3 : index
            %extracted = tensor.extract %20[%36, %c0, %37, %38, %46] : tensor<2x1x3x5x1xi64>
            scf.yield %extracted : i64
          }
          scf.yield %45 : i64
        }
        scf.yield %43 : i64
      }
      linalg.yield %41 : i64
    } -> tensor<2x1x3x5x4xi64>
    %23 = linalg.generic {indexing_maps = [#map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%9 : tensor<2x1x3x5xf32>) {
    ^bb0(%out: f32):
      %36 = linalg.index 0 : index
      %37 = linalg.index 2 : index
      %38 = linalg.index 3 : index
      %extracted = tensor.extract %22[%36, %c0, %37, %38, %c0] : tensor<2x1x3x5x4xi64>
      %39 = arith.index_cast %extracted : i64 to index
      %extracted_4 = tensor.extract %22[%36, %c0, %37, %38, %c1] : tensor<2x1x3x5x4xi64>
      %40 = arith.index_cast %extracted_4 : i64 to index
      %extracted_5 = tensor.extract %22[%36, %c0, %37, %38, %c2] : tensor<2x1x3x5x4xi64>
      %41 = arith.index_cast %extracted_5 : i64 to index
      %extracted_6 = tensor.extract %22[%36, %c0, %37, %38, %c3] : tensor<2x1x3x5x4xi64>
      %42 = arith.index_cast %extracted_6 : i64 to index
      %43 = arith.maxsi %39, %c0 : index
      %44 = arith.minsi %43, %c1 : index
      %45 = arith.maxsi %40, %c0 : index
      %46 = arith.minsi %45, %c7 : index
      %47 = arith.maxsi %41, %c0 : index
      %48 = arith.minsi %47, %c2 : index
      %49 = arith.maxsi %42, %c0 : index
      %50 = arith.minsi %49, %c4 : index
      %extracted_7 = tensor.extract %12[%44, %46, %48, %50] : tensor<2x8x3x5xf32>
      linalg.yield %extracted_7 : f32
    } -> tensor<2x1x3x5xf32>
    %collapsed = tensor.collapse_shape %23 [[0], [1, 2], [3]] : tensor<2x1x3x5xf32> into tensor<2x3x5xf32>
    %24 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%collapsed : tensor<2x3x5xf32>) outs(%0 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      %36 = arith.negf %in : f32
      linalg.yield %36 : f32
    } -> tensor<2x3x5xf32>
    %25 = linalg.generic {indexing_maps = [#map6, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst_0 : tensor<f32>) outs(%0 : tensor<2x3x5xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x3x5xf32>
    %26 = linalg.generic {indexing_maps = [#map4, #map4, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14, %24, %25 : tensor<2x3x5xi1>, tensor<2x3x5xf32>, tensor<2x3x5xf32>) outs(%0 : tensor<2x3x5xf32>) {
    ^bb0(%in: i1, %in_4: f32, %in_5: f32, %out: f32):
      %36 = arith.select %in, %in_4, %in_5 : f32
      linalg.yield %36 : f32
    } -> tensor<2x3x5xf32>
    %27 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel"]} ins(%14 : tensor<2x3x5xi1>) outs(%15 : tensor<2x3x5xi64>) {
    ^bb0(%in: i1, %out: i64):
      %36 = arith.extui %in : i1 to i64
      linalg.yield %36 : i64
    } -> tensor<2x3x5xi64>
    %28 = tensor.empty() : tensor<i64>
    %29 = linalg.fill ins(%c0_i64 : i64) outs(%28 : tensor<i64>) -> tensor<i64>
    %30 = linalg.generic {indexing_maps = [#map4, #map6], iterator_types = ["reduction", "reduction", "reduction"]} ins(%27 : tensor<2x3x5xi64>) outs(%29 : tensor<i64>) {
    ^bb0(%in: i64, %out: i64):
      %36 = arith.addi %out, %in : i64
      linalg.yield %36 : i64
    } -> tensor<i64>
    %31 = tensor.empty() : tensor<f32>
    %32 = linalg.generic {indexing_maps = [#map7, #map7], iterator_types = []} ins(%30 : tensor<i64>) outs(%31 : tensor<f32>) {
    ^bb0(%in: i64, %out: f32):
      %36 = arith.sitofp %in : i64 to f32
      linalg.yield %36 : f32
    } -> tensor<f32>
    %33 = linalg.fill ins(%cst : f32) outs(%31 : tensor<f32>) -> tensor<f32>
    %34 = linalg.generic {indexing_maps = [#map4, #map6], iterator_types = ["reduction", "reduction", "reduction"]} ins(%26 : tensor<2x3x5xf32>) outs(%33 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %36 = arith.addf %out, %in : f32
      linalg.yield %36 : f32
    } -> tensor<f32>
    %35 = linalg.generic {indexing_maps = [#map7, #map7, #map7], iterator_types = []} ins(%34, %32 : tensor<f32>, tensor<f32>) outs(%31 : tensor<f32>) {
    ^bb0(%in: f32, %in_4: f32, %out: f32):
      %36 = arith.divf %in, %in_4 : f32
      linalg.yield %36 : f32
    } -> tensor<f32>
    return %35 : tensor<f32>
  }
}

