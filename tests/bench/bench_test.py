"""lossgen_bench --quick: bench_test.py PROGRAM CASE. The program itself compares every contender's loss and gradient with f64."""

import json
import math
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

KEYS = ["case", "op", "dtype", "layout", "shape", "threads", "target", "impl", "median_s", "min_s", "gbps", "roofline_gbps", "ratio"]
OPS = ["log_softmax_forward", "log_softmax_backward", "nll_loss_forward", "nll_loss_backward", "cross_entropy_forward",
       "cross_entropy_backward", "cross_entropy_forward_backward", "cross_entropy_forward_backward_in_place"]
QUICK = ["--quick", "--rounds", "1", "--threads", "1,2"]


def bench(*arguments, expect=0):
    done = subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == expect, f"{arguments}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def measured(folder, *arguments):
    path = os.path.join(folder, "result.json")
    bench(*QUICK, *arguments, "--json", path)
    with open(path) as file:
        return path, json.load(file)


def check_row(row):
    assert list(row) == KEYS, list(row)
    assert row["layout"] == ("rows" if len(row["shape"]) == 2 else "planes"), row
    assert 0 < row["min_s"] <= row["median_s"] and row["gbps"] > 0, row
    assert row["op"].startswith("roofline_") or row["op"] in OPS, row
    if row["ratio"] is not None:
        assert math.isclose(row["ratio"], row["gbps"] / row["roofline_gbps"], rel_tol=1e-9), row


def rows(folder):
    """Two tiny shapes: the rows are complete and consistent."""
    _, result = measured(folder, "--case", "q-rows,q-planes")
    for row in result["rows"]:
        check_row(row)
    for case in ("q-rows", "q-planes"):
        for dtype in ("f32", "f64", "bf16", "f16"):
            for threads in (1, 2):
                ours = [r["op"] for r in result["rows"] if (r["case"], r["dtype"], r["threads"]) == (case, dtype, threads)
                        and r["impl"] == "lossgen"]
                assert set(ours) == set(OPS), (case, dtype, threads, ours)
    printed = json.loads(bench(*QUICK, "--case", "q-one-row", "--json", "-"))
    check_row(printed["rows"][0])
    for fact in ("cpu", "cores", "compiler", "lossgen", "date", "load", "command"):
        assert result["machine"][fact], fact


def all_cases(folder):
    """Every tiny case, the loss alone and with its gradient: a wrong result of ours or of a yardstick fails the program."""
    _, result = measured(folder, "--op", "cross_entropy_forward,cross_entropy_forward_backward,cross_entropy_forward_backward_in_place")
    assert {row["case"] for row in result["rows"]} == {"q-rows", "q-short-rows", "q-planes", "q-odd-planes", "q-one-row"}
    text = bench(*QUICK, "--shape", "33x130,1x2,3x2x5x7", "--csv", os.path.join(folder, "result.csv"))
    assert "3x2x5x7" in text, text
    with open(os.path.join(folder, "result.csv")) as file:
        lines = [line for line in file if not line.startswith("#")]
    assert lines[0].strip().split(",") == KEYS and len(lines) > 20, lines[0]


def compare(folder):
    path, result = measured(folder, "--case", "q-one-row", "--impl", "lossgen")
    for row in result["rows"]:
        row["median_s"] *= 1.5
    slower = os.path.join(folder, "slower.json")
    with open(slower, "w") as file:
        json.dump(result, file)
    text = bench("--compare", path, slower)
    count = len(result["rows"])
    assert text.count("1.500  slower") == count and f"{count} rows in both, {count} changed" in text, text
    assert "0 changed" in bench("--compare", path, path)


def charts(folder):
    path, _ = measured(folder, "--case", "q-rows,q-planes")
    pictures = os.path.join(folder, "pictures")
    bench("--from", path, "--svg", pictures)
    files = sorted(os.listdir(pictures))
    assert files == ["roofline-1-thread.svg", "roofline-2-threads.svg"], files
    for name in files:
        ET.parse(os.path.join(pictures, name))


def bad_option(folder):
    assert "no case 'X'" in bench("--case", "X", expect=1)
    assert "--shape wants" in bench("--shape", "12y", expect=1)
    assert "cannot read" in bench("--from", os.path.join(folder, "none.json"), expect=1)
    broken = os.path.join(folder, "broken.json")
    with open(broken, "w") as file:
        file.write("{}")
    assert "is not a result" in bench("--compare", broken, broken, expect=1)


with tempfile.TemporaryDirectory() as temporary:
    globals()[sys.argv[2]](temporary)
