"""The command `arcface-measure`, with nothing but the libraries of its dependency group."""

import os
import subprocess
import sys
import tomllib
from importlib import metadata

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import FLOORS, ROOT
from tests.biometrics.cases import random_faces

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

WITHOUT_OTHERS = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {forbidden}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv = ["arcface-measure", *{arguments}]
from pipeline.measure import main
main()
"""


def brought_by(requirements):
    """The names of all distributions that these requirements install here."""
    found, waiting = set(), [Requirement(text) for text in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += map(Requirement, metadata.requires(name) or [])
    return found


@pytest.fixture(scope="module")
def forbidden():
    """The importable names that only other distributions hold."""
    installed = brought_by(PROJECT["dependency-groups"]["measure"])
    return {
        package
        for package, holders in metadata.packages_distributions().items()
        if not {canonicalize_name(name) for name in holders} & installed
    } - set(FLOORS)


@pytest.fixture
def run(forbidden, tmp_path):
    def run(*arguments):
        code = WITHOUT_OTHERS.format(forbidden=forbidden, arguments=list(map(str, arguments)))
        return subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )

    return run


def test_neither_tensorflow_nor_tfx_is_among_the_libraries_of_the_group(forbidden):
    assert {"tensorflow", "keras", "tfx", "apache_beam", "mlflow", "sklearn"} <= forbidden
    assert not {"numpy", "scipy", "matplotlib", "jinja2", "pydantic", "typer"} & forbidden


def test_it_measures_and_compares_with_the_libraries_of_the_group_alone(run, tmp_path):
    vectors, people = random_faces(0, people=12, images=4, dim=8, spread=0.5)
    keys = np.arange(len(people))
    np.savez(tmp_path / "faces.npz", embeddings=vectors, identities=people, keys=keys)
    done = run("evaluate", "faces.npz", "--output", "out")
    assert done.returncode == 0, done.stderr
    assert "\nblessed\n" in done.stdout
    assert (tmp_path / "out/report.html").exists()
    done = run("compare", "faces.npz", "out")
    assert done.returncode == 0, done.stderr
    assert "on 48 images of 12 people, which both have" in done.stdout


def test_parquet_without_pyarrow_is_one_message(run, tmp_path):
    (tmp_path / "faces.parquet").write_bytes(b"PAR1")
    done = run("evaluate", "faces.parquet", "--output", "out")
    assert done.returncode == 2
    assert "Parquet needs pyarrow: pip install pyarrow" in done.stderr


def test_what_is_installed_as_arcface_measure_is_this_command():
    assert PROJECT["project"]["scripts"]["arcface-measure"] == "pipeline.measure:main"
