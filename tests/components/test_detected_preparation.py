"""Found faces are prepared for training and for serving in one way: steps and detector for real."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.steps import run_example_gen, run_transform
from components.image_config import DetectionConfig
from faces.storage import read_split
from pipeline.demo_data import write_orl_faces
from serving.embedder import Embedder
from tests.serving.prepared_model import save_model
from tests.stages import files_of

SHAPE = (32, 32, 3)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Five people with four images each, of a face somewhere in an image of one of two sizes."""
    folder = tmp_path_factory.mktemp("photographs")
    write_orl_faces(folder / "orl")
    draws = np.random.default_rng(0)
    for person in range(1, 6):
        (folder / f"faces/s{person}").mkdir(parents=True)
        for shot in range(1, 5):
            height, width = (150, 200) if shot % 2 else (230, 140)
            photograph = Image.new("RGB", (width, height), (90, 110, 100))
            left, top = draws.integers(0, [width - 92, height - 112])
            photograph.paste(Image.open(folder / f"orl/s{person}/{shot}.pgm"), (left, top))
            photograph.save(folder / f"faces/s{person}/{shot}.png")
    return folder / "faces"


def test_a_served_model_finds_and_prepares_a_face_as_its_training_did(photographs, tmp_path):
    settings = {"detector": "mtcnn", "faces": "centre"}
    outputs = run_example_gen(
        photographs, tmp_path / "gen", detection=DetectionConfig(**settings), test_split=0.4
    )
    outputs = run_transform(outputs["examples"], tmp_path / "run", SHAPE, **settings)
    embedder = Embedder(save_model(tmp_path / "model", {"aligned": 20}, **settings))
    compared = 0
    for split in ("train", "val", "test"):
        stored = read_split(files_of(outputs["transformed_examples"], split), SHAPE)
        for key, pixels in zip(stored["image/key"], stored["image"], strict=True):
            path = photographs / key.decode()
            seen = embedder.see(path, path.read_bytes())
            # What is found is rounded, and so falls to one side or the other at worst.
            assert np.abs(seen.pixels.astype(int) - pixels).max() <= 2
            assert seen.unprepared == ()
            compared += 1
    assert compared == 20
    assert outputs["transformed_examples"].get_int_custom_property("aligned") == 20
