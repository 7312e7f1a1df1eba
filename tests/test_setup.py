"""Which Python the set-up takes, and what it says where there is none."""

import os
import subprocess
from pathlib import Path

import pytest

from tests import ROOT


@pytest.fixture
def machine(tmp_path):
    """A checkout with only the set-up in it, and a PATH that holds only what a test puts there."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/setup.sh").write_text((ROOT / "scripts/setup.sh").read_text())
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("sh", "sed", "sort", "head", "cut", "dirname", "rm", "touch"):
        for folder in ("/usr/bin", "/bin"):
            if Path(folder, program).exists() and not (programs / program).exists():
                (programs / program).symlink_to(Path(folder, program))
    return tmp_path


def put_program(machine, name, script):
    path = machine / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def put_python(machine, name, version):
    """A Python that knows its version, and says which one was taken when a venv is asked for."""
    script = f'if [ "$1" = -c ]; then echo {version}; else echo "took {name}"; exit 7; fi'
    put_program(machine, name, script)


def put_glibc(machine, version):
    put_program(machine, "getconf", f'echo "glibc {version}"')


def set_up(machine, **environment):
    return subprocess.run(
        ["/bin/sh", machine / "scripts/setup.sh"],
        capture_output=True,
        text=True,
        env={"PATH": str(machine / "bin")} | environment,
        check=False,
    )


@pytest.mark.parametrize(
    ("pythons", "glibc", "taken"),
    [
        ({"python3.11": "3.11", "python3.12": "3.12"}, "2.39", "python3.11"),
        ({"python3": "3.11", "python3.13": "3.13"}, "2.41", "python3"),
        ({"python3.13": "3.13", "python3.12": "3.12"}, "2.39", "python3.12"),
        ({"python3.13": "3.13", "python3": "3.10"}, "2.40", "python3.13"),
        ({"python3": "3.13"}, "2.41", "python3"),
    ],
)
def test_python_311_comes_first_and_then_312_and_313_where_glibc_is_new(
    machine, pythons, glibc, taken
):
    put_glibc(machine, glibc)
    for name, version in pythons.items():
        put_python(machine, name, version)
    assert f"took {taken}\n" in set_up(machine).stdout


@pytest.mark.parametrize(
    ("pythons", "glibc"),
    [({}, "2.41"), ({"python3.12": "3.12"}, "2.36"), ({"python3": "3.10"}, "2.41")],
)
def test_without_a_usable_python_one_line_says_what_is_missing(machine, pythons, glibc):
    put_glibc(machine, glibc)
    for name, version in pythons.items():
        put_python(machine, name, version)
    run = set_up(machine)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert "Needed: Python 3.11 with pip, or 3.12 or 3.13 where glibc is 2.39 or newer" in line


def test_python_by_name_overrides_the_order(machine):
    put_glibc(machine, "2.39")
    put_python(machine, "python3.11", "3.11")
    put_python(machine, "mine", "3.13")
    assert "took mine\n" in set_up(machine, PYTHON=str(machine / "bin/mine")).stdout


@pytest.mark.parametrize(
    ("version", "message"),
    [("3.13", "needs glibc 2.39 or newer"), ("3.10", "is 3.10. Needed: 3.11"), ("", "not run")],
)
def test_a_named_python_that_does_not_fit_is_one_line(machine, version, message):
    put_glibc(machine, "2.36")
    put_python(machine, "mine", version)
    run = set_up(machine, PYTHON=str(machine / "bin/mine"))
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert message in line


def put_venv(machine, version, complete):
    """A .venv, newer than what it is made from if it is complete."""
    (machine / ".venv/bin").mkdir(parents=True)
    put_program(machine, "../.venv/bin/python", f"echo {version}")
    for name in ("requirements.lock", "pyproject.toml", "scripts/setup.sh"):
        (machine / name).touch()
        os.utime(machine / name, (1000, 1000))
    (machine / ".venv/.complete").touch()
    os.utime(machine / ".venv/.complete", (2000, 2000) if complete else (500, 500))


def test_a_complete_environment_is_left_as_it_is(machine):
    put_python(machine, "python3.11", "3.11")
    put_venv(machine, "3.11", complete=True)
    run = set_up(machine)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_one_that_was_cut_off_or_is_older_than_the_lock_is_completed(machine):
    put_python(machine, "python3.11", "3.11")
    put_venv(machine, "3.11", complete=False)
    assert "installing the locked requirements" in set_up(machine).stdout


def test_one_of_another_python_is_made_anew(machine):
    put_glibc(machine, "2.39")
    put_python(machine, "mine", "3.13")
    put_venv(machine, "3.11", complete=True)
    run = set_up(machine, PYTHON=str(machine / "bin/mine"))
    assert "removing a .venv that is broken or of another Python" in run.stdout
    assert "took mine\n" in run.stdout


def test_the_lock_is_hashed_and_names_no_index():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--hash=sha256:" in lock
    assert os.linesep + "tfx==1.16.0" in lock
    assert os.linesep + "tfx==1.21.0" in lock
