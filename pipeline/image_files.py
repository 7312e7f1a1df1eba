"""Image files as people give them to a command, with landmarks beside them."""

from collections.abc import Sequence
from pathlib import Path

from faces.content import UnreadableError, read_file
from faces.sources.geometry import GeometryError, landmarks_in
from groundfloor.errors import UserError


def expanded(path: Path) -> Path:
    """With a home in place of `~`, for those who quote it.

    Raises:
      UserError: it is the home of nobody.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise UserError(f"cannot read {path}: {error}") from None


def content_of(path: Path) -> bytes:
    """The content of an image file.

    Raises:
      UserError: it cannot be read.
    """
    try:
        return read_file(path)
    except UnreadableError as error:
        raise UserError(f"{path} is no usable image: {error}") from None


def given_landmarks(texts: Sequence[str], images: int) -> list[tuple[float, ...] | None]:
    """Those of each image, or None for all where none are given.

    Args:
      texts: ten numbers each, with commas between.
      images: how many there are.

    Raises:
      UserError: there are more or fewer, or they are no landmarks.
    """
    if not texts:
        return [None] * images
    if len(texts) != images:
        raise UserError(
            f"--landmarks is given {images} times, for each image in turn. Received: {len(texts)}"
        )
    return [points_of(text, "--landmarks") for text in texts]


def points_of(text: str, name: str) -> tuple[float, ...]:
    """Five points as ten numbers.

    Args:
      text: the numbers with commas or white space between.
      name: what the message calls it.

    Raises:
      UserError: it is something else.
    """
    try:
        return landmarks_in(text)
    except GeometryError as error:
        raise UserError(
            f"{name} takes x and y of five points, ten numbers with commas. {error}"
        ) from None
