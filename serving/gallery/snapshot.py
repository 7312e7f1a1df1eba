"""A gallery's embeddings in memory, which follow its file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from pydantic import TypeAdapter

from biometrics.arrays import Float32, Int64
from groundfloor.errors import UserError
from serving.gallery.database import Database, Row
from serving.gallery.records import ModelIdentity
from serving.gallery.rows import FLOAT32, Float32Rows, Int8Rows, Rows
from serving.gallery.sealing import OFFSET, unseal

# Rows that are read at a time.
_READ = 4096

_IDENTITY: TypeAdapter[ModelIdentity] = TypeAdapter(ModelIdentity)


@dataclass(frozen=True)
class Names:
    """Who is enrolled: ids to names, and back. An id is never given twice."""

    of: dict[int, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    def add(self, person: int, name: str) -> None:
        """Takes somebody."""
        self.of[person] = name
        self.ids[name] = person


@dataclass(frozen=True)
class Snapshot:
    """What a gallery held at one moment.

    Attributes:
      model: its id in the file.
      identity: of the model.
      far: the FAR by which the gallery decides; None: the EER.
      changes: the counter of the file.
      removals: likewise.
      rows: the embeddings.
      images: int64 [N], the id of each row's image, ascending.
      people: int64 [N], the id of its person.
      names: of all people.
    """

    model: int
    identity: ModelIdentity
    far: float | None
    changes: int
    removals: int
    rows: Rows
    images: Int64
    people: Int64
    names: Names

    def name_of(self, row: int) -> str:
        """The person of a row."""
        return self.names.of[int(self.people[row])]

    def vectors(self, database: Database, rows: Int64) -> Float32:
        """The embeddings of some rows as they were enrolled, float32 [R, D].

        Raises:
          KeyError: one of them was removed since.
        """
        if isinstance(self.rows, Float32Rows):
            return self.rows.values[rows]
        found = np.empty((len(rows), self.identity.dimensions), np.float32)
        for place, image in enumerate(self.images[rows].tolist()):
            row = database.one(
                "SELECT sealed FROM embedding WHERE model = ? AND image = ?", (self.model, image)
            )
            if row is None:
                raise KeyError(image)
            found[place] = vector_of(row[0], self.identity.dimensions)
        return found


def vector_of(sealed: bytes, dimensions: int) -> Float32:
    """The embedding in a sealed value."""
    return np.frombuffer(sealed, "<f4", dimensions, OFFSET)


def identity_to_text(identity: ModelIdentity) -> str:
    """What the table `model` has of one."""
    return _IDENTITY.dump_json(identity).decode()


def identity_from_text(text: str) -> ModelIdentity:
    """Reads what `identity_to_text` wrote."""
    return _IDENTITY.validate_json(text)


class Follower:
    """Reads of a gallery's file what is new since it last did.

    Args:
      precision: of the rows, one of `PRECISIONS`.
    """

    def __init__(self, precision: str = FLOAT32):
        self._precision = precision
        self._rows: _Growing | None = None
        self._last: Snapshot | None = None

    def follow(self, database: Database) -> Snapshot:
        """What the file holds; within a transaction."""
        row = database.one("SELECT far, changes, removals FROM gallery")
        model = database.one("SELECT id, identity FROM model WHERE state = 'serving'")
        if row is None or model is None:
            raise UserError(f"{database.path} is a gallery that nothing was ever put into")
        far, changes, removals = row
        last = self._last
        if last and (last.changes, last.model) == (changes, model[0]):
            return last
        names = last.names if last and last.removals == removals else Names()
        _read_names(database, names)
        identity = identity_from_text(model[1])
        growing = self._kept(database, model[0], identity, removals)
        growing.read(database, model[0])
        self._last = Snapshot(
            model[0], identity, far, changes, removals, *growing.parts(), names=names
        )
        return self._last

    def _kept(
        self, database: Database, model: int, identity: ModelIdentity, removals: int
    ) -> "_Growing":
        """The rows that are still there of those that were read before."""
        last = self._last
        if self._rows is None or last is None or last.model != model:
            self._rows = _Growing(identity.dimensions, self._precision)
        elif last.removals != removals:
            there = database.all("SELECT image FROM embedding WHERE model = ?", (model,))
            self._rows = self._rows.only(np.array(there, np.int64).ravel())
        return self._rows


def _read_names(database: Database, names: Names) -> None:
    last = max(names.of, default=0)
    for person, sealed in database.each("SELECT id, sealed FROM person WHERE id > ?", (last,)):
        names.add(person, unseal(sealed).decode())


class _Growing:
    """Rows to which others are added; what was given out before stays as it is."""

    def __init__(self, dimensions: int, precision: str, capacity: int = _READ):
        self._dimensions, self._precision = dimensions, precision
        is_float = precision == FLOAT32
        self._values: np.ndarray = np.empty(
            (capacity, dimensions), np.float32 if is_float else np.int8
        )
        self._steps = np.empty(0 if is_float else capacity, np.float32)
        self._loss = 0.0
        self._images = np.empty(capacity, np.int64)
        self._people = np.empty(capacity, np.int64)
        self._count = 0

    def read(self, database: Database, model: int) -> None:
        """Adds what the file has beyond the last image."""
        last = int(self._images[self._count - 1]) if self._count else 0
        found = database.each(
            "SELECT e.image, i.person, e.sealed FROM embedding e JOIN image i ON i.id = e.image "
            "WHERE e.model = ? AND e.image > ? ORDER BY e.image",
            (model, last),
        )
        for batch in _batches(found):
            images, people, sealed = zip(*batch, strict=True)
            self._add(
                np.array(images),
                np.array(people),
                np.stack([vector_of(value, self._dimensions) for value in sealed]),
            )

    def parts(self) -> tuple[Rows, Int64, Int64]:
        """The rows, their images and their people, as they are now."""
        count, values = self._count, self._values[: self._count]
        images, people = self._images[:count], self._people[:count]
        if self._precision == FLOAT32:
            return Float32Rows(values), images, people
        return Int8Rows(values, self._steps[:count], self._loss), images, people

    def only(self, images: Int64) -> "_Growing":
        """A copy with those images alone."""
        there = np.flatnonzero(np.isin(self._images[: self._count], images))
        kept = _Growing(self._dimensions, self._precision, max(_READ, len(there)))
        kept._count, kept._loss = len(there), self._loss
        for name in ("_values", "_images", "_people", *(["_steps"] if len(self._steps) else [])):
            getattr(kept, name)[: len(there)] = getattr(self, name)[there]
        return kept

    def _add(self, images: Int64, people: Int64, vectors: Float32) -> None:
        start, stop = self._count, self._count + len(images)
        if stop > len(self._images):
            self._grow(max(stop, 2 * len(self._images)))
        if self._precision == FLOAT32:
            self._values[start:stop] = vectors
        else:
            small = Int8Rows.of(vectors)
            self._values[start:stop], self._steps[start:stop] = small.values, small.steps
            self._loss = max(self._loss, small.loss)
        self._images[start:stop], self._people[start:stop] = images, people
        self._count = stop

    def _grow(self, capacity: int) -> None:
        for name in ("_values", "_images", "_people", *(["_steps"] if len(self._steps) else [])):
            old = getattr(self, name)
            new = np.empty((capacity, *old.shape[1:]), old.dtype)
            new[: self._count] = old[: self._count]
            setattr(self, name, new)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, _READ)):
        yield batch
