"""Values and gradients beside those of the PyTorch that is installed: torch_live_test.py LIBRARY

Random problems through every op with all options that PyTorch has: ranks, dtypes, strides, reductions, weights,
ignore_index, label smoothing, class probabilities, upstream gradients (never just ones), legacy arguments.
LOSSGEN_TEST_FULL=1 runs ten times as many.
"""

import collections
import os
import random
import sys
import warnings

import torch
import torch.nn.functional as F

from lossgen_torch import REDUCTIONS, Lossgen

# Of the largest number of the result. PyTorch rounds 16-bit results in between, and sums f32 in another order.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5, torch.float16: 5e-3, torch.bfloat16: 4e-2}

library = Lossgen(sys.argv[1])
counts = collections.Counter()
failures = 0


def compare(what, got, expected, least=1e-3):
    """least: what numbers are rounded that cancel in the result, as the two terms of a gradient with one class do."""
    global failures
    tolerance = TOLERANCE[got.dtype]
    got, expected = got.double(), expected.detach().double()
    finite = expected[expected.isfinite()]
    scale = finite.abs().max().item() if finite.numel() else 0
    same = torch.where(expected.isfinite(), (got - expected).abs() <= tolerance * (scale + least),
                       (got == expected) | (got.isnan() & expected.isnan()))
    counts["numbers"] += got.numel()
    if not bool(same.all()):
        failures += 1
        if failures <= 10:
            at = tuple((~same).nonzero()[0].tolist())
            print(f"{what}, element {at}: {got[at].item():.9g} instead of {expected[at].item():.9g}")


def strided(rng, t):
    """The same values in another order in memory, or with gaps."""
    kind = rng.choice(["compact", "compact", "reversed", "gaps"])
    if kind == "reversed":
        axes = list(range(t.dim()))[::-1]
        return t.permute(axes).contiguous().permute(axes)
    if kind == "gaps" and t.dim():
        return torch.stack([t, torch.zeros_like(t)], -1)[..., 0]
    return t.contiguous()


def shape_of(rng):
    rank = rng.choice([1, 2, 2, 2, 3, 4, 5])
    classes = rng.choice([1, 2, 3, 10, 21, 67, 300])
    if rank == 1:
        return (classes,)
    return (rng.choice([0, 1, 2, 7, 33]), classes, *(rng.randint(1, 5) for _ in range(rank - 2)))


def logits_of(rng, shape, dtype):
    x = (torch.randn(shape, dtype=torch.float64) * rng.choice([1, 3, 10])).to(dtype)
    if rng.random() < 0.1 and x.numel():
        x.flatten()[rng.randrange(x.numel())] = rng.choice([float("-inf"), float("inf"), float("nan")])
    return x


