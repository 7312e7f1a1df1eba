"""The example that measures somebody's embeddings runs with `biometrics` and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import ROOT
from tests.biometrics.cases import measured, random_faces

BARE_PROCESS = Path(__file__).parent / "bare_process.py"
EXAMPLE = ROOT / "examples" / "measure_embeddings.py"
# What only training and the pipeline need.
MISSING = (
    *("apache_beam", "components", "faces", "keras", "mlflow", "pipeline", "serving"),
    *("tensorflow", "tfx", "ml_metadata", "kfp"),
)


def run_example(*paths):
    return subprocess.run(
        [sys.executable, BARE_PROCESS, ",".join(MISSING), EXAMPLE, *paths],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    embeddings, labels = random_faces(people=15)
    path = tmp_path_factory.mktemp("faces") / "embeddings.npz"
    keys = np.array([f"{place}.jpg" for place in range(len(labels))])
    np.savez(path, embeddings=embeddings, identities=labels, keys=keys)
    return path, embeddings, labels


@pytest.mark.slow
def test_it_prints_each_figure_with_its_interval_and_writes_the_report(faces, tmp_path):
    path, embeddings, labels = faces
    run = run_example(path, tmp_path / "report.html")
    assert run.returncode == 0, run.stderr
    names = [str(label) for label in labels]  # as they are read, which is how they are drawn
    expected = measured(embeddings, names)
    shown = [re.split(r"\s{2,}", line) for line in run.stdout.splitlines()]
    assert [[name, figure, interval] for name, figure, interval in shown] == [
        [name, f"{expected[name]:.4f}", f"95 % interval {low:.4f} to {high:.4f}"]
        for name, (low, high) in expected["intervals"].items()
    ]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "The images are not at hand" in page


def test_a_file_that_is_no_use_is_one_sentence_and_no_traceback(tmp_path):
    run = run_example(tmp_path / "nowhere.npz", tmp_path / "report.html")
    assert run.returncode == 1
    assert re.fullmatch(r"cannot read embeddings from .*nowhere\.npz: .*\n", run.stderr)
