#!/usr/bin/env python3
"""Prints what torch-mlir makes of ONNX's losses: its importer, and from there the C++ form of the lowering.

    python3 -m venv v && v/bin/pip install onnx torch-mlir
    v/bin/python tests/mlir/frontends/print_onnx.py

writes frontends/onnx/*.mlir beside this file. The files in the repository came from onnx 1.23.2 and torch-mlir 20261001.
More than two axes do not reach linalg that way; of weighted means the weights are summed as integers there.
"""

import pathlib
import subprocess
import sys
import tempfile

import onnx
from onnx import TensorProto, helper

import lowering


def emit(name, op, reduction, weight=False, rows=4, logits=TensorProto.FLOAT, labels=TensorProto.INT64, **attributes):
    inputs = [helper.make_tensor_value_info("x", logits, [rows, 8]), helper.make_tensor_value_info("t", labels, [rows])]
    if weight:
        inputs.append(helper.make_tensor_value_info("w", logits, [8]))
    output = helper.make_tensor_value_info("loss", logits, [rows] if reduction == "none" else [])
    node = helper.make_node(op, [i.name for i in inputs], ["loss"], reduction=reduction, **attributes)
    model = helper.make_model(helper.make_graph([node], "main", inputs, [output]),
                              opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model)
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        onnx.save(model, file.name)
        tool = pathlib.Path(sys.executable).with_name("torch-mlir-import-onnx")
        text = subprocess.run([tool, file.name], capture_output=True, text=True, check=True).stdout
    lowering.write("onnx", name, "ONNX", lowering.lowered(text, lowering.ONNX))


def main():
    for reduction in ("mean", "sum", "none"):
        emit(f"sce_{reduction}", "SoftmaxCrossEntropyLoss", reduction)
        emit(f"sce_weight_{reduction}", "SoftmaxCrossEntropyLoss", reduction, weight=True)
        emit(f"nll_{reduction}", "NegativeLogLikelihoodLoss", reduction)
    emit("sce_ignore", "SoftmaxCrossEntropyLoss", "mean", ignore_index=3)
    emit("sce_f16", "SoftmaxCrossEntropyLoss", "mean", logits=TensorProto.FLOAT16)
    emit("sce_int32", "SoftmaxCrossEntropyLoss", "mean", labels=TensorProto.INT32)
    emit("sce_dynamic", "SoftmaxCrossEntropyLoss", "mean", rows="n")
    emit("nll_weight_ignore", "NegativeLogLikelihoodLoss", "sum", weight=True, ignore_index=3)


if __name__ == "__main__":
    main()
