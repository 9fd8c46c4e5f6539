"""Sums up the runs of several test runners: report.py [--not-run LINE]... RUNNER=JUNIT_XML...

Prints the failures with the end of their output, then what stayed unexecuted and why, and as the last line
`N passed, N failed, N skipped`. The exit status is 0 if something passed and nothing failed.
"""

import argparse
import collections
import re
import sys
import xml.etree.ElementTree as ET

Case = collections.namedtuple("Case", "runner name state text")
TAIL = 25  # lines of a failing test's output


def skip_reason(text, message):
    """The reason a test gave for not running: GTEST_SKIP() << ..., a line `SKIPPED: ...`, or what the runner says."""
    gtest = re.search(r":\s*Skipped\n(.*?)\n(?:\n|\[)", text, re.S)
    if gtest and gtest.group(1).strip():
        return " ".join(gtest.group(1).split())
    line = re.search(r"^\W*skip(?:ped|ping)?\s*:\s*(\S.*)$", text, re.I | re.M)
    if line:
        return line.group(1).strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else message or "no reason given"


def read_case(runner, element):
    name = element.get("name", "?")
    folder = element.get("classname", "")
    if runner.startswith("lit") and folder and folder != name:
        name = folder + "/" + name
    output = "\n".join(e.text or "" for e in element if e.tag in ("system-out", "failure", "error"))
    failure = element.find("failure")
    if failure is None:
        failure = element.find("error")
    skipped = element.find("skipped")
    # CTest writes a test whose program is missing as skipped, though it calls it failed; only a skip of the test's own counts as one.
    if skipped is not None and re.search(r"unable to find executable|fixture|not found", skipped.get("message", ""), re.I):
        return Case(runner, name, "failed", skipped.get("message"))
    if failure is not None:
        noise = r"Running main\(\)|Note: Google Test filter|\[[-=]{10}\]|\[  PASSED  \] 0|\[  FAILED  \] .*listed below| *\d+ FAILED TESTS?$|\s*$"
        lines = [line for line in output.splitlines() if not re.match(noise, line)]
        return Case(runner, name, "failed", "\n".join(lines + [failure.get("message", "")]))
    if element.get("status") == "disabled":
        return Case(runner, name, "skipped", "disabled in the test's source")
    if skipped is not None:
        return Case(runner, name, "skipped", skip_reason(output, skipped.get("message", "")))
    return Case(runner, name, "passed", "")


def read(runner, path):
    try:
        return [read_case(runner, e) for e in ET.parse(path).iter("testcase")]
    except (OSError, ET.ParseError) as error:
        try:  # what the runner said instead lies beside the result
            with open(re.sub(r"\.xml$", ".log", path), errors="replace") as log:
                said = log.read()
        except OSError:
            said = ""
        return [Case(runner, runner, "failed", f"{said}\nleft no readable result: {error}")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--not-run", action="append", default=[], metavar="LINE", help="a part that did not start at all, and why")
    parser.add_argument("results", nargs="*", metavar="RUNNER=FILE")
    arguments = parser.parse_args()
    cases = [c for r in arguments.results for c in read(*r.split("=", 1))]
    by_state = collections.defaultdict(list)
    for case in cases:
        by_state[case.state].append(case)

    for case in by_state["failed"]:
        print(f"\nFAILED {case.runner}: {case.name}")
        for line in case.text.rstrip().splitlines()[-TAIL:]:
            print("    " + line)

    reasons = collections.defaultdict(list)
    for case in by_state["skipped"]:
        reasons[case.text].append(case.name)
    if reasons or arguments.not_run:
        print("\nNot executed here:")
    for line in arguments.not_run:
        print("  " + line)
    for reason, names in sorted(reasons.items()):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        print(f"  {reason} [{', '.join(names[:3])}{more}]")

    passed, failed, skipped = (len(by_state[s]) for s in ("passed", "failed", "skipped"))
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
