"""tune_test.py LOSSGEN CXX WORK CASE: schedule files and the tuner, through the command."""

import ctypes
import html
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOSSGEN, CXX, WORK = sys.argv[1:4]
FOLDER = pathlib.Path(WORK) / sys.argv[4]
NATIVE = {"x86_64": "x86-64-v2", "aarch64": "arm64"}[subprocess.run(["uname", "-m"], capture_output=True, text=True).stdout.strip()]
SMALL = ["--ops", "nll_loss_forward", "--shapes", "32x9", "--targets", NATIVE]  # 28 combinations, 12 tried

BOTH = ["--ops", "cross_entropy_forward", "--shapes", "32x9", "--targets", NATIVE, "--classes", "9"]  # general and constant


def run(*arguments, expect=0):
    done = subprocess.run([LOSSGEN, *map(str, arguments)], capture_output=True, text=True, cwd=FOLDER)
    text = done.stdout + done.stderr
    assert done.returncode == expect, f"status {done.returncode}, expected {expect}:\n{text}"
    return text


def tune(name, *arguments, expect=0):
    return run("tune", "-o", f"{name}.json", "--cxx", CXX, "--work", pathlib.Path(WORK) / "work", *arguments, expect=expect)


def log(name):
    return [json.loads(line) for line in (FOLDER / f"{name}.log.jsonl").read_text().splitlines()]


def emit(schedules, *options, expect=0, targets=NATIVE):
    file = FOLDER / "mine.json"
    file.write_text(schedules if isinstance(schedules, str) else json.dumps(schedules))
    return run("emit", "-o", "kernels", "--ops", "nll_loss", "--dtypes", "f32", "--targets", targets, "--schedules", file, *options, expect=expect)


def case_files():
    """Numbers reach the kernels, later entries win, and the manifest says from where; a bad file is an error that says where."""
    emit({"schema_version": 1, "schedules": [{"op": "nll_loss_backward", "layout": "rows", "params": {"unroll": 2, "vector": 8}},
                                             {"op": "nll_loss_backward", "layout": "rows", "params": {"unroll": 1}}]})
    manifest = json.loads(next(FOLDER.glob("kernels/*/manifest.json")).read_text())
    for kernel in manifest["kernels"]:
        mine = kernel["op"] == "nll_loss_backward" and kernel["layout"] == "rows"
        assert kernel["schedule_file"] == ("mine.json" if mine else ""), kernel
        assert not mine or (kernel["params"]["unroll"], kernel["params"]["vector"]) == (1, 8), kernel

    def bad(entry, expected, **more):
        text = emit({"schedules": [entry], **more}, expect=1)
        assert expected in text, f"{expected!r} is not in {text}"

    good = {"op": "nll_loss_forward", "params": {}}
    bad({"params": {"vektor": 1}}, "mine.json: schedules[0].params: unknown schedule parameter 'vektor' (known: vector, unroll")
    bad({"params": {"unroll": 17}}, "schedules[0].params: schedule parameter 'unroll' = 17 is outside [1, 16]")
    bad({"opp": "x", "params": {}}, "schedules[0]: unknown key 'opp' (known: op, dtype")
    bad({"target": "sse9", "params": {}}, 'schedules[0].target: "sse9" is not one of x86-64-v2, x86-64-v3')
    bad({"classes": [2, 1], "params": {}}, "[2,1] is not [low, high] with 0 <= low <= high <= 16777216")
    bad({"op": "nll_loss_forward"}, 'has no object "params"')
    bad(good, "schema_version = 2, this generator reads 1", schema_version=2)
    bad(good, "unknown key 'schedule'", schedule=[])
    bad(good, 'tuned_with: has no text "halide"', tuned_with={"pipeline": "0"})


