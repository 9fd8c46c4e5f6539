#!/usr/bin/env python3
"""image_test.py DEMO PREPARE CASE: the demo on images learns from photographs and says what is wrong with other files."""
import base64
import importlib.util
import io
import os
import re
import sys
import xml.etree.ElementTree

import program
from program import file_of, folder, out

demo, prepare, case = sys.argv[1:]


def needs(*packages):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            print("skipped: no %s here (tools/requirements-images.txt)" % package)
            sys.exit(77)


def photographs():
    """Some of the default ones, cut so that a test takes seconds; no side is a multiple of the patches'."""
    needs("PIL", "skimage")
    from PIL import Image

    data = os.path.join(importlib.util.find_spec("skimage").submodule_search_locations[0], "data")
    cut = []
    for name in "camera brick chelsea coffee astronaut gravel".split():
        cut.append(os.path.join(folder.name, name + ".png"))
        with Image.open(os.path.join(data, name + ".png")) as image:
            image.crop((100, 80, 287, 221)).save(cut[-1])
    done = program.run(sys.executable, prepare, os.path.join(folder.name, "pgm"), *cut)
    assert done.returncode == 0
    paths = done.stdout.split("\n")[:-1]
    assert [os.path.basename(path) for path in paths[:2]] == ["camera.pgm", "brick.pgm"], paths
    return paths


def pgm(header=b"P5\n20 20\n255\n", pixels=400):
    return file_of(header + bytes(pixels), "image.pgm")


def refuses(message, *files, into=out):
    program.refuses(message, demo, "--out", into, *files)


def learns():
    text = program.trains(demo, *photographs())
    first, last = map(float, re.search(r"bits/pixel ([\d.]+) at first, ([\d.]+) at last", text).groups())
    columns = re.search(r"pixels +PNG +WebP +model", text)
    pixels, png, _, model = (float(n.replace(",", "")) for n in re.search(r"together +(.*)", text).group(1).split())
    assert columns and pixels == 2 * 187 * 141
    # Eight bits is what knowing nothing costs. On images that it has not seen the model is better than PNG.
    assert first == 8 and last < 0.8 * first and model < 0.97 * png, (first, last, png, model)
    assert re.search(r"held back \(every third\): camera coffee\n", text)
    for name in "image_loss_curve", "image_comparison", "image_costs":
        root = xml.etree.ElementTree.parse(os.path.join(out, name + ".svg")).getroot()
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "bits per pixel" in words, words
        assert name + ".svg" in text
    assert len(pictures()) == 2 * 2 + 1


def pictures():
    """Those embedded in image_costs.svg: of each image held back itself and its cost map, then the legend."""
    from PIL import Image

    root = xml.etree.ElementTree.parse(os.path.join(out, "image_costs.svg")).getroot()
    urls = [element.get("href") for element in root.iter("{http://www.w3.org/2000/svg}image")]
    return [Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) for url in urls]


def causal():
    """Another value of one pixel must not change what the pixels before it cost."""
    first, *others = photographs()
    maps = []
    for change in 0, 100:
        with open(first, "r+b") as image:
            image.seek(-187 * 60 + 90, os.SEEK_END)  # row 81, column 90
            value = image.read(1)[0]
            image.seek(-1, os.SEEK_CUR)
            image.write(bytes([(value + change) % 256]))
        program.trains(demo, first, *others)
        original, costs = pictures()[:2]
        with open(first, "rb") as image:
            assert image.read().endswith(original.convert("L").tobytes())
        maps.append(costs.tobytes())
    at = 187 * 81 + 90
    assert maps[0][:at] == maps[1][:at] and maps[0][at + 1:] != maps[1][at + 1:]


def same_bits_with_any_threads():
    paths = photographs()
    scores = {re.search(r"images held back(.*)written", program.trains(demo, "--threads", threads, *paths), re.S).group(1)
              for threads in ("1", "3")}
    assert len(scores) == 1, scores


def no_image():
    needs("PIL")
    program.refuses("cannot identify image file", sys.executable, prepare, out, file_of(b"no image\n"))


def deep_image():
    needs("PIL")
    from PIL import Image

    path = os.path.join(folder.name, "deep.png")
    Image.new("I;16", (20, 20)).save(path)
    program.refuses("deep.png: more than 8 bits", sys.executable, prepare, out, path)


cases = {
    "learns": learns,
    "causal": causal,
    "same_bits_with_any_threads": same_bits_with_any_threads,
    "no_image": no_image,
    "deep_image": deep_image,
    "missing_file": lambda: refuses("cannot read .*nowhere: No such file", os.path.join(folder.name, "nowhere")),
    "folder": lambda: refuses("it is a folder", folder.name),
    "not_pgm": lambda: refuses("not a binary PGM file", pgm(b"P6\n20 20\n255\n", 1200)),
    "deep_pgm": lambda: refuses("8 bits a pixel", pgm(b"P5\n# a comment\n20 20\n65535\n", 800)),
    "small_pgm": lambda: refuses("sides must be from 16 to", pgm(b"P5\n20 15\n255\n", 300)),
    "short_pgm": lambda: refuses("ends too early", pgm(pixels=399)),
    "one_image": lambda: refuses("one image is not enough", pgm()),
    "unwritable_out": lambda: refuses("Not a directory", pgm(), pgm(), into=os.path.join(demo, "below")),
}
cases[case]()