def loss_case(rng, op):
    dtype = rng.choice(list(TOLERANCE))
    shape = shape_of(rng)
    axis = 1 if len(shape) > 1 else 0
    rows = shape[:axis] + shape[axis + 1:]
    reduction = rng.choice(list(REDUCTIONS))
    x = logits_of(rng, shape, dtype)
    torch_options = dict(reduction=reduction)
    our_options = dict(reduction=REDUCTIONS[reduction])
    if op == "cross_entropy_probs":
        y = torch.softmax(torch.randn(shape), axis).to(dtype)
    else:
        y = torch.randint(0, shape[axis], rows)
        ignore_index = rng.choice([-100, -100, 0, shape[axis] - 1, 255, -1])
        y[torch.rand(rows) < rng.choice([0, 0.3, 1])] = ignore_index
        torch_options["ignore_index"] = ignore_index
        our_options.update(ignore_mode=1, ignore_index=ignore_index)
        # A difference, stated in docs/differences.md: NaN in an ignored row stays out of the gradient.
        if not bool(x.isfinite().all()) and bool((y == ignore_index).any()):
            x = torch.nan_to_num(x, 0, 0, 0)
    if rng.random() < 0.5:
        torch_options["weight"] = our_options["weight"] = torch.rand(shape[axis]).to(dtype) + 0.25
    if op != "nll_loss" and rng.random() < 0.4:
        torch_options["label_smoothing"] = our_options["label_smoothing"] = rng.choice([0.1, 0.5, 1.0])
    if op == "nll_loss":
        x = F.log_softmax(x, axis)
    x, y = strided(rng, x), strided(rng, y)
    name = f"{op} {tuple(shape)} {dtype} strides {x.stride()} {torch_options}"

    function = F.nll_loss if op == "nll_loss" else F.cross_entropy
    theirs = x.detach().contiguous().clone().requires_grad_(True)
    reference = function(theirs, y.contiguous(), **torch_options)
    if dtype == torch.float16 and not bool(reference.isfinite().all()):
        # PyTorch's sums of f16 overflow where the loss itself does not: then f32 is what to compare with.
        theirs = x.detach().contiguous().float().requires_grad_(True)
        wide = {k: v.float() if k == "weight" else v for k, v in torch_options.items()}
        reference = function(theirs, y.float() if y.is_floating_point() else y.contiguous(), **wide)
    upstream = torch.randn(reference.shape).to(dtype)
    reference.backward(upstream.to(reference.dtype))
    rounded = upstream.abs().max().item() if upstream.numel() else 0
    if reduction == "mean":
        rounded /= max(1, y.numel())

    loss = torch.full(reference.shape, 123.0, dtype=dtype)
    library.call(f"lossgen_{op}_forward", x, y, "options", loss, None, **our_options)
    # PyTorch's loss of a confident row is what is left of a difference of rounded numbers.
    compare(name + ", loss", loss, reference, 0.1)
    our_options["grad_loss"] = upstream
    grad = torch.full(shape, 123.0, dtype=dtype)
    saved = [] if op == "cross_entropy_probs" else [None]
    first = [] if op == "nll_loss" else [x]
    library.call(f"lossgen_{op}_backward", *first, y, "options", *saved, grad, **our_options)
    compare(name + ", gradient", grad, theirs.grad, max(rounded, 1e-3))
    if op != "nll_loss":
        loss.fill_(123)
        both = x.clone(memory_format=torch.preserve_format)
        library.call(f"lossgen_{op}_forward_backward", both, y, "options", loss, both, None, **our_options)
        compare(name + ", loss of forward_backward", loss, reference, 0.1)
        compare(name + ", gradient in place", both, theirs.grad, max(rounded, 1e-3))


def log_softmax_case(rng):
    dtype = rng.choice(list(TOLERANCE))
    shape = shape_of(rng)
    axis = rng.randrange(len(shape))
    x = strided(rng, logits_of(rng, shape, dtype))
    name = f"log_softmax {tuple(shape)} {dtype} axis {axis}"
    theirs = x.detach().contiguous().clone().requires_grad_(True)
    reference = F.log_softmax(theirs, axis)
    upstream = strided(rng, torch.randn(shape).to(dtype))
    reference.backward(upstream)
    axis_options = dict(class_axis_given=1, class_axis=axis)
    out, grad = torch.empty(shape, dtype=dtype), torch.empty(shape, dtype=dtype)
    library.call("lossgen_log_softmax_forward", x, "options", out, **axis_options)
    compare(name, out, reference)
    library.call("lossgen_log_softmax_backward", upstream, reference.detach().contiguous(), "options", grad,
                 **axis_options)
    compare(name + ", gradient", grad, theirs.grad)


def legacy():
    x, y = F.log_softmax(torch.randn(4, 3), 1), torch.tensor([0, 2, 1, 1])
    for size_average in (None, False, True):
        for reduce in (None, False, True):
            for reduction in REDUCTIONS:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    expected = F.nll_loss(x, y, size_average=size_average, reduce=reduce, reduction=reduction)
                flags = [-1 if f is None else int(f) for f in (size_average, reduce)]
                chosen = library.library.lossgen_reduction_from_legacy(*flags, REDUCTIONS[reduction])
                loss = torch.empty(expected.shape)
                library.call("lossgen_nll_loss_forward", x, y, "options", loss, None, reduction=chosen)
                compare(f"size_average {size_average}, reduce {reduce}, {reduction}", loss, expected)
                counts["legacy"] += 1


def main():
    torch.manual_seed(0)
    rng = random.Random(0)
    ops = [op for op in ("cross_entropy", "nll_loss", "cross_entropy_probs") if library.has(f"lossgen_{op}_forward")]
    for _ in range(400 * (10 if os.environ.get("LOSSGEN_TEST_FULL") else 1)):
        for op in ops:
            loss_case(rng, op)
            counts[op] += 1
        log_softmax_case(rng)
        counts["log_softmax"] += 1
    legacy()
    print(f"PyTorch {torch.__version__}: " + ", ".join(f"{n} {what}" for what, n in counts.items()) +
          f"; {failures} results differ")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