def case_refused():
    """Combinations that a kernel cannot take are errors before Halide sees them."""
    def bad(params, expected, *options, targets=NATIVE, **entry):
        text = emit({"schedules": [{"params": params, **entry}]}, *options, expect=1, targets=targets)
        assert expected in text, f"{expected!r} is not in {text}"

    bad({"vector": 3}, "vector = 3: lanes are a power of two")
    bad({"vector": 64, "unroll": 8}, "unroll = 8: vector * unroll, which whole rows take at a time, is no divisor of 256", "--ops", "cross_entropy", op="cross_entropy_forward_backward")
    bad({"vector": 64, "unroll": 4, "class_group": 32}, "class_group = 32: the parts of a row keep at most 16384 bytes", "--ops", "cross_entropy", op="cross_entropy_forward", layout="rows")
    bad({"tile": 6}, "tile = 6: not a multiple of vector", layout="planes")
    bad({"prefetch": 1}, "prefetch = 1: strided logits take 0", layout="strided")
    bad({"threads": 12}, "threads = 12: not a multiple of 8 from 8 on, of 16 from 32 on", targets="cuda-sm80")
    bad({"threads": 48}, "tile = 1: threads * tile is not a multiple of 32", targets="cuda-sm80")


def case_schema():
    """The committed schema is the generator's."""
    assert run("list", "--schedule-schema") == (ROOT / "schedules/schedule.schema.json").read_text(), "write it with lossgen list --schedule-schema"


def case_tuned_files():
    """Every schedule file of the repository builds, and gives right results with the shapes that it was measured with."""
    tuned = sorted((ROOT / "schedules/tuned").glob("*.json"))
    assert tuned, "schedules/tuned is empty"
    for file in tuned + [ROOT / "tests/tune/example.json"]:
        entries = json.loads(file.read_text())["schedules"]
        chosen = {key: sorted({e[key] for e in entries}) for key in ("dtype", "layout", "target")}
        if all(t.startswith("cuda") for t in chosen["target"]):  # rows there are several layouts of kernels
            chosen["layout"] = ["rows", "planes"]
        ops = {next(o for o in ("cross_entropy_probs", "cross_entropy", "nll_loss", "log_softmax") if e["op"].startswith(o)) for e in entries}
        run("emit", "-o", "kernels", "--ops", *sorted(ops), "--dtypes", *chosen["dtype"], "--targets", *chosen["target"], "--layouts", *chosen["layout"],
            "--classes", *(sorted({c for e in entries for c in e["classes"] if c}) or [1]), "--schedules", file, "--stale", "warn")
        if not all(t.startswith(NATIVE[:3]) for t in chosen["target"]):
            continue  # of another CPU: built only
        done = subprocess.run([LOSSGEN, "tune", "--check", file, "--cxx", CXX, "--work", pathlib.Path(WORK) / "work"], capture_output=True, text=True, cwd=FOLDER)
        assert done.returncode in (0, 1) and "FAILS" not in done.stdout and re.search("x the default|cannot run it", done.stdout), done.stdout + done.stderr


