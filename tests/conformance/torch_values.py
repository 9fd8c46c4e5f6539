"""What PyTorch computes in the corners, as the table that torch_test.cpp compares with: torch_values.py > torch_values.inc"""

import torch
import torch.nn.functional as F

INF, NAN = float("inf"), float("nan")


def number(v):
    if v != v:
        return "NAN"
    if v in (INF, -INF):
        return "INFINITY" if v > 0 else "-INFINITY"
    return f"{v:.9g}" + ("f" if any(c in f"{v:.9g}" for c in ".e") else ".f")


def numbers(t):
    return "{" + ", ".join(number(float(v)) for v in t.detach().flatten()) + "}"


def integers(values):
    return "{" + ", ".join(str(int(v)) for v in values) + "}"


def emit(name, op, x, y, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0, upstream=None):
    x = x.clone().requires_grad_(True)
    y = torch.as_tensor(y)
    w = None if weight is None else torch.tensor(weight)
    kwargs = dict(weight=w, ignore_index=ignore_index, reduction=reduction)
    if op != "nll_loss":
        loss = F.cross_entropy(x, y, label_smoothing=label_smoothing, **kwargs)
    else:
        loss = F.nll_loss(x, y, **kwargs)
    g = None if upstream is None else torch.tensor(upstream).reshape(loss.shape)
    loss.backward(torch.ones_like(loss) if g is None else g)
    fields = [
        f'"{name}"', f'"{op}"', integers(x.shape), numbers(x), "{}" if y.is_floating_point() else integers(y.flatten()),
        "{}" if w is None else numbers(w), str(ignore_index), f'"{reduction}"', number(label_smoothing),
        "{}" if g is None else numbers(g), numbers(loss), numbers(x.grad),
    ]
    if y.is_floating_point():
        fields.append(numbers(y))
    print("{" + ",\n ".join(fields) + "},")


def both(name, x, y, **kwargs):
    emit(name, "cross_entropy", x, y, **kwargs)
    emit(name, "nll_loss", F.log_softmax(x, 1 if x.dim() > 1 else 0), y, **kwargs)


def probs(name, x, q, **kwargs):
    emit(name, "cross_entropy_probs", x, q, **kwargs)


def probabilities(x, x4, weight, with_value):
    q, q4 = torch.randn(x.shape).softmax(1), torch.randn(x4.shape).softmax(1)
    one_hot = F.one_hot(torch.tensor([0, 2, 1, 1])).float()
    for reduction in ("mean", "sum", "none"):
        kw = dict(reduction=reduction)
        probs(f"plain_{reduction}", x, q, **kw)
        probs(f"one_hot_{reduction}", x, one_hot, **kw)
        probs(f"weight_{reduction}", x, q, weight=weight, **kw)
        probs(f"weights_zero_{reduction}", x, q, weight=[0.0, 0.0, 0.0], **kw)
        probs(f"weights_negative_{reduction}", x, q, weight=[-0.5, 2.0, 1.0], **kw)
        probs(f"any_numbers_{reduction}", x, torch.randn(x.shape), **kw)
        probs(f"smoothing_{reduction}", x, q, label_smoothing=0.2, **kw)
        probs(f"smoothing_weight_{reduction}", x, q, weight=weight, label_smoothing=0.2, **kw)
        probs(f"spatial_{reduction}", x4, q4, weight=weight, label_smoothing=0.1, **kw)
        probs(f"empty_{reduction}", x[:0], q[:0], **kw)
        probs(f"empty_4d_{reduction}", x4[:0], q4[:0], **kw)
        probs(f"no_class_{reduction}", x[:, :0], q[:, :0], **kw)
        probs(f"one_class_{reduction}", x[:, :1], q[:, :1], **kw)
        probs(f"rank1_{reduction}", x[0], q[0], weight=weight, **kw)
        probs(f"negative_ignore_index_{reduction}", x, q, ignore_index=-1, **kw)
    probs("rank6", torch.randn(2, 3, 1, 2, 2, 2), torch.randn(2, 3, 1, 2, 2, 2).softmax(1), weight=weight)
    probs("smoothing_1", x, q, label_smoothing=1.0)
    probs("upstream_scalar", x, q, weight=weight, upstream=[-2.5])
    probs("upstream_rows", x, q, reduction="none", upstream=[1.0, -2.0, 0.5, 3.0])
    for reduction in ("mean", "none"):
        kw = dict(reduction=reduction)
        probs(f"minus_inf_{reduction}", with_value(-INF, 0, 1), q, **kw)
        probs(f"minus_inf_at_0_{reduction}", with_value(-INF, 0, 1), one_hot, **kw)
        probs(f"minus_inf_at_0_smoothing_{reduction}", with_value(-INF, 0, 1), one_hot, label_smoothing=0.2, **kw)
        probs(f"minus_inf_at_weight_0_{reduction}", with_value(-INF, 0, 1), q, weight=[1.0, 0.0, 1.0], **kw)
        probs(f"plus_inf_{reduction}", with_value(INF, 0, 1), q, **kw)
        probs(f"plus_inf_at_0_{reduction}", with_value(INF, 0, 1), one_hot, **kw)
        probs(f"nan_{reduction}", with_value(NAN, 2, 1), q, **kw)
        z = x.clone()
        z[1] = -INF
        probs(f"row_of_minus_inf_{reduction}", z, q, **kw)
        z = q.clone()
        z[1, 2] = NAN
        probs(f"nan_in_probs_{reduction}", x, z, **kw)


