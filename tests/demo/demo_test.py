#!/usr/bin/env python3
"""demo_test.py DEMO CASE FILE...: runs the demo's program as a user would and checks what it says and writes."""
import os
import re
import sys
import xml.etree.ElementTree

import program
from program import file_of, folder, out

demo, case, files = sys.argv[1], sys.argv[2], sorted(sys.argv[3:])


def trains(*arguments):
    return program.trains(demo, *arguments)


def refuses(message, *arguments, into=out):
    program.refuses(message, demo, "--out", into, *arguments)


def learns():
    text = trains(*files)
    first, last = map(float, re.search(r"bits/byte ([\d.]+) at first, ([\d.]+) at last", text).groups())
    model = float(re.search(r"lossgen's model +([\d.]+) bits/byte", text).group(1))
    # Eight bits is what knowing nothing costs.
    assert last < 0.8 * first and last < model < first < 8, (first, model, last)
    assert re.search(r"gzip -9 +[\d.]+ bits/byte", text)
    for name in "loss_curve", "comparison":
        root = xml.etree.ElementTree.parse(os.path.join(out, name + ".svg")).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "bits per byte" in words, words
        assert name + ".svg" in text


def one_thread_same_bits():
    scores = set()
    for threads in "1", "3":
        text = trains("--threads", threads, "--megabytes", "0.1", *files)  # well within --quick's 20 seconds
        scores.add(re.search(r"lossgen's model.*", text).group(0))
    assert len(scores) == 1, scores


def time_budget():
    text = trains("--seconds", "1", "--megabytes", "0.5", *files * 3)
    whole, scored = (int(re.search(pattern, text).group(1).replace(",", "")) for pattern in
                     (r": ([\d,]+) bytes", r"on the same ([\d,]+) bytes"))
    # A fast machine may be done in time; else the compressors must get what the model was scored on.
    assert scored == whole or "time was up" in text


cases = {
    "learns": learns,
    "one_thread_same_bits": one_thread_same_bits,
    "time_budget": time_budget,
    "missing_file": lambda: refuses("cannot read .*nowhere: No such file", os.path.join(folder.name, "nowhere")),
    "folder": lambda: refuses("it is a folder", folder.name),
    "empty_file": lambda: refuses("is empty", file_of(b"")),
    "small_file": lambda: refuses("1000 bytes are too few", file_of(b"a" * 1000)),
    "bad_option": lambda: refuses("--threads", "--threads", "0"),
    "unwritable_out": lambda: refuses("Not a directory", *files, into=os.path.join(demo, "below")),
}
cases[case]()
