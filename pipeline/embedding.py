"""What `arcface embed` does: from a source of images to a file of their embeddings."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from biometrics.embedding_writers import NPZ, EmbeddingWriter, check_output, writing_embeddings
from faces.quarantine import Quarantine, Row
from faces.reasons import REFUSED
from faces.record import Listing, Record, Source
from faces.sources import source_at
from faces.sources.spans import newest_span
from groundfloor import progress
from groundfloor.errors import UserError
from groundfloor.progress import Pace
from groundfloor.text import listed, shown
from pipeline.config import Config, load_config
from pipeline.console import TextConsole, showing_work
from pipeline.embedded_part import READERS, EmbeddedPart, embedded_batches
from pipeline.image_files import expanded
from pipeline.paths import given_location
from pipeline.quiet import quiet_import
from serving.choice import ChosenModel, choose_model


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
      in_beam: embed in Beam, where the section `beam` of the configuration says.
    """

    data: str
    output: Path
    model_dir: Path
    config: Path | None = None
    overrides: Sequence[str] = ()
    trust_model: bool = False
    in_beam: bool = False


def embed_source(request: Request, console: TextConsole) -> None:
    """Embeds all images of a source that can be, writes the file, and says what became of them.

    The refused images are listed in a table beside the file, which is there before the file is.

    Raises:
      UserError: something that was given cannot be used, or no image can be embedded.
    """
    output, table = _outputs(request.output)
    model = choose_model(expanded(request.model_dir), request.trust_model)
    config = load_config(request.config, list(request.overrides))
    source = _source_of(request, config)
    listing = source.list()
    columns = _columns_of(listing)
    check_output(output, columns)
    for remark in (*model.remarks, *listing.remarks(), *_left_out(columns, output)):
        console.say(f"note: {remark}")
    with writing_embeddings(output, columns) as writer:
        embedding = _Embedding(writer, columns)
        way = _in_beam if request.in_beam else _here
        with showing_work(TextConsole(stderr=True), "embedding"):
            for records, part in way(source, model.path, listing.records, config, output.parent):
                embedding.add(records, part)
        embedding.require_some(listing)
        table.write_text(embedding.refused_of(listing).to_csv(), encoding="utf-8", newline="")
    for line in embedding.summary(listing, model, output, table):
        console.say(line)


class _Embedding:
    """What has become of the images of a source, part by part.

    Args:
      writer: of the file.
      columns: that the source says of its images.
    """

    def __init__(self, writer: EmbeddingWriter, columns: Sequence[str]):
        self._writer = writer
        self._columns = columns
        self._refused: list[Row] = []
        self._unprepared: Counter[str] = Counter()
        self._people: set[str] = set()
        self._dimensions = 0

    def add(self, records: Sequence[Record], part: EmbeddedPart) -> None:
        """Writes the embeddings of a part, and counts the rest."""
        self._refused += part.refused
        self._unprepared.update(part.unprepared)
        if not len(part.places):
            return
        embedded = [records[place] for place in part.places]
        said = [dict(record.columns) for record in embedded]
        identities = [record.identity for record in embedded]
        attributes = {name: [row.get(name, "") for row in said] for name in self._columns}
        keys = [record.key for record in embedded]
        self._writer.add(keys, identities, part.embeddings, attributes)
        self._people.update(identities)
        self._dimensions = part.embeddings.shape[1]

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


def _source_of(request: Request, config: Config) -> Source:
    place = newest_span(given_location(request.data, "DATA"))
    return source_at(place.location, config.data.source, config.data.source_options())


def _columns_of(listing: Listing) -> list[str]:
    """What the source says of any of its images, in its order."""
    return list(dict.fromkeys(name for record in listing.records for name, _ in record.columns))


def _left_out(columns: Sequence[str], output: Path) -> list[str]:
    if not columns or output.suffix.lower() != NPZ:
        return []
    return [f"an {NPZ} has no further columns, a .parquet has: {listed(columns)} are left out"]


def _here(
    source: Source, model: Path, records: Sequence[Record], config: Config, folder: Path
) -> Iterator[tuple[Sequence[Record], EmbeddedPart]]:
    """The records, some at a time, and what became of them in this process."""
    with quiet_import():
        from serving.embedder import Embedder  # noqa: PLC0415 - TensorFlow

    total, pace = len(records), None
    with ThreadPoolExecutor(READERS) as readers:
        for batch, part in embedded_batches(source, Embedder(model), records, readers):
            yield batch, part
            note = pace.note(len(batch)) if pace else ""
            progress.advance("images", len(batch), total, note)
            # The first batch, in which TensorFlow builds its graphs, says little of the others.
            pace = pace or Pace(total - len(batch))


def _in_beam(
    source: Source, model: Path, records: Sequence[Record], config: Config, folder: Path
) -> Iterator[tuple[Sequence[Record], EmbeddedPart]]:
    """The same in Beam, whose workers see the folder."""
    with quiet_import():
        from pipeline.embedding_in_beam import embedded_in_beam  # noqa: PLC0415 - TFX

    return embedded_in_beam(source, model, records, config.beam.pipeline_args, folder)
