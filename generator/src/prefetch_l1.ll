; Halide's prefetch of one line, into L1 as its own prefetchnta does, but by prefetcht0, which Intel's servers do faster: for
; few classes, which are used as they come. prefetch_l1.inc is made of this as avx512.inc is.
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64--linux-gnu"

define weak_odr i32 @_halide_prefetch(ptr %address) alwaysinline nounwind {
  call void @llvm.prefetch.p0(ptr %address, i32 0, i32 3, i32 1)
  ret i32 0
}

declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
