"""Programs in Go beside the tests, on modules of the Kubernetes world."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

# A first build compiles a few hundred packages.
_PATIENCE = 540


def built(source: Path, output: Path) -> Path:
    """Builds a program, of which later calls find most in Go's cache.

    Args:
      source: folder of the program, with its go.mod.
      output: the file to write.
    """
    _go(source, "build", "-buildvcs=false", "-o", str(output), ".")
    return output


def module_folder(source: Path, module: str) -> Path:
    """Where the files of a module are that a program is built on."""
    return Path(json.loads(_go(source, "list", "-m", "-json", module))["Dir"])


def require_modules(source: Path) -> None:
    """Skips the test where there is no Go, or its modules cannot be had."""
    if shutil.which("go") is None:
        pytest.skip("needs Go")
    try:
        _go(source, "mod", "download")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"needs Go modules that cannot be had: {error.stderr.splitlines()[-1]}")


def _go(source: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["go", *arguments],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=True,
    )
    return done.stdout
