// What a module needs, and the requests that build exactly that.
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-request{library=m})' -o /dev/null | FileCheck %s --check-prefix=LIST
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-request{library=m format=cmake file=%t.cmake})' -o /dev/null
// RUN: FileCheck %s --check-prefix=CMAKE < %t.cmake
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-request{library=m format=emit})' -o /dev/null | FileCheck %s --check-prefix=EMIT
// RUN: %mlir-opt %s --pass-pipeline='builtin.module(lossgen-request{format=json})' -o /dev/null | FileCheck %s --check-prefix=JSON
// RUN: not %mlir-opt %s --pass-pipeline='builtin.module(lossgen-request{format=xml})' -o /dev/null 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not %mlir-opt %s --pass-pipeline='builtin.module(lossgen-request{library=a-b})' -o /dev/null 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not %mlir-opt %s --pass-pipeline='builtin.module(lossgen-request{file=/nowhere/x})' -o /dev/null 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: echo 'module {}' | %mlir-opt --pass-pipeline='builtin.module(lossgen-request{format=emit})' 2>&1 | FileCheck %s --check-prefix=NONE

// LIST-DAG: cross_entropy_forward f32 rows [4, 21] classes 21
// LIST-DAG: cross_entropy_forward_backward f32 planes [2, 21, 64, 64] classes 21
// LIST-DAG: log_softmax_forward bf16 rows [?, 50257] classes 50257
// LIST-DAG: log_softmax_forward bf16 strided [8, ?] classes ?
// LIST-DAG: nll_loss_forward f32 rows [4, 21] classes 21

// A request means all combinations of its words: as many requests as it takes to make no kernel that nobody calls.
// CMAKE:      lossgen_add_library(m_1
// CMAKE-NEXT:   OPS cross_entropy nll_loss
// CMAKE-NEXT:   DTYPES f32
// CMAKE-NEXT:   LAYOUTS rows
// CMAKE-NEXT:   CLASSES 21)
// CMAKE-NEXT: lossgen_add_library(m_2
// CMAKE-NEXT:   OPS cross_entropy
// CMAKE-NEXT:   DTYPES f32
// CMAKE-NEXT:   LAYOUTS planes
// CMAKE-NEXT:   CLASSES 21)
// CMAKE-NEXT: lossgen_add_library(m_3
// CMAKE-NEXT:   OPS log_softmax
// CMAKE-NEXT:   DTYPES bf16
// CMAKE-NEXT:   LAYOUTS rows
// CMAKE-NEXT:   CLASSES 50257)
// CMAKE-NEXT: lossgen_add_library(m_4
// CMAKE-NEXT:   OPS log_softmax
// CMAKE-NEXT:   DTYPES bf16
// CMAKE-NEXT:   LAYOUTS strided)
// CMAKE-NEXT: add_library(m INTERFACE)
// CMAKE-NEXT: target_link_libraries(m INTERFACE m_1 m_2 m_3 m_4)

// EMIT:      --library m_1 --ops cross_entropy nll_loss --dtypes f32 --layouts rows --classes 21
// EMIT-NEXT: --library m_2 --ops cross_entropy --dtypes f32 --layouts planes --classes 21
// EMIT-NEXT: --library m_3 --ops log_softmax --dtypes bf16 --layouts rows --classes 50257
// EMIT-NEXT: --library m_4 --ops log_softmax --dtypes bf16 --layouts strided{{$}}

// JSON: "classes": 21
// JSON: "dtype": "f32"
// JSON: "extents": [

// FORMAT: error: lossgen-request: format must be list, json, cmake or emit, got 'xml'
// NAME: error: lossgen-request: library must be a C identifier, got 'a-b'
// FILE: error: lossgen-request: cannot write '/nowhere/x': No such file or directory
// NONE: remark: lossgen-request: the module has no lossgen ops; run raise-linalg-to-lossgen before

func.func @model(%x: tensor<4x21xf32>, %t: tensor<4xi64>, %k: tensor<2x21x64x64xf32>, %tk: tensor<2x64x64xi64>,
                 %v: tensor<?x50257xbf16>, %m: memref<8x?xbf16, strided<[?, ?]>>, %s: tensor<f32>, %z: tensor<4xf32>,
                 %zk: tensor<2x64x64xf32>) -> (tensor<f32>, tensor<f32>, tensor<?x50257xbf16>) {
  %a:3 = lossgen.cross_entropy_forward mean ins(%x, %t : tensor<4x21xf32>, tensor<4xi64>)
      outs(%s, %z, %s : tensor<f32>, tensor<4xf32>, tensor<f32>)
  %b:2 = lossgen.nll_loss_forward mean ins(%x, %t : tensor<4x21xf32>, tensor<4xi64>) outs(%s, %s : tensor<f32>, tensor<f32>)
  %c:4 = lossgen.cross_entropy_forward_backward mean ins(%s, %k, %tk : tensor<f32>, tensor<2x21x64x64xf32>, tensor<2x64x64xi64>)
      outs(%s, %zk, %s, %k : tensor<f32>, tensor<2x64x64xf32>, tensor<f32>, tensor<2x21x64x64xf32>)
  %d = lossgen.log_softmax_forward ins(%v : tensor<?x50257xbf16>) outs(%v : tensor<?x50257xbf16>)
  lossgen.log_softmax_forward ins(%m : memref<8x?xbf16, strided<[?, ?]>>) outs(%m : memref<8x?xbf16, strided<[?, ?]>>)
  return %a#0, %b#0, %d : tensor<f32>, tensor<f32>, tensor<?x50257xbf16>
}
