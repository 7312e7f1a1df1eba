"""What the images that a model was measured on look like, and which image is unlike them.

A threshold or a calibration holds for images like those that it was measured on. The embedding of
an image does not tell whether it is one of them: a network puts noise, a flat grey and a picture of
a flower as near to the people that it was trained on as it puts a face. Their pixels tell.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import FiniteFloat

BRIGHTNESS = "brightness"
CONTRAST = "contrast"
DETAIL = "detail"
COLOUR = "colour"
CONTENT = "content"
TRAITS = (BRIGHTNESS, CONTRAST, DETAIL, COLOUR, CONTENT)

# At least this share of the images that were measured are like themselves.
LIKE_SHARE = 0.99
QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
# Images that are looked at, of either kind; more tell hardly more.
MAX_IMAGES = 1000

# How far beyond the outermost image another may be, as a share of the range: the fewer the images,
# the likelier is the next one of the same kind to be a little outside.
_MARGIN = 0.1
# At least so far, in levels: the colours of a grey picture that was saved as a JPEG.
_MIN_COLOUR_MARGIN = 3.0
_SIDE = 16
_EIGENIMAGES = 16
_MIN_LENGTH = 1e-6
# Images whose pixels are floats at one time.
_BATCH = 64


@dataclass(frozen=True)
class Trait:
    """How one trait is distributed over the images that were measured.

    Attributes:
      quantiles: its values at `QUANTILES`.
      low: an image below it is unlike those that were measured.
      high: and so is one above it.
    """

    quantiles: tuple[FiniteFloat, ...]
    low: FiniteFloat
    high: FiniteFloat

    def __post_init__(self) -> None:
        if len(self.quantiles) != len(QUANTILES) or np.any(np.diff(self.quantiles) < 0):
            raise ValueError(f"a trait has {len(QUANTILES)} quantiles that never fall")
        if not self.low <= self.quantiles[len(QUANTILES) // 2] <= self.high:
            raise ValueError("the median of a trait is between its limits")


@dataclass(frozen=True)
class MeasuredImages:
    """The images that a model was measured on, as they reach the network.

    Attributes:
      images: how many were looked at.
      grey_share: the share of them whose channels are equal; 1 for a model of one channel.
      traits: `brightness` (mean level, 0 to 255), `contrast` (standard deviation of the levels),
        `detail` (mean step between neighbouring pixels, over the contrast: high for noise, low for
        what is blurred or enlarged), `colour` (mean spread of the channels) and `content` (what
        `eigenimages` leave of the image, 0 to about 1).
      eigenimages: base64 of float32, little-endian, [1 + K, 16 * 16]: the mean and the K first
        principal components of the training images, as `_thumbnails` shrinks them (Turk, Pentland,
        "Eigenfaces for recognition", 1991: what is no face is far from the face space).
    """

    images: int
    grey_share: FiniteFloat
    traits: dict[str, Trait]
    eigenimages: str

    def __post_init__(self) -> None:
        if self.images < 1 or not 0 <= self.grey_share <= 1 or set(self.traits) != set(TRAITS):
            raise ValueError(
                f"measured images have a number, a grey share, and {', '.join(TRAITS)}"
            )
        _decoded(self.eigenimages)

    def unlike(self, pixels: NDArray[np.uint8]) -> list[str]:
        """How an image differs from all that was measured; empty if it does not.

        Args:
          pixels: uint8 [H, W, C], as the network takes them.
        """
        values = _traits_of(pixels[np.newaxis], _decoded(self.eigenimages))
        return [
            f"{name} {value:.3g}, where {limits.low:.3g} to {limits.high:.3g} was measured"
            for name, limits in self.traits.items()
            if not limits.low <= (value := float(values[name][0])) <= limits.high
        ]


def describe_images(test: NDArray[np.uint8], training: NDArray[np.uint8]) -> MeasuredImages:
    """What the test images look like, in the light of the training images.

    The limits of a trait leave out so few images that `LIKE_SHARE` of the test images pass all
    traits, and reach a little beyond. The training images widen them, since a test on few people is
    a narrow one, but not those of `content`: the eigenimages are theirs, and too near to them.

    Args:
      test: uint8 [N, H, W, C], at least one.
      training: uint8 [M, H, W, C], at least one.
    """
    eigenimages = _eigenimages(training)
    values, others = _traits_of(test, eigenimages), _traits_of(training, eigenimages)
    is_grey = (test == test[..., :1]).all(axis=(1, 2, 3))
    return MeasuredImages(
        images=len(test),
        grey_share=float(is_grey.mean()),
        traits={
            name: _distribution(
                values[name],
                others[name][:0] if name == CONTENT else others[name],
                _MIN_COLOUR_MARGIN if name == COLOUR else 0.0,
            )
            for name in TRAITS
        },
        eigenimages=base64.b64encode(eigenimages.astype("<f4").tobytes()).decode(),
    )


def some_of(count: int) -> Sequence[int]:
    """The images to look at, of N: all, or `MAX_IMAGES` from regular places."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_IMAGES)).round().astype(int)).tolist()


