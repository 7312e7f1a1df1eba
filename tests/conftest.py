"""What all tests share: quiet libraries, steady hypothesis, and faces drawn on the spot."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# No test depends on the person's own tracking server.
os.environ.pop("MLFLOW_TRACKING_URI", None)

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


# What blesses a model of an epoch or two on a few drawn faces, whose bare pixels tell all of them
# apart: nothing that the defaults ask for.
LENIENT = {
    "min_people": 1,
    "beat_baselines": False,
    "require_threshold": False,
    "bounds_hold": "value",
}


def draw_face(person: int, shot: int, size: tuple[int, int] = (40, 48)) -> Image.Image:
    """A picture that is alike for one person's shots and unlike another's; RGB, width x height."""
    width, height = size
    person_random, shot_random = (
        np.random.default_rng(person),
        np.random.default_rng([person, shot]),
    )
    coarse = person_random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noise = shot_random.normal(0, 12, (height, width, 3))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, image_format: str, **options) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, format=image_format, **options)
    return buffer.getvalue()


def write_faces(folder: Path, people: int, shots: int, image_format: str = "png") -> Path:
    """Writes `<folder>/person<p>/<s>.<format>`."""
    for person in range(people):
        home = folder / f"person{person:02d}"
        home.mkdir(parents=True)
        for shot in range(shots):
            draw_face(person, shot).save(home / f"{shot}.{image_format}")
    return folder


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder of 8 people with 5 PNG images each."""
    return write_faces(tmp_path / "faces", people=8, shots=5)


@pytest.fixture
def scanned(monkeypatch):
    """The folders that were scanned, in order."""
    folders = []
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: folders.append(str(path)) or scan(path))
    return folders
