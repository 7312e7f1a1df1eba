"""A component's digest follows its own code, and nothing else."""

import shutil

import pytest

from components import source_digest as module
from components.source_digest import source_digest
from tests import FLOORS, ROOT

EXECUTORS = {
    name: f"components.{name}.executor" for name in ("example_gen", "transform", "evaluator")
} | {"trainer": "components.trainer.run_fn"}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A copy of the sources, which may be changed."""
    for package in FLOORS:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    return tmp_path


def changed_by_editing(root, file):
    before = {name: source_digest(executor) for name, executor in EXECUTORS.items()}
    with (root / file).open("a", encoding="utf-8") as source:
        source.write("\n# edited\n")
    return {name for name, executor in EXECUTORS.items() if source_digest(executor) != before[name]}


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("faces/splits.py", {"example_gen", "transform", "evaluator"}),
        ("faces/contract.py", {"transform", "trainer"}),
        ("components/trainer/arcface.py", {"trainer"}),
        ("biometrics/figures/metrics.py", {"evaluator"}),
        ("biometrics/engine/numba_kernels.py", {"evaluator"}),
        ("biometrics/report/templates/report.html.jinja", {"evaluator"}),
        ("biometrics/report/templates/style.css", {"evaluator"}),
        ("requirements.lock", set(EXECUTORS)),
        ("faces/sources/folder.py", {"example_gen", "transform", "evaluator"}),
        ("faces/images/decode.py", {"example_gen", "transform", "trainer", "evaluator"}),
        ("pipeline/run_local.py", set()),
        ("components/evaluator/component.py", set()),
    ],
)
def test_an_edit_changes_the_digest_of_what_uses_the_file(root, file, changed):
    assert changed_by_editing(root, file) == changed


def test_a_module_that_does_not_exist_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"no module 'components\.nowhere'"):
        source_digest("components.nowhere")
