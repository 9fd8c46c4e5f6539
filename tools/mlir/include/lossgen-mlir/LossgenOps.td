// The lossgen dialect: log-softmax, negative log-likelihood and cross entropy as whole operations.
#ifndef LOSSGEN_MLIR_OPS_TD
#define LOSSGEN_MLIR_OPS_TD

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Lossgen_Dialect : Dialect {
  let name = "lossgen";
  let cppNamespace = "::mlir::lossgen";
  let summary = "Classification losses as whole operations";
  let description = [{
    log_softmax, nll_loss and cross_entropy, forward, backward and both in one pass, as the lossgen C library computes
    them. All ops are in destination style, on tensors or on memrefs.

    Logits have the shape (C), (N, C) or (N, C, d1, ..., dK); the target has the same shape without the class axis.
    A *row* is one element of the target. `class_axis` names another class axis; a negative one counts from the end.
    The accumulation type S is f64 for f64 logits and f32 for all others.
  }];
}

// ---- Attributes ---------------------------------------------------------------------------------------------------

// The numbers are those of lossgen_reduction and lossgen_bounds in lossgen.h.
def Lossgen_Reduction : I32EnumAttr<"Reduction", "how the losses of the rows become the loss", [
    I32EnumAttrCase<"Mean", 0, "mean">, I32EnumAttrCase<"Sum", 1, "sum">, I32EnumAttrCase<"None", 2, "none">]> {
  let cppNamespace = "::mlir::lossgen";
}
def Lossgen_Bounds : I32EnumAttr<"Bounds", "what a class outside [0, C) does", [
    I32EnumAttrCase<"Trap", 0, "trap">, I32EnumAttrCase<"Ignore", 1, "ignore">]> {
  let cppNamespace = "::mlir::lossgen";
}

// ---- Operands -----------------------------------------------------------------------------------------------------

def Lossgen_Float : AnyTypeOf<[RankedTensorOf<[F16, BF16, F32, F64]>, MemRefOf<[F16, BF16, F32, F64]>],
    "ranked tensor or memref of f16, bf16, f32 or f64">;
def Lossgen_Target : AnyTypeOf<[RankedTensorOf<[I32, I64]>, MemRefOf<[I32, I64]>],
    "ranked tensor or memref of i32 or i64">;

class Lossgen_Op<string mnemonic, int inits> : Op<Lossgen_Dialect, mnemonic, [
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let results = (outs Variadic<AnyRankedTensor>:$results);
  // The inits are the last operands of every op.
  int numInits = inits;
  code sharedDeclarations = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return ::mlir::MutableOperandRange(getOperation(), getNumOperands() - }] # inits # [{, }] # inits # [{);
    }
    /// The tensor or memref with the class axis whose element type names the kernel.
    ::mlir::ShapedType getClassType();
    /// The class axis, counted from the front.
    int64_t getClassDim() { return ::mlir::lossgen::classDim(getClassType().getRank(), getClassAxis()); }
  }];
  let extraClassDeclaration = sharedDeclarations;
}

class Lossgen_LossOp<string mnemonic, int inits> : Lossgen_Op<mnemonic, inits> {
  let extraClassDeclaration = sharedDeclarations # [{
    ::mlir::lossgen::Bounds getBoundsOrTrap() { return getBounds().value_or(::mlir::lossgen::Bounds::Trap); }
  }];
}

// What the loss ops add to their own operands: reduction and the options of the C API.
defvar classAxis = (ins OptionalAttr<I64Attr>:$class_axis);
defvar options = (ins Lossgen_Reduction:$reduction, OptionalAttr<I64Attr>:$ignore_index,
                      OptionalAttr<I64Attr>:$class_axis, OptionalAttr<Lossgen_Bounds>:$bounds);
defvar smoothOptions = !con(options, (ins OptionalAttr<F64Attr>:$label_smoothing));

defvar axisFormat = "(`class_axis` `(` $class_axis^ `)`)? ";
defvar optionsFormat = !strconcat("$reduction (`ignore_index` `(` $ignore_index^ `)`)? ", axisFormat,
                                  "(`bounds` `(` $bounds^ `)`)? ");
defvar smoothFormat = !strconcat(optionsFormat, "(`label_smoothing` `(` $label_smoothing^ `)`)? ");

// ---- log_softmax --------------------------------------------------------------------------------------------------

