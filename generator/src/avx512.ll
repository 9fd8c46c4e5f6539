; Instructions of x86-64-v4 that Halide does not emit, as functions that it calls: `name` of one number, `namexN` of N lanes.
; avx512.inc is `llvm-as-14 -opaque-pointers avx512.ll -o - | xxd -i -c 32`: bitcode of an old LLVM is read by every newer one.
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64--linux-gnu"

; p * 2^floor(t), with the right limits for all t, and NaN for NaN.
define weak_odr <16 x float> @lossgen_scaledx16(<16 x float> %p, <16 x float> %t) #0 {
  %r = call <16 x float> @llvm.x86.avx512.mask.scalef.ps.512(<16 x float> %p, <16 x float> %t, <16 x float> zeroinitializer, i16 -1, i32 4)
  ret <16 x float> %r
}
define weak_odr <8 x float> @lossgen_scaledx8(<8 x float> %p, <8 x float> %t) #0 {
  %r = call <8 x float> @llvm.x86.avx512.mask.scalef.ps.256(<8 x float> %p, <8 x float> %t, <8 x float> zeroinitializer, i8 -1)
  ret <8 x float> %r
}
define weak_odr <4 x float> @lossgen_scaledx4(<4 x float> %p, <4 x float> %t) #0 {
  %r = call <4 x float> @llvm.x86.avx512.mask.scalef.ps.128(<4 x float> %p, <4 x float> %t, <4 x float> zeroinitializer, i8 -1)
  ret <4 x float> %r
}
define weak_odr float @lossgen_scaled(float %p, float %t) #0 {
  %p4 = insertelement <4 x float> zeroinitializer, float %p, i32 0
  %t4 = insertelement <4 x float> zeroinitializer, float %t, i32 0
  %r4 = call <4 x float> @lossgen_scaledx4(<4 x float> %p4, <4 x float> %t4)
  %r = extractelement <4 x float> %r4, i32 0
  ret float %r
}

; a * b - c in one rounding, always: left to the optimiser, one of two equal expressions may be fused and the other not.
define weak_odr <16 x float> @lossgen_fused_subtractx16(<16 x float> %a, <16 x float> %b, <16 x float> %c) #0 {
  %minus = fneg <16 x float> %c
  %r = call <16 x float> @llvm.fma.v16f32(<16 x float> %a, <16 x float> %b, <16 x float> %minus)
  ret <16 x float> %r
}
define weak_odr <8 x float> @lossgen_fused_subtractx8(<8 x float> %a, <8 x float> %b, <8 x float> %c) #0 {
  %minus = fneg <8 x float> %c
  %r = call <8 x float> @llvm.fma.v8f32(<8 x float> %a, <8 x float> %b, <8 x float> %minus)
  ret <8 x float> %r
}
define weak_odr <4 x float> @lossgen_fused_subtractx4(<4 x float> %a, <4 x float> %b, <4 x float> %c) #0 {
  %minus = fneg <4 x float> %c
  %r = call <4 x float> @llvm.fma.v4f32(<4 x float> %a, <4 x float> %b, <4 x float> %minus)
  ret <4 x float> %r
}
define weak_odr float @lossgen_fused_subtract(float %a, float %b, float %c) #0 {
  %minus = fneg float %c
  %r = call float @llvm.fma.f32(float %a, float %b, float %minus)
  ret float %r
}

; a * b + c likewise.
define weak_odr <16 x float> @lossgen_fused_addx16(<16 x float> %a, <16 x float> %b, <16 x float> %c) #0 {
  %r = call <16 x float> @llvm.fma.v16f32(<16 x float> %a, <16 x float> %b, <16 x float> %c)
  ret <16 x float> %r
}
define weak_odr <8 x float> @lossgen_fused_addx8(<8 x float> %a, <8 x float> %b, <8 x float> %c) #0 {
  %r = call <8 x float> @llvm.fma.v8f32(<8 x float> %a, <8 x float> %b, <8 x float> %c)
  ret <8 x float> %r
}
define weak_odr <4 x float> @lossgen_fused_addx4(<4 x float> %a, <4 x float> %b, <4 x float> %c) #0 {
  %r = call <4 x float> @llvm.fma.v4f32(<4 x float> %a, <4 x float> %b, <4 x float> %c)
  ret <4 x float> %r
}
define weak_odr float @lossgen_fused_add(float %a, float %b, float %c) #0 {
  %r = call float @llvm.fma.f32(float %a, float %b, float %c)
  ret float %r
}

; Sixteen numbers past the caches, to a multiple of 64 bytes.
define weak_odr i32 @lossgen_stream(ptr %base, i32 %index, <16 x float> %x) #1 {
  %i = sext i32 %index to i64
  %to = getelementptr float, ptr %base, i64 %i
  store <16 x float> %x, ptr %to, align 64, !nontemporal !0
  ret i32 0
}

declare <16 x float> @llvm.x86.avx512.mask.scalef.ps.512(<16 x float>, <16 x float>, <16 x float>, i16, i32)
declare <8 x float> @llvm.x86.avx512.mask.scalef.ps.256(<8 x float>, <8 x float>, <8 x float>, i8)
declare <4 x float> @llvm.x86.avx512.mask.scalef.ps.128(<4 x float>, <4 x float>, <4 x float>, i8)
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>)
declare <4 x float> @llvm.fma.v4f32(<4 x float>, <4 x float>, <4 x float>)
declare float @llvm.fma.f32(float, float, float)

attributes #0 = { alwaysinline nounwind readnone "target-features"="+fma,+avx512f,+avx512vl,+avx512dq" }
attributes #1 = { alwaysinline nounwind "target-features"="+fma,+avx512f,+avx512vl,+avx512dq" }
!0 = !{i32 1}
