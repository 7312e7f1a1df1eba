"""What the library can do without, each time in a process of its own."""

import subprocess
import sys

from tests import ROOT

PREAMBLE = """
import importlib, pkgutil, sys
for name in blocked:
    sys.modules[name] = None  # to import it is an error now
import faces
names = {module.name for module in pkgutil.walk_packages(faces.__path__, "faces.")}
"""
BLOCKED = ["tensorflow", "tensorflow_metadata", "keras", "tfx", "apache_beam", "mlflow"]


def run(script: str) -> str:
    """What a script prints where none of the heavy packages can be imported."""
    code = f"blocked = {BLOCKED}{PREAMBLE}{script}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_few_modules_alone_need_tensorflow():
    script = """
of_images = {f"faces.images.{name}" for name in ("align", "decode", "encode")}
needing = {"faces.storage", "faces.detection.location", *of_images}
for name in sorted(names - needing):
    importlib.import_module(name)
print(len(names), *sorted(needing - names))
"""
    count, *missing = run(script).split()
    assert int(count) > 10
    assert missing == []


def test_the_example_of_the_library_runs_without_tensorflow():
    script = """
import doctest
print(doctest.testmod(faces))
"""
    assert run(script).strip() == "TestResults(failed=0, attempted=8)"
