"""Detectors, found by name."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from faces import detection
from faces.detection import find_detector
from groundfloor.errors import UserError
from tests import ROOT


class Loaded:
    """A detector that counts how often it is made."""

    name = "counted"
    made = 0

    def __init__(self):
        type(self).made += 1
        threading.Event().wait(0.01)  # time for others to come in between


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.setattr(Loaded, "made", 0)
    monkeypatch.setattr(detection, "_loaded", {})
    monkeypatch.setitem(detection.DETECTORS, Loaded.name, Loaded)
    return Loaded


def test_a_process_loads_a_detector_once_also_where_many_threads_ask_for_it(counted):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(find_detector, [counted.name] * 8))
    assert len(found) == 1
    assert counted.made == 1


def test_an_unknown_name_is_an_error_that_says_what_there_is():
    with pytest.raises(UserError, match=r"no detector 'mtcn' \(did you mean mtcnn\?\)"):
        find_detector("mtcn")
    with pytest.raises(UserError, match=r"known: mtcnn"):
        find_detector("off")


def test_the_package_costs_neither_tensorflow_nor_mtcnn():
    script = """
import sys
import faces.detection
print(sorted({"tensorflow", "keras", "mtcnn"} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
