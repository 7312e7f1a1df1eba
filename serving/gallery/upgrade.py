"""Another model for a gallery: all that is kept is embedded anew while the former one serves.

The new embeddings are added beside the old ones, a batch at a time, each for good. Then one
transaction makes the new model the one that serves, and the old embeddings are deleted. Killed
anywhere, the gallery serves by one model or the other, and an upgrade to the same model goes on
where it stopped. Who is enrolled meanwhile is embedded too, before the switch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from groundfloor import progress
from groundfloor.errors import UserError
from serving.gallery.crops import KeptImage
from serving.gallery.database import Database
from serving.gallery.models import EmbedsPixels
from serving.gallery.records import ModelIdentity
from serving.gallery.reuse import Reuse, pixels_for, reuse_of
from serving.gallery.rows import LENGTH_ROUNDING, unit
from serving.gallery.sealing import seal, unseal
from serving.gallery.snapshot import identity_from_text, identity_to_text

BATCH = 64
# Old embeddings that are deleted in one transaction.
_DELETED = 512


@dataclass(frozen=True)
class ImageOf:
    """An image of somebody, and what is to be said of it."""

    person: str
    image: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What an upgrade would do.

    Attributes:
      former: the model that serves.
      far: the FAR by which the gallery decides, before and after; None: the EER.
      thresholds: the distance of it, before and after.
      images: how many are kept.
      embedded: how many of them an upgrade that was stopped has embedded.
      abandoned: whether one to yet another model was stopped, and is given up.
      changed: the images that are not what the new model would see of the files.
      lost: those that it cannot embed: they stay enrolled, and no search finds them.
    """

    former: ModelIdentity
    far: float | None
    thresholds: tuple[float, float]
    images: int
    embedded: int
    abandoned: bool
    changed: list[ImageOf] = field(default_factory=list)
    lost: list[ImageOf] = field(default_factory=list)

    @property
    def is_faithful(self) -> bool:
        """Whether it needs no consent: every image is embedded as its file would be."""
        return not self.changed and not self.lost


