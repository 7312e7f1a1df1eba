"""A component's digest follows its own code, and nothing else."""

import ast
import json
import shutil
import subprocess
import sys

import pytest

from components import source_digest as module
from components.source_digest import source_digest, source_files
from tests import FLOORS, ROOT

EXECUTORS = {
    name: (f"components.{name}.executor",)
    for name in ("example_gen", "statistics", "transform", "evaluator", "pusher")
} | {"trainer": ("components.trainer.executor", "components.trainer.run_fn")}
EVERY = set(EXECUTORS)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A copy of the sources, which may be changed."""
    for package in FLOORS:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    return tmp_path


def digests():
    return {name: source_digest(*modules) for name, modules in EXECUTORS.items()}


def changed_by_editing(root, file):
    before = digests()
    with (root / file).open("a", encoding="utf-8") as source:
        source.write("\n# edited\n")
    return {name for name, digest in digests().items() if digest != before[name]}


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("faces/__init__.py", {"example_gen", "transform", "trainer", "evaluator"}),
        ("faces/quarantine.py", {"example_gen"}),
        ("faces/images/__init__.py", {"example_gen", "transform", "trainer", "evaluator"}),
        ("faces/images/decode.py", {"example_gen", "transform", "trainer", "evaluator"}),
        ("serving/signatures.py", {"trainer", "evaluator"}),
        ("serving/model_dir.py", {"evaluator", "pusher"}),
        ("components/__init__.py", EVERY),
        ("components/trainer/__init__.py", {"trainer"}),
        ("components/trainer/losses/arcface.py", {"trainer"}),
        ("components/statistics/executor.py", {"statistics"}),
        ("biometrics/figures/metrics.py", {"evaluator", "trainer"}),
        ("biometrics/protocols/__init__.py", {"evaluator"}),
        ("biometrics/protocols/open_set.py", {"evaluator"}),
        ("biometrics/report/templates/report.html.jinja", {"evaluator"}),
        ("biometrics/report/templates/style.css", {"evaluator"}),
        ("requirements.lock", EVERY),
    ],
)
def test_an_edit_changes_the_digest_of_what_uses_the_file(root, file, changed):
    assert changed_by_editing(root, file) == changed


@pytest.mark.parametrize(
    "file",
    [
        "pipeline/config.py",
        "pipeline/kubeflow/config.py",
        "pipeline/dag.py",
        "pipeline/run_local.py",
        "components/evaluator/component.py",
        "components/trainer/component.py",
    ],
)
def test_an_edit_of_what_no_step_runs_changes_no_digest(root, file):
    assert changed_by_editing(root, file) == set()


def test_nothing_of_the_evaluator_is_part_of_another_step(root):
    for path in (root / "components/evaluator").glob("*.py"):
        path.write_text("# another evaluator\n", encoding="utf-8")
        assert changed_by_editing(root, path.relative_to(root)) <= {"evaluator"}


def test_a_new_file_beside_a_module_counts_and_what_python_compiled_does_not(root):
    before = source_digest("biometrics.report.page")
    (root / "biometrics/report/__pycache__").mkdir()
    (root / "biometrics/report/__pycache__/page.cpython-311.pyc").write_bytes(b"compiled")
    assert source_digest("biometrics.report.page") == before
    (root / "biometrics/report/templates/fonts").mkdir()
    (root / "biometrics/report/templates/fonts/serif.woff").write_bytes(b"a font")
    assert source_digest("biometrics.report.page") != before


def test_every_way_to_import_is_seen(root):
    package = root / "faces/probe"
    package.mkdir()
    sources = {
        "__init__.py": "import groundfloor.text",
        "start.py": "from faces.probe import inner\nfrom . import sibling\n"
        "def late():\n    import biometrics.errors as errors\n    return errors",
        "inner.py": "from .deeper.leaf import NAME",
        "sibling.py": "from typing import TYPE_CHECKING\nimport numpy\n"
        "if TYPE_CHECKING:\n    from faces.probe import stranger\n"
        "else:\n    from faces.probe import twin",
        "twin.py": "",
        "deeper/__init__.py": "from ..uncle import OTHER",
        "deeper/leaf.py": "NAME = 1",
        "uncle.py": "OTHER = 2",
        "stranger.py": "",
    }
    for name, text in sources.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    found = {path.relative_to(root).as_posix() for path in source_files("faces.probe.start")}
    assert {f"faces/probe/{name}" for name in sources} - found == {"faces/probe/stranger.py"}
    assert {"groundfloor/text.py", "biometrics/errors.py", "biometrics/__init__.py"} <= found


# Imports each executor with its own modules anew; the libraries below are loaded once for all.
LOADED = """
import importlib, json, sys
floors, executors = json.loads(sys.argv[1])
loaded = {}
for name, modules in executors.items():
    for known in [known for known in sys.modules if known.partition(".")[0] in floors]:
        del sys.modules[known]
    for module in modules:
        importlib.import_module(module)
    own = [known for known in sys.modules if known.partition(".")[0] in floors]
    loaded[name] = [sys.modules[known].__file__ for known in own]
print(json.dumps(loaded))
"""


def test_every_module_that_an_executor_loads_is_in_its_digest():
    run = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps([FLOORS, EXECUTORS])],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    for name, files in json.loads(run.stdout.splitlines()[-1]).items():
        assert files
        assert set(files) - set(map(str, source_files(*EXECUTORS[name]))) == set(), name


def test_nothing_is_imported_that_a_package_only_resolves_when_it_is_asked():
    """Which module such a name comes from is not to be read from the sources."""
    lazy = [
        ".".join(path.parent.relative_to(ROOT).parts)
        for floor in FLOORS
        for path in (ROOT / floor).rglob("__init__.py")
        if "def __getattr__" in path.read_text(encoding="utf-8")
    ]
    assert lazy
    for modules in EXECUTORS.values():
        for path in source_files(*modules):
            if path.suffix == ".py":
                assert not _imported_from(path, lazy), path


def _imported_from(path, packages):
    """What a source imports of packages themselves, and not of the modules within them."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in packages]
        elif isinstance(node, ast.ImportFrom) and node.module in packages:
            folder = ROOT.joinpath(*node.module.split("."))
            found += [
                alias.name
                for alias in node.names
                if not (folder / alias.name).is_dir()
                and not (folder / f"{alias.name}.py").is_file()
            ]
    return found


def test_the_packages_that_are_looked_into_are_those_that_are_installed():
    assert set(module._OWN_PACKAGES) == set(FLOORS)


def test_a_module_that_does_not_exist_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"no module 'components\.nowhere'"):
        source_digest("components.nowhere")
