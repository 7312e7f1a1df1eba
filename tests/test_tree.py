"""The tests mirror the tree, and no file of them is long."""

import pytest

from tests import ROOT

TESTS = ROOT / "tests"
FILES = sorted(TESTS.rglob("*.py"))
FOLDERS = sorted({file.parent for file in FILES} - {TESTS})


def _name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_no_file_of_tests_is_over_400_lines(file):
    lines = file.read_text().count("\n")
    assert lines <= 400


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_no_folder_of_tests_is_empty(folder):
    assert any(file.name != "__init__.py" for file in folder.rglob("*.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_a_folder_with_tests_has_a_counterpart(folder):
    if any(folder.glob("test_*.py")):
        assert (ROOT / folder.relative_to(TESTS)).is_dir()
