"""The commands that print the project's figures start as they are written."""

import re

import pytest

from tests import ROOT

PROGRAMS = sorted(
    path for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()
)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_that_imports_its_package_is_started_as_a_module_of_it(program):
    needs_package = re.search(r"^from benchmarks\b", program.read_text(), re.MULTILINE)
    written = [ROOT / "Makefile", program, *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in written)
    started_by_path = re.search(rf"(python|PYTHON_IN_VENV\)) benchmarks/{program.stem}\.py", text)
    assert not (needs_package and started_by_path)
    assert needs_package or f"-m benchmarks.{program.stem}" not in text
