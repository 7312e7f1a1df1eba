"""What a model of any kind is to whoever measures it: an input, and embeddings of a batch.

Imports nothing heavy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faces.images.preprocess import PreparedImages
from groundfloor.errors import UserError
from groundfloor.text import shown_text

# Where the channels of a batch are: behind the pixels, or before them.
NHWC, NCHW = "nhwc", "nchw"
LAYOUTS = (NHWC, NCHW)

# Of grey and of colour.
_CHANNELS = (1, 3)
_CHANNEL_AXIS = {NHWC: 3, NCHW: 1}
_OUTPUT = "embedding"


@dataclass(frozen=True)
class ModelInput:
    """The images that a network takes.

    Attributes:
      shape: of a batch, four numbers in the network's own order; None where any number will do.
      dtype: of the numbers that are given to `Model.embed_pixels`, such as "float32" or "uint8".
    """

    shape: tuple[int | None, ...]
    dtype: str

    @property
    def batch(self) -> int | None:
        """The images of a batch; None: any number of them."""
        return self.shape[0]

    @property
    def layout(self) -> str | None:
        """Of `LAYOUTS`; None where the shape does not say it."""
        fitting = [layout for layout, axis in _CHANNEL_AXIS.items() if self._has_channels(axis)]
        return fitting[0] if len(fitting) == 1 else None

    def in_layout(self, layout: str) -> tuple[int | None, int | None, int | None]:
        """Height, width and channels, if the network has that layout; None: any number."""
        axis = _CHANNEL_AXIS[layout]
        height, width = (self.shape[side] for side in (1, 2, 3) if side != axis)
        return height, width, self.shape[axis]

    def _has_channels(self, axis: int) -> bool:
        return self.shape[axis] in _CHANNELS

    def __str__(self) -> str:
        return f"{self.dtype} [{_sides(self.shape)}]"


class Model(Protocol):
    """A model that is open; `serving.models.open_model` opens one. For one thread at a time."""

    @property
    def name(self) -> str:
        """What to call it, such as its path."""
        ...

    @property
    def input(self) -> ModelInput:
        """The images that it takes."""
        ...

    @property
    def prepared(self) -> PreparedImages | None:
        """What it says its images went through, to levels of RGB or grey; None: it says nothing."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be said of it, such as newer models that are passed over; a sentence each."""
        ...

    def embed_pixels(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """The embeddings of a batch.

        Args:
          pixels: what the network sees: of the shape and dtype of `input`, [N, ...] of any N.

        Returns:
          float32 [N, D], of any length.

        Raises:
          UserError: it fails on them, or gives no embeddings.
        """
        ...


def in_batches(
    run: Callable[[NDArray[Any]], NDArray[Any]], pixels: NDArray[Any], batch: int | None
) -> NDArray[Any]:
    """What a network that takes so many images at a time makes of any number of them.

    The last batch is filled up with its last image.

    Args:
      run: [batch, ...] to [batch, D].
      pixels: [N, ...].
      batch: None: the network takes any number, and gets all.
    """
    if batch is None or len(pixels) == 0:
        return run(pixels)
    given = []
    for start in range(0, len(pixels), batch):
        part = pixels[start : start + batch]
        places = np.minimum(np.arange(batch), len(part) - 1)
        given.append(run(part[places])[: len(part)])
    return np.concatenate(given)


def embeddings_of(output: Any, images: int, name: str) -> NDArray[np.float32]:
    """What a network gave for so many images, as embeddings: float32 [N, D].

    Axes of length 1 are left out, as of [N, 1, 1, D].

    Raises:
      UserError: it is no vector for each image, or has numbers that are not finite.
    """
    values = np.asarray(output)
    if values.ndim < 2 or values.shape[0] != images or _axes_of_length(values) > 1:
        raise UserError(
            f"{name} gives no embeddings: of {images} images, an output of shape "
            f"{list(values.shape)}; expected [{images}, D]"
        )
    embeddings = values.reshape(images, -1).astype(np.float32)
    if not np.isfinite(embeddings).all():
        raise UserError(
            f"{name} gives no embeddings: some of their numbers are not finite; is its input "
            "what is declared?"
        )
    return embeddings


def _axes_of_length(values: NDArray[Any]) -> int:
    return sum(side != 1 for side in values.shape[1:])


def choose_input(name: str, shapes: Sequence[tuple[str, Sequence[int | None]]]) -> int:
    """The place of the one input of images, [N, H, W, C] or [N, C, H, W].

    Args:
      name: of the model.
      shapes: (name, shape) of each input.

    Raises:
      UserError: there is none, or another input besides.
    """
    if len(shapes) == 1 and len(shapes[0][1]) == 4:
        return 0
    raise UserError(f"{name} does not take one batch of images: its inputs are {_listed(shapes)}")


def choose_output(name: str, shapes: Sequence[tuple[str, Sequence[int | None]]]) -> int:
    """The place of the output that has the embeddings: the only one, or the one called so.

    Args:
      name: of the model.
      shapes: (name, shape) of each output.

    Raises:
      UserError: there are several, and none or more than one of them is called `embedding`.
    """
    named = [place for place, (output, _) in enumerate(shapes) if output == _OUTPUT]
    places = [0] if len(shapes) == 1 else named
    if len(places) != 1:
        raise UserError(
            f"{name} has several outputs, and which one has the embeddings is not guessed: "
            f"{_listed(shapes)}; name one of them {_OUTPUT!r}"
        )
    return places[0]


def _listed(shapes: Sequence[tuple[str, Sequence[int | None]]]) -> str:
    return (
        ", ".join(f"{shown_text(name, 60)} [{_sides(shape)}]" for name, shape in shapes) or "none"
    )


def _sides(shape: Sequence[int | None]) -> str:
    return ", ".join("any" if side is None else str(side) for side in shape)


def not_installed(path: Path, runtime: str) -> UserError:
    """What is said of a file whose runtime is in an extra that is not there."""
    return UserError(f"{path}: {runtime} is not installed: pip install 'arcface-pipeline[export]'")


def cannot_open(name: str, error: Exception) -> UserError:
    """What is said of a file that is no model of its kind."""
    reason = next(iter(str(error).splitlines()), "")
    return UserError(f"cannot load the model {name}: {type(error).__name__}: {shown_text(reason)}")


def cannot_embed(name: str, error: Exception) -> UserError:
    """What is said of a network that fails."""
    reason = next(iter(str(error).splitlines()), "")
    return UserError(f"{name} cannot embed: {type(error).__name__}: {shown_text(reason)}")


def require_file(path: Path) -> None:
    """Sees that a file is there, before the runtime that reads it is loaded.

    Raises:
      UserError: it is not.
    """
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise UserError(f"cannot read the model {path}: {error.strerror}") from None
