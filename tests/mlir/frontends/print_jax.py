#!/usr/bin/env python3
"""Prints what JAX and optax make of the same losses: StableHLO, lowered to linalg by torch-mlir-opt.

    python3 -m venv v && v/bin/pip install jax optax torch-mlir
    v/bin/python tests/mlir/frontends/print_jax.py

writes frontends/jax/*.mlir beside this file. The files in the repository came from JAX 0.10.2, optax 0.2.8 and
torch-mlir 20261001. What StableHLO cannot lower (the scatter of a gradient by integer labels) is left out.
"""

import jax
import jax.numpy as jnp
import optax

import lowering


def emit(name, function, *arguments):
    stablehlo = str(jax.jit(function).lower(*arguments).compiler_ir("stablehlo"))
    lowering.write("jax", name, "JAX", lowering.lowered(stablehlo, lowering.STABLEHLO))


def main():
    x, t = jnp.zeros((4, 8)), jnp.zeros((4,), jnp.int32)
    xb, tb = jnp.zeros((2, 3, 8)), jnp.zeros((2, 3), jnp.int32)
    integer = optax.softmax_cross_entropy_with_integer_labels

    def one_hot(x, t):
        return optax.softmax_cross_entropy(x, jax.nn.one_hot(t, x.shape[-1])).mean()

    def take(x, t):
        return -jnp.take_along_axis(jax.nn.log_softmax(x), t[:, None], axis=-1).mean()

    def masked(x, t, m):
        return (optax.softmax_cross_entropy(x, jax.nn.one_hot(t, x.shape[-1])) * m).sum()

    emit("optax_integer_mean", lambda x, t: integer(x, t).mean(), x, t)
    emit("optax_integer_none", integer, x, t)
    emit("optax_integer_batch", lambda x, t: integer(x, t).sum(), xb, tb)
    emit("optax_integer_axis1", lambda x, t: integer(x, t, axis=1), jnp.zeros((2, 8, 3)), tb)
    emit("optax_integer_masked", lambda x, t, m: (integer(x, t) * m).sum() / m.sum(), x, t, jnp.ones((4,)))
    emit("optax_one_hot", one_hot, x, t)
    emit("log_softmax", lambda x: jax.nn.log_softmax(x), x)
    emit("log_softmax_take", take, x, t)
    emit("log_softmax_vjp", lambda x, g: jax.vjp(jax.nn.log_softmax, x)[1](g)[0], x, x)
    emit("optax_integer_bf16", lambda x, t: integer(x, t).mean(), x.astype(jnp.bfloat16), t)
    emit("optax_integer_lm", lambda x, t: integer(x, t).mean(), jnp.zeros((2, 3, 4, 8)), jnp.zeros((2, 3, 4), jnp.int32))
    emit("value_and_grad_one_hot", jax.value_and_grad(one_hot), x, t)
    emit("grad_one_hot_masked", jax.grad(masked), x, t, jnp.ones((4,)))


if __name__ == "__main__":
    main()