def main():
    torch.manual_seed(0)
    x = torch.randn(4, 3)
    x4 = torch.randn(2, 3, 2, 2)
    y4 = torch.tensor([[[0, 1], [2, 2]], [[1, 0], [-100, 1]]])
    weight = [0.5, 2.0, 1.25]
    print("// Printed by torch_values.py with PyTorch", torch.__version__.split("+")[0])

    for reduction in ("mean", "sum", "none"):
        kw = dict(reduction=reduction)
        both(f"plain_{reduction}", x, [0, 2, 1, 1], **kw)
        both(f"weight_{reduction}", x, [0, 2, 1, 1], weight=weight, **kw)
        both(f"weight_and_ignored_{reduction}", x, [0, -100, 1, 1], weight=weight, **kw)
        both(f"all_ignored_{reduction}", x, [-100] * 4, **kw)
        both(f"all_ignored_weight_{reduction}", x, [-100] * 4, weight=weight, **kw)
        both(f"all_ignored_4d_{reduction}", x4, torch.full((2, 2, 2), -100), **kw)
        both(f"weights_zero_{reduction}", x, [0, 2, 1, 1], weight=[0.0, 0.0, 0.0], **kw)
        both(f"weights_negative_{reduction}", x, [0, 2, 1, 1], weight=[-0.5, 2.0, 1.0], **kw)
        both(f"ignore_inside_{reduction}", x, [0, 1, 2, 1], ignore_index=1, **kw)
        both(f"ignore_outside_{reduction}", x, [0, 7, 2, 1], ignore_index=7, **kw)
        both(f"ignore_negative_{reduction}", x, [0, -1, 2, 1], ignore_index=-1, **kw)
        both(f"empty_{reduction}", x[:0], torch.zeros(0, dtype=torch.long), **kw)
        both(f"empty_4d_{reduction}", x4[:0], torch.zeros(0, 2, 2, dtype=torch.long), **kw)
        both(f"empty_spatial_{reduction}", x4[:, :, :0], torch.zeros(2, 0, 2, dtype=torch.long), **kw)
        both(f"spatial_{reduction}", x4, y4, weight=weight, **kw)
        both(f"one_class_{reduction}", x[:, :1], [0, 0, -100, 0], **kw)
        both(f"rank1_{reduction}", x[0], 2, **kw)
        both(f"rank1_weight_{reduction}", x[0], 2, weight=weight, **kw)
        both(f"rank1_ignored_{reduction}", x[0], -100, **kw)
    both("rank3", torch.randn(2, 3, 5), torch.randint(0, 3, (2, 5)), weight=weight)
    both("rank6", torch.randn(2, 3, 1, 2, 2, 2), torch.randint(0, 3, (2, 1, 2, 2, 2)), weight=weight)
    both("upstream_scalar", x, [0, 2, 1, -100], weight=weight, upstream=[-2.5])
    both("upstream_rows", x, [0, 2, 1, -100], weight=weight, reduction="none", upstream=[1.0, -2.0, 0.5, 3.0])
    both("upstream_rows_4d", x4, y4, reduction="none", upstream=[0.5 * i - 2 for i in range(8)])

    def with_value(value, row, column):
        z = x.clone()
        z[row, column] = value
        return z

    for reduction in ("mean", "none"):
        emit(f"minus_inf_off_target_{reduction}", "cross_entropy", with_value(-INF, 0, 1), [0, 2, 1, 1], reduction=reduction)
        emit(f"minus_inf_at_target_{reduction}", "cross_entropy", with_value(-INF, 0, 0), [0, 2, 1, 1], reduction=reduction)
        emit(f"plus_inf_at_target_{reduction}", "cross_entropy", with_value(INF, 0, 0), [0, 2, 1, 1], reduction=reduction)
        emit(f"plus_inf_off_target_{reduction}", "cross_entropy", with_value(INF, 0, 1), [0, 2, 1, 1], reduction=reduction)
        emit(f"nan_{reduction}", "cross_entropy", with_value(NAN, 2, 1), [0, 2, 1, 1], reduction=reduction)
        z = x.clone()
        z[1] = -INF
        emit(f"row_of_minus_inf_{reduction}", "cross_entropy", z, [0, 2, 1, 1], reduction=reduction)
        emit(f"zero_weight_at_infinite_loss_{reduction}", "cross_entropy", with_value(-INF, 0, 0), [0, 2, 1, 1],
             weight=[0.0, 1.0, 1.0], reduction=reduction)
    emit("nan_in_ignored_row", "cross_entropy", with_value(NAN, 2, 1), [0, 2, -100, 1])

    for reduction in ("mean", "sum", "none"):
        kw = dict(reduction=reduction, label_smoothing=0.2)
        emit(f"smoothing_{reduction}", "cross_entropy", x, [0, 2, 1, 1], **kw)
        emit(f"smoothing_weight_ignored_{reduction}", "cross_entropy", x, [0, -100, 1, 1], weight=weight, **kw)
        emit(f"smoothing_all_ignored_{reduction}", "cross_entropy", x, [-100] * 4, **kw)
        emit(f"smoothing_weights_zero_{reduction}", "cross_entropy", x, [0, 2, 1, 1], weight=[0.0, 0.0, 0.0], **kw)
        emit(f"smoothing_spatial_{reduction}", "cross_entropy", x4, y4, weight=weight, **kw)
    emit("smoothing_with_minus_inf", "cross_entropy", with_value(-INF, 0, 1), [0, 2, 1, 1], label_smoothing=0.2)
    emit("smoothing_1", "cross_entropy", x, [0, 2, 1, 1], label_smoothing=1.0)
    probabilities(x, x4, weight, with_value)


if __name__ == "__main__":
    main()
