"""PyTorch on the shapes of check-gpu's report, on the same device: beside_torch.py REPORT.json

Prints a table, and writes PyTorch's medians into the report's rows ("torch_s"; "torch_compile_s" for the loss with its gradient).
Eager as called: F.cross_entropy, and .backward() into a fresh gradient.
"""

import json
import pathlib
import statistics
import sys

import torch

F = torch.nn.functional
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
REPEATS = 11


def median_seconds(run):
    for _ in range(3):
        run()
    times = []
    for _ in range(REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) * 1e-3)
    return statistics.median(times)


def both(loss_of, logits, target):
    logits.grad = None
    loss_of(logits, target).backward()


def times_of(shape, channels_last, dtype, compiles):
    logits = torch.randn(shape, device="cuda", dtype=DTYPES[dtype]) * 3
    if channels_last:
        logits = logits.contiguous(memory_format=torch.channels_last)
    logits.requires_grad_()
    target = torch.randint(0, shape[1], [shape[0], *shape[2:]], device="cuda")
    times = {"forward_backward": median_seconds(lambda: both(F.cross_entropy, logits, target))}
    with torch.no_grad():
        times["forward"] = median_seconds(lambda: F.cross_entropy(logits, target))
        times["log_softmax"] = median_seconds(lambda: F.log_softmax(logits, 1))
    if compiles:
        torch._dynamo.reset()
        compiled = torch.compile(lambda x, y: F.cross_entropy(x, y), dynamic=False)
        times["compiled"] = median_seconds(lambda: both(compiled, logits, target))
    return times


def main():
    path = pathlib.Path(sys.argv[1])
    report = json.loads(path.read_text())
    report["torch"] = torch.__version__
    print(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name()}: its time / lossgen's\n")
    print(f"{'shape':34} {'dtype':5} {'forward':>8} {'forward_backward':>17} {'with compile':>13} {'log_softmax':>12}")
    for first in report["rows"]:
        if first["op"] != "forward":
            continue
        same = [r for r in report["rows"] if (r["case"], r["dtype"]) == (first["case"], first["dtype"])]
        times = times_of(first["shape"], first["channels_last"], first["dtype"], compiles="--no-compile" not in sys.argv)
        ratios = {}
        for row in same:
            if row["op"] in times:
                row["torch_s"] = times[row["op"]]
                ratios[row["op"]] = row["torch_s"] / row["median_s"]
            if row["op"] == "forward_backward" and "compiled" in times:
                row["torch_compile_s"] = times["compiled"]
                ratios["compiled"] = row["torch_compile_s"] / row["median_s"]
        shape = "(" + ", ".join(map(str, first["shape"])) + ")" + (" channels last" if first["channels_last"] else "")
        print(f"{shape:34} {first['dtype']:5} {ratios['forward']:8.1f} {ratios['forward_backward']:17.1f} "
              f"{ratios.get('compiled', float('nan')):13.1f} {ratios['log_softmax']:12.1f}", flush=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
