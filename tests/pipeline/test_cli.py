"""The command `arcface`, and the files that do the same one by one."""

import importlib
import os
import subprocess
import sys
import tomllib

import pytest

from pipeline import cli
from tests import ROOT

FILES = {
    "run": "run_local",
    "train": "train",
    "verify": "verify",
    "serve": "serve",
    "audit": "audit",
    "evaluate": "evaluate",
    "compare": "compare",
    "compile": "compile_kubeflow",
    "lint": "kubeflow_lint",
    "submit": "run_kubeflow",
    "containers": "run_containers",
    "upload": "upload",
}
# Those that have subcommands of their own, which --help lists last.
GROUPS = {"gallery": "gallery"}
SUBCOMMANDS = [*FILES, "doctor", *GROUPS]

# Each of them takes a command that only says what it can do longer than a second.
HEAVY = {"apache_beam", "keras", "kfp", "mlflow", "scipy", "sklearn", "tensorflow", "tfx"}

MISTAKES = {
    "gallery": (["list", "no.db"], "there is no gallery no.db"),
    "run": (["--config", "no.yaml"], "cannot read the configuration"),
    "train": (["--data-dir", "s3://"], "--data-dir: "),
    "verify": (["no.jpg", "no.jpg"], "no.jpg is no usable image"),
    "serve": (["--model-dir", "nowhere"], "no pushed model in nowhere"),
    "audit": (["nowhere"], "there is no run in "),
    "compare": (["no.npz", "no.npz"], "cannot read embeddings from no.npz"),
    "evaluate": (["no.npz", "--output", "new"], "cannot read embeddings from no.npz"),
    "compile": (["--config", "no.yaml"], "cannot read the configuration"),
    "lint": (["no.yaml"], "cannot read no.yaml"),
    "submit": (["--host", "http://nobody.invalid", "--file", "no.yaml"], "cannot read no.yaml"),
    "containers": (["--file", "no.yaml"], "cannot read no.yaml"),
    "upload": (["nowhere"], "there is no folder nowhere"),
}


def python(*arguments, cwd):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_what_is_installed_as_arcface_is_this_command():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["arcface"].partition(":")
    assert getattr(importlib.import_module(module), name) is cli.main


def test_its_help_names_every_subcommand_and_what_it_does(tmp_path):
    run = python("-m", "pipeline.cli", "--help", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    _, table = run.stdout.split("Commands")
    words = [line.split() for line in table.splitlines()]
    assert [row[1] for row in words if len(row) > 3 and row[1] in SUBCOMMANDS] == SUBCOMMANDS


@pytest.mark.parametrize(
    ("arguments", "quiet"), [(["run", "--help"], False), (["verify", "run"], True), ([], True)]
)
def test_only_the_log_of_a_run_keeps_what_libraries_say(monkeypatch, arguments, quiet):
    started = []
    monkeypatch.setattr(cli, "start", lambda app, **options: started.append((app, options)))
    monkeypatch.setattr(sys, "argv", ["arcface", *arguments])
    cli.main()
    assert started == [(cli.app, {"quiet": quiet})]


@pytest.mark.parametrize("arguments", [[], *([name] for name in SUBCOMMANDS)], ids=" ".join)
def test_help_loads_nothing_heavy(arguments, tmp_path):
    code = (
        f"import sys; sys.argv = ['arcface', *{arguments}, '--help']\n"
        "from pipeline.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"heavy = {HEAVY} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = python("-c", code, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert f"Usage: {' '.join(['arcface', *arguments])} " in run.stdout


@pytest.mark.parametrize("name", FILES | GROUPS)
def test_a_file_and_its_subcommand_end_alike_wherever_they_are_started(name, tmp_path):
    arguments, message = MISTAKES[name]
    ways = [
        [ROOT / "pipeline" / f"{(FILES | GROUPS)[name]}.py"],
        ["-m", f"pipeline.{(FILES | GROUPS)[name]}"],
        ["-m", "pipeline.cli", name],
    ]
    ends = [python(*way, *arguments, cwd=tmp_path) for way in ways]
    assert {end.returncode for end in ends} == {2}
    (said,) = {end.stderr for end in ends}
    assert said.startswith(f"error: {message}")
    assert {end.stdout for end in ends} == {""}


@pytest.mark.parametrize("name", (FILES | GROUPS).values())
def test_a_file_that_is_run_lends_its_neighbours_names_to_no_library(name, tmp_path):
    """`import kubeflow` is the package of that name, and not the folder beside the file."""
    file = ROOT / "pipeline" / f"{name}.py"
    neighbours = sorted({path.stem for path in file.parent.iterdir() if path.name[0].isalpha()})
    code = (
        "import importlib.util, runpy, sys\n"
        f"sys.argv = [{str(file)!r}, '--help']; sys.path[0] = {str(file.parent)!r}\n"
        f"try: runpy.run_path({str(file)!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        f"found = filter(None, map(importlib.util.find_spec, {neighbours}))\n"
        f"ours = [spec for spec in found if {str(file.parent)!r} in str(spec)]\n"
        "sys.exit(str(ours) if ours else 0)"
    )
    run = python("-c", code, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "kubeflow" in neighbours
