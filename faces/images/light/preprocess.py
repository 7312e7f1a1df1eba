"""What `Preprocessing.batch` does to one image."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faces.images.light.align import fit_template, warp
from faces.images.light.resize import RESIZE_MODES
from faces.images.preprocess import Preprocessing


def prepare(
    image: NDArray[np.uint8],
    preprocessing: Preprocessing,
    landmarks: Sequence[float] | None = None,
) -> NDArray[np.uint8]:
    """The pixels that the network sees.

    Args:
      image: uint8 [H, W, C], as `decode_file` gives it.
      preprocessing: of the model.
      landmarks: ten numbers that `require_face` takes; None: the image is taken whole.

    Returns:
      uint8 [height, width, C] of the network's input.
    """
    height, width, _ = preprocessing.input_shape
    if landmarks is None or not preprocessing.align:
        return RESIZE_MODES[preprocessing.resize](image, height, width)
    points = np.asarray(landmarks, np.float32).tolist()  # as `batch_of` hands them on
    return warp(image, fit_template(points, height, width), height, width)
