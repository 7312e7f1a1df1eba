"""Python and the packages."""

import sys

import pytest

from pipeline.checkup.software import (
    check_numba,
    check_packages,
    check_python,
    installed_version,
    judge_packages,
    judge_python,
)

REQUIRED = [
    "tfx==1.16.0; python_version < '3.12'",
    "tfx==1.21.0; python_version >= '3.12'",
    "tensorflow",
    "keras>=3",
    "pytest>=8; extra == 'dev'",
]
STACK = {
    "tfx": "1.16.0" if sys.version_info < (3, 12) else "1.21.0",
    "tensorflow": "2.16.2",
    "keras": "3.15.1",
}


@pytest.mark.parametrize(
    ("python", "glibc", "state"),
    [
        ((3, 11), "2.31", "ok"),
        ((3, 13), "2.41", "ok"),
        ((3, 12), "2.39", "ok"),
        ((3, 12), "2.36", "lacks"),
        ((3, 10), "2.41", "lacks"),
        ((3, 14), "2.41", "lacks"),
        ((3, 11), "", "lacks"),
    ],
)
def test_a_python_is_well_where_there_is_a_stack_for_it(python, glibc, state):
    found = judge_python(python, glibc)
    assert found.state == state
    assert bool(found.remedy) == (state != "ok")


def test_the_packages_that_are_required_here_are_enough_and_named():
    found = judge_packages(REQUIRED, STACK.get)
    assert (found.state, found.remedy) == ("ok", "")
    assert found.text == f"tfx {STACK['tfx']}, tensorflow 2.16.2, keras 3.15.1"


def test_an_image_may_have_another_build_of_tensorflow():
    stack = {name: version for name, version in STACK.items() if name != "tensorflow"}
    found = judge_packages(REQUIRED, (stack | {"tensorflow-cpu": "2.16.2"}).get)
    assert found.state == "ok"
    assert "tensorflow-cpu 2.16.2" in found.text


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"tfx": None}, "tfx is not installed"),
        ({"tfx": "1.15.0"}, f"tfx is 1.15.0, and =={STACK['tfx']} is needed"),
        ({"keras": "2.15.0"}, "keras is 2.15.0, and >=3 is needed"),
    ],
)
def test_a_package_that_is_missing_or_another_is_named_with_the_remedy(changes, fault):
    found = judge_packages(REQUIRED, (STACK | changes).get)
    assert (found.state, found.text, found.remedy) == ("lacks", fault, "make setup")


def test_the_environment_of_the_tests_can_run_the_pipeline():
    assert check_python().state == "ok"
    assert check_packages().state == "ok"
    assert installed_version("no-package-of-this-name") is None
    assert check_numba().state == ("ok" if installed_version("numba") else "note")
