// What the verifiers refuse, and how they say it.
// RUN: %mlir-opt %s --split-input-file --verify-diagnostics

func.func @target_shape(%x: tensor<4x5x6xf32>, %t: tensor<4x5xi64>, %l: tensor<f32>, %z: tensor<4x6xf32>) {
  // expected-error @+1 {{'lossgen.cross_entropy_forward' op target must have the shape of logits without the class axis (axis 1), got logits 'tensor<4x5x6xf32>' and target 'tensor<4x5xi64>'}}
  %r:3 = lossgen.cross_entropy_forward mean ins(%x, %t : tensor<4x5x6xf32>, tensor<4x5xi64>)
      outs(%l, %z, %l : tensor<f32>, tensor<4x6xf32>, tensor<f32>)
  return
}

// -----

func.func @target_rank(%x: tensor<4x5xf32>, %t: tensor<4x1xi64>, %l: tensor<f32>) {
  // expected-error @+1 {{target must have the shape of log_probs without the class axis (axis 1), got log_probs 'tensor<4x5xf32>' and target 'tensor<4x1xi64>'}}
  %r:2 = lossgen.nll_loss_forward mean ins(%x, %t : tensor<4x5xf32>, tensor<4x1xi64>)
      outs(%l, %l : tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @target_type(%x: tensor<4x5xf32>, %t: tensor<4xi8>, %l: tensor<f32>) {
  // expected-error @+1 {{operand #1 must be ranked tensor or memref of i32 or i64, but got 'tensor<4xi8>'}}
  %r:2 = lossgen.nll_loss_forward mean ins(%x, %t : tensor<4x5xf32>, tensor<4xi8>) outs(%l, %l : tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @scalar_logits(%x: tensor<f32>) {
  // expected-error @+1 {{logits must have a class axis: (C), (N, C) or (N, C, d1, ..., dK), got 'tensor<f32>'}}
  %r = lossgen.log_softmax_forward ins(%x : tensor<f32>) outs(%x : tensor<f32>)
  return
}

// -----

func.func @logits_type(%x: tensor<4x5xi32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor or memref of f16, bf16, f32 or f64, but got 'tensor<4x5xi32>'}}
  %r = lossgen.log_softmax_forward ins(%x : tensor<4x5xi32>) outs(%x : tensor<4x5xi32>)
  return
}

// -----

func.func @unranked(%x: tensor<*xf32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor or memref}}
  %r = lossgen.log_softmax_forward ins(%x : tensor<*xf32>) outs(%x : tensor<*xf32>)
  return
}

// -----

func.func @class_axis(%x: tensor<4x5xf32>) {
  // expected-error @+1 {{class_axis 2 is out of range for logits 'tensor<4x5xf32>'}}
  %r = lossgen.log_softmax_forward class_axis(2) ins(%x : tensor<4x5xf32>) outs(%x : tensor<4x5xf32>)
  return
}

// -----

func.func @class_axis_negative(%x: tensor<4x5xf32>) {
  // expected-error @+1 {{class_axis -3 is out of range for logits 'tensor<4x5xf32>'}}
  %r = lossgen.log_softmax_forward class_axis(-3) ins(%x : tensor<4x5xf32>) outs(%x : tensor<4x5xf32>)
  return
}

// -----

func.func @log_probs_shape(%x: tensor<4x5xf32>, %p: tensor<4x6xf32>) {
  // expected-error @+1 {{log_probs must have the shape and element type of logits, got logits 'tensor<4x5xf32>' and log_probs 'tensor<4x6xf32>'}}
  %r = lossgen.log_softmax_forward ins(%x : tensor<4x5xf32>) outs(%p : tensor<4x6xf32>)
  return
}

// -----

func.func @log_probs_type(%x: tensor<4x5xf16>, %p: tensor<4x5xf32>) {
  // expected-error @+1 {{log_probs must have the shape and element type of grad, got grad 'tensor<4x5xf16>' and log_probs 'tensor<4x5xf32>'}}
  %r = lossgen.log_softmax_backward ins(%x, %p : tensor<4x5xf16>, tensor<4x5xf32>) outs(%x : tensor<4x5xf16>)
  return
}

// -----

func.func @loss_rank(%x: tensor<4x5xf32>, %t: tensor<4xi64>, %l: tensor<4xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{loss must have rank 0 for reduction sum, got log_probs 'tensor<4x5xf32>' and loss 'tensor<4xf32>'}}
  %r:2 = lossgen.nll_loss_forward sum ins(%x, %t : tensor<4x5xf32>, tensor<4xi64>) outs(%l, %s : tensor<4xf32>, tensor<f32>)
  return
}

