"""From an encoded image to the pixels that the network sees: one way, in training and in serving.

ImageTransform, the signatures of a model and whoever uses one share `Preprocessing`, which travels
with the examples and with the model, in `PREPROCESSING_FILE`. Nothing heavy is imported until
images are made into pixels.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from faces.contract import LANDMARKS, SPLITS
from groundfloor.errors import UserError
from groundfloor.text import shown

if TYPE_CHECKING:
    import tensorflow as tf

# Beside the splits of the transformed examples, and beside saved_model.pb in a model.
PREPROCESSING_FILE = "preprocessing.json"

# What is done to an image, by what is known of its face.
ALIGNED = "aligned"
BOXED = "boxed"
WHOLE = "whole"

# Those of `decode.RESIZE_MODES`.
_RESIZE_MODES = ("stretch", "crop", "pad")

_SAID = {
    ALIGNED: "aligned by landmarks",
    BOXED: "cut out by the box of the face",
    WHOLE: "taken whole",
}


@dataclass(frozen=True)
class Preprocessing:
    """What is done to an image before the network sees it.

    Attributes:
      input_shape: height, width and channels of the network's input.
      resize: "stretch", "crop" or "pad", see `decode.RESIZE_MODES`.
      align: whether landmarks and boxes are used where they are known.
      detector: the name of what finds them where the source has none, or "off".
      faces: which of several faces is taken, see `image.faces` of the configuration.
      no_face: what becomes of an image without a face, see `image.no_face`.
    """

    input_shape: tuple[int, int, int]
    resize: str = "stretch"
    align: bool = True
    detector: str = "off"
    faces: str = "largest"
    no_face: str = "quarantine"

    def __post_init__(self) -> None:
        if self.resize not in _RESIZE_MODES:
            raise ValueError(f"resize must be one of {_RESIZE_MODES}. Received: {self.resize!r}")

    @property
    def detects(self) -> bool:
        """Whether faces are looked for in an image of which nothing is known."""
        return self.align and self.detector != "off"

    def rules(self) -> "Preprocessing":
        """As `detection.location.Rules`: with no detector where what it says is not used."""
        return self if self.detects else replace(self, detector="off")

    def manner(self, has_landmarks: bool, has_box: bool) -> str:
        """What is done to an image of whose face so much is known."""
        if not self.align:
            return WHOLE
        return ALIGNED if has_landmarks else BOXED if has_box else WHOLE

    def whole(self, encoded: "tf.Tensor") -> "tf.Tensor":
        """The pixels of images of whose faces nothing is known.

        Args:
          encoded: string [N], each a JPEG or PNG of any size.

        Returns:
          uint8 [N, height, width, channels].

        Raises:
          tf.errors.InvalidArgumentError: an image cannot be decoded.
        """
        from faces.images.decode import decode_and_resize  # noqa: PLC0415 - TensorFlow

        return decode_and_resize(encoded, self.input_shape, self.resize)

    def batch(
        self, encoded: "tf.Tensor", landmarks: "tf.Tensor", boxes: "tf.Tensor"
    ) -> "tf.Tensor":
        """The pixels of images of whose faces something may be known.

        Args:
          encoded: string [N], each a JPEG or PNG of any size.
          landmarks: float32 [N, 10], x and y of five points in pixels of the image; NaN throughout
            where nobody knows them.
          boxes: float32 [N, 4], left, top, right and bottom, likewise.

        Returns:
          uint8 [N, height, width, channels].

        Raises:
          tf.errors.InvalidArgumentError: an image cannot be decoded, or cannot be aligned by what
            is said of its face.
        """
        if not self.align:
            return self.whole(encoded)
        from faces.images.align import decode_and_align  # noqa: PLC0415 - TensorFlow

        return decode_and_align(encoded, landmarks, boxes, self.input_shape, self.resize)


def said_of(manner: str) -> str:
    """What `ALIGNED`, `BOXED` or `WHOLE` is in a `PreparedImages.description`."""
    return _SAID[manner]


def batch_of(
    encoded: Sequence[bytes],
    landmarks: Sequence[Sequence[float] | None],
    boxes: Sequence[Sequence[float] | None],
) -> "tuple[tf.Tensor, tf.Tensor, tf.Tensor]":
    """What `Preprocessing.batch` takes.

    Args:
      encoded: N images, each a JPEG or PNG.
      landmarks: N times ten numbers, see `Record`; None or nothing where nobody knows them.
      boxes: N times four numbers, likewise.
    """
    import tensorflow as tf  # noqa: PLC0415

    return (
        tf.constant(encoded, tf.string),
        tf.constant(_rows(landmarks, 2 * len(LANDMARKS)), tf.float32),
        tf.constant(_rows(boxes, 4), tf.float32),
    )


def _rows(values: Sequence[Sequence[float] | None], count: int) -> list[Sequence[float]]:
    return [numbers or [math.nan] * count for numbers in values]


# The `description` of the images of a model that has no such file.
NOTHING_SAID = f"{_SAID[WHOLE]}, resized by stretch"


@dataclass(frozen=True)
class PreparedImages:
    """What was done to the images that a model is trained and measured on.

    Attributes:
      preprocessing: of all of them.
      manners: split -> `ALIGNED`, `BOXED` or `WHOLE` -> how many images of it.
    """

    preprocessing: Preprocessing
    manners: Mapping[str, Mapping[str, int]]

    def to_json(self) -> str:
        """The content of `PREPROCESSING_FILE`."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "PreparedImages":
        """Reads what `to_json` wrote.

        Raises:
          UserError: it is something else.
        """
        try:
            values = json.loads(text)
            manners = {
                str(split): {str(manner): int(count) for manner, count in counts.items()}
                for split, counts in values["manners"].items()
            }
            height, width, channels = map(int, values["preprocessing"]["input_shape"])
            shape = {"input_shape": (height, width, channels)}
            return cls(Preprocessing(**{**values["preprocessing"], **shape}), manners)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{PREPROCESSING_FILE} does not say how images are prepared: {shown(str(error))}"
            ) from None

    def total(self) -> dict[str, int]:
        """How many images of all splits each of the manners has that occur."""
        total: dict[str, int] = {}
        for counts in self.manners.values():
            for manner in _SAID:
                total[manner] = total.get(manner, 0) + counts.get(manner, 0)
        return {manner: count for manner, count in total.items() if count}

    def description(self) -> str:
        """What was done, in words; models that agree in it were trained on images alike."""
        how = " or ".join(_SAID[manner] for manner in self.total()) or _SAID[WHOLE]
        found = f", faces found by {self.preprocessing.detector}" if self._detected() else ""
        return f"{how}{found}, resized by {self.preprocessing.resize}"

    def _detected(self) -> bool:
        return self.preprocessing.detects and ALIGNED in self.total()

    def remarks(self) -> list[str]:
        """What is to be said where not all images are prepared alike."""
        total = self.total()
        if len(total) < 2:
            return []
        images = sum(total.values())
        shares = ", ".join(
            f"{count} ({count / images * 100:.1f} %) {_SAID[manner]}{self._where(manner)}"
            for manner, count in total.items()
        )
        return [f"not all images are prepared alike: {shares}"]

    def _where(self, manner: str) -> str:
        counts = {split: self.manners.get(split, {}).get(manner, 0) for split in SPLITS}
        return f" [{', '.join(f'{split} {count}' for split, count in counts.items() if count)}]"
