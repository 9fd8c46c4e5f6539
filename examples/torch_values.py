"""The numbers that nll_loss_logits.cpp and nll_loss_conv.cpp compare with: both examples of torch.nn.NLLLoss's page, with
inputs from a small generator instead of torch.randn. Needs PyTorch."""

import torch
from torch import nn


class Generator:
    """x -> 1664525 x + 1013904223 mod 2^32; the top 24 bits as a number in [-1/2, 1/2), exact in f32."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return self.state >> 8

    def tensor(self, *shape):
        count = 1
        for n in shape:
            count *= n
        return torch.tensor([self.next() / 2**24 - 0.5 for _ in range(count)]).reshape(shape)

    def classes(self, c, *shape):
        count = 1
        for n in shape:
            count *= n
        return torch.tensor([self.next() % c for _ in range(count)]).reshape(shape)


def show(name, tensor):
    print(name, ", ".join(f"{v:.9g}" for v in tensor.detach().flatten().tolist()))


def logits():
    x = (4 * Generator(1).tensor(3, 5)).requires_grad_(True)
    loss = nn.NLLLoss()(nn.LogSoftmax(dim=1)(x), torch.tensor([1, 0, 4]))
    loss.backward()
    show("logits: loss", loss)
    show("logits: gradient", x.grad)


def convolution():
    n, c = 5, 4
    g = Generator(2)
    data = g.tensor(n, 16, 10, 10)
    conv = nn.Conv2d(16, c, (3, 3))
    with torch.no_grad():
        conv.weight.copy_(g.tensor(c, 16, 3, 3))
        conv.bias.copy_(g.tensor(c))
    output = nn.LogSoftmax(dim=1)(conv(data))
    target = g.classes(c, n, 8, 8)
    loss = nn.NLLLoss()(output, target)
    loss.backward()
    show("convolution: loss", loss)
    show("convolution: gradient of the bias", conv.bias.grad)
    show("convolution: gradient of the weights, every 97th", conv.weight.grad.flatten()[::97])
    show("convolution: sum of their squares", conv.weight.grad.double().square().sum())


print("PyTorch", torch.__version__.split("+")[0])
logits()
convolution()