def case_search():
    """A search leaves file, log and report; the file is taken by emit, checked again, and stale with other pipelines."""
    text = tune("t", *BOTH, "--report", "t.html", "--pictures", "svg")
    assert "for 9 classes" in text and ("the general kernel" in text), text
    result = json.loads((FOLDER / "t.json").read_text())
    assert result["schema_version"] == 1 and result["tuned_with"]["command"].startswith("lossgen tune -o t.json --ops"), result
    events = log("t")
    assert {"machine", "pipeline", "seed"} <= set(events[0]), events[0]
    measured = [e for e in events if e["event"] == "measured"]
    assert all({"cpu", "target", "schedule", "params", "rung"} <= set(e) and (e.get("failure") or len(e["rounds"]) >= 3) for e in measured)

    def samples(events):  # of each kernel, in order
        taken = {}
        for e in events:
            if e["event"] == "measured" and e["rung"] == "1 sample":
                taken.setdefault(e["unit"], []).append(e["params"])
        return taken

    page = (FOLDER / "t.html").read_text()
    assert page.count("<svg") == len(list((FOLDER / "svg").glob("*.svg"))) > 6 and "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in page and all(e["call"] in page for e in [s["measured"] for s in result["schedules"]])

    # The same seed, the same order; and what the log knows is not measured again.
    again = tune("t", *BOTH, "--resume")
    assert len([e for e in log("t") if e["event"] == "measured"]) == len(measured), again
    shutil.copy(FOLDER / "t.json", FOLDER / "first.json")
    for budget in (0.05, 0.3, 2):  # minutes; a busy machine may measure nothing in the first
        tune("other", *BOTH, "--seed", 1, "--budget", budget)
        other = samples(log("other"))
        if other:
            break
    # Each may be cut off, where the budget is spent.
    assert other and all(mine == samples(events)[unit][:len(mine)] for unit, mine in other.items()), "another order with the same seed"

    if not result["schedules"]:  # nothing beat the default: something to check all the same
        result["schedules"] = [{"op": "cross_entropy_forward", "dtype": "f32", "layout": "rows", "target": NATIVE, "classes": [0, 0],
                                "params": {"vector": 2}, "measured": {"call": "cross_entropy_forward", "shapes": ["32x9"], "ratio": 0.9}}]
    file = FOLDER / "t.json"
    file.write_text(json.dumps(result))
    run("emit", "-o", "kernels", "--dtypes", "f32", "--layouts", "rows", "--targets", NATIVE, "--classes", 9, "--schedules", file)
    done = subprocess.run([LOSSGEN, "tune", "--check", file, "--cxx", CXX, "--work", pathlib.Path(WORK) / "work"], capture_output=True, text=True, cwd=FOLDER)
    assert done.returncode in (0, 1) and re.search("still wins|NO LONGER WINS", done.stdout), done.stdout + done.stderr
    result["tuned_with"]["pipeline"] = "0123"
    text = emit(result, expect=1)
    assert "mine.json: stale, tuned for pipelines 0123, this generator has" in text and "Tune again: lossgen tune -o t.json" in text, text
    assert "stale" in emit(result, "--stale", "warn") and "stale" not in emit(result, "--stale", "ignore")


PROBE = """<script>
addEventListener("load", () => {
  const outside = [];
  for (const svg of document.querySelectorAll("svg")) {
    const box = svg.getBoundingClientRect();
    if (!box.width || !box.height) outside.push("an empty picture");
    for (const e of svg.querySelectorAll("text, rect, circle, path, line, polyline")) {
      const b = e.getBoundingClientRect();
      if (b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1)
        outside.push(e.tagName + " " + e.textContent.trim());
    }
  }
  document.title = "probe " + JSON.stringify({
    outside, pictures: document.querySelectorAll("svg").length, fetched: performance.getEntriesByType("resource").map(e => e.name),
    beyond: document.documentElement.scrollWidth - innerWidth, height: document.documentElement.scrollHeight});
});
</script>"""


def case_browser():
    """The report in a real browser, on a wide and a narrow screen: every picture is there and whole, nothing is fetched."""
    browser = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
    if not browser:
        print("skipped: no chromium-headless-shell (tools/test --with browser)")
        sys.exit(77)
    tune("page", *SMALL, "--report", "page.html")
    page = (FOLDER / "page.html").read_text()
    (FOLDER / "probed.html").write_text(page.replace("</body>", PROBE + "</body>"))
    for width in (1280, 420):
        done = subprocess.run([browser, "--no-sandbox", "--disable-gpu", f"--window-size={width},900", "--host-resolver-rules=MAP * ~NOTFOUND",
                               "--dump-dom", (FOLDER / "probed.html").as_uri()], capture_output=True, text=True, timeout=120)
        title = re.search("<title>probe (.*?)</title>", done.stdout, re.DOTALL)
        assert title, done.stdout[-2000:] + done.stderr[-2000:]
        seen = json.loads(html.unescape(title[1]))
        assert seen["pictures"] == page.count("<svg") > 2 and seen["height"] > 500, seen
        assert not seen["outside"] and not seen["fetched"] and seen["beyond"] <= 0, (width, seen)


