"""What `import biometrics` offers, and that it loads nothing before it is asked for."""

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
import warnings

import pytest

import biometrics


def test_the_examples_of_the_docstring_give_what_they_say():
    assert biometrics.__doc__.count(">>>") > 10
    with warnings.catch_warnings(action="error"):
        outcome = doctest.testmod(biometrics)
    assert outcome.attempted > 10
    assert outcome.failed == 0


@pytest.mark.parametrize("name", biometrics.__all__)
def test_every_name_is_that_of_the_module_where_it_is_written(name):
    found = getattr(biometrics, name)
    assert found.__name__ == name
    assert found.__doc__
    assert getattr(importlib.import_module(found.__module__), name) is found


def test_type_checkers_see_the_very_names_that_there_are():
    imported = [
        (node.module, alias.name)
        for block in ast.parse(inspect.getsource(biometrics)).body
        if isinstance(block, ast.If)
        for node in block.body
        for alias in node.names
    ]
    assert sorted(name for _, name in imported) == sorted(biometrics.__all__)
    assert biometrics.__all__ == sorted(set(biometrics.__all__))
    assert imported == [
        (f"biometrics.{home}", name) for home, names in biometrics._HOMES.items() for name in names
    ]


def test_the_names_are_listed_and_others_are_refused():
    assert set(biometrics.__all__) <= set(dir(biometrics))
    with pytest.raises(AttributeError, match="module 'biometrics' has no attribute 'evalute'"):
        _ = biometrics.evalute


def test_a_name_loads_its_own_module_and_not_the_others():
    code = (
        "import sys, biometrics\n"
        "before = sorted(name for name in sys.modules if name.startswith('biometrics.'))\n"
        "biometrics.Settings, biometrics.EvaluationError\n"
        "print(before, 'numpy' in sys.modules, 'biometrics.settings' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[] False True"
