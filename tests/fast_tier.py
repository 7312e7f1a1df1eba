"""The fast tier: `pytest -p tests.fast_tier` runs the test files that need no large library.

A file is in it if neither the file nor what it imports of ours, at any depth and in functions too,
imports one of `LARGE`; a program that a test names by its module or path counts as imported. Lest
one be missed, importing it fails. Tests marked `slow` are left out, and hypothesis draws fewer
examples than it does for `make test`.
"""

import ast
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tests import ROOT
from tests.imports import FILES, imports_of, module_of

LARGE = frozenset({"apache_beam", "keras", "kfp", "mlflow", "tensorflow", "tfx"})


class Refuse:
    """Lets nobody import a large library."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        """Raises for the names that it refuses, and knows no other."""
        if name.partition(".")[0] in LARGE:
            raise ModuleNotFoundError(f"The fast tier does without {name}", name=name)


def needs(module: str) -> set[str]:
    """The large libraries that a module of ours leads to."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _leads_to(name)
    return {name.partition(".")[0] for name in seen} & LARGE


@cache
def _leads_to(module: str) -> list[str]:
    if module not in FILES:
        return []
    return [found.name for found in imports_of(module)] + _programs(module)


def _programs(module: str) -> list[str]:
    """The modules of ours that a text of a test names: what it starts as a process of its own."""
    paths = {str(path.relative_to(ROOT)): name for name, path in FILES.items() if "." in name}
    texts = {
        node.value
        for node in ast.walk(ast.parse(FILES[module].read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return [name for path, name in paths.items() if path in texts or name in texts]


def pytest_configure(config: pytest.Config) -> None:
    """Refuses the large libraries, leaves the slow tests out and has fewer examples drawn."""
    sys.meta_path.insert(0, Refuse())
    config.option.markexpr = f"({config.option.markexpr}) and not slow"
    settings.register_profile("fast", settings.get_profile("steady"), max_examples=25)
    settings.load_profile("fast")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Passes over the files that need a large library."""
    return (collection_path.suffix == ".py" and bool(needs(module_of(collection_path)))) or None
