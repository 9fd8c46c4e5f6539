; Instructions of x86-64-v4 that Halide does not emit, as functions that it calls: `name` of one number, `namexN` of N lanes.
; avx512.inc is `llvm-as-14 -opaque-pointers avx512.ll -o - | xxd -i -c 32`: bitcode of an old LLVM is read by every newer one.
target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64--linux-gnu"

; e^d: 2^(k/32 + f) with k whole and |f| <= 1/64, from a table of 2^(k/32) below 2, and 2^f - 1 = f (c1 + c2 f), fitted for least relative
; error, 5.3e-8; the table's rounding adds 5.6e-8. scalef's floor takes k/32's whole part, so the table's share is never needed apart.
; For |d| <= 9e4, beyond which the large number that rounds does not round to thirty-seconds; from 88.7 on inf or NaN, never below 0.
; (Zen 5, L1, cycles for 16 lanes with a sum: 5.2 for a polynomial of degree 5, 4.1 so; 11 instructions with subtraction, clamp and sum in place of 13, and the chain shorter.)
define weak_odr <16 x float> @lossgen_expx16(<16 x float> %d) #0 {
  %rounded = call <16 x float> @llvm.fma.v16f32(<16 x float> %d, <16 x float> <float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000>, <16 x float> <float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000>)
  %n = fsub <16 x float> %rounded, <float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000, float 0x4118000000000000>
  %minus_n = fneg <16 x float> %n
  %f = call <16 x float> @llvm.fma.v16f32(<16 x float> %d, <16 x float> <float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000, float 0x3FF7154760000000>, <16 x float> %minus_n)
  %k = bitcast <16 x float> %rounded to <16 x i32>
  %entry = call <16 x float> @llvm.x86.avx512.vpermi2var.ps.512(<16 x float> <float 0x3FF0000000000000, float 0x3FF059B0E0000000, float 0x3FF0B55860000000, float 0x3FF11301E0000000, float 0x3FF172B840000000, float 0x3FF1D48740000000, float 0x3FF2387A60000000, float 0x3FF29E9E00000000, float 0x3FF306FE00000000, float 0x3FF371A740000000, float 0x3FF3DEA640000000, float 0x3FF44E0860000000, float 0x3FF4BFDAE0000000, float 0x3FF5342B60000000, float 0x3FF5AB07E0000000, float 0x3FF6247EC0000000>, <16 x i32> %k, <16 x float> <float 0x3FF6A09E60000000, float 0x3FF71F75E0000000, float 0x3FF7A11480000000, float 0x3FF82589A0000000, float 0x3FF8ACE540000000, float 0x3FF93737C0000000, float 0x3FF9C49180000000, float 0x3FFA5503C0000000, float 0x3FFAE89FA0000000, float 0x3FFB7F7700000000, float 0x3FFC199BE0000000, float 0x3FFCB720E0000000, float 0x3FFD5818E0000000, float 0x3FFDFC9740000000, float 0x3FFEA4AFA0000000, float 0x3FFF507660000000>)
  %power = call <16 x float> @llvm.x86.avx512.mask.scalef.ps.512(<16 x float> %entry, <16 x float> %n, <16 x float> zeroinitializer, i16 -1, i32 4)
  %slope = call <16 x float> @llvm.fma.v16f32(<16 x float> %f, <16 x float> <float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000, float 0x3FCEBFBDE0000000>, <16 x float> <float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000, float 0x3FE62E5840000000>)
  %rest = fmul <16 x float> %f, %slope
  %r = call <16 x float> @llvm.fma.v16f32(<16 x float> %power, <16 x float> %rest, <16 x float> %power)
  ret <16 x float> %r
}
define weak_odr <8 x float> @lossgen_expx8(<8 x float> %d) #0 {
  %wide = shufflevector <8 x float> %d, <8 x float> undef, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef>
  %all = call <16 x float> @lossgen_expx16(<16 x float> %wide)
  %r = shufflevector <16 x float> %all, <16 x float> undef, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7>
  ret <8 x float> %r
}
define weak_odr <4 x float> @lossgen_expx4(<4 x float> %d) #0 {
  %wide = shufflevector <4 x float> %d, <4 x float> undef, <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef, i32 undef>
  %all = call <16 x float> @lossgen_expx16(<16 x float> %wide)
  %r = shufflevector <16 x float> %all, <16 x float> undef, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  ret <4 x float> %r
}
define weak_odr float @lossgen_exp(float %d) #0 {
  %wide = insertelement <16 x float> undef, float %d, i32 0
  %all = call <16 x float> @lossgen_expx16(<16 x float> %wide)
  %r = extractelement <16 x float> %all, i32 0
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
declare <16 x float> @llvm.x86.avx512.vpermi2var.ps.512(<16 x float>, <16 x i32>, <16 x float>)
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>)
declare <4 x float> @llvm.fma.v4f32(<4 x float>, <4 x float>, <4 x float>)
declare float @llvm.fma.f32(float, float, float)

attributes #0 = { alwaysinline nounwind readnone "target-features"="+fma,+avx512f,+avx512vl,+avx512dq" }
attributes #1 = { alwaysinline nounwind "target-features"="+fma,+avx512f,+avx512vl,+avx512dq" }
!0 = !{i32 1}
