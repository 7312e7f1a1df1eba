"""What `arcface embed` does: from a source of images to a file of their embeddings."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biometrics.embedding_writers import NPZ, EmbeddingWriter, check_output, writing_embeddings
from faces.content import UnreadableError
from faces.images.formats import BadImageError
from faces.quarantine import Quarantine, Row
from faces.reasons import BAD_NAME, OTHER, REFUSED
from faces.record import Listing, Record, Source
from faces.sources import source_at
from faces.sources.spans import newest_span
from groundfloor import progress
from groundfloor.errors import UserError
from groundfloor.progress import Pace
from groundfloor.text import listed, shown
from pipeline.config import load_config
from pipeline.console import TextConsole, showing_work
from pipeline.image_files import expanded
from pipeline.paths import given_location
from pipeline.quiet import quiet_import
from serving.choice import ChosenModel, choose_model
from serving.comparison import SeenImage

if TYPE_CHECKING:
    from serving.embedder import Embedder

# Images that are read, embedded and written together.
_BATCH_IMAGES = 64
# Reading waits for disks and servers.
_READERS = 8


@dataclass(frozen=True)
class Request:
    """What the command was given.

    Attributes:
      data: where the images are.
      output: the file to write.
      model_dir: of the versions, or of a SavedModel.
      config: a configuration file; None: the defaults.
      overrides: `key=value` of the configuration.
      trust_model: load a model that no thresholds vouch for.
    """

    data: str
    output: Path
    model_dir: Path
    config: Path | None = None
    overrides: Sequence[str] = ()
    trust_model: bool = False


@dataclass(frozen=True)
class _Read:
    """An image of a source, read.

    Attributes:
      record: of it.
      content: of its file; or why there is none.
    """

    record: Record
    content: bytes | Row


def embed_source(request: Request, console: TextConsole) -> None:
    """Embeds all images of a source that can be, writes the file, and says what became of them.

    The refused images are listed in a table beside the file, which is there before the file is.

    Raises:
      UserError: something that was given cannot be used, or no image can be embedded.
    """
    output, table = _outputs(request.output)
    model = choose_model(expanded(request.model_dir), request.trust_model)
    source = _source_of(request)
    listing = source.list()
    columns = _columns_of(listing)
    check_output(output, columns)
    for remark in (*model.remarks, *listing.remarks(), *_left_out(columns, output)):
        console.say(f"note: {remark}")
    with writing_embeddings(output, columns) as writer:
        embedding = _Embedding(source, _embedder(model), writer, columns)
        with showing_work(TextConsole(stderr=True), "embedding"):
            embedding.run(listing)
        embedding.require_some(listing)
        table.write_text(embedding.refused_of(listing).to_csv(), encoding="utf-8", newline="")
    for line in embedding.summary(listing, model, output, table):
        console.say(line)


class _Embedding:
    """Embeds the images of a source, batch by batch.

    Args:
      source: of the images.
      embedder: of the model.
      writer: of the file.
      columns: that the source says of its images.
    """

    def __init__(
        self, source: Source, embedder: "Embedder", writer: EmbeddingWriter, columns: Sequence[str]
    ):
        self._source = source
        self._embedder = embedder
        self._writer = writer
        self._columns = columns
        self._refused: list[Row] = []
        self._unprepared: Counter[str] = Counter()
        self._people: set[str] = set()
        self._dimensions = 0

    def run(self, listing: Listing) -> None:
        """Embeds and writes all that can be."""
        total, pace = len(listing.records), None
        for batch in _batches(self._source, listing.records):
            self._add(batch)
            note = pace.note(len(batch)) if pace else ""
            progress.advance("images", len(batch), total, note)
            # The first batch, in which TensorFlow builds its graphs, says little of the others.
            pace = pace or Pace(total - len(batch))

    def require_some(self, listing: Listing) -> None:
        """Refuses a source of which nothing was embedded.

        Raises:
          UserError: with the reason of one image.
        """
        if not self._people:
            row = self._refused[0]
            raise UserError(
                f"none of {len(listing.records):,} images can be embedded, such as "
                f"{shown(row.key)}: {row.detail}"
            )

    def refused_of(self, listing: Listing) -> Quarantine:
        """All that has no embedding, what the source does not read among it."""
        unread = [Row(REFUSED, record.key, why) for record, why in listing.refused.items()]
        files = len(listing.records) + len(listing.refused)
        return Quarantine(files, (*self._refused, *unread))

    def summary(
        self, listing: Listing, model: ChosenModel, output: Path, table: Path
    ) -> Iterator[str]:
        """What is said at the end, a line each."""
        images = len(listing.records) - len(self._refused)
        for remark, count in self._unprepared.items():
            yield f"note: of {count:,} of {images:,} images: {remark}"
        yield (
            f"embedded  {images:,} images of {len(self._people):,} people, "
            f"{self._dimensions} dimensions, by {model.path}: {output}"
        )
        refused = self.refused_of(listing)
        if refused.rows:
            counts = ", ".join(f"{count:,} x {reason}" for reason, count in refused.counts.items())
            yield f"refused   {len(refused.rows):,} images ({counts}): {table}"

    def _add(self, batch: Sequence[_Read]) -> None:
        usable = [(read.record, read.content) for read in batch if isinstance(read.content, bytes)]
        self._refused += [read.content for read in batch if isinstance(read.content, Row)]
        faces = [self._face_of(record) for record, _ in usable]
        seen = self._embedder.see_many([(record.key, file) for record, file in usable], faces)
        embedded = []
        for (record, _), image in zip(usable, seen, strict=True):
            if isinstance(image, UserError):
                self._refused.append(_refusal(record, image))
            else:
                embedded.append((record, image))
        if embedded:
            self._write(embedded)

    def _face_of(self, record: Record) -> tuple[Sequence[float] | None, Sequence[float] | None]:
        """What a model that aligns is told of the face; another takes every image whole."""
        return (record.landmarks, record.box) if self._embedder.aligns else (None, None)

    def _write(self, embedded: Sequence[tuple[Record, SeenImage]]) -> None:
        records = [record for record, _ in embedded]
        embeddings = np.stack([image.embedding for _, image in embedded])
        said = [dict(record.columns) for record in records]
        identities = [record.identity for record in records]
        attributes = {name: [row.get(name, "") for row in said] for name in self._columns}
        self._writer.add([record.key for record in records], identities, embeddings, attributes)
        self._people.update(identities)
        self._dimensions = embeddings.shape[1]
        for _, image in embedded:
            self._unprepared.update(image.unprepared)


def _outputs(path: Path) -> tuple[Path, Path]:
    """The file, and the table of refused images beside it, neither of which is there yet.

    Raises:
      UserError: one of them is, or the file cannot be written.
    """
    path = expanded(path)
    check_output(path)
    table = path.with_name(f"{path.stem}.refused.csv")
    for file in (path, table):
        if file.exists():
            raise UserError(f"--output: {file} is there already: give a new name, or remove it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output: cannot make {path.parent}: {error.strerror}") from None
    return path, table


def _source_of(request: Request) -> Source:
    config = load_config(request.config, list(request.overrides)).data
    place = newest_span(given_location(request.data, "DATA"))
    return source_at(place.location, config.source, config.source_options())


def _columns_of(listing: Listing) -> list[str]:
    """What the source says of any of its images, in its order."""
    return list(dict.fromkeys(name for record in listing.records for name, _ in record.columns))


def _left_out(columns: Sequence[str], output: Path) -> list[str]:
    if not columns or output.suffix.lower() != NPZ:
        return []
    return [f"an {NPZ} has no further columns, a .parquet has: {listed(columns)} are left out"]


def _embedder(model: ChosenModel) -> "Embedder":
    with quiet_import():
        from serving.embedder import Embedder  # noqa: PLC0415 - TensorFlow

    return Embedder(model.path)


def _batches(source: Source, records: Sequence[Record]) -> Iterator[list[_Read]]:
    """The images, `_BATCH_IMAGES` at a time, read in several threads."""
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(records), _BATCH_IMAGES):
            batch = records[start : start + _BATCH_IMAGES]
            yield list(pool.map(partial(_read, source), batch))


def _read(source: Source, record: Record) -> _Read:
    try:
        for name in (record.key, record.identity):
            name.encode("utf-8")
        return _Read(record, source.read(record))
    except UnicodeEncodeError:
        return _Read(record, Row(BAD_NAME, record.key, "file name is not UTF-8"))
    except UnreadableError as error:
        return _Read(record, Row(error.reason, record.key, str(error)))


def _refusal(record: Record, error: UserError) -> Row:
    """Why an image has no embedding, by the image's own fault where it has one."""
    cause = error.__cause__
    if isinstance(cause, BadImageError):
        return Row(cause.reason, record.key, str(cause))
    return Row(OTHER, record.key, str(error))
