"""A pushed model in use: image files in, pixels and embeddings out. Loads TensorFlow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np
import tensorflow as tf

from faces.contract import LANDMARKS
from faces.images.align import require_box, require_face
from faces.images.decode import decode_image
from faces.images.encode import EncodedImage, encode_image
from faces.images.formats import BadImageError
from faces.images.preprocess import Preprocessing, batch_of
from groundfloor.errors import UserError
from groundfloor.plain_paths import plain_path
from serving.comparison import SeenImage
from serving.preparation import MAX_PIXELS, prepared_images, require_embedding, unprepared
from serving.signatures import (
    EMBEDDING_KEY,
    PIXELS_SIGNATURE,
    SERVING_SIGNATURE,
    pixels_shape,
)

if TYPE_CHECKING:
    from faces.detection import Detector

# Images that are decoded and embedded together: more are no faster, and take more memory.
BATCH_IMAGES = 64

# Landmarks and box of a face, as `Record` has them, each None where nobody knows it.
Face = tuple[Sequence[float] | None, Sequence[float] | None]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")


@dataclass(frozen=True)
class PreparedImage:
    """An image that is ready for a model; see `SeenImage` for what is not said here.

    Attributes:
      name: what to call it.
      height: in pixels, before it is resized for the model.
      width: the same.
      pixels: what the network sees, uint8 [H, W, C].
      unprepared: what could not be done to it.
      landmarks: by which it was aligned; None: it was not.
    """

    name: str
    height: int
    width: int
    pixels: np.ndarray
    unprepared: tuple[str, ...]
    landmarks: Sequence[float] | None

    def seen(self, embedding: np.ndarray) -> SeenImage:
        """With its embedding, float32 [D]."""
        return SeenImage(
            name=self.name,
            height=self.height,
            width=self.width,
            pixels=self.pixels,
            embedding=embedding,
            unprepared=self.unprepared,
            landmarks=self.landmarks,
        )


@dataclass(frozen=True)
class _Checked:
    """An image file that the pipeline would have taken, and where its face is.

    Attributes:
      name: what to call it.
      image: what it holds.
      landmarks: by which it is aligned; None: it is not.
      box: of the face, by which it is cut out where it is not aligned; None: it is taken whole.
    """

    name: str
    image: EncodedImage
    landmarks: Sequence[float] | None
    box: Sequence[float] | None


def checked_image(path: Path | str, content: bytes, channels: int) -> EncodedImage:
    """The file as the pipeline would have read it for a model of so many channels.

    Raises:
      UserError: it is no image that the pipeline would have taken, for the `BadImageError` that
        is its cause.
    """
    try:
        return encode_image(content, MAX_PIXELS, channels)
    except BadImageError as error:
        raise UserError(f"{path} is no usable image: {error}") from error


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
        self._pixels = _graph_of(self._preprocessing)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of what the network sees."""
        return self._shape

    @property
    def aligns(self) -> bool:
        """Whether it takes landmarks of a face."""
        return self._preprocessing.align

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
        return _only(self.see_many([(str(path), content)], [(landmarks, None)]))

    def see_many(
        self,
        files: Sequence[tuple[str, bytes]],
        faces: Sequence[Face] | None = None,
    ) -> list[SeenImage | UserError]:
        """Image files as this model sees them; a UserError for each that is refused.

        Where the image is at fault, the cause of the error is a `BadImageError`.

        Files are decoded, and embedded by the signature `pixels`, `BATCH_IMAGES` at a time: many
        at once are several times as fast as one after the other.

        Args:
          files: what to call each, and its content.
          faces: where the face is in each, as `Record` says it; None: nobody knows.
        """
        known = [(None, None)] * len(files) if faces is None else faces
        seen: list[SeenImage | UserError] = []
        for start in range(0, len(files), BATCH_IMAGES):
            part = slice(start, start + BATCH_IMAGES)
            seen += _of_usable(self._prepare_many(files[part], known[part]), self._embedded)
        return seen

    def prepare(
        self, path: Path, content: bytes, landmarks: Sequence[float] | None = None
    ) -> PreparedImage:
        """All that `see` does before the network; many threads may do it at a time.

        Args:
          path: see `see`.
          content: see `see`.
          landmarks: see `see`.

        Raises:
          UserError: it is no image that the pipeline would have taken.
        """
        return _only(self._prepare_many([(str(path), content)], [(landmarks, None)]))

    def _prepare_many(
        self, files: Sequence[tuple[str, bytes]], faces: Sequence[Face]
    ) -> list[PreparedImage | UserError]:
        checked = [
            _or_refused(self._checked, name, content, *face)
            for (name, content), face in zip(files, faces, strict=True)
        ]
        return _of_usable(checked, self._prepared_of)

    def _checked(
        self,
        name: str,
        content: bytes,
        landmarks: Sequence[float] | None,
        box: Sequence[float] | None,
    ) -> _Checked:
        image = checked_image(name, content, self.channels)
        try:
            if box is not None:
                require_box(tuple(box), image.height, image.width)
            return _Checked(name, image, self._landmarks(image, landmarks, box), box)
        except BadImageError as error:
            raise UserError(f"{name} is no usable image for this model: {error}") from error

    def _prepared_of(self, images: Sequence[_Checked]) -> list[PreparedImage | UserError]:
        """All of them at a time, or one by one where TensorFlow fails on any of them."""
        encoded = [each.image.encoded for each in images]
        landmarks, boxes = [each.landmarks for each in images], [each.box for each in images]
        try:
            pixels = self._pixels(*batch_of(encoded, landmarks, boxes)).numpy()
        except tf.errors.OpError:
            return [_or_refused(self._prepared_alone, each) for each in images]
        return [*map(self._prepared_image, images, pixels)]

    def _prepared_alone(self, checked: _Checked) -> PreparedImage:
        pixels = self.pixels(checked.name, checked.image.encoded, checked.landmarks, checked.box)
        return self._prepared_image(checked, pixels)

    def _prepared_image(self, checked: _Checked, pixels: np.ndarray) -> PreparedImage:
        return PreparedImage(
            name=checked.name,
            height=checked.image.height,
            width=checked.image.width,
            pixels=pixels,
            unprepared=unprepared(
                self._prepared,
                checked.landmarks,
                checked.box,
                was_searched=self._detector is not None,
            ),
            landmarks=checked.landmarks,
        )

    def _embedded(self, images: Sequence[PreparedImage]) -> list[SeenImage | UserError]:
        try:
            embeddings = self.embed_pixels(tf.constant(np.stack([each.pixels for each in images])))
        except (tf.errors.OpError, KeyError, TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            return [UserError(f"the model cannot embed {each.name}: {reason}") for each in images]
        return [
            _or_refused(_seen, image, embedding)
            for image, embedding in zip(images, embeddings, strict=True)
        ]

    def _landmarks(
        self, image: EncodedImage, given: Sequence[float] | None, box: Sequence[float] | None
    ) -> Sequence[float] | None:
        """Those by which the face is aligned, or None where it is not.

        Raises:
          BadImageError: the given ones are of no face; or no single one is found.
        """
        if given is not None and not self._preprocessing.align:
            raise BadImageError("landmarks are given, and it aligns none")
        landmarks = self._found(image, box) if given is None else given
        if landmarks is not None:
            require_face(tuple(landmarks), image.height, image.width)
        return landmarks

    def _found(self, image: EncodedImage, box: Sequence[float] | None) -> Sequence[float] | None:
        """What the detector says, where there is one."""
        if self._detector is None:
            return None
        from faces.detection import NoFaceError, choose_face, face_in_box  # noqa: PLC0415 - as below

        pixels = decode_image(tf.constant(image.encoded), channels=3).numpy()
        (faces,) = self._detector.detect([pixels])
        policy = self._preprocessing.faces
        try:
            if box is not None:
                return face_in_box(faces, tuple(box)).landmarks
            return choose_face(faces, image.height, image.width, policy).landmarks
        except NoFaceError:
            if self._preprocessing.no_face == "resize":
                return None
            raise

    def pixels(
        self,
        path: Path | str,
        image: bytes,
        landmarks: Sequence[float] | None = None,
        box: Sequence[float] | None = None,
    ) -> np.ndarray:
        """What the network sees of a JPEG or PNG, uint8 [H, W, C].

        Raises:
          UserError: TensorFlow cannot decode it for this model.
        """
        try:
            return self._pixels(*batch_of([image], [landmarks], [box])).numpy()[0]
        except tf.errors.OpError:
            raise UserError(
                f"{path} is no usable image for this model: TensorFlow cannot decode it to "
                f"{self.channels} channels"
            ) from None

    def embed_pixels(self, pixels: tf.Tensor | np.ndarray) -> np.ndarray:
        """The embeddings of what the network sees, uint8 [N, H, W, C]: float32 [N, D]."""
        return self._pixels_signature(pixels=tf.convert_to_tensor(pixels))[EMBEDDING_KEY].numpy()


# What `Preprocessing.batch` takes.
_FILES_AND_FACES = (
    tf.TensorSpec([None], tf.string),
    tf.TensorSpec([None, 2 * len(LANDMARKS)], tf.float32),
    tf.TensorSpec([None, 4], tf.float32),
)


@lru_cache(maxsize=8)
def _graph_of(preprocessing: Preprocessing) -> Callable[..., tf.Tensor]:
    """`Preprocessing.batch` as a graph: twenty times as fast as its operations one by one."""
    return tf.function(preprocessing.batch, input_signature=_FILES_AND_FACES)


def _or_refused(
    function: Callable[_Arguments, _Result],
    *arguments: _Arguments.args,
    **named: _Arguments.kwargs,
) -> _Result | UserError:
    """What a function gives, or the error by which it refuses to."""
    try:
        return function(*arguments, **named)
    except UserError as error:
        return error


def _seen(image: PreparedImage, embedding: np.ndarray) -> SeenImage:
    require_embedding(image.name, embedding)
    return image.seen(embedding)


def _of_usable(
    items: Sequence[_Item | UserError],
    function: Callable[[Sequence[_Item]], Sequence[_Result | UserError]],
) -> list[_Result | UserError]:
    """What a function gives for those that are not refused, and for the others the refusal."""
    usable = [item for item in items if not isinstance(item, UserError)]
    results = iter(function(usable) if usable else ())
    return [item if isinstance(item, UserError) else next(results) for item in items]


def _only(results: Sequence[_Result | UserError]) -> _Result:
    """The single result.

    Raises:
      UserError: it is refused.
    """
    (result,) = results
    if isinstance(result, UserError):
        raise result
    return result


def _detector_of(preprocessing: Preprocessing) -> "Detector | None":
    if not preprocessing.detects:
        return None
    from faces.detection import find_detector  # noqa: PLC0415 - for models that need one alone

    return find_detector(preprocessing.detector)
