"""Times other libraries' cross entropy beside lossgen's: peers.py --peer torch --lib FILE --list FILE --json FILE [options]

One process for each peer and number of threads, because their thread pools disturb each other; in it the peer's variants, lossgen
("lossgen (beside torch)") and the flat loops take turns. The rows have the keys that lossgen_bench writes. The peers
are in peer_calls.py.
"""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time

from peer_calls import FORWARD, FORWARD_BACKWARD, PEERS, VERSIONS, Unsupported

IN_PLACE = "cross_entropy_forward_backward_in_place"


class Batch:
    """Logits of N(0, 3) and uniform targets as numpy arrays; 16-bit logits as their bits."""

    def __init__(self, name, shape, dtype):
        import numpy as np

        self.name, self.shape, self.dtype = name, shape, dtype
        random = np.random.default_rng(5)
        table = (random.standard_normal(1048583, dtype=np.float32) * 3)
        count = int(np.prod(shape))
        logits = np.resize(table, count)
        if dtype == "f64":
            logits = logits.astype(np.float64)
        elif dtype == "f16":
            logits = logits.astype(np.float16)
        elif dtype == "bf16":
            bits = logits.view(np.uint32)
            logits = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        self.logits = logits.reshape(shape)
        self.target = random.integers(0, shape[1], [shape[0], *shape[2:]], dtype=np.int64)
        self.gradient = np.zeros_like(self.logits)
        self.in_place = self.logits.copy()
        self.bytes = self.logits.nbytes


class Ours:
    """lossgen and the flat loops, through the bench's shared library."""

    def __init__(self, path, batch, threads):
        import numpy as np

        self.library, self.batch, self.threads = ctypes.CDLL(path), batch, threads
        self.library.bench_error.restype = ctypes.c_char_p
        self.shape = (ctypes.c_int64 * len(batch.shape))(*batch.shape)
        self.loss = ctypes.c_double()
        self.numpy = np

    def cross_entropy(self, logits, gradient):
        status = self.library.bench_cross_entropy(
            self.batch.dtype.encode(), len(self.batch.shape), self.shape, ctypes.c_void_p(logits.ctypes.data),
            ctypes.c_void_p(self.batch.target.ctypes.data), ctypes.c_void_p(gradient.ctypes.data if gradient is not None else None),
            self.threads, ctypes.byref(self.loss))
        if status:
            raise RuntimeError(self.library.bench_error().decode())
        return self.loss.value

    def variants(self, peer):
        b, size = self.batch, ctypes.c_int64(self.batch.bytes)
        x, g, w = b.logits, b.gradient, b.in_place
        name = f"lossgen (beside {peer})"
        flat = f"flat loop (beside {peer})"
        address = lambda array: ctypes.c_void_p(array.ctypes.data)
        yield flat, "roofline_read", lambda: self.library.bench_read(address(x), size, self.threads), None
        yield flat, "roofline_copy", lambda: self.library.bench_copy(address(g), address(x), size, self.threads), None
        yield name, FORWARD, lambda: self.cross_entropy(x, None), None
        yield name, FORWARD_BACKWARD, lambda: self.cross_entropy(x, g), None
        yield name, IN_PLACE, lambda: self.cross_entropy(w, w), lambda: self.numpy.copyto(w, x)


def sample(call, prepare, calls):
    if prepare:
        prepare()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def measure(peer, batch, threads, rounds, library):
    contenders = []  # (impl, op, call, prepare)
    for impl, op, call, prepare in Ours(library, batch, threads).variants(peer):
        contenders.append((impl, op, call, prepare))
    ours = float(contenders[2][2]())
    try:
        for impl, op, call in PEERS[peer](batch, threads):
            try:
                value = float(call())
            except Exception as error:  # whatever a peer throws is a reason, not a failure of the bench
                print(f"  {impl} {op} on {batch.name} {batch.dtype}: left out: {str(error).splitlines()[0]}", flush=True)
                continue
            # Wrong answers are not worth timing. 16 bits: some round each row's loss, or the mean.
            if abs(value - ours) > (0.05 if batch.dtype in ("bf16", "f16") else 1e-3) * abs(ours):
                print(f"  {impl} {op} on {batch.name} {batch.dtype}: left out: its loss is {value}, lossgen's {ours}", flush=True)
                continue
            contenders.append(("peer " + impl, op, call, None))
    except Unsupported as reason:
        print(f"  {peer} on {batch.name} {batch.dtype}: left out: {reason}", flush=True)
        return []

    calls = [max(1, min(1000, int(50e-6 / max(1e-9, sample(c[2], c[3], 1))) + 1)) for c in contenders]
    times = [[] for _ in contenders]
    for turn in range(rounds):
        order = range(len(contenders)) if turn % 2 == 0 else reversed(range(len(contenders)))
        for k in order:
            times[k].append(sample(contenders[k][2], contenders[k][3], calls[k]))
    roofline = {1: batch.bytes / statistics.median(times[0]) / 1e9, 2: 2 * batch.bytes / statistics.median(times[1]) / 1e9}
    rows = []
    for (impl, op, _, _), t in zip(contenders, times):
        factor = 1 if op in (FORWARD, "roofline_read") else 2
        median = statistics.median(t)
        gbps = factor * batch.bytes / median / 1e9
        rows.append({"case": batch.name, "op": op, "dtype": batch.dtype, "layout": "rows" if len(batch.shape) == 2 else "planes",
                     "shape": list(batch.shape), "threads": threads, "target": "host", "impl": impl, "median_s": median, "min_s": min(t),
                     "gbps": gbps, "roofline_gbps": roofline[factor], "ratio": gbps / roofline[factor]})
    return rows


