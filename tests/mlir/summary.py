#!/usr/bin/env python3
"""What the raise makes of printed modules, a line for each: the ops with their attributes and inputs, and how many
linalg.generic are left beside them. Takes the arguments of run_frontend.py."""

import pathlib
import re

import run_frontend

arguments = run_frontend.parser().parse_args()
for path in sorted(arguments.files):
    text = run_frontend.optimized(arguments, open(path).read(), run_frontend.RAISE.rstrip(","))
    ops = [f"{op} {attributes}({types})" for op, attributes, types
           in re.findall(r"lossgen\.(\w+) (.*?)ins\(%.*? : (.*?)\) outs", text)]
    left = text.count("linalg.generic")
    name = "/".join(pathlib.Path(path).with_suffix("").parts[-2:])
    print(f"{name}: {'; '.join(ops) or 'no op'}{f'; {left} left' if left else ''}")