// -----

func.func @loss_shape(%x: tensor<4x5xf32>, %t: tensor<4xi64>, %s: tensor<f32>) {
  // expected-error @+1 {{loss must have the shape of log_probs without the class axis (axis 1), got log_probs 'tensor<4x5xf32>' and loss 'tensor<f32>'}}
  %r:2 = lossgen.nll_loss_forward none ins(%x, %t : tensor<4x5xf32>, tensor<4xi64>) outs(%s, %s : tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @loss_type(%x: tensor<4x5xbf16>, %t: tensor<4xi64>, %l: tensor<f64>, %s: tensor<f32>) {
  // expected-error @+1 {{loss must have elements of 'f32' or 'bf16' for log_probs 'tensor<4x5xbf16>', got 'tensor<f64>'}}
  %r:2 = lossgen.nll_loss_forward sum ins(%x, %t : tensor<4x5xbf16>, tensor<4xi64>) outs(%l, %s : tensor<f64>, tensor<f32>)
  return
}

// -----

func.func @total_weight_type(%x: tensor<4x5xf64>, %t: tensor<4xi64>, %l: tensor<f64>, %s: tensor<f32>) {
  // expected-error @+1 {{total_weight must have elements of 'f64' for log_probs 'tensor<4x5xf64>', got 'tensor<f32>'}}
  %r:2 = lossgen.nll_loss_forward sum ins(%x, %t : tensor<4x5xf64>, tensor<4xi64>) outs(%l, %s : tensor<f64>, tensor<f32>)
  return
}

// -----

func.func @total_weight_rank(%t: tensor<4xi64>, %g: tensor<f32>, %s: tensor<4xf32>, %o: tensor<4x5xf32>) {
  // expected-error @+1 {{total_weight must have rank 0, got grad_log_probs 'tensor<4x5xf32>' and total_weight 'tensor<4xf32>'}}
  %r = lossgen.nll_loss_backward mean ins(%g, %t, %s : tensor<f32>, tensor<4xi64>, tensor<4xf32>) outs(%o : tensor<4x5xf32>)
  return
}

// -----

func.func @lse_shape(%x: tensor<4x5xf32>, %t: tensor<4xi64>, %z: tensor<5xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{lse must have the shape of logits without the class axis (axis 1), got logits 'tensor<4x5xf32>' and lse 'tensor<5xf32>'}}
  %r = lossgen.cross_entropy_backward mean
      ins(%s, %x, %t, %z, %s : tensor<f32>, tensor<4x5xf32>, tensor<4xi64>, tensor<5xf32>, tensor<f32>)
      outs(%x : tensor<4x5xf32>)
  return
}

// -----

func.func @lse_type(%x: tensor<4x5xf16>, %t: tensor<4xi64>, %z: tensor<4xf16>, %s: tensor<f32>) {
  // expected-error @+1 {{lse must have elements of 'f32' for logits 'tensor<4x5xf16>', got 'tensor<4xf16>'}}
  %r:3 = lossgen.cross_entropy_forward mean ins(%x, %t : tensor<4x5xf16>, tensor<4xi64>)
      outs(%s, %z, %s : tensor<f32>, tensor<4xf16>, tensor<f32>)
  return
}

// -----

func.func @weight_length(%x: tensor<4x5xf32>, %t: tensor<4xi64>, %w: tensor<4xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{weight must have one element per class, got log_probs 'tensor<4x5xf32>' (class axis 1) and weight 'tensor<4xf32>'}}
  %r:2 = lossgen.nll_loss_forward mean ins(%x, %t, %w : tensor<4x5xf32>, tensor<4xi64>, tensor<4xf32>)
      outs(%s, %s : tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @weight_rank(%x: tensor<4x5xf32>, %t: tensor<4xi64>, %w: tensor<1x5xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{weight must have one element per class, got log_probs 'tensor<4x5xf32>' (class axis 1) and weight 'tensor<1x5xf32>'}}
  %r:2 = lossgen.nll_loss_forward mean ins(%x, %t, %w : tensor<4x5xf32>, tensor<4xi64>, tensor<1x5xf32>)
      outs(%s, %s : tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @grad_logits(%x: tensor<?x5xf32>, %t: tensor<?xi64>, %z: tensor<?xf32>, %s: tensor<f32>, %g: tensor<?x4xf32>) {
  // expected-error @+1 {{grad_logits must have the shape and element type of logits, got logits 'tensor<?x5xf32>' and grad_logits 'tensor<?x4xf32>'}}
  %r:4 = lossgen.cross_entropy_forward_backward sum ins(%s, %x, %t : tensor<f32>, tensor<?x5xf32>, tensor<?xi64>)
      outs(%s, %z, %s, %g : tensor<f32>, tensor<?xf32>, tensor<f32>, tensor<?x4xf32>)
  return
}

// -----

func.func @weight_type(%x: tensor<4x5xf32>, %t: tensor<4xi64>, %w: tensor<5xf16>, %s: tensor<f32>) {
  // expected-error @+1 {{weight must have elements of 'f32' for log_probs 'tensor<4x5xf32>', got 'tensor<5xf16>'}}
  %r:2 = lossgen.nll_loss_forward mean ins(%x, %t, %w : tensor<4x5xf32>, tensor<4xi64>, tensor<5xf16>)
      outs(%s, %s : tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @smoothing(%x: tensor<5xf32>, %t: tensor<i64>, %s: tensor<f32>) {
  // expected-error @+1 {{label_smoothing must be in [0, 1], got 1.5}}
  %r:3 = lossgen.cross_entropy_forward mean label_smoothing(1.5) ins(%x, %t : tensor<5xf32>, tensor<i64>)
      outs(%s, %s, %s : tensor<f32>, tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @smoothing_nan(%x: tensor<5xf32>, %t: tensor<i64>, %s: tensor<f32>) {
  // expected-error @+1 {{label_smoothing must be in [0, 1]}}
  %r:3 = lossgen.cross_entropy_forward mean label_smoothing(0x7FF8000000000000) ins(%x, %t : tensor<5xf32>, tensor<i64>)
      outs(%s, %s, %s : tensor<f32>, tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @mixture(%x: tensor<4x5xf32>, %m: memref<4x5xf32>) {
  // expected-error @+1 {{takes tensors or memrefs, not a mixture of both, got 'tensor<4x5xf32>', 'memref<4x5xf32>'}}
  lossgen.log_softmax_forward ins(%x : tensor<4x5xf32>) outs(%m : memref<4x5xf32>)
  return
}

// -----

func.func @memory_space(%m: memref<4x5xf32, 1>) {
  // expected-error @+1 {{takes memrefs in the default memory space, got 'memref<4x5xf32, 1>'}}
  lossgen.log_softmax_forward ins(%m : memref<4x5xf32, 1>) outs(%m : memref<4x5xf32, 1>)
  return
}

// -----

func.func @grad_and_loss(%x: tensor<4x5xf16>, %t: tensor<4xi64>, %g: tensor<f16>, %s: tensor<f32>, %z: tensor<4xf32>) {
  // expected-error @+1 {{grad_loss and loss must have the same element type, got 'tensor<f16>' and 'tensor<f32>'}}
  %r:4 = lossgen.cross_entropy_forward_backward mean ins(%g, %x, %t : tensor<f16>, tensor<4x5xf16>, tensor<4xi64>)
      outs(%s, %z, %s, %x : tensor<f32>, tensor<4xf32>, tensor<f32>, tensor<4x5xf16>)
  return
}

// -----

func.func @reduction(%x: tensor<5xf32>, %t: tensor<i64>, %s: tensor<f32>) {
  // expected-error @+1 {{expected string or keyword containing one of the following enum values for attribute 'reduction' [mean, sum, none]}}
  %r:2 = lossgen.nll_loss_forward average ins(%x, %t : tensor<5xf32>, tensor<i64>) outs(%s, %s : tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @generic_form(%x: tensor<5xf32>, %t: tensor<i64>) {
  // expected-error @+1 {{expected 4 or more operands, but found 2}}
  %r = "lossgen.nll_loss_forward"(%x, %t) <{reduction = 0 : i32}> : (tensor<5xf32>, tensor<i64>) -> tensor<5xf32>
  return
}

// -----

func.func @too_few(%x: tensor<5xf32>) {
  // expected-error @+1 {{expected 2 operands, but found 1}}
  %r = "lossgen.log_softmax_forward"(%x) : (tensor<5xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @no_reduction(%x: tensor<5xf32>, %t: tensor<i64>, %s: tensor<f32>) {
  // expected-error @+1 {{requires attribute 'reduction'}}
  %r:2 = "lossgen.nll_loss_forward"(%x, %t, %s, %s) <{class_axis = 0 : i64}>
      : (tensor<5xf32>, tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  return
}

// -----

func.func @result_type(%x: tensor<5xf32>) {
  // expected-error @+1 {{expected type of operand #1 ('tensor<5xf32>') to match type of corresponding result ('tensor<6xf32>')}}
  %r = "lossgen.log_softmax_forward"(%x, %x) : (tensor<5xf32>, tensor<5xf32>) -> tensor<6xf32>
  return
}