def _distribution(
    values: NDArray[np.float64], others: NDArray[np.float64], min_margin: float
) -> Trait:
    """The quantiles of `values`, and limits that hold those of `others` too."""
    left_out = (1 - LIKE_SHARE) / len(TRAITS) / 2
    sets = [values, others] if len(others) else [values]
    low = min(float(np.quantile(one, left_out, method="lower")) for one in sets)
    high = max(float(np.quantile(one, 1 - left_out, method="higher")) for one in sets)
    margin = max(_MARGIN * (high - low), min_margin)
    return Trait(
        quantiles=tuple(np.quantile(values, QUANTILES).tolist()),
        low=low - margin,
        high=high + margin,
    )


def _traits_of(
    pixels: NDArray[np.uint8], eigenimages: NDArray[np.float32]
) -> Mapping[str, NDArray[np.float64]]:
    """The traits of images uint8 [N, H, W, C], float64 [N] each."""
    parts = [_traits_of_batch(batch, eigenimages) for batch in _batches(pixels)]
    return {name: np.concatenate([part[name] for part in parts]) for name in TRAITS}


def _batches(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    return (pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH))


def _traits_of_batch(
    pixels: NDArray[np.uint8], eigenimages: NDArray[np.float32]
) -> Mapping[str, NDArray[np.float64]]:
    grey = pixels.mean(axis=-1)
    contrast = grey.std(axis=(1, 2))
    steps = sum(np.abs(np.diff(grey, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)) / 2
    thumbnails = _thumbnails(grey) - eigenimages[0]
    explained = thumbnails @ eigenimages[1:].T @ eigenimages[1:]
    return {
        BRIGHTNESS: grey.mean(axis=(1, 2)),
        CONTRAST: contrast,
        DETAIL: np.divide(steps, contrast, out=np.zeros_like(steps), where=contrast > 0),
        COLOUR: (pixels.max(axis=-1) - pixels.min(axis=-1)).mean(axis=(1, 2)),
        CONTENT: np.linalg.norm(thumbnails - explained, axis=1),
    }


def _eigenimages(training: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean and first principal components, float32 [1 + K, 256]."""
    thumbnails = np.concatenate([_thumbnails(batch.mean(axis=-1)) for batch in _batches(training)])
    mean = thumbnails.mean(axis=0)
    components = np.linalg.svd(thumbnails - mean, full_matrices=False)[2]
    return np.vstack([mean, components[: min(_EIGENIMAGES, len(training) - 1)]]).astype(np.float32)


def _thumbnails(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Images [N, H, W] as vectors [N, 256] of mean 0 and length 1: no brightness, no contrast."""
    for axis in (1, 2):
        edges = np.arange(_SIDE + 1) * grey.shape[axis] // _SIDE
        sums = np.add.reduceat(grey, edges[:-1], axis=axis)
        sizes = np.diff(edges).reshape([-1 if one == axis else 1 for one in range(3)])
        grey = sums / sizes
    vectors = grey.reshape(len(grey), -1)
    vectors = vectors - vectors.mean(axis=1, keepdims=True)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _MIN_LENGTH)


def _decoded(eigenimages: str) -> NDArray[np.float32]:
    """Reads the eigenimages, float32 [1 + K, 256].

    Raises:
      ValueError: they are not what `describe_images` writes.
    """
    content = base64.b64decode(eigenimages, validate=True)
    values = np.frombuffer(content[: len(content) // 4 * 4], "<f4")
    if not content or len(content) % (4 * _SIDE**2) or not np.isfinite(values).all():
        raise ValueError("eigenimages are base64 of float32 [1 + K, 256]")
    return values.reshape(-1, _SIDE**2)
