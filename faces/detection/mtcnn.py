"""MTCNN, as the package `mtcnn` has it, which holds the weights and is under the MIT licence.

K. Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", IEEE Signal Processing Letters 23(10), 2016. Three small networks in turn: one proposes
faces at all sizes, one refines the proposals, one decides and gives the five points.

The package's three stages are called here one after the other, and not its `detect_faces`, which
takes errors of TensorFlow for "no faces" and, in a batch of images of unlike sizes of which one has
no face, moves the faces of others by its padding. Images are brought to a few sizes first, so that
they go through the networks together.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from faces.detection.face import Face

# In pixels: a longer image is shrunk, since the time goes with the area, and one whose shorter side
# is below the other is enlarged. In what then is the image, faces below 20 pixels are not looked
# for. (The package can be told to look for larger ones only, but then shrinks images until its
# first network fails.)
LONGEST_SIDE = 640
SHORTEST_SIDE = 48

# Of the image's sides, put around it where nothing was found: a face that fills its image, as in an
# aligned crop, is larger than the largest that is proposed.
_MARGIN = 0.25

# What is around an image has the level that the networks take for 0; the next multiple bounds how
# many shapes they see.
_GREY = 128
_MULTIPLE = 32

# Pixels that go through the networks at once: about 150 MB of what they make of them.
_BATCH_PIXELS = 2**22

# The networks, and the sides of what they take; the first takes any.
_SIDES = {"pnet": None, "rnet": 24, "onet": 48}

# How far from its box a landmark may be, in sides of the box.
_MOST_OUTSIDE = 0.5


@dataclass(frozen=True)
class _Canvas:
    """An image on its way into the networks.

    Attributes:
      pixels: uint8 [height, width, 3]; multiples of `_MULTIPLE`.
      size: width and height of the image.
      scale: of the canvas, over that of the image: x and y.
      start: where the image is on the canvas: x and y.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    scale: tuple[float, float]
    start: tuple[int, int]


class MtcnnDetector:
    """Finds faces with MTCNN, on a GPU where TensorFlow sees one. See `face.Detector`."""

    name = "mtcnn"

    def __init__(self) -> None:
        self._stages = _load_stages()
        self._lock = threading.Lock()

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """See `face.Detector`."""
        found = self._faces_on([_canvas(image, margin=0.0) for image in images])
        missed = [number for number, faces in enumerate(found) if not faces]
        again = self._faces_on([_canvas(images[number], _MARGIN) for number in missed])
        for number, faces in zip(missed, again, strict=True):
            found[number] = faces
        return found

    def _faces_on(self, canvases: Sequence[_Canvas]) -> list[list[Face]]:
        """The faces of the image on each canvas."""
        found: list[list[Face]] = [[] for _ in canvases]
        for numbers in _batches(canvases):
            for row in self._rows(np.stack([canvases[number].pixels for number in numbers])):
                number = numbers[int(row[0])]
                face = _face(row, canvases[number])
                if face:
                    found[number].append(face)
        return found

    def _rows(self, pixels: np.ndarray) -> np.ndarray:
        """What the last stage says.

        Args:
          pixels: uint8 [N, height, width, 3].

        Returns:
          float [M, 16]: for each face the number of its image, left, top, right, bottom, score, x
          of five points, then y of five points.
        """
        images = (pixels.astype(np.float32) - 127.5) / 128
        shapes = np.tile(pixels.shape[1:], (len(pixels), 1))
        rows: Any = None
        # Boxes without an area divide zero by zero; they are left out afterwards.
        with self._lock, np.errstate(divide="ignore", invalid="ignore"):
            for stage in self._stages:
                rows = stage(bboxes_batch=rows, images_normalized=images, images_oshapes=shapes)
                if not len(rows):
                    return np.empty((0, 16))
        return rows


def _load_stages() -> list[Any]:
    """The three networks with their weights.

    The files are named in full: the package would rather unpickle a file of that name in the folder
    that the process runs in.

    Two things are put in place of the package's own. Its order of equal scores, which are many at
    1.0, depends on what else is in a batch, and with it which of two boxes is left. And it runs its
    networks layer by layer; as graphs, traced once for all shapes, they take half the time.
    """
    import mtcnn  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415
    from mtcnn import stages  # noqa: PLC0415
    from mtcnn.utils import bboxes  # noqa: PLC0415

    weights = Path(mtcnn.__file__).parent / "assets/weights"
    bboxes.sort_by_scores = _sorted_by_scores
    kinds = (stages.StagePNet, stages.StageRNet, stages.StageONet)
    loaded = []
    for kind, (name, side) in zip(kinds, _SIDES.items(), strict=True):
        stage = kind(weights=str(weights / f"{name}.lz4"))
        signature = [tf.TensorSpec([None, side, side, 3])]
        stage._model = tf.function(stage.model.call, input_signature=signature)
        loaded.append(stage)
    return loaded


def _sorted_by_scores(rows: np.ndarray, scores: np.ndarray, ascending: bool = True) -> np.ndarray:
    """Rows in the order of their scores, and equal ones in that in which they came."""
    return rows[np.argsort(scores if ascending else -scores, kind="stable")]


def _canvas(image: np.ndarray, margin: float) -> _Canvas:
    """An image of a size that the networks take, with a margin of its sides around it."""
    height, width = image.shape[:2]
    enlarged = max(1.0, SHORTEST_SIDE / min(height, width))
    scale = min(enlarged, LONGEST_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = Image.fromarray(image)
    if size != (width, height):
        resized = resized.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    start = round(size[0] * margin), round(size[1] * margin)
    whole = [
        -(-(side + 2 * before) // _MULTIPLE) * _MULTIPLE
        for side, before in zip(size, start, strict=True)
    ]
    pixels = np.full((whole[1], whole[0], 3), _GREY, np.uint8)
    pixels[start[1] : start[1] + size[1], start[0] : start[0] + size[0]] = resized
    return _Canvas(pixels, (width, height), (size[0] / width, size[1] / height), start)


def _batches(canvases: Sequence[_Canvas]) -> Iterator[list[int]]:
    """The numbers of canvases of one shape, as many together as `_BATCH_PIXELS` allow."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for number, canvas in enumerate(canvases):
        alike.setdefault(canvas.pixels.shape, []).append(number)
    for (height, width, _), numbers in alike.items():
        most = max(1, _BATCH_PIXELS // (height * width))
        for start in range(0, len(numbers), most):
            yield numbers[start : start + most]


def _face(row: np.ndarray, canvas: _Canvas) -> Face | None:
    """The face of a row of `_rows`, in pixels of the image; None where it is none.

    A point at 0 is the middle of a pixel, an edge of a box at 0 that of the image. Both are rounded
    to what is the same however many images go through the networks together.
    """
    if not np.isfinite(row).all():
        return None
    size, scale, start = (np.asarray(pair) for pair in (canvas.size, canvas.scale, canvas.start))
    corners = np.clip((row[1:5].reshape(2, 2) - start) / scale, 0, size)
    points = (row[6:16].reshape(2, 5).T - start + 0.5) / scale - 0.5
    sides = corners[1] - corners[0]
    away = np.maximum(corners[0] - points, points - corners[1])
    if min(sides) <= 0 or (away > _MOST_OUTSIDE * sides).any():
        return None
    if len(np.unique(points.round(2), axis=0)) < len(points):
        return None
    return Face(
        tuple(np.round(corners, 2).ravel().tolist()),
        tuple(np.round(points, 2).ravel().tolist()),
        round(float(np.clip(row[5], 0, 1)), 4),
    )