def case_failures():
    """Candidates that hang, crash, talk nonsense or compute nonsense are noted and left out."""
    runner = FOLDER / "runner.sh"
    runner.write_text("""#!/bin/sh
case $1 in
  *candidate-2/*) sleep 100 ;;
  *candidate-3/*) kill -SEGV $$ ;;
  *candidate-4/*) echo hello; read line; echo nonsense; sleep 100 ;;
  *candidate-5/*) echo hello; read line; echo '{"worst": 7}'; sleep 100 ;;
esac
exec "$1"
""")
    runner.chmod(0o755)
    tune("f", *SMALL, "--runner", f"{runner} {{}}", "--timeout", 8)
    failures = sorted(e["failure"] for e in log("f") if "failure" in e)
    for expected in ["no answer in 8 s", "ended by Segmentation fault", "answered 'nonsense'", "7.000000 times the error allowed"]:
        assert any(expected in f for f in failures), f"{expected} is not in {failures}"
    assert len(failures) == 4 and any(e["event"] == "found" for e in log("f")), failures
    # All but the default fail: it stays, and what it reaches is reported.
    runner.write_text('#!/bin/sh\ncase $1 in *candidate-0/*) exec "$1" ;; *candidate-*) exit 3 ;; esac\nexec "$1"\n')
    text = tune("d", *SMALL, "--runner", f"{runner} {{}}", "--report", "d.html")
    found = [e for e in log("d") if e["event"] == "found"]
    assert len(found) == 1 and found[0]["default_seconds"] and found[0]["ratio"] == 1, found
    assert json.loads((FOLDER / "d.json").read_text())["schedules"] == [], text
    page = (FOLDER / "d.html").read_text()
    assert "No candidate came through" in page and page.count("<svg") > 2, page
    assert "false {}: ended with status 1" in tune("g", *SMALL, "--runner", "false {}", expect=1)
    assert "valid: log_softmax" in tune("g", "--ops", "sum", expect=1)
    assert "is not ROWSxCLASSES" in tune("g", "--shapes", "12", expect=1)
    assert "the runner does not compile (false)" in run("tune", "--cxx", "false", "--work", "w", *SMALL, expect=1)


def case_interrupt():
    """Ctrl-C ends a search in an orderly way; --resume takes up its measurements."""
    command = [LOSSGEN, "tune", "-o", "i.json", "--cxx", CXX, "--work", str(pathlib.Path(WORK) / "work"), *SMALL]
    process = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True)
    file = FOLDER / "i.log.jsonl"
    while process.poll() is None and not (file.exists() and "measured" in file.read_text()):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "--resume goes on" in out, f"{process.returncode}: {out}"
    before = len(log("i"))
    tune("i", *SMALL, "--resume")
    known = [(json.dumps(e["params"]), e["rung"]) for e in log("i") if e["event"] == "measured"]
    assert len(known) == len(set(known)) and len(log("i")) > before, "measured twice"


def case_budget():
    """The budget is kept, whatever is going on when it ends; what is known is kept too, and --resume takes it up."""
    tune("b", *SMALL)  # compiles the runner
    begin = time.monotonic()
    text = tune("b", "--ops", "cross_entropy", "log_softmax", "--shapes", "4096x1000", "64x7x4096", "--targets", NATIVE, "--budget", 0.2)
    took = time.monotonic() - begin
    assert "the budget is spent" in text and "--resume goes on" in text, text
    assert took < 12 + 3, f"{took} s for a budget of 12"  # a busy machine may be late, but by no compilation and no round
    assert all(len(e["rounds"]) >= 3 for e in log("b") if e["event"] == "measured" and not e.get("failure"))


def case_sent():
    """A runner command without a place for the path gets the program sent, as ssh does."""
    tune("s", *SMALL, "--runner", "sh -c")
    assert any(e["event"] == "found" for e in log("s"))