def Lossgen_LogSoftmaxForwardOp : Lossgen_Op<"log_softmax_forward", 1> {
  let summary = "log_probs[r, c] = logits[r, c] - log(sum_k exp(logits[r, k]))";
  let description = [{
    Same shape and element type in and out; in place on memrefs is allowed.

    ```mlir
    %p = lossgen.log_softmax_forward ins(%x : tensor<4x8xf32>) outs(%init : tensor<4x8xf32>)
    ```
  }];
  let arguments = !con((ins Lossgen_Float:$logits, Lossgen_Float:$log_probs), classAxis);
  let assemblyFormat = !strconcat(axisFormat, [{
    `ins` `(` $logits `:` type($logits) `)` `outs` `(` $log_probs `:` type($log_probs) `)` attr-dict
  }]);
}

def Lossgen_LogSoftmaxBackwardOp : Lossgen_Op<"log_softmax_backward", 1> {
  let summary = "grad_logits[r, c] = grad[r, c] - exp(log_probs[r, c]) * sum_k grad[r, k]";
  let description = [{
    ```mlir
    %g = lossgen.log_softmax_backward ins(%grad, %p : tensor<4x8xf32>, tensor<4x8xf32>)
                                      outs(%init : tensor<4x8xf32>)
    ```
  }];
  let arguments = !con((ins Lossgen_Float:$grad, Lossgen_Float:$log_probs, Lossgen_Float:$grad_logits), classAxis);
  let assemblyFormat = !strconcat(axisFormat, [{
    `ins` `(` $grad `,` $log_probs `:` type($grad) `,` type($log_probs) `)`
    `outs` `(` $grad_logits `:` type($grad_logits) `)` attr-dict
  }]);
}

// ---- nll_loss -----------------------------------------------------------------------------------------------------

def Lossgen_NllLossForwardOp : Lossgen_LossOp<"nll_loss_forward", 2> {
  let summary = "nll[r] = -weight[y_r] * log_probs[r, y_r], reduced";
  let description = [{
    `loss` is rank 0 for mean and sum and has the target's shape for none; its elements are S or the log-probs' type.
    `total_weight` (rank 0, S) is the denominator of mean and 0 for the other reductions. Rows whose class is
    `ignore_index` have loss 0 and no share in the denominator; without the attribute no row is ignored. A class
    outside [0, C) traps, or counts as ignored with `bounds(ignore)`.

    ```mlir
    %l, %w = lossgen.nll_loss_forward mean ignore_index(-100)
        ins(%p, %t : tensor<4x8xf32>, tensor<4xi64>) outs(%l0, %w0 : tensor<f32>, tensor<f32>)
    ```
  }];
  let arguments = !con((ins Lossgen_Float:$log_probs, Lossgen_Target:$target, Optional<Lossgen_Float>:$weight,
      Lossgen_Float:$loss, Lossgen_Float:$total_weight), options);
  let assemblyFormat = !strconcat(optionsFormat, [{
    `ins` `(` $log_probs `,` $target (`,` $weight^)? `:` type($log_probs) `,` type($target) (`,` type($weight)^)? `)`
    `outs` `(` $loss `,` $total_weight `:` type($loss) `,` type($total_weight) `)` attr-dict
  }]);
}

def Lossgen_NllLossBackwardOp : Lossgen_LossOp<"nll_loss_backward", 1> {
  let summary = "grad_log_probs[r, c] = -g_r * weight[y_r] * (c == y_r)";
  let description = [{
    `grad_loss` is the upstream gradient g: rank 0 for mean and sum, the target's shape for none. For mean it is divided
    by `total_weight`, as forward wrote it.

    ```mlir
    %g = lossgen.nll_loss_backward mean ignore_index(-100)
        ins(%gl, %t, %w : tensor<f32>, tensor<4xi64>, tensor<f32>) outs(%init : tensor<4x8xf32>)
    ```
  }];
  let arguments = !con((ins Lossgen_Float:$grad_loss, Lossgen_Target:$target, Lossgen_Float:$total_weight,
      Optional<Lossgen_Float>:$weight, Lossgen_Float:$grad_log_probs), options);
  let assemblyFormat = !strconcat(optionsFormat, [{
    `ins` `(` $grad_loss `,` $target `,` $total_weight (`,` $weight^)?
    `:` type($grad_loss) `,` type($target) `,` type($total_weight) (`,` type($weight)^)? `)`
    `outs` `(` $grad_log_probs `:` type($grad_log_probs) `)` attr-dict
  }]);
}

// ---- cross_entropy ------------------------------------------------------------------------------------------------

