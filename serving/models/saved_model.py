"""A SavedModel: of this project, or any other one that takes a batch of images."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages
from groundfloor.plain_paths import plain_path
from serving.choice import choose_model
from serving.embedder import prepared_images
from serving.models.model import (
    ModelInput,
    cannot_embed,
    cannot_open,
    choose_input,
    choose_output,
    embeddings_of,
    in_batches,
)
from serving.signatures import PIXELS_SIGNATURE, SERVING_SIGNATURE


class SavedModel:
    """See `model.Model`.

    It is asked by its signature `pixels`, if it has one, as this project's models do; else by
    `serving_default`.

    Args:
      path: of the model, or of pushed versions, of which the newest complete one is taken.
      trust_model: see `choice.choose_model`.

    Raises:
      UserError: there is none, it is not trusted, or cannot be opened.
    """

    def __init__(self, path: Path, trust_model: bool):
        chosen = choose_model(path, trust_model)
        folder, self.remarks = chosen.path, chosen.remarks
        self.name = str(folder)
        self._model, self._signature = _loaded(folder)
        inputs = self._signature.structured_input_signature[1]
        outputs = self._signature.structured_outputs
        self._taken = list(inputs)[choose_input(self.name, _said(inputs))]
        self._given = list(outputs)[choose_output(self.name, _said(outputs))]
        taken = inputs[self._taken]
        self.input = ModelInput(_shape(taken), taken.dtype.name)
        self.prepared = _prepared(folder, self.input)

    def embed_pixels(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """See `model.Model`."""
        output = in_batches(self._run, pixels, self.input.batch)
        return embeddings_of(output, len(pixels), self.name)

    def _run(self, pixels: NDArray[Any]) -> NDArray[Any]:
        try:
            return self._signature(**{self._taken: tf.constant(pixels)})[self._given].numpy()
        except (tf.errors.OpError, TypeError, ValueError) as error:
            raise cannot_embed(self.name, error) from None


def _loaded(folder: Path) -> tuple[Any, Any]:
    """The model, which has to be kept, and the signature that embeds."""
    try:
        with plain_path(str(folder)) as plain:
            model = tf.saved_model.load(plain)
        named = PIXELS_SIGNATURE if PIXELS_SIGNATURE in model.signatures else SERVING_SIGNATURE
        return model, model.signatures[named]
    except Exception as error:  # whatever a file that is no model makes TensorFlow raise
        raise cannot_open(str(folder), error) from None


def _prepared(folder: Path, taken: ModelInput) -> PreparedImages | None:
    if not (folder / PREPROCESSING_FILE).exists():
        return None
    height, width, channels = (side or 0 for side in taken.shape[1:])
    return prepared_images(folder, (height, width, channels))


def _said(tensors: dict[str, Any]) -> list[tuple[str, tuple[int | None, ...]]]:
    return [(name, _shape(tensor)) for name, tensor in tensors.items()]


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(tensor.shape.as_list()) if tensor.shape.rank is not None else ()
