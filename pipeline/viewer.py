"""Many image files as a model sees them: without TensorFlow what can be seen without it."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from biometrics.thresholds.pack import OperatingPoint
from faces.images.light.decode import NeedsTensorFlowError
from groundfloor import progress
from groundfloor.errors import UserError
from pipeline.image_files import content_of
from pipeline.quiet import quiet_import
from serving.choice import ChosenModel
from serving.comparison import Comparison, KnownImage, compare_known
from serving.light import LightEmbedder, ReadImage, open_light

if TYPE_CHECKING:
    from serving.embedder import Embedder

# Images that are in memory, and are embedded, at a time.
_BATCH = 64


@dataclass(frozen=True)
class ImageFile:
    """An image that is to be looked at.

    Attributes:
      path: its file.
      landmarks: ten numbers; None where nobody says them.
    """

    path: Path
    landmarks: tuple[float, ...] | None = None


# What is known of an image, or why it cannot be compared.
Known = KnownImage | UserError


class Viewer:
    """A model in use on many images.

    Args:
      model: as `choose_model` gives it.
    """

    def __init__(self, model: ChosenModel):
        self._model = model
        self._light = open_light(model)
        self._exactly = 0

    @cached_property
    def _embedder(self) -> "Embedder":
        with quiet_import():
            from serving.embedder import Embedder  # noqa: PLC0415 - TensorFlow
        return Embedder(self._model.path)

    def way(self, images: int) -> str:
        """What has looked at so many images."""
        if self._light is None:
            return "the SavedModel, with TensorFlow"
        with_it = f"; {self._exactly:,} images by the SavedModel" if self._exactly else ""
        return f"the export {self._light.export}, without TensorFlow: {images:,} images{with_it}"

    def look_at(self, files: Sequence[ImageFile]) -> dict[ImageFile, Known]:
        """What is known of each of some images, or why nothing is; they are counted."""
        known: dict[ImageFile, Known] = {}
        with ThreadPoolExecutor() as threads:
            for batch in _batches(files):
                if self._light:
                    known |= self._look_lightly(batch, self._light, threads)
                known |= self._look_exactly([file for file in batch if file not in known])
                progress.advance("images", len(batch), len(files))
        return known

    def compare(
        self,
        known: Mapping[ImageFile, Known],
        pair: tuple[ImageFile, ImageFile],
        point: OperatingPoint | None,
    ) -> Comparison | UserError:
        """Compares two images; by the SavedModel where an export might give another verdict.

        Args:
          known: what `look_at` has given.
          pair: two of the images in it.
          point: whose threshold decides; None: nothing is decided.

        Returns:
          The comparison; or why one of the two cannot be compared.
        """
        compared = self._compared(known, pair)
        if isinstance(compared, UserError) or self._light is None or point is None:
            return compared
        if self._light.decides(compared.distance, point.threshold):
            return compared
        return self._compared(self._look_exactly(pair), pair)

    def _compared(
        self, known: Mapping[ImageFile, Known], pair: tuple[ImageFile, ImageFile]
    ) -> Comparison | UserError:
        first, second = (known[file] for file in pair)
        if isinstance(first, UserError):
            return first
        if isinstance(second, UserError):
            return second
        return compare_known(first, second, self._model.pack)

    def _look_lightly(
        self, files: Sequence[ImageFile], light: LightEmbedder, threads: ThreadPoolExecutor
    ) -> dict[ImageFile, Known]:
        """Those of the images that need no TensorFlow."""
        read = dict(zip(files, threads.map(lambda file: _read(file, light), files), strict=True))
        refused: dict[ImageFile, Known] = {
            file: error for file, error in read.items() if isinstance(error, UserError)
        }
        images = {file: image for file, image in read.items() if isinstance(image, ReadImage)}
        if not images:
            return refused
        try:
            seen = light.see_read(list(images.values()))
        except UserError:  # then the model itself says which of them it is
            return refused
        known = (KnownImage.of(image, self._model.pack) for image in seen)
        return refused | dict(zip(images, known, strict=True))

    def _look_exactly(self, files: Sequence[ImageFile]) -> dict[ImageFile, Known]:
        """By the SavedModel itself."""
        if not files:
            return {}
        self._exactly += len(files)
        contents = {file: _content(file) for file in files}
        refused: dict[ImageFile, Known] = {
            file: error for file, error in contents.items() if isinstance(error, UserError)
        }
        read = {file: data for file, data in contents.items() if isinstance(data, bytes)}
        seen = self._embedder.see_many(
            [(str(file.path), data) for file, data in read.items()],
            [(file.landmarks, None) for file in read],
        )
        return refused | {
            file: image if isinstance(image, UserError) else KnownImage.of(image, self._model.pack)
            for file, image in zip(read, seen, strict=True)
        }


def _content(file: ImageFile) -> bytes | UserError:
    """What an image file holds, or why it cannot be read."""
    try:
        return content_of(file.path)
    except UserError as error:
        return error


def _read(file: ImageFile, light: LightEmbedder) -> ReadImage | UserError | None:
    """An image before it is embedded, or why it cannot be; None: it needs TensorFlow."""
    try:
        return light.read(file.path, content_of(file.path), file.landmarks)
    except NeedsTensorFlowError:
        return None
    except UserError as error:
        return error


def _batches(files: Sequence[ImageFile]) -> Iterator[Sequence[ImageFile]]:
    return (files[start : start + _BATCH] for start in range(0, len(files), _BATCH))
