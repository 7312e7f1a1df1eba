"""The images of a source, embedded by Beam: parts of the listing, each by one of its workers."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apache_beam as beam
from apache_beam.utils.shared import Shared
from tfx.dsl.io import fileio

from components.beam_shards import Numbers
from components.record_listing import chunks_of, read_chunk, write_listing
from components.run_environment import IN_PROCESS_BEAM
from faces.record import Record, Source
from groundfloor import progress
from groundfloor.progress import Pace
from pipeline.embedded_part import READERS, EmbeddedPart, embedded_batches
from serving.embedder import Embedder

# Records that one worker takes at a time.
_PART_RECORDS = 1024


def embedded_in_beam(
    source: Source,
    model: Path,
    records: Sequence[Record],
    options: Sequence[str],
    folder: Path,
) -> Iterator[tuple[Sequence[Record], EmbeddedPart]]:
    """The records, some at a time and in their order, and what became of them.

    Args:
      source: of the records, which all workers reach.
      model: of a SavedModel, likewise.
      records: to embed.
      options: of Beam; none: in this process.
      folder: that all workers see: the parts wait in one below it until they are read.
    """
    with tempfile.TemporaryDirectory(prefix=".embedding-", dir=folder) as shared:
        parts = write_listing(records, shared, _PART_RECORDS)
        with beam.Pipeline(argv=list(options or IN_PROCESS_BEAM)) as pipeline:
            embed = _EmbedPart(source, model, shared, len(records))
            _ = pipeline | "Parts" >> Numbers(parts) | "Embed" >> beam.ParDo(embed)
        for number, part in enumerate(chunks_of(records, _PART_RECORDS)):
            content = Path(_part_file(shared, number)).read_bytes()
            yield part, EmbeddedPart.from_bytes(content)


class _EmbedPart(beam.DoFn):
    """The number of a part -> nothing; its file is written."""

    def __init__(self, source: Source, model: Path, folder: str, total: int):
        self._source = source
        self._model = model
        self._folder = folder
        self._total = total
        self._shared_embedder = Shared()

    def setup(self) -> None:
        self._embedder = self._shared_embedder.acquire(lambda: Embedder(self._model))
        self._pace = Pace(self._total)

    def process(self, number: int) -> None:
        done, batches = 0, []
        with ThreadPoolExecutor(READERS) as readers:
            records = read_chunk(number, self._folder)
            for batch, part in embedded_batches(self._source, self._embedder, records, readers):
                batches.append((done, part))
                done += len(batch)
                progress.advance("images", len(batch), self._total, self._pace.note(len(batch)))
        path = _part_file(self._folder, number)
        # Beam may try a part again, even at once: a file that has its name is a whole one.
        unfinished = f"{path}.{os.urandom(8).hex()}"
        with fileio.open(unfinished, "wb") as file:
            file.write(EmbeddedPart.joined(batches).to_bytes())
        fileio.rename(unfinished, path, overwrite=True)


def _part_file(folder: str, number: int) -> str:
    return os.path.join(folder, f"part-{number:08d}.npz")
