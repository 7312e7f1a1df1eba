"""Some images of a source, embedded: what a process of this machine or a worker of Beam makes."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from faces.content import UnreadableError
from faces.images.formats import BadImageError
from faces.quarantine import Row
from faces.reasons import BAD_NAME, OTHER
from faces.record import Record, Source
from groundfloor.errors import UserError
from serving.comparison import SeenImage

if TYPE_CHECKING:
    from serving.embedder import Embedder

# Images that are read, and embedded, together.
BATCH_IMAGES = 64
# Threads that read: they wait for disks and servers.
READERS = 8


@dataclass(frozen=True, eq=False)
class EmbeddedPart:
    """What became of some records.

    Attributes:
      places: which of them are embedded: int64 [N], rising.
      embeddings: float32 [N, D], L2-normalised.
      refused: a row for each of the others.
      unprepared: what was not done to images, a sentence -> to how many.
    """

    places: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    refused: Sequence[Row]
    unprepared: Counter[str]

    @classmethod
    def joined(cls, parts: Sequence[tuple[int, "EmbeddedPart"]]) -> Self:
        """One of several, each with the place of its first record among all."""
        with_images = [(start, part) for start, part in parts if len(part.places)]
        embeddings = [part.embeddings for _, part in with_images]
        places = [start + part.places for start, part in with_images]
        return cls(
            np.concatenate(places) if places else np.empty(0, np.int64),
            np.concatenate(embeddings) if embeddings else np.empty((0, 0), np.float32),
            [row for _, part in parts for row in part.refused],
            sum((part.unprepared for _, part in parts), Counter()),
        )

    def to_bytes(self) -> bytes:
        """As a file has it."""
        said = {"refused": [list(row) for row in self.refused], "unprepared": self.unprepared}
        # As ASCII, which takes the surrogate escapes of a key that is not UTF-8.
        text = np.frombuffer(json.dumps(said).encode("ascii"), np.uint8)
        file = io.BytesIO()
        np.savez(file, places=self.places, embeddings=self.embeddings, said=text)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What `to_bytes` gave."""
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            said = json.loads(arrays["said"].tobytes())
            rows = [Row(*values) for values in said["refused"]]
            return cls(arrays["places"], arrays["embeddings"], rows, Counter(said["unprepared"]))


def embedded_batches(
    source: Source, embedder: "Embedder", records: Sequence[Record], readers: Executor
) -> Iterator[tuple[Sequence[Record], EmbeddedPart]]:
    """The records, `BATCH_IMAGES` at a time, and what became of them.

    Args:
      source: of the records.
      embedder: of a model.
      records: to embed, in their order.
      readers: reads several at a time.
    """
    for start in range(0, len(records), BATCH_IMAGES):
        batch = records[start : start + BATCH_IMAGES]
        yield batch, _embedded(embedder, batch, list(readers.map(partial(_read, source), batch)))


def _read(source: Source, record: Record) -> bytes | Row:
    """What its file holds, or why there is nothing."""
    try:
        for name in (record.key, record.identity):
            name.encode("utf-8")
        return source.read(record)
    except UnicodeEncodeError:
        return Row(BAD_NAME, record.key, "file name is not UTF-8")
    except UnreadableError as error:
        return Row(error.reason, record.key, str(error))


def _embedded(
    embedder: "Embedder", records: Sequence[Record], read: Sequence[bytes | Row]
) -> EmbeddedPart:
    files = [
        (place, record, content)
        for place, (record, content) in enumerate(zip(records, read, strict=True))
        if isinstance(content, bytes)
    ]
    seen = embedder.see_many(
        [(record.key, content) for _, record, content in files],
        [_face_of(embedder, record) for _, record, _ in files],
    )
    images = {
        place: image
        for (place, _, _), image in zip(files, seen, strict=True)
        if isinstance(image, SeenImage)
    }
    refused = [row for row in read if isinstance(row, Row)] + [
        _refusal(record, image)
        for (_, record, _), image in zip(files, seen, strict=True)
        if isinstance(image, UserError)
    ]
    return EmbeddedPart(
        np.array([*images], np.int64),
        np.array([image.embedding for image in images.values()], np.float32),
        refused,
        Counter(remark for image in images.values() for remark in image.unprepared),
    )


def _face_of(
    embedder: "Embedder", record: Record
) -> tuple[Sequence[float] | None, Sequence[float] | None]:
    """What a model that aligns is told of the face; another takes every image whole."""
    return (record.landmarks, record.box) if embedder.aligns else (None, None)


def _refusal(record: Record, error: UserError) -> Row:
    """Why an image has no embedding, by the image's own fault where it has one."""
    cause = error.__cause__
    if isinstance(cause, BadImageError):
        return Row(cause.reason, record.key, str(cause))
    return Row(OTHER, record.key, str(error))