def print_rows(rows):
    ours = {r["op"]: r["median_s"] for r in rows if r["impl"].startswith("lossgen")}
    for r in rows:
        if r["op"].startswith("roofline"):
            continue
        beside = f"{r['median_s'] / ours[r['op']]:8.2f} times lossgen's" if r["impl"].startswith("peer") and ours.get(r["op"]) else ""
        print(f"  {r['case']:8s} {r['op']:39s} {r['dtype']:4s} T={r['threads']:<3d} {r['impl']:28s} {r['median_s'] * 1e3:12.4f} ms"
              f" {r['gbps']:8.2f} GB/s {r['ratio']:6.2f} {beside}", flush=True)


def one_process(arguments):
    """Measures one peer with one number of threads, and writes the rows."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:arguments.threads[0]])
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads[0])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's advice about its build
    version = VERSIONS.get(arguments.peer[0], lambda: __import__(arguments.peer[0]).__version__)()
    rows = []
    for name, shape, dtype in read_list(arguments):
        rows += (new := measure(arguments.peer[0], Batch(name, shape, dtype), arguments.threads[0], arguments.rounds, arguments.lib))
        print_rows(new)
    with open(arguments.json, "w") as file:
        json.dump({"machine": {"peers": f"{arguments.peer[0]} {version}"}, "rows": rows}, file)


def read_list(arguments):
    """The cases as `lossgen_bench --list` prints them: name, shape, dtypes."""
    with open(arguments.list) as file:
        for line in file:
            name, shape, *dtypes = line.split()
            for dtype in dtypes:
                yield name, [int(size) for size in shape.split("x")], dtype


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", metavar="NAME=PYTHON", help="a peer, and the Python that has it")
    parser.add_argument("--lib", required=True, help="the bench's shared library")
    parser.add_argument("--list", required=True, help="file with the cases")
    parser.add_argument("--json", required=True, help="result")
    parser.add_argument("--machine", help="a result of lossgen_bench; its facts about the machine are taken over")
    parser.add_argument("--threads", type=lambda text: [int(t) for t in text.split(",")], default=sorted({1, os.cpu_count()}))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        return one_process(arguments)

    rows, versions, absent = [], [], []
    for entry in arguments.peer:
        peer, _, python = entry.partition("=")
        for threads in arguments.threads:
            print(f"{peer}, {threads} thread{'s' if threads > 1 else ''}", flush=True)
            part = f"{arguments.json}.{peer}-{threads}"
            status = subprocess.run([python, __file__, "--one", "--peer", peer, "--lib", arguments.lib, "--list", arguments.list,
                                     "--threads", str(threads), "--rounds", str(arguments.rounds), "--json", part], check=False).returncode
            try:
                with open(part) as file:
                    result = json.load(file)
            except (OSError, ValueError):
                absent.append(f"{peer}: did not run with {threads} thread(s), exit status {status}")
                continue
            os.unlink(part)
            rows += result["rows"]
            if result["machine"]["peers"] not in versions:
                versions.append(result["machine"]["peers"])
    machine = {}
    if arguments.machine:
        with open(arguments.machine) as file:
            machine = json.load(file)["machine"]
    machine.update({"peers": ", ".join(versions), "command": "tools/bench --peers"})
    with open(arguments.json, "w") as file:
        file.write('{"machine": ' + json.dumps(machine, indent=1) + ',\n"rows": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]}\n")
    for line in absent:
        print("not measured: " + line)
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
