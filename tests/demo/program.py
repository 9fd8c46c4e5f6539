"""Runs a demo's program as a user would."""
import os
import re
import subprocess
import tempfile

folder = tempfile.TemporaryDirectory()
out = os.path.join(folder.name, "pictures & more")


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    print(done.stdout, done.stderr, sep="")
    return done


def trains(program, *arguments):
    done = run(program, "--quick", "--out", out, *arguments)
    assert done.returncode == 0, "exit code %d" % done.returncode
    assert done.stderr == ""
    return done.stdout


def refuses(message, *arguments):
    done = run(*arguments)
    assert done.returncode != 0
    assert re.search(message, done.stderr), "no '%s' in: %s" % (message, done.stderr)
    assert done.stdout == ""


def file_of(data, name="file"):
    path = os.path.join(folder.name, name)
    with open(path, "wb") as file:
        file.write(data)
    return path
