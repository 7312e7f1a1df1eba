"""A user whom the machine does not know."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import ROOT

UNKNOWN = 61234  # no passwd file has it

CODE = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pipeline.account import ensure_account
if os.getuid() == 0:
    os.setgid({UNKNOWN})
    os.setuid({UNKNOWN})
ensure_account()
import getpass, pathlib
print(pathlib.Path.home())
print(getpass.getuser())
(pathlib.Path.home() / "cache").write_text("kept")
"""


def ask(**variables):
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "USER", "LOGNAME")}
    run = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.parametrize("variables", [{}, {"HOME": ""}])
def test_a_user_without_home_and_name_gets_them_for_the_time_of_the_process(variables):
    home, name = ask(**variables)
    assert Path(home).is_absolute()
    assert name
    if os.geteuid() == 0:  # else the user of this test is known to the machine
        assert Path(home).name.startswith("home-")
        assert name == f"user-{UNKNOWN}"
        assert not Path(home).exists()


def test_what_is_set_stays():
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o777)
        assert ask(HOME=home, LOGNAME="ann") == [home, "ann"]
