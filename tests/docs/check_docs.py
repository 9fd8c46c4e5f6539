"""Holds the documentation against the repository: check_docs.py links | files | tests"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("**/*.md"))
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", h.replace("`", "").lower()).replace(" ", "-") for h in headings}


def check_links():
    """Every relative link leads to a file, and its #part to a heading there."""
    for page in PAGES:
        text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text()))
        for link in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, part = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists():
                yield f"{page.relative_to(ROOT)}: no file {link}"
            elif part and part not in anchors(target):
                yield f"{page.relative_to(ROOT)}: no heading {link}"


def check_files():
    """A fenced block after `<!-- file: NAME -->` is that file, byte for byte."""
    found = 0
    for page in PAGES:
        for name, block in re.findall(r"^<!-- file: (\S+) -->\n```\w*\n(.*?)^```$", page.read_text(), re.M | re.S):
            found += 1
            file = ROOT / name
            if not file.exists():
                yield f"{page.relative_to(ROOT)}: shows {name}, which does not exist"
            elif file.read_text() != block:
                yield f"{page.relative_to(ROOT)}: the block of {name} differs from the file"
    if not found:
        yield "no page shows a file"


def check_tests():
    """Every row of docs/differences.md names a test that exists."""
    sources = "".join(p.read_text() for p in (ROOT / "tests").glob("**/*.cpp"))
    known = {f"{a}.{b}" for a, b in re.findall(r"\bTEST(?:_P|_F)?\((\w+), (\w+)\)", sources)}
    rows = [r for r in (ROOT / "docs/differences.md").read_text().splitlines() if re.match(r"\| [^-]", r)]
    for row in rows:
        cells = [c.strip() for c in row.strip("|").split(" | ")]
        if cells[-1] == "test":
            continue
        names = re.findall(r"`(\w+\.\w+)[^`]*`", cells[-1])
        if not names:
            yield f"docs/differences.md: no test: {row}"
        for name in names:
            if name not in known:
                yield f"docs/differences.md: there is no test {name}"


problems = list({"links": check_links, "files": check_files, "tests": check_tests}[sys.argv[1]]())
for problem in problems:
    print(problem)
sys.exit(bool(problems))
