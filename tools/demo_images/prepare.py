#!/usr/bin/env python3
"""prepare.py FOLDER [IMAGE...]: decodes images into grey PGM files for lossgen_demo_images and prints their paths.

Without IMAGE: the photographs that scikit-image's wheel ships. A comment in each file's header says how many bytes other
programs need for exactly its pixels: "# PNG 139512".
"""
import glob
import importlib.util
import io
import os
import sys

from PIL import Image

# Of skimage/data: photographs stored without loss, one of the stereo pair (drawings, text, microscopy and JPEG left out).
PHOTOGRAPHS = "astronaut brick camera chelsea coffee coins grass gravel moon motorcycle_left".split()
LARGEST = 1024  # pixels along a side; larger images are reduced, or one of them would take all the time


def defaults():
    package = importlib.util.find_spec("skimage")  # found, not imported
    if package is None:
        sys.exit("no images: scikit-image is not installed and no file was named")
    data = os.path.join(package.submodule_search_locations[0], "data")
    return [os.path.join(data, name + ".png") for name in PHOTOGRAPHS]


def decoded(path):
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                sys.exit("%s: more than 8 bits a pixel" % path)
            grey = image.convert("L")
    except OSError as error:  # also what Pillow raises for files that are no images
        sys.exit(str(error) if path in str(error) else "%s: %s" % (path, error))
    grey.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return Image.frombytes("L", grey.size, grey.tobytes())  # without colour profiles and the like, which would be stored


def size(image, **options):
    stored = io.BytesIO()
    image.save(stored, **options)
    return stored.tell()


def png_size(image):
    # Pillow's optimize=True is level 9 with zlib's default strategy; the others are sometimes smaller.
    return min(size(image, format="PNG", optimize=True, compress_type=strategy) for strategy in range(4))


def webp_size(image):
    return size(image, format="WEBP", lossless=True, method=6)


folder, paths = sys.argv[1], sys.argv[2:] or defaults()
os.makedirs(folder, exist_ok=True)
images = [(path, decoded(path)) for path in paths]
for stale in glob.glob(os.path.join(folder, "*.pgm")):
    os.remove(stale)
written = set()
for path, image in images:
    name = os.path.splitext(os.path.basename(path))[0]
    while name in written:  # the same name in two folders
        name += "_"
    written.add(name)
    out = os.path.join(folder, name + ".pgm")
    with open(out, "wb") as pgm:
        pgm.write(b"P5\n# PNG %d\n# WebP %d\n%d %d\n255\n" % (png_size(image), webp_size(image), *image.size))
        pgm.write(image.tobytes())
    print(out)