class Upgrade:
    """Brings a gallery to another model.

    Args:
      path: of the gallery.
      model: the new one.

    Raises:
      UserError: see `Gallery.open`.
    """

    def __init__(self, path: Path, model: ModelIdentity):
        if not path.is_file():
            raise UserError(f"there is no gallery {path}")
        self._database = Database(path)
        self._model = model

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def plan(self) -> Plan:
        """What it would do; nothing is changed.

        Raises:
          UserError: the gallery is of this model already, or the model has no threshold of the FAR
            by which the gallery decides.
        """
        with self._database.reading():
            former = self._former()
            far = (self._database.one("SELECT far FROM gallery") or (None,))[0]
            thresholds = tuple(
                one.pack.operating_point(far).threshold for one in (former, self._model)
            )
            images = self._count("SELECT count(*) FROM image")
            following = self._next()
            is_same = following is not None and following[1].sha256 == self._model.sha256
            embedded = following[0] if following and is_same else -1
            plan = Plan(
                former=former,
                far=far,
                thresholds=(thresholds[0], thresholds[1]),
                images=images,
                embedded=self._count("SELECT count(*) FROM embedding WHERE model = ?", embedded),
                abandoned=following is not None and not is_same,
            )
            for person, kept, reuse in self._reuses():
                if reuse.shortcoming:
                    what = plan.lost if reuse.impossible else plan.changed
                    what.append(ImageOf(person, kept.name, reuse.shortcoming))
        return plan

    def run(self, model: EmbedsPixels) -> list[ImageOf]:
        """Does it.

        Args:
          model: embeds; of the identity that this upgrade is to.

        Returns:
          The images that have no embedding of the new model; they stay enrolled.

        Raises:
          UserError: see `plan`, and the file cannot be written.
        """
        self._clear("former")
        number = self._begun()
        done = self._count("SELECT count(*) FROM embedding WHERE model = ?", number)
        total, lost, last = self._count("SELECT count(*) FROM image") - done, [], 0
        while True:
            batch = self._batch(number, last)
            if not batch and self._switched(number, last):
                break
            if batch:
                lost += self._embed(number, batch, model)
                last = batch[-1][0]
                progress.advance("images", len(batch), total)
        self._clear("former")
        return lost

    def _former(self) -> ModelIdentity:
        found = self._database.one("SELECT identity FROM model WHERE state = 'serving'")
        former = identity_from_text(found[0]) if found else self._model
        if former.sha256 == self._model.sha256:
            raise UserError(f"the gallery {self._database.path} is of this model already")
        return former

    def _next(self) -> tuple[int, ModelIdentity] | None:
        """The model that an upgrade which is not finished is to."""
        found = self._database.one("SELECT id, identity FROM model WHERE state = 'next'")
        return (int(found[0]), identity_from_text(found[1])) if found else None

    def _begun(self) -> int:
        """The new model in the file; one that another upgrade was to is given up."""
        following = self._next()
        if following and following[1].sha256 != self._model.sha256:
            self._clear("next")
        with self._database.writing():
            self._former()
            following = self._next()
            if following and following[1].sha256 == self._model.sha256:
                return following[0]
            return self._database.insert(
                "model", state="next", identity=identity_to_text(self._model)
            )

    def _batch(self, number: int, last: int) -> list[tuple[int, bytes]]:
        """The next images that have no embedding of the new model: ids, and what is kept."""
        with self._database.reading():
            return [(row[0], row[1]) for row in self._missing(number, last, BATCH)]

    def _missing(self, number: int, last: int, most: int) -> list[tuple]:
        return self._database.all(
            "SELECT id, sealed FROM image WHERE id > ? AND NOT EXISTS (SELECT 1 FROM embedding "
            "WHERE model = ? AND image = image.id) ORDER BY id LIMIT ?",
            (last, number, most),
        )

    def _embed(
        self, number: int, batch: Sequence[tuple[int, bytes]], model: EmbedsPixels
    ) -> list[ImageOf]:
        """Embeds images, and keeps what it can; returns the others."""
        kept = [KeptImage.from_bytes(unseal(sealed)) for _, sealed in batch]
        pixels = [one.pixels for one in kept]
        reuses = [
            reuse_of(one, seen.shape, self._model) for one, seen in zip(kept, pixels, strict=True)
        ]
        able = [place for place, reuse in enumerate(reuses) if not reuse.impossible]
        reasons = {place: reuse.shortcoming for place, reuse in enumerate(reuses)}
        if able:
            shape = self._model.input_shape
            vectors = model.embed_pixels(np.stack([pixels_for(pixels[at], shape) for at in able]))
            # Written so that NaN fails it.
            good = np.abs(np.linalg.norm(vectors, axis=1) - 1) <= LENGTH_ROUNDING
            reasons |= dict.fromkeys(able, "the model gives no usable embedding of it")
            able = [at for at, is_good in zip(able, good, strict=True) if is_good]
            self._store(number, [batch[at][0] for at in able], unit(vectors[good]))
        lost = [(batch[at][0], kept[at], reasons[at]) for at in range(len(kept)) if at not in able]
        return [ImageOf(self._person_of(image), one.name, why) for image, one, why in lost]

    def _store(self, number: int, images: Sequence[int], vectors: np.ndarray) -> None:
        """Keeps embeddings, of the images that were not removed meanwhile."""
        with self._database.writing():
            if self._state(number) != "next":
                raise UserError(
                    f"another upgrade of {self._database.path} has taken the place of this one"
                )
            for image, vector in zip(images, vectors, strict=True):
                self._database.change(
                    "INSERT OR IGNORE INTO embedding (model, image, sealed) "
                    "SELECT ?, id, ? FROM image WHERE id = ?",
                    (number, seal(vector.astype("<f4").tobytes()), image),
                )

    def _switched(self, number: int, last: int) -> bool:
        """Makes the new model serve, unless somebody was enrolled a moment ago."""
        with self._database.writing():
            if self._state(number) == "serving":  # another process had the same upgrade to do
                return True
            if self._missing(number, last, 1):
                return False
            self._database.change("UPDATE model SET state = 'former' WHERE state = 'serving'")
            self._database.change("UPDATE model SET state = 'serving' WHERE id = ?", (number,))
            self._database.change("UPDATE gallery SET changes = changes + 1")
        return True

    def _state(self, number: int) -> str | None:
        found = self._database.one("SELECT state FROM model WHERE id = ?", (number,))
        return found[0] if found else None

    def _clear(self, state: str) -> None:
        """Deletes the embeddings of a model that is not used any more, and the model."""
        while True:
            with self._database.writing():
                gone = self._database.change(
                    "DELETE FROM embedding WHERE id IN (SELECT e.id FROM embedding e JOIN model m "
                    "ON m.id = e.model WHERE m.state = ? LIMIT ?)",
                    (state, _DELETED),
                )
                if not gone:
                    self._database.change("DELETE FROM model WHERE state = ?", (state,))
                    return

    def _reuses(self) -> Iterator[tuple[str, KeptImage, Reuse]]:
        """Of every image: whose it is, what is kept, and what that is worth to the new model."""
        found = self._database.each(
            "SELECT p.sealed, i.sealed FROM image i JOIN person p ON p.id = i.person ORDER BY i.id"
        )
        for person, sealed in found:
            kept = KeptImage.from_bytes(unseal(sealed))
            yield unseal(person).decode(), kept, reuse_of(kept, kept.shape, self._model)

    def _person_of(self, image: int) -> str:
        found = self._database.one(
            "SELECT p.sealed FROM person p JOIN image i ON i.person = p.id WHERE i.id = ?", (image,)
        )
        return unseal(found[0]).decode() if found else ""

    def _count(self, sql: str, *values: int) -> int:
        return int((self._database.one(sql, values) or (0,))[0])