def Lossgen_CrossEntropyForwardOp : Lossgen_LossOp<"cross_entropy_forward", 3> {
  let summary = "nll_loss(log_softmax(logits), target) in one pass";
  let description = [{
    nll[r] = weight[y_r] * (lse_r - logits[r, y_r]), reduced as nll_loss does. `lse` (the target's shape, S) is
    log(sum_c exp(logits[r, c])) of every row, of ignored ones too. With `label_smoothing(e)` the row's loss is
    (1 - e) * nll[r] + e / C * sum_c weight[c] * (lse_r - logits[r, c]).

    ```mlir
    %l, %z, %w = lossgen.cross_entropy_forward mean ignore_index(-100)
        ins(%x, %t : tensor<4x8xf32>, tensor<4xi64>)
        outs(%l0, %z0, %w0 : tensor<f32>, tensor<4xf32>, tensor<f32>)
    ```
  }];
  let arguments = !con((ins Lossgen_Float:$logits, Lossgen_Target:$target, Optional<Lossgen_Float>:$weight,
      Lossgen_Float:$loss, Lossgen_Float:$lse, Lossgen_Float:$total_weight), smoothOptions);
  let assemblyFormat = !strconcat(smoothFormat, [{
    `ins` `(` $logits `,` $target (`,` $weight^)? `:` type($logits) `,` type($target) (`,` type($weight)^)? `)`
    `outs` `(` $loss `,` $lse `,` $total_weight `:` type($loss) `,` type($lse) `,` type($total_weight) `)` attr-dict
  }]);
}

def Lossgen_CrossEntropyBackwardOp : Lossgen_LossOp<"cross_entropy_backward", 1> {
  let summary = "the gradient of cross_entropy_forward with respect to the logits";
  let description = [{
    grad_logits[r, c] = g_r * weight[y_r] / d * (exp(logits[r, c] - lse_r) - (c == y_r)), where d is `total_weight` for
    mean and 1 otherwise; 0 for ignored rows. Smoothing spreads e / C of the second term over all classes. In place on
    memrefs is allowed (grad_logits is logits).

    ```mlir
    %g = lossgen.cross_entropy_backward mean ignore_index(-100)
        ins(%gl, %x, %t, %z, %w : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>, tensor<4xf32>, tensor<f32>)
        outs(%init : tensor<4x8xf32>)
    ```
  }];
  let arguments = !con((ins Lossgen_Float:$grad_loss, Lossgen_Float:$logits, Lossgen_Target:$target,
      Lossgen_Float:$lse, Lossgen_Float:$total_weight, Optional<Lossgen_Float>:$weight,
      Lossgen_Float:$grad_logits), smoothOptions);
  let assemblyFormat = !strconcat(smoothFormat, [{
    `ins` `(` $grad_loss `,` $logits `,` $target `,` $lse `,` $total_weight (`,` $weight^)?
    `:` type($grad_loss) `,` type($logits) `,` type($target) `,` type($lse) `,` type($total_weight)
    (`,` type($weight)^)? `)`
    `outs` `(` $grad_logits `:` type($grad_logits) `)` attr-dict
  }]);
}

def Lossgen_CrossEntropyForwardBackwardOp : Lossgen_LossOp<"cross_entropy_forward_backward", 4> {
  let summary = "loss and gradient in one pass over memory";
  let description = [{
    cross_entropy_forward and cross_entropy_backward of the same operands; fastest in place on memrefs (grad_logits is
    logits).

    ```mlir
    %l, %z, %w, %g = lossgen.cross_entropy_forward_backward mean ignore_index(-100)
        ins(%gl, %x, %t : tensor<f32>, tensor<4x8xf32>, tensor<4xi64>)
        outs(%l0, %z0, %w0, %g0 : tensor<f32>, tensor<4xf32>, tensor<f32>, tensor<4x8xf32>)
    ```
  }];
  let arguments = !con((ins Lossgen_Float:$grad_loss, Lossgen_Float:$logits, Lossgen_Target:$target,
      Optional<Lossgen_Float>:$weight, Lossgen_Float:$loss, Lossgen_Float:$lse, Lossgen_Float:$total_weight,
      Lossgen_Float:$grad_logits), smoothOptions);
  let assemblyFormat = !strconcat(smoothFormat, [{
    `ins` `(` $grad_loss `,` $logits `,` $target (`,` $weight^)?
    `:` type($grad_loss) `,` type($logits) `,` type($target) (`,` type($weight)^)? `)`
    `outs` `(` $loss `,` $lse `,` $total_weight `,` $grad_logits
    `:` type($loss) `,` type($lse) `,` type($total_weight) `,` type($grad_logits) `)` attr-dict
  }]);
}

#endif // LOSSGEN_MLIR_OPS_TD
