#!/usr/bin/env python3
"""Prints what torch-mlir makes of PyTorch's losses: the inputs of tests/mlir.

    python3 -m venv v && v/bin/pip install torch torch-mlir
    v/bin/python tests/mlir/frontends/print_torch.py

writes frontends/torch/*.mlir beside this file (linalg on tensors, by fx) and frontends/stablehlo/*.mlir (by fx to
StableHLO, and from there to linalg). The files in the repository came from torch 2.15 and torch-mlir 20261001.
"""

import torch
import torch.nn.functional as F
from torch.export import Dim
from torch_mlir import fx

import lowering


def printed(function, arguments, output, dynamic=None):
    class Module(torch.nn.Module):
        def forward(self, *tensors):
            return function(*tensors)

    module = fx.export_and_import(Module(), *arguments, output_type=output, dynamic_shapes=dynamic)
    return module.operation.get_asm(large_elements_limit=10)


# Printed through StableHLO too; dynamic shapes do not reach linalg that way.
STABLEHLO = {"ce_mean", "ce_sum", "ce_none", "ce_kdim_mean", "ce_weight_mean", "ce_smooth_mean", "ce_kdim_weight_smooth",
             "ce_ignore_255", "ce_ignore_7", "ce_bf16", "nll_mean", "log_softmax", "logsumexp_minus_gather"}


def emit(name, function, *arguments, dynamic=None):
    lowering.write("torch", name, "torch-mlir", printed(function, arguments, "linalg-on-tensors", dynamic))
    if name in STABLEHLO:
        text = printed(function, arguments, "stablehlo")
        lowering.write("stablehlo", name, "torch-mlir by StableHLO", lowering.lowered(text, lowering.STABLEHLO))


def main():
    x, t, w = torch.zeros(4, 8), torch.zeros(4, dtype=torch.int64), torch.ones(8)
    xk, tk = torch.zeros(2, 8, 3, 5), torch.zeros(2, 3, 5, dtype=torch.int64)
    for reduction in ("mean", "sum", "none"):
        emit(f"ce_{reduction}", lambda x, t: F.cross_entropy(x, t, reduction=reduction), x, t)
        emit(f"ce_kdim_{reduction}", lambda x, t: F.cross_entropy(x, t, reduction=reduction), xk, tk)
        emit(f"ce_weight_{reduction}", lambda x, t, w: F.cross_entropy(x, t, w, reduction=reduction), x, t, w)
        emit(f"ce_smooth_{reduction}",
             lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1, reduction=reduction), x, t)
        emit(f"nll_{reduction}", lambda x, t: F.nll_loss(x, t, reduction=reduction), x, t)
    emit("ce_weight_smooth", lambda x, t, w: F.cross_entropy(x, t, w, label_smoothing=0.1), x, t, w)
    emit("ce_kdim_weight_smooth", lambda x, t, w: F.cross_entropy(x, t, w, label_smoothing=0.1), xk, tk, w)
    emit("ce_ignore_255", lambda x, t: F.cross_entropy(x, t, ignore_index=255), x, t)
    emit("ce_ignore_7", lambda x, t: F.cross_entropy(x, t, ignore_index=7), x, t)
    emit("ce_1d", lambda x, t: F.cross_entropy(x, t), x[0], t[0])
    emit("ce_bf16", lambda x, t: F.cross_entropy(x, t), x.bfloat16(), t)
    emit("ce_f16_none", lambda x, t: F.cross_entropy(x, t, reduction="none"), x.half(), t)
    emit("ce_f64", lambda x, t: F.cross_entropy(x, t), x.double(), t)
    emit("nll_weight", lambda x, t, w: F.nll_loss(x, t, w), x, t, w)
    emit("nll_kdim", lambda x, t: F.nll_loss(x, t), xk, tk)
    emit("log_softmax", lambda x: F.log_softmax(x, dim=1), x)
    emit("log_softmax_kdim", lambda x: F.log_softmax(x, dim=1), xk)
    emit("log_softmax_backward",
         lambda g, p: torch.ops.aten._log_softmax_backward_data(g, p, 1, torch.float32), x, x + 1)
    emit("ce_and_log_softmax", lambda x, t: (F.cross_entropy(x, t), F.log_softmax(x, dim=1)), x, t)
    emit("logsumexp_minus_gather",
         lambda x, t: (torch.logsumexp(x, 1) - x.gather(1, t.unsqueeze(1)).squeeze(1)).mean(), x, t)

    def with_z_loss(x, t):
        lse = torch.logsumexp(x, 1)
        return (lse - x.gather(1, t.unsqueeze(1)).squeeze(1)).mean() + 1e-4 * (lse * lse).mean()

    emit("z_loss", with_z_loss, x, t)
    n, c = Dim("n", min=2, max=4096), Dim("c", min=2, max=4096)
    emit("ce_dynamic_n", lambda x, t: F.cross_entropy(x, t), x, t, dynamic={"tensors": ({0: n}, {0: n})})
    emit("ce_dynamic_nc", lambda x, t: F.cross_entropy(x, t), x, t, dynamic={"tensors": ({0: n, 1: c}, {0: n})})
    emit("ce_flattened", lambda x, t: F.cross_entropy(x.view(-1, 8), t.view(-1)), torch.zeros(2, 3, 8), tk[:, :, 0])
    emit("ce_transposed", lambda x, t: F.cross_entropy(x.transpose(1, 2), t), torch.zeros(2, 3, 8), tk[:, :, 0])
    emit("ce_of_linear", lambda x, t, w: F.cross_entropy(x @ w, t), torch.zeros(4, 16), t, torch.zeros(16, 8))
    emit("ce_probabilities", lambda x, p: F.cross_entropy(x, p), x, x)
    emit("ce_scaled", lambda x, t: F.cross_entropy(x / 0.5, t), x, t)


if __name__ == "__main__":
    main()
