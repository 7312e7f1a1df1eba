"""Which model a gallery is of, and what it asks of one."""

from pathlib import Path
from typing import Protocol

import numpy as np

from biometrics.thresholds.pack import ThresholdPack
from faces.images.preprocess import NOTHING_SAID, PREPROCESSING_FILE, PreparedImages
from groundfloor.errors import UserError
from serving.gallery.records import ModelIdentity


class EmbedsPixels(Protocol):
    """A model; `serving.embedder.Embedder` is one."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of what the network sees."""

    def embed_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """The embeddings of what the network sees, uint8 [N, H, W, C]: float32 [N, D]."""


def identity_of(path: Path, model: EmbedsPixels, pack: ThresholdPack | None) -> ModelIdentity:
    """The identity of a model that is loaded.

    Args:
      path: its folder.
      model: from there.
      pack: its thresholds.

    Raises:
      UserError: it has no thresholds, or what it says of its images cannot be read.
    """
    if pack is None:
        raise UserError(
            f"a gallery takes a model with thresholds, and {path} has none: run the pipeline"
        )
    pack.operating_point()
    nothing = np.zeros((1, *model.input_shape), np.uint8)
    dimensions = model.embed_pixels(nothing).shape[1]
    return ModelIdentity(pack, int(dimensions), model.input_shape, _preparation(path))


def _preparation(path: Path) -> str:
    file = path / PREPROCESSING_FILE
    if not file.exists():
        return NOTHING_SAID
    try:
        return PreparedImages.from_json(file.read_bytes()).description()
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
