"""What `arcface doctor` prints, and how it ends."""

import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from pipeline import checkup, doctor
from pipeline.checkup.diagnosis import Diagnosis
from tests import ROOT

WELL = Diagnosis("python", "ok", "Python 3.11")
WORSE = Diagnosis("blas", "note", "an old kernel", "export X=[1]")
MISSING = Diagnosis("disk", "lacks", "0.1 GiB free", "free some")


def examine(monkeypatch, *found):
    monkeypatch.setattr(checkup, "examine", lambda output_dir: iter(found))
    app = typer.Typer()
    app.command()(doctor.main)
    result = CliRunner().invoke(app, [])
    return result.exit_code, result.stdout.splitlines()


def test_each_finding_is_a_line_and_a_remedy_is_one_below_it(monkeypatch):
    code, lines = examine(monkeypatch, WELL, WORSE)
    assert lines == [
        "ok     python      Python 3.11",
        "note   blas        an old kernel",
        "                   remedy: export X=[1]",
        "a run can start here",
    ]
    assert code == 0


def test_what_a_run_cannot_do_without_ends_it_with_exit_code_2(monkeypatch):
    code, lines = examine(monkeypatch, MISSING, WELL)
    assert lines[-1] == "no run can start here: see disk"
    assert code == 2


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{}, {"MLFLOW_TRACKING_URI": "http://me:hunter2@[::1"}])
def test_this_machine_is_examined_without_loading_tensorflow(tmp_path, variables):
    code = (
        "import sys; sys.argv = ['arcface', 'doctor', '--output-dir', 'out']\n"
        "from pipeline.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print('exit code', end.code)\n"
        "print('heavy', {'tensorflow', 'tfx', 'mlflow', 'kfp'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    topics = [line.split()[1] for line in run.stdout.splitlines() if line[:1] != " "]
    assert topics[:-3] == [
        *("python", "packages", "numba", "gpu", "cores", "blas"),
        *("memory", "disk", "tracking", "buckets", "containers"),
    ]
    assert str(tmp_path) in run.stdout
    assert "heavy set()" in run.stdout
    assert "hunter2" not in run.stdout + run.stderr


def test_an_empty_output_dir_is_one_message():
    app = typer.Typer()
    app.command()(doctor.main)
    result = CliRunner().invoke(app, ["--output-dir", ""])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --output-dir: a path must not be empty")
