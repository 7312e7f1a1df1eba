"""A pushed model in use: image files in, pixels and embeddings out. Loads TensorFlow."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from faces.images.align import require_face
from faces.images.decode import decode_image
from faces.images.encode import EncodedImage, encode_image
from faces.images.formats import BadImageError
from faces.images.preprocess import Preprocessing, batch_of
from groundfloor.errors import UserError
from groundfloor.plain_paths import plain_path
from serving.comparison import SeenImage
from serving.preparation import MAX_PIXELS, prepared_images, require_embedding, unprepared
from serving.signatures import (
    ALIGNED_SIGNATURE,
    EMBEDDING_KEY,
    PIXELS_SIGNATURE,
    SERVING_SIGNATURE,
    pixels_shape,
)

if TYPE_CHECKING:
    from faces.detection import Detector


def checked_image(path: Path, content: bytes, channels: int) -> EncodedImage:
    """The file as the pipeline would have read it for a model of so many channels.

    Raises:
      UserError: it is no image that the pipeline would have taken.
    """
    try:
        return encode_image(content, MAX_PIXELS, channels)
    except BadImageError as error:
        raise UserError(f"{path} is no usable image: {error}") from None


class Embedder:
    """A SavedModel with the signatures of this project's models, pushed or not.

    Loading it runs what is in it: see `choice.choose_model` for what vouches for it. An image goes
    through what the model's training images went through, as `PREPROCESSING_FILE` beside it says; a
    model without it takes images as they are.

    Args:
      path: its folder.
      detector: what finds faces; None: the one that its training images were looked at by, if any.

    Raises:
      UserError: it cannot be loaded, has other signatures, or needs a detector that there is not.
    """

    def __init__(self, path: Path, detector: "Detector | None" = None):
        try:
            with plain_path(str(path)) as plain:
                self._model = tf.saved_model.load(plain)
            self._model.signatures[SERVING_SIGNATURE]
            self._pixels_signature = self._model.signatures[PIXELS_SIGNATURE]
            self._shape = pixels_shape(self._pixels_signature)
        except Exception as error:  # whatever a file that is no model makes TensorFlow raise
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError(f"cannot load the model {path}: {reason}") from None
        self._prepared = prepared_images(path, self._shape)
        self._preprocessing = self._prepared.preprocessing
        self._detector = detector or _detector_of(self._preprocessing)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of what the network sees."""
        return self._shape

    @property
    def channels(self) -> int:
        """Of the images that it takes, 1 or 3."""
        return self._shape[-1]

    def see(
        self, path: Path, content: bytes, landmarks: Sequence[float] | None = None
    ) -> SeenImage:
        """An image file of any format that the pipeline reads, as this model sees it.

        Args:
          path: what to call it.
          content: of the file.
          landmarks: of the face, see `Record`; None: a detector looks for it, if the model has one.

        Raises:
          UserError: it is no image that the pipeline would have taken, or the model fails on it.
        """
        image = checked_image(path, content, self.channels)
        try:
            landmarks = self._landmarks(image, landmarks)
        except BadImageError as error:
            raise UserError(f"{path} is no usable image for this model: {error}") from None
        return SeenImage(
            name=str(path),
            height=image.height,
            width=image.width,
            pixels=self.pixels(path, image.encoded, landmarks),
            embedding=self.embed(path, image.encoded, landmarks),
            unprepared=unprepared(
                self._prepared, landmarks is not None, self._detector is not None
            ),
        )

    def _landmarks(
        self, image: EncodedImage, given: Sequence[float] | None
    ) -> Sequence[float] | None:
        """Those by which the face is aligned, or None where the image is taken whole.

        Raises:
          BadImageError: the given ones are of no face; or no single one is found.
        """
        if given is not None and not self._preprocessing.align:
            raise BadImageError("landmarks are given, and it aligns none")
        landmarks = self._found(image) if given is None else given
        if landmarks is not None:
            require_face(tuple(landmarks), image.height, image.width)
        return landmarks

    def _found(self, image: EncodedImage) -> Sequence[float] | None:
        """What the detector says, where there is one."""
        if self._detector is None:
            return None
        from faces.detection import NoFaceError, choose_face  # noqa: PLC0415 - as below

        pixels = decode_image(tf.constant(image.encoded), channels=3).numpy()
        (faces,) = self._detector.detect([pixels])
        policy = self._preprocessing.faces
        try:
            return choose_face(faces, image.height, image.width, policy).landmarks
        except NoFaceError:
            if self._preprocessing.no_face == "resize":
                return None
            raise

    def pixels(
        self, path: Path, image: bytes, landmarks: Sequence[float] | None = None
    ) -> np.ndarray:
        """What the network sees of a JPEG or PNG, uint8 [H, W, C].

        Raises:
          UserError: TensorFlow cannot decode it for this model.
        """
        try:
            return self._preprocessing.batch(*batch_of([image], [landmarks], [None])).numpy()[0]
        except tf.errors.OpError:
            raise UserError(
                f"{path} is no usable image for this model: TensorFlow cannot decode it to "
                f"{self.channels} channels"
            ) from None

    def embed_pixels(self, pixels: tf.Tensor) -> np.ndarray:
        """The embeddings of what the network sees, uint8 [N, H, W, C]: float32 [N, D]."""
        return self._pixels_signature(pixels=pixels)[EMBEDDING_KEY].numpy()

    def embed(
        self, path: Path, image: bytes, landmarks: Sequence[float] | None = None
    ) -> np.ndarray:
        """The embedding of a JPEG or PNG, float32 [D], L2-normalised.

        Raises:
          UserError: the model fails on it, or gives no vector of length 1.
        """
        try:
            embedding = self._embedding(image, landmarks)
        except (tf.errors.OpError, KeyError, TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(f"the model cannot embed {path}: {reason}") from None
        require_embedding(path, embedding)
        return embedding

    def _embedding(self, image: bytes, landmarks: Sequence[float] | None) -> Any:
        image_bytes = tf.constant([image])
        if landmarks is None:
            embedded = self._model.signatures[SERVING_SIGNATURE](image_bytes=image_bytes)
        else:
            embedded = self._model.signatures[ALIGNED_SIGNATURE](
                image_bytes=image_bytes, landmarks=tf.constant([landmarks], tf.float32)
            )
        return embedded[EMBEDDING_KEY].numpy()[0]


def _detector_of(preprocessing: Preprocessing) -> "Detector | None":
    if not preprocessing.detects:
        return None
    from faces.detection import find_detector  # noqa: PLC0415 - for models that need one alone

    return find_detector(preprocessing.detector)
