"""Our errors beside PyTorch's own, on the same inputs, against f64: torch_error_test.py LIBRARY

For cross_entropy (loss, gradient) and log_softmax, f32 and bf16, the largest and the mean error over all inputs may not
exceed PyTorch's. Errors count in units of what the result is made of: a loss in ulps of max(|lse|, |x[y]|), a gradient
in ulps of 1, which the softmax in it is multiplied by, log_softmax in ulps of max(|log_prob|, 1), all of f32. A bf16
result is rounded by both in the end, which is nearly all of its error: there a hundredth more is a draw.
"""

import sys

import torch
import torch.nn.functional as F

from lossgen_torch import REDUCTIONS, Lossgen


def our_cross_entropy(library, x, y):
    loss, grad = torch.empty(y.shape, dtype=x.dtype), torch.empty_like(x)
    library.call("lossgen_cross_entropy_forward_backward", x, y, "options", loss, grad, None, reduction=REDUCTIONS["none"])
    return loss, grad


def our_log_softmax(library, x):
    out = torch.empty_like(x)
    library.call("lossgen_log_softmax_forward", x, None, out)
    return out


def torch_cross_entropy(x, y):
    x = x.clone().requires_grad_(True)
    loss = F.cross_entropy(x, y, reduction="none")
    loss.sum().backward()
    return loss.detach(), x.grad


def ulp(t):
    return torch.exp2(torch.floor(torch.log2(t)) - 23)


def inputs():
    """Names and logits; the class axis is 1."""
    torch.manual_seed(0)
    for shape in [(2000, 3), (500, 10), (100, 1000), (4, 50257), (2, 21, 40, 40)]:
        for spread in (1, 3, 10):
            yield f"normal {spread}", spread * torch.randn(shape)
        yield "offset 1e4", 3 * torch.randn(shape) + 1e4
        yield "wide", 400 * torch.rand(shape) - 200
        yield "equal", torch.randn(shape[0], *[1] * (len(shape) - 1)).expand(shape).contiguous()
        sure = 3 * torch.randn(shape)
        sure[:, 0] += 20  # a twentieth of the targets are class 0
        yield "sure", sure


def main():
    library = Lossgen(sys.argv[1])
    errors = {}  # (dtype, result, who) -> lists of errors

    def note(dtype, result, who, got, expected, scale):
        e = (got.double() - expected).abs() / ulp(scale)
        errors.setdefault((dtype, result, who), []).append(e.flatten())

    for _, logits in inputs():
        y = torch.randint(0, logits.shape[1], logits.shape[:1] + logits.shape[2:])
        y[torch.rand(y.shape) < 0.05] = 0
        for dtype in (torch.float32, torch.bfloat16):
            x = logits.to(dtype)
            wide = x.double()
            loss, grad = torch_cross_entropy(wide, y)
            log_probs = F.log_softmax(wide, 1)
            x_y = wide.gather(1, y.unsqueeze(1)).squeeze(1)
            scale = torch.maximum(torch.logsumexp(wide, 1).abs(), x_y.abs())
            ours, theirs = our_cross_entropy(library, x, y), torch_cross_entropy(x, y)
            for who, (l, g) in (("ours", ours), ("torch", theirs)):
                note(dtype, "loss", who, l, loss, scale)
                note(dtype, "gradient", who, g, grad, torch.ones(()).double())
            for who, lp in (("ours", our_log_softmax(library, x)), ("torch", F.log_softmax(x, 1))):
                note(dtype, "log_softmax", who, lp, log_probs, log_probs.abs().clamp(min=1))

    worse = 0
    print(f"{'':24}{'largest: ours':>16}{'torch':>10}{'mean: ours':>16}{'torch':>10}")
    for dtype, result in dict.fromkeys((d, r) for d, r, _ in errors):
        ours, theirs = (torch.cat(errors[dtype, result, who]) for who in ("ours", "torch"))
        pairs = [(ours.max(), theirs.max()), (ours.mean(), theirs.mean())]
        draw = 1.01 if dtype == torch.bfloat16 else 1
        bad = any(not o <= t * draw for o, t in pairs)
        worse += bad
        print(f"{str(dtype)[6:]:10}{result:14}" + "".join(f"{o:16.4g}{t:10.4g}" for o, t in pairs) + "  WORSE" * bad)
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