def case_cuda():
    """CUDA kernels, on a stand-in for the driver ($FAKE_CUDA) that runs them on the CPU: the mechanism, not the times."""
    fake = os.environ.get("FAKE_CUDA")
    if not fake:
        print("SKIPPED: no stand-in for libcuda.so.1 in this build")
        sys.exit(77)
    cuda = ["--targets", "cuda-sm80"]
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        text = tune("c", *cuda, "--shapes", "32x9", expect=1)
        assert "no CUDA driver: libcuda.so.1 could not be loaded" in text, text
    os.environ["LD_LIBRARY_PATH"] = fake
    for wrong, expected in ((["--dtypes", "f64"], "cuda-sm80 has no f64 kernels"), (["--layouts", "strided"], "take the kernels of planes"),
                            (["--ops", "nll_loss"], "only log_softmax and cross_entropy")):
        text = tune("c", *cuda, *wrong, "--shapes", "32x9", expect=1)
        assert expected in text, text
    assert "only CPU and CUDA targets" in tune("c", "--targets", "opencl", expect=1)

    text = tune("c", *cuda, "--ops", "log_softmax_forward", "--shapes", "32x9", "--report", "c.html")
    assert "log_softmax_forward f32 few cuda-sm80 of 32x9" in text and "stand-in device (compute capability 8.0)" in (FOLDER / "c.html").read_text(), text
    assert json.loads((FOLDER / "c.json").read_text())["tuned_with"]["gpu"] == "stand-in device (compute capability 8.0)"
    measured = [e for e in log("c") if e["event"] == "measured"]
    assert measured and not any(e.get("failure") for e in measured), measured
    assert all(e["target"] == "cuda-sm80" and min(e["seconds"]) > 0 for e in measured)

    # Rows in parts: a loss with its gradient is two kernels, each tuned by the call that runs it alone.
    tune("parts", *cuda, "--ops", "cross_entropy_forward_backward", "--shapes", "1x9001", "--budget", 1)
    units = {e["unit"] for e in log("parts") if e["event"] == "found"}
    assert units <= {f"cross_entropy_{call} f32 rows cuda-sm80 of 1x9001" for call in ("forward", "backward")} and units, units

    entry = {"op": "log_softmax_forward", "dtype": "f32", "layout": "few", "target": "cuda-sm80", "classes": [0, 0], "params": {"threads": 16},
             "measured": {"call": "log_softmax_forward", "shapes": ["32x9"], "ratio": 0.9}}
    result = json.loads((FOLDER / "c.json").read_text())
    file = FOLDER / "mine.json"
    file.write_text(json.dumps({**result, "schedules": [entry]}))
    done = subprocess.run([LOSSGEN, "tune", "--check", file, "--cxx", CXX, "--work", pathlib.Path(WORK) / "work"], capture_output=True, text=True, cwd=FOLDER)
    assert done.returncode in (0, 1) and re.search("still wins|NO LONGER WINS", done.stdout), done.stdout + done.stderr
    assert "log_softmax_forward f32 few cuda-sm80" in done.stdout, done.stdout
    result["tuned_with"]["gpu"] = "another"
    (FOLDER / "c.json").write_text(json.dumps(result))
    text = tune("c", *cuda, "--ops", "log_softmax_forward", "--shapes", "32x9", "--resume", expect=1)
    assert "was tuned on another, this is stand-in device" in text, text


def case_qemu():
    """arm64 kernels, tuned through an emulator: the mechanism, not the times."""
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not shutil.which("aarch64-linux-gnu-g++") or not qemu:
        print("SKIPPED: no aarch64-linux-gnu-g++ or no qemu-aarch64 (tools/test --with arm64 installs them)")
        sys.exit(77)
    run("tune", "-o", "q.json", "--cxx", "aarch64-linux-gnu-g++", "--work", pathlib.Path(WORK) / "work", "--ops", "nll_loss_forward",
        "--shapes", "32x9", "--runner", f"{qemu} {{}}")
    assert all(e["target"] == "arm64" and not e.get("failure") for e in log("q") if e["event"] == "measured")


shutil.rmtree(FOLDER, ignore_errors=True)
FOLDER.mkdir(parents=True)
globals()["case_" + sys.argv[4]]()
