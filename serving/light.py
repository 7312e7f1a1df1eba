"""A pushed model in use without TensorFlow: by an export that its thresholds vouch for.

It gives what `embedder.Embedder` gives: the same pixels, and embeddings that are as far from the
model's own as the evaluation has measured. What it cannot do, it leaves to the embedder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faces.images.formats import BadImageError
from faces.images.light.align import require_face
from faces.images.light.decode import NeedsTensorFlowError, decode_file
from faces.images.light.preprocess import prepare
from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages
from groundfloor.errors import UserError
from serving.choice import ChosenModel
from serving.comparison import SeenImage
from serving.exports import KINDS, export_folder, is_installed
from serving.opened_export import Embed, open_export
from serving.preparation import MAX_PIXELS, require_embedding, unprepared

# How many times farther from the model's own than any test image an embedding may be.
_ROOM = 5
# Two steps of a cosine distance, see `distance_between`.
_ROUNDING = 2**-20


@dataclass(frozen=True, eq=False)
class ReadImage:
    """An image before the model has seen it.

    Attributes:
      path: what to call it.
      pixels: what the network is to see, uint8 [H, W, C].
      height: in pixels, before it was resized.
      width: the same.
      landmarks: by which it was aligned; None: it is taken whole.
    """

    path: Path
    pixels: np.ndarray
    height: int
    width: int
    landmarks: Sequence[float] | None


@dataclass(frozen=True, eq=False)
class LightEmbedder:
    """An export in use.

    Attributes:
      export: its name.
      embed: by its runtime.
      prepared: what the model's images went through.
      farthest: see `VouchedExport`.
    """

    export: str
    embed: Embed
    prepared: PreparedImages
    farthest: float

    @property
    def doubt(self) -> float:
        """How far a distance may be from what the model itself would give."""
        return 2 * _ROOM * self.farthest + _ROUNDING

    def decides(self, distance: float, threshold: float | None) -> bool:
        """Whether the model itself is sure to say the same; None: there is nothing to say."""
        return threshold is None or abs(distance - threshold) > self.doubt

    def see(
        self, path: Path, content: bytes, landmarks: Sequence[float] | None = None
    ) -> SeenImage:
        """As `Embedder.see`.

        Raises:
          UserError: as there.
          NeedsTensorFlowError: the image, or the search for a face in it, needs TensorFlow.
        """
        (seen,) = self.see_read([self.read(path, content, landmarks)])
        return seen

    def read(
        self, path: Path, content: bytes, landmarks: Sequence[float] | None = None
    ) -> ReadImage:
        """An image up to what the network sees; errors as of `see`."""
        preprocessing = self.prepared.preprocessing
        try:
            image = decode_file(content, MAX_PIXELS, preprocessing.input_shape[2])
        except BadImageError as error:
            raise UserError(f"{path} is no usable image: {error}") from None
        height, width = image.shape[:2]
        try:
            self._check_landmarks(landmarks, height, width)
        except BadImageError as error:
            raise UserError(f"{path} is no usable image for this model: {error}") from None
        pixels = prepare(image, preprocessing, landmarks)
        return ReadImage(path, pixels, height, width, landmarks)

    def _check_landmarks(self, landmarks: Sequence[float] | None, height: int, width: int) -> None:
        preprocessing = self.prepared.preprocessing
        if landmarks is None:
            if preprocessing.detects:
                raise NeedsTensorFlowError
        elif preprocessing.align:
            require_face(landmarks, height, width)
        else:
            raise BadImageError("landmarks are given, and it aligns none")

    def see_read(self, images: Sequence[ReadImage]) -> list[SeenImage]:
        """Images with their embeddings, in one batch.

        Raises:
          UserError: the model gives no vector of length 1.
        """
        embeddings = self.embed(np.stack([image.pixels for image in images]))
        for image, embedding in zip(images, embeddings, strict=True):
            require_embedding(image.path, embedding)
        return [
            SeenImage(
                name=str(image.path),
                height=image.height,
                width=image.width,
                pixels=image.pixels,
                embedding=embedding,
                unprepared=unprepared(self.prepared, image.landmarks, was_searched=False),
                landmarks=image.landmarks,
            )
            for image, embedding in zip(images, embeddings, strict=True)
        ]


def open_light(model: ChosenModel) -> LightEmbedder | None:
    """The model by its first export that runs here without TensorFlow; None where there is none.

    Those in int8 are left out: the thresholds are not theirs.
    """
    file = model.path / PREPROCESSING_FILE
    for name, kind in KINDS.items():
        vouched = model.pack.exports.get(name) if model.pack else None
        if vouched and not kind.is_quantised and is_installed(kind.runtime) and file.is_file():
            try:
                embed = open_export(name, export_folder(model.path, name))
                prepared = PreparedImages.from_json(file.read_bytes())
            except (UserError, OSError):  # the model itself may do, or will say what is wrong
                continue
            return LightEmbedder(name, embed, prepared, vouched.farthest)
    return None
