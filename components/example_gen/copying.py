"""The pictures that were spilled, for whoever looks at them once more."""

from collections.abc import Sequence

import tensorflow as tf

from components.example_gen.checked import CheckedImage
from components.example_gen.checking import read_example
from faces.contract import IMAGE_ENCODED


class SpilledImages:
    """The images that can be used, as they were spilled.

    Args:
      usable: all of them.
      spill_folder: see `checking.read_example`.
    """

    def __init__(self, usable: Sequence[CheckedImage], spill_folder: str):
        self._by_key = {image.record.key: image for image in usable}
        self._spill_folder = spill_folder

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    def encoded(self, key: str) -> bytes:
        """The JPEG or PNG of an image."""
        content = read_example(self._by_key[key].place, self._spill_folder)
        feature = tf.train.Example.FromString(content).features.feature[IMAGE_ENCODED]
        return feature.bytes_list.value[0]
