"""Runs torch-mlir-opt, which the wheel of torch-mlir brings, on what a front end printed."""

import pathlib
import subprocess
import sys

STABLEHLO = "inline,symbol-dce,func.func(stablehlo-legalize-to-linalg),canonicalize,cse"
ONNX = "torch-onnx-to-torch-backend-pipeline,torch-backend-to-linalg-on-tensors-backend-pipeline"


def lowered(text, passes):
    tool = pathlib.Path(sys.executable).with_name("torch-mlir-opt")
    return subprocess.run([tool, f"--pass-pipeline=builtin.module({passes})"], input=text, capture_output=True,
                          text=True, check=True).stdout


def write(folder, name, front_end, text):
    """frontends/FOLDER/NAME.mlir, with a line that says where it comes from."""
    out = pathlib.Path(__file__).parent / folder
    out.mkdir(exist_ok=True)
    (out / f"{name}.mlir").write_text(f"// {front_end}, printed by ../{pathlib.Path(sys.argv[0]).name}\n{text}")
