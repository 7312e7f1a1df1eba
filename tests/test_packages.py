"""What is installed into site-packages, beside the packages of everybody else."""

import tomllib

from setuptools import find_namespace_packages

from tests import FLOORS, ROOT


def test_only_the_floors_are_installed_and_nothing_with_a_name_that_others_use():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = find_namespace_packages(str(ROOT), **project["tool"]["setuptools"]["packages"]["find"])
    assert {name.partition(".")[0] for name in found} == set(FLOORS)
