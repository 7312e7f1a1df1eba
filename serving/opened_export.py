"""An export in use, by the runtime that its format is for."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.exports import KINDS
from serving.models import open_model

# Pixels, uint8 or float32 [N, H, W, C] in [0, 255], to embeddings, float32 [N, D].
Embed = Callable[[NDArray[Any]], NDArray[np.float32]]


def open_export(name: str, folder: str | os.PathLike[str]) -> Embed:
    """Opens an export.

    Args:
      name: of `KINDS`.
      folder: where its files are, on this machine.

    Returns:
      What embeds with it; not to be called by two threads at a time.

    Raises:
      UserError: its runtime cannot be imported or cannot open it; the message says why.
    """
    model = open_model(os.path.join(folder, KINDS[name].file))
    return lambda pixels: model.embed_pixels(pixels.astype(model.input.dtype, copy=False))
