"""Embeddings that are written as they are made."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from biometrics.embedding_files import read_embeddings
from biometrics.embedding_writers import writing_embeddings
from biometrics.errors import EvaluationError
from tests import ROOT

PARTS = [(["a/1", "a/2"], ["a", "a"]), (["ü/3"], ["ü"]), (["b/4", "b/5"], ["b", "b"])]
BOTH = pytest.mark.parametrize("name", ["faces.npz", "faces.parquet"])


def vectors(count, dimensions=3):
    return np.random.default_rng(count).normal(size=(count, dimensions)).astype(np.float32)


def write(path, columns=()):
    with writing_embeddings(path, columns) as writer:
        for keys, identities in PARTS:
            attributes = {name: [f"{name} of {key}" for key in keys] for name in columns}
            writer.add(keys, identities, vectors(len(keys)), attributes)


@BOTH
def test_what_is_written_in_parts_is_read_as_one(tmp_path, name, monkeypatch):
    monkeypatch.setattr("biometrics.embedding_writers._GROUP_ROWS", 3)
    write(tmp_path / name)
    images = read_embeddings(tmp_path / name)
    assert images.keys == ["a/1", "a/2", "ü/3", "b/4", "b/5"]
    assert images.identities == ["a", "a", "ü", "b", "b"]
    together = np.concatenate([vectors(len(keys)) for keys, _ in PARTS])
    np.testing.assert_array_equal(images.embeddings, together)
    assert images.embeddings.dtype == np.float32
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_further_columns_are_attributes_in_parquet(tmp_path):
    write(tmp_path / "faces.parquet", ["site"])
    images = read_embeddings(tmp_path / "faces.parquet")
    assert images.attributes == {"site": [f"site of {key}" for key in images.keys]}


@BOTH
def test_an_error_leaves_nothing_and_an_earlier_file_as_it_was(tmp_path, name):
    (tmp_path / name).write_text("earlier")

    def interrupted():
        with writing_embeddings(tmp_path / name) as writer:
            writer.add(*PARTS[0], vectors(2), {})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["earlier"]


@BOTH
def test_a_process_that_is_killed_leaves_no_half_file_at_the_name(tmp_path, name):
    program = f"""
import os, signal, numpy as np
from pathlib import Path
from biometrics.embedding_writers import writing_embeddings
with writing_embeddings(Path({str(tmp_path / name)!r})) as writer:
    writer.add(["a"] * 10_000, ["a"] * 10_000, np.ones((10_000, 8), np.float32), {{}})
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("column", ["key", "identity", "embedding", "e0", "e12"])
def test_a_column_that_would_pass_for_one_of_embeddings_is_refused(tmp_path, column):
    with pytest.raises(EvaluationError, match=f"the images have a column {column}, which is one"):
        write(tmp_path / "faces.parquet", [column])
    assert not list(tmp_path.iterdir())


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match=r"are written to .npz or .parquet. Received: .*csv"):
        write(tmp_path / "faces.csv")


@BOTH
def test_a_folder_that_cannot_be_written_to_is_one_message(tmp_path, name):
    with pytest.raises(EvaluationError, match=f"cannot write .*{name}: No such file or directory"):
        write(tmp_path / "missing" / name)
