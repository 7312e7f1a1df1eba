"""Faults are made where they can be seen, in a copy, and those that no test sees are told."""

import subprocess

import pytest

from scripts import mutate
from tests import ROOT


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("x = a < b", ("a < b", "(a <= b)")),
        ("x = a is not None", ("a is not None", "(a is None)")),
        ("x = a + b", ("a + b", "(a - b)")),
        ("x = a and b and c", ("a and b and c", "(a or b or c)")),
        ("x = not a", ("not a", "(a)")),
        ("x = True", ("True", "False")),
        ("x = 0.5", ("0.5", "1.5")),
        ("x = [7]", ("7", "8")),
        ("if a(): pass", ("a()", "(not (a()))")),
        ("x = b if a else c", ("a", "(not (a))")),
        ("def f(): return a", ("a", "None")),
        ("é = 'é'; x = [\n  a <\n  b]", ("a <\n  b", "(a <= b)")),
    ],
)
def test_a_fault_is_a_small_change(source, change):
    (fault,) = mutate.faults_in("a.py", source)
    content = source.encode()
    assert (content[fault.start : fault.end].decode(), fault.text) == change
    assert mutate.with_fault(source, fault) == source.replace(*change)


def test_each_comparison_of_a_chain_has_its_own():
    texts = [fault.text for fault in mutate.faults_in("a.py", "x = a < b <= c")]
    assert texts == ["(a < b < c)", "(a <= b <= c)"]


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of 3 < 4 words."""',
        "def f(x: a | b) -> c | d: pass",
        "@cache(maxsize=3)\ndef f(): pass",
        "raise ValueError(f'{a + b} is more than {3}')",
        "x = f'{a + b}'",
        "def f(): return None",
    ],
)
def test_what_is_said_and_types_have_none(source):
    assert mutate.faults_in("a.py", source) == []


def test_a_sample_is_the_same_every_time_and_of_the_lines_that_are_asked_for(tmp_path):
    (tmp_path / "a.py").write_text("".join(f"x = {number}\n" for number in range(50)))
    sample = mutate.draw(tmp_path, {"a.py": None}, 10, seed=1)
    assert sample == mutate.draw(tmp_path, {"a.py": None}, 10, seed=1)
    assert sample != mutate.draw(tmp_path, {"a.py": None}, 10, seed=2)
    assert len(sample) == 10
    assert [fault.line for fault in mutate.draw(tmp_path, {"a.py": {3, 5}}, 10, 1)] == [3, 5]


@pytest.mark.parametrize(
    ("path", "tests"),
    [
        ("biometrics/gate.py", ["tests/biometrics/test_gate.py"]),
        ("biometrics/report/templates.py", ["tests/biometrics/report"]),
        ("components/patience.py", ["tests/components"]),
    ],
)
def test_the_tests_of_a_file_are_those_of_its_name_or_folder(path, tests):
    assert mutate.mirrors(path, ROOT) == tests


@pytest.fixture
def checkout(tmp_path):
    """A repository of two commits with one tested and one untested function."""
    files = {
        "faces/size.py": "def area(a, b):\n    return a * b\n",
        "tests/faces/test_size.py": (
            "from faces.size import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "One"]):
        subprocess.run([*git, *command], check=True)
    with (tmp_path / "faces/size.py").open("a") as file:
        file.write("\n\ndef half(a):\n    return a / 2\n")
    subprocess.run([*git, "commit", "-qam", "Two"], check=True)
    return tmp_path


def test_only_the_lines_of_a_change_are_touched(checkout):
    assert mutate.changed_lines(checkout, "HEAD~1") == {"faces/size.py": {3, 4, 5, 6}}


@pytest.mark.slow
def test_a_fault_that_no_test_sees_survives_and_the_checkout_is_left_alone(checkout):
    before = (checkout / "faces/size.py").read_text()
    sample = [
        fault
        for fault in mutate.draw(checkout, {"faces/size.py": None}, 10, 1)
        if fault.text in ("(a / b)", "(a * 2)")
    ]
    found = {fault.text: lived for fault, lived in mutate.tried(checkout, sample)}
    assert found == {"(a / b)": False, "(a * 2)": True}
    assert (checkout / "faces/size.py").read_text() == before


@pytest.mark.slow
def test_tests_that_fail_without_a_fault_are_one_line(checkout):
    (checkout / "tests/faces/test_size.py").write_text("def test_area():\n    assert False\n")
    sample = mutate.draw(checkout, {"faces/size.py": None}, 1, 1)
    with pytest.raises(SystemExit, match=r"tests/faces/test_size.py fails without a fault"):
        list(mutate.tried(checkout, sample))
