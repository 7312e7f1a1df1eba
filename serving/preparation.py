"""What a model's images went through, and what a file may be; TensorFlow is not needed for it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faces.images.preprocess import (
    ALIGNED,
    BOXED,
    PREPROCESSING_FILE,
    WHOLE,
    PreparedImages,
    Preprocessing,
)
from groundfloor.errors import UserError

# More than this no photograph has; it takes a gigabyte to decode.
MAX_PIXELS = 50_000_000

# How far from 1 the length of an embedding may be.
_LENGTH_ROUNDING = 1e-3


def prepared_images(path: Path, shape: tuple[int, int, int]) -> PreparedImages:
    """What a model's images went through.

    Raises:
      UserError: what it says of it cannot be read, or is of another model.
    """
    file = path / PREPROCESSING_FILE
    if not file.exists():
        return PreparedImages(Preprocessing(shape, align=False), {})
    try:
        prepared = PreparedImages.from_json(file.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    if prepared.preprocessing.input_shape != shape:
        raise UserError(f"{file} is of another model: its images are not {shape}")
    return prepared


def unprepared(
    prepared: PreparedImages,
    landmarks: Sequence[float] | None,
    box: Sequence[float] | None = None,
    *,
    was_searched: bool,
) -> tuple[str, ...]:
    """What was done to most or some of a model's images, and not to an image: a sentence each.

    Args:
      prepared: of the model.
      landmarks: by which the image is aligned; None: it is not.
      box: by which it is cut out where it is not aligned; None: it is taken whole.
      was_searched: whether a detector has looked for a face in it.
    """
    done = set(prepared.total()) - {WHOLE}
    is_known = landmarks is not None or (box is not None and BOXED in done)
    if is_known or not done:
        return ()
    how = "aligned by five landmarks" if ALIGNED in done else "cut out by boxes"
    why = (
        "no face was found in it" if was_searched else "its landmarks were not given (--landmarks)"
    )
    taken = "as it is" if box is None else "by its box"
    return (f"it is taken {taken}, and the model's own images are faces {how}: {why}",)


def require_embedding(path: object, embedding: np.ndarray) -> None:
    """Sees that a model gave a vector of length 1.

    Raises:
      UserError: it gave something else.
    """
    # Written so that NaN fails it.
    if not abs(np.linalg.norm(embedding) - 1) <= _LENGTH_ROUNDING:
        raise UserError(f"the model gives no usable embedding of {path}: its length is not 1")
