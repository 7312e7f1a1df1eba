"""The example that trains from Python runs where there are no pipelines."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.conftest import write_faces

BARE_PROCESS = Path(__file__).parent / "bare_process.py"
EXAMPLE = ROOT / "examples" / "train_from_python.py"
PIPELINES = "apache_beam,kfp,ml_metadata,tfx,tfx_bsl"
SETTINGS = (
    *("model.input_shape=[32,32,3]", "model.embedding_dim=16"),
    *("training.epochs=2", "training.batch_size=8"),
)

EXPECTED = r"""
27 images of 6 people to train on
best epoch by val_loss: [12] of 2
cosine distance of the two images: [01]\.\d{4}
of 2 strangers in 10 images:
FAR: \d\.\d{4}
FRR: \d\.\d{4}
EER: \d\.\d{4}
EER_threshold: \d\.\d{4}
AUC: \d\.\d{4}
"""


def run_example(*arguments):
    return subprocess.run(
        [sys.executable, BARE_PROCESS, PIPELINES, EXAMPLE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
def test_it_trains_compares_two_images_and_measures_strangers(tmp_path):
    faces = write_faces(tmp_path / "faces", people=8, shots=5)
    images = faces / "person00/0.png", faces / "person00/1.png"
    run = run_example(faces, tmp_path / "out", *images, *SETTINGS)
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(EXPECTED.lstrip(), run.stdout), run.stdout


@pytest.mark.slow
def test_a_folder_that_is_no_use_is_one_sentence_and_no_traceback(tmp_path):
    run = run_example(tmp_path / "nowhere", tmp_path / "out", "a.png", "b.png")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "nowhere" in run.stderr.splitlines()[-1]
