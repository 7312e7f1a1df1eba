"""A split of the transformed examples, as it is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from biometrics.arrays import Int64
from biometrics.embeddings import ImageSet
from biometrics.thresholds.measured_images import some_of
from biometrics.thresholds.pack import digest_of_images
from faces.contract import COLUMN_PREFIX, IDENTITY, IMAGE_HEIGHT, IMAGE_KEY, IMAGE_WIDTH
from faces.storage import read_images, read_names


@dataclass(frozen=True)
class SplitData:
    """The images of a split, in the order of their keys.

    Their pixels stay in the files: a split may be larger than the memory.

    Attributes:
      files: see `components.shards.shard_files`.
      input_shape: height, width and channels of the stored pixels.
      columns: what `faces.storage.read_names` gives, in the order of the keys.
    """

    files: Sequence[str]
    input_shape: tuple[int, int, int]
    columns: Mapping[str, NDArray[Any]]

    @classmethod
    def read(
        cls,
        files: Sequence[str],
        input_shape: tuple[int, int, int],
        attributes: Sequence[str] = (),
    ) -> Self:
        """Reads all but the pixels.

        Args:
          files: see `SplitData`.
          input_shape: see `SplitData`.
          attributes: columns of the source to read, such as sex.
        """
        names = read_names(files, [COLUMN_PREFIX + column for column in attributes])
        order = np.argsort(names[IMAGE_KEY])
        return cls(files, input_shape, {name: values[order] for name, values in names.items()})

    def images(self) -> ImageSet:
        """The images by name.

        Raises:
          EvaluationError: there are fewer than two.
        """
        return ImageSet(
            identities=[identity.decode() for identity in self.columns[IDENTITY]],
            keys=[key.decode() for key in self.columns[IMAGE_KEY]],
            pixels=self.pixels,
            attributes={
                name.removeprefix(COLUMN_PREFIX): [value.decode() for value in values]
                for name, values in self.columns.items()
                if name.startswith(COLUMN_PREFIX)
            },
        )

    def pixels(self, places: Sequence[int]) -> NDArray[np.uint8]:
        """Some of the images, by their place: uint8 [K, H, W, C]."""
        keys = self.columns[IMAGE_KEY]
        return read_images(self.files, self.input_shape, [keys[place] for place in places])

    def sample(self) -> NDArray[np.uint8]:
        """As many of the images as it takes to describe them: uint8 [K, H, W, C]."""
        return self.pixels(some_of(len(self.columns[IMAGE_KEY])))

    def sizes(self) -> tuple[Int64, Int64]:
        """Heights and widths before the images were resized, in pixels: int64 [N] each."""
        columns = self.columns
        return columns[IMAGE_HEIGHT].astype(np.int64), columns[IMAGE_WIDTH].astype(np.int64)

    def digest(self) -> str:
        """See `digest_of_images`."""
        images = self.images()
        return digest_of_images(images.keys, images.identities, list(self.columns["sha256"]))
