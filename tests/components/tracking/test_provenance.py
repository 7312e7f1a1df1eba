"""What a run says of where it comes from."""

import gzip
import importlib.metadata
import json
import subprocess

import pytest

from components.tracking.provenance import digest, environment, git_tags, parameters, tags
from tests import ROOT


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one file in one commit."""
    folder = (tmp_path / "checkout").resolve()
    folder.mkdir()
    (folder / "code.py").write_text("1")
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(folder)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    return folder


def written(path, content):
    with gzip.open(path, "wb", compresslevel=0) as file:
        file.write(content)
    return str(path)


def test_a_checkout_is_named_by_its_commit_and_by_whether_it_was_changed(checkout):
    head = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
    name, dirty = "mlflow.source.git.commit", "mlflow.source.git.dirty"
    assert git_tags(checkout) == {name: commit, dirty: "false"}
    (checkout / "code.py").write_text("2")
    assert git_tags(checkout) == {name: commit, dirty: "true"}


def test_code_that_lies_within_a_checkout_of_something_else_has_no_commit(checkout):
    within = checkout / "site-packages"
    within.mkdir()
    assert git_tags(within) == {}


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_tags(checkout) == {}


def test_data_that_differ_in_a_byte_have_another_digest(tmp_path):
    first = written(tmp_path / "a.gz", b"x" * 1000)
    same = written(tmp_path / "elsewhere.gz", b"x" * 1000)
    other = written(tmp_path / "b.gz", b"x" * 999 + b"y")
    assert digest([first]) == digest([same]) != digest([other])
    assert digest([first, other]) != digest([other, first])


def test_the_environment_names_every_package_and_the_lock(tmp_path):
    values = json.loads(environment())
    assert values["packages"]["keras"] == importlib.metadata.version("keras")
    lines = subprocess.run(
        ["sha256sum", ROOT / "requirements.lock"], capture_output=True, text=True, check=True
    )
    found = tags([written(tmp_path / "a.gz", b"x")])
    assert found["arcface_pipeline.lock_sha256"] == lines.stdout.split()[0]
    assert found["arcface_pipeline.tensorflow"] == importlib.metadata.version("tensorflow")
    assert found["arcface_pipeline.python"] == values["python"]


def test_settings_become_parameters_by_their_whole_keys():
    settings = {"a": {"b": {"c": 1}, "d": [1, 2], "e": {}}, "f": None}
    assert parameters(settings) == {"a.b.c": "1", "a.d": "[1, 2]", "a.e": "{}", "f": "None"}
