"""What the gallery keeps of an image: what the network saw of it, without loss."""

import io
import json
from dataclasses import dataclass

import numpy as np
from PIL import Image

from groundfloor.text import visible
from serving.gallery.records import EnrollableImage

_LENGTH = 4
# Of a longer name the end is kept.
_MAX_NAME = 1000

HEAD = 2**14
"""Where `KeptImage.to_bytes` has said all but the pixels: JSON takes up to 12 bytes a character."""


@dataclass(frozen=True)
class KeptImage:
    """An image as it is kept.

    Attributes:
      name: of the image.
      height: in pixels, before it was resized for the model that it was enrolled with.
      width: the same.
      landmarks: ten numbers in those pixels; None: it was taken whole.
      preparation: what that model's images go through, see `ModelIdentity`.
      png: what the network of that model saw.
    """

    name: str
    height: int
    width: int
    landmarks: tuple[float, ...] | None
    preparation: str
    png: bytes

    @classmethod
    def of(cls, image: EnrollableImage, preparation: str) -> "KeptImage":
        """What to keep of an image, and what was done to it."""
        landmarks = image.landmarks
        return cls(
            name=visible(image.name)[-_MAX_NAME:],
            height=int(image.height),
            width=int(image.width),
            landmarks=None if landmarks is None else tuple(map(float, landmarks)),
            preparation=preparation,
            png=_png(image.pixels),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the pixels: height, width and channels; nothing is decoded."""
        picture = _opened(self.png)
        return picture.height, picture.width, len(picture.getbands())

    @property
    def pixels(self) -> np.ndarray:
        """What the network saw, uint8 [H, W, C]."""
        pixels = np.asarray(_opened(self.png))
        return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]

    def to_bytes(self) -> bytes:
        """All of it, for `from_bytes`."""
        said = {
            "name": self.name,
            "height": self.height,
            "width": self.width,
            "landmarks": self.landmarks,
            "preparation": self.preparation,
        }
        head = json.dumps(said).encode()
        return len(head).to_bytes(_LENGTH, "little") + head + self.png

    @classmethod
    def from_bytes(cls, content: bytes) -> "KeptImage":
        """Reads what `to_bytes` wrote."""
        end = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
        said = json.loads(content[_LENGTH:end])
        landmarks = said["landmarks"]
        return cls(
            said["name"],
            said["height"],
            said["width"],
            None if landmarks is None else tuple(landmarks),
            said["preparation"],
            content[end:],
        )


def name_in(head: bytes) -> str:
    """The name of an image, of which the first `HEAD` bytes of `KeptImage.to_bytes` were read."""
    return str(KeptImage.from_bytes(head).name)


def _opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png), formats=["PNG"])


def _png(pixels: np.ndarray) -> bytes:
    """A PNG of uint8 [H, W, C], of 1 or 3 channels."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
