// torch-mlir, printed by ../print_torch.py
#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0) -> ()>
#map2 = affine_map<(d0) -> (0)>
#map3 = affine_map<() -> ()>
module {
  func.func @main(%arg0: tensor<8xf32>, %arg1: tensor<i64>) -> tensor<f32> {
    %c-100_i64 = arith.constant -100 : i64
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0xFF800000 : f32
    %c8 = arith.constant 8 : index
    %cst_0 = arith.constant 0.000000e+00 : f32
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant dense<0> : tensor<i64>
    %0 = tensor.empty() : tensor<i64>
    %1 = linalg.fill ins(%c0_i64 : i64) outs(%0 : tensor<i64>) -> tensor<i64>
    %2 = tensor.empty() : tensor<f32>
    %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<f32>) -> tensor<f32>
    %4:2 = linalg.generic {indexing_maps = [#map, #map1, #map1], iterator_types = ["reduction"]} ins(%arg0 : tensor<8xf32>) outs(%3, %1 : tensor<f32>, tensor<i64>) {
    ^bb0(%in: f32, %out: f32, %out_4: i64):
      %24 = linalg.index 0 : index
      %25 = arith.index_cast %24 : index to i64
      %26 = arith.maximumf %in, %out : f32
      %27 = arith.cmpf ogt, %in, %out : f32
      %28 = arith.select %27, %25, %out_4 : i64
      linalg.yield %26, %28 : f32, i64
    } -> (tensor<f32>, tensor<i64>)
    %expanded = tensor.expand_shape %4#0 [] output_shape [1] : tensor<f32> into tensor<1xf32>
    %5 = tensor.empty() : tensor<8xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel"]} ins(%arg0, %expanded : tensor<8xf32>, tensor<1xf32>) outs(%5 : tensor<8xf32>) {
    ^bb0(%in: f32, %in_4: f32, %out: f32):
      %24 = arith.subf %in, %in_4 : f32
      linalg.yield %24 : f32
    } -> tensor<8xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%6 : tensor<8xf32>) outs(%5 : tensor<8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %24 = math.exp %in : f32
      linalg.yield %24 : f32
    } -> tensor<8xf32>
    %8 = tensor.empty() : tensor<1xf32>
    %9 = linalg.fill ins(%cst_0 : f32) outs(%8 : tensor<1xf32>) -> tensor<1xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map2], iterator_types = ["reduction"]} ins(%7 : tensor<8xf32>) outs(%9 : tensor<1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %24 = arith.addf %in, %out : f32
      linalg.yield %24 : f32
    } -> tensor<1xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%10 : tensor<1xf32>) outs(%8 : tensor<1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %24 = math.log %in : f32
      linalg.yield %24 : f32
    } -> tensor<1xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map2, #map], iterator_types = ["parallel"]} ins(%6, %11 : tensor<8xf32>, tensor<1xf32>) outs(%5 : tensor<8xf32>) {
    ^bb0(%in: f32, %in_4: f32, %out: f32):
      %24 = arith.subf %in, %in_4 : f32
      linalg.yield %24 : f32
    } -> tensor<8xf32>
    %13 = tensor.empty() : tensor<i1>
    %14 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = []} ins(%arg1 : tensor<i64>) outs(%13 : tensor<i1>) {
    ^bb0(%in: i64, %out: i1):
      %24 = arith.cmpi ne, %in, %c-100_i64 : i64
      linalg.yield %24 : i1
    } -> tensor<i1>
    %15 = linalg.generic {indexing_maps = [#map3, #map3, #map3, #map3], iterator_types = []} ins(%14, %arg1, %cst_2 : tensor<i1>, tensor<i64>, tensor<i64>) outs(%0 : tensor<i64>) {
    ^bb0(%in: i1, %in_4: i64, %in_5: i64, %out: i64):
      %24 = arith.select %in, %in_4, %in_5 : i64
      linalg.yield %24 : i64
    } -> tensor<i64>
    %expanded_3 = tensor.expand_shape %15 [] output_shape [1] : tensor<i64> into tensor<1xi64>
    %16 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%expanded_3 : tensor<1xi64>) outs(%9 : tensor<1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %24 = arith.index_cast %in : i64 to index
      %25 = arith.cmpi slt, %24, %c8 : index
      cf.assert %25, "index must be smaller than dim size"
      %26 = arith.cmpi sge, %in, %c0_i64 : i64
      cf.assert %26, "index must be larger or equal to 0"
      %extracted = tensor.extract %12[%24] : tensor<8xf32>
      linalg.yield %extracted : f32
    } -> tensor<1xf32>
    %collapsed = tensor.collapse_shape %16 [] : tensor<1xf32> into tensor<f32>
    %17 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = []} ins(%collapsed : tensor<f32>) outs(%2 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %24 = arith.negf %in : f32
      linalg.yield %24 : f32
    } -> tensor<f32>
    %18 = linalg.generic {indexing_maps = [#map3, #map3, #map3, #map3], iterator_types = []} ins(%14, %17, %cst_1 : tensor<i1>, tensor<f32>, tensor<f32>) outs(%2 : tensor<f32>) {
    ^bb0(%in: i1, %in_4: f32, %in_5: f32, %out: f32):
      %24 = arith.select %in, %in_4, %in_5 : f32
      linalg.yield %24 : f32
    } -> tensor<f32>
    %19 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = []} ins(%14 : tensor<i1>) outs(%1 : tensor<i64>) {
    ^bb0(%in: i1, %out: i64):
      %24 = arith.extui %in : i1 to i64
      %25 = arith.addi %24, %out : i64
      linalg.yield %25 : i64
    } -> tensor<i64>
    %20 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = []} ins(%19 : tensor<i64>) outs(%2 : tensor<f32>) {
    ^bb0(%in: i64, %out: f32):
      %24 = arith.sitofp %in : i64 to f32
      linalg.yield %24 : f32
    } -> tensor<f32>
    %21 = linalg.fill ins(%cst_0 : f32) outs(%2 : tensor<f32>) -> tensor<f32>
    %22 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = []} ins(%18 : tensor<f32>) outs(%21 : tensor<f32>) {
    ^bb0(%in: f32, %out: f32):
      %24 = arith.addf %in, %out : f32
      linalg.yield %24 : f32
    } -> tensor<f32>
    %23 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = []} ins(%22, %20 : tensor<f32>, tensor<f32>) outs(%2 : tensor<f32>) {
    ^bb0(%in: f32, %in_4: f32, %out: f32):
      %24 = arith.divf %in, %in_4 : f32
      linalg.yield %24 : f32
    } -> tensor<f32>
    return %23 : tensor<f32>
  }
}
