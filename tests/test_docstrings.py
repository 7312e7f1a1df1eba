"""The examples in docstrings are run, and print what they say.

NumPy 1 and 2 write a number of theirs differently (`0.5` and `np.float64(0.5)`), so that an example
shows a `float`, a rounded one, or prints.
"""

import doctest
import importlib

import pytest

from tests import FLOORS
from tests.fast_tier import needs
from tests.imports import FILES

WITH_EXAMPLES = [
    pytest.param(module, marks=[pytest.mark.slow] if needs(module) else [])
    for module, path in FILES.items()
    if module.partition(".")[0] in FLOORS and ">>> " in path.read_text()
]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_a_module_print_what_they_say(module, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # an example may write files
    found = doctest.testmod(importlib.import_module(module))
    assert (found.failed, found.attempted > 0) == (0, True)
