; Halide's prefetch of one line, into L2: its own is prefetchnta, which halves the bandwidth of Intel's servers and leaves
; the line out of L2, where the next pass wants it. Into L1 a core has only some twenty lines on their way, and lines of
; planes whose classes are a power of two apart push each other out. prefetch_l2.inc is made of this as avx512.inc is.
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64--linux-gnu"

define weak_odr i32 @_halide_prefetch(ptr %address) alwaysinline nounwind {
  call void @llvm.prefetch.p0(ptr %address, i32 0, i32 2, i32 1)
  ret i32 0
}

declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
