"""`Gallery`: enrol, search, identify, remove. Needs no TensorFlow: it takes embedded images."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Float32, Int64
from biometrics.thresholds.pack import ThresholdPack
from groundfloor.errors import UserError
from groundfloor.text import shown
from serving.gallery.crops import HEAD, KeptImage, name_in
from serving.gallery.database import Database
from serving.gallery.enrolment import judge
from serving.gallery.names import checked_name
from serving.gallery.policy import EnrolPolicy, unchecked
from serving.gallery.rates import Decision, decide
from serving.gallery.records import (
    Answer,
    Candidate,
    EnrollableImage,
    Enrolled,
    ModelIdentity,
    Person,
    Refused,
    short_digest,
)
from serving.gallery.rows import FLOAT32, LENGTH_ROUNDING, check_precision, unit
from serving.gallery.sealing import OFFSET, seal
from serving.gallery.search import distances_to, near_rows, nearest
from serving.gallery.snapshot import Follower, Snapshot, identity_to_text


class Gallery:
    """People who are enrolled, in one SQLite file; see `open`.

    Many threads and processes may use one file at a time. A gallery holds the embeddings of one
    model: after an upgrade to another one, those who still use the former are told so.
    """

    def __init__(self, database: Database, precision: str = FLOAT32):
        self._database = database
        self._follower = Follower(precision)
        with database.reading():
            self._model = self._follower.follow(database).identity

    @classmethod
    def open(
        cls,
        path: str | os.PathLike,
        *,
        create_for: ModelIdentity | None = None,
        for_model: ModelIdentity | None = None,
        far: float | None = None,
        precision: str = FLOAT32,
    ) -> "Gallery":
        """Opens a gallery.

        Args:
          path: of its file.
          create_for: makes the file, for this model, if it is missing; else as `for_model`.
          for_model: the gallery has to be of this model; None: whichever it is of.
          far: of a new gallery, the FAR of the model's thresholds by which it decides; None: the
            EER.
          precision: of the embeddings in memory, `float32`, 4 D bytes an image, or `int8`, a
            quarter of it; searches give the same, since what is near is compared in float32.

        Raises:
          UserError: the file is missing, no gallery, of another model or a newer program, or cannot
            be read or written; or the model has no threshold of that FAR.
        """
        check_precision(precision)
        path, model = Path(path), create_for or for_model
        if create_for:
            create_for.pack.operating_point(far)
            _touch(path)
        elif not path.is_file():
            raise UserError(f"there is no gallery {path}: enrol somebody to make one")
        database = Database(path, (lambda new: _fill(new, create_for, far)) if create_for else None)
        try:
            gallery = cls(database, precision)
            if model:
                gallery.require(model.pack)
        except BaseException:
            database.close()
            raise
        return gallery

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """Of its file."""
        return self._database.path

    @property
    def model(self) -> ModelIdentity:
        """The model whose embeddings it takes."""
        return self._model

    @property
    def far(self) -> float | None:
        """The FAR by which it decides, where nothing else is said; None: the EER."""
        return self._follow().far

    @property
    def images(self) -> int:
        """How many embeddings a search goes through."""
        return len(self._follow().rows)

    @property
    def memory(self) -> int:
        """The bytes of the embeddings in memory."""
        return self._follow().rows.nbytes

    def require(self, pack: ThresholdPack) -> None:
        """Checks that it holds the embeddings of the model of these thresholds.

        Raises:
          UserError: they are another's.
        """
        if self._model.sha256 != pack.sha256:
            raise UserError(
                f"the gallery {self.path} is of the model with the thresholds {self._model.short}, "
                f"and this one has {short_digest(pack)}: give the model that it is of, or upgrade "
                "the gallery (arcface gallery upgrade)"
            )

    def enrol(
        self,
        person: str,
        images: Sequence[EnrollableImage],
        policy: EnrolPolicy | None = None,
    ) -> list[Enrolled | Refused]:
        """Adds images of a person, new or not; when it returns, what is enrolled stays.

        Args:
          person: who; see `names.checked_name`.
          images: of them, embedded by the gallery's model.
          policy: what is enrolled all the same.

        Returns:
          For each image, in their order, what has become of it.

        Raises:
          UserError: the name cannot be kept, an embedding is not of this model, the gallery is of
            another model by now, or the file cannot be written.
        """
        policy, name = policy or EnrolPolicy(), checked_name(person)
        vectors = self._checked([image.embedding for image in images])
        if not images:
            return []
        with self._database.writing():
            snapshot = self._current()
            wrong = judge(self._database, snapshot, name, images, vectors=vectors, policy=policy)
            outcomes = [
                _outcome(name, image.name, reasons, policy, snapshot)
                for image, reasons in zip(images, wrong, strict=True)
            ]
            taken = [place for place, done in enumerate(outcomes) if isinstance(done, Enrolled)]
            if taken:
                self._add(snapshot, name, [(images[place], vectors[place]) for place in taken])
        return outcomes

    def search(
        self, embeddings: ArrayLike, top: int = 10, *, per_image: bool = False
    ) -> list[list[Candidate]]:
        """The nearest people of each embedding, whether they are near enough or not.

        Args:
          embeddings: float32 [Q, D], of this gallery's model.
          top: how many at most, 1 or more.
          per_image: the nearest images, rather than people.

        Returns:
          For each embedding the nearest first; those at one distance by name.

        Raises:
          UserError: see `enrol`.
        """
        if top < 1:
            raise UserError(f"a search is for one or more. Received: {top}")
        queries, last = self._checked(embeddings), None
        while (snapshot := self._follow()) is not last:
            try:
                return self._found(snapshot, queries, top, per_image)
            except KeyError:  # removed while it was searched for: again, without it
                last = snapshot
        raise UserError(f"the gallery {self.path} is damaged: an embedding is of no image")

    def identify(
        self, embedding: ArrayLike, *, far: float | None = None, fpir: float | None = None
    ) -> Answer:
        """Who somebody is, if they are near enough.

        Args:
          embedding: float32 [D], of this gallery's model.
          far: decide by the threshold of this FAR; None, and no FPIR: by the gallery's own.
          fpir: the share of strangers' searches that may give a name in this gallery, at most.

        Raises:
          UserError: see `enrol`; or the model's thresholds cannot support the rate.
        """
        decision = self.decision(far=far, fpir=fpir)
        (found,) = self.search(np.asarray(embedding)[np.newaxis], 1)
        return _answer(found, decision, self._model)

    def decision(self, *, far: float | None = None, fpir: float | None = None) -> Decision:
        """Where `identify` decides, see there, and what that means in this gallery."""
        snapshot = self._follow()
        if fpir is None and far is None:
            far = snapshot.far
        return decide(self._model.pack, len(snapshot.rows), far, fpir)

    def remove(self, person: str) -> int:
        """Removes a person: nothing of them is in the file when it returns.

        Returns:
          How many images were removed.

        Raises:
          UserError: nobody of this name is enrolled, or the file cannot be written.
        """
        name = checked_name(person)
        with self._database.writing():
            number = self._follower.follow(self._database).names.ids.get(name)
            if number is None:
                raise UserError(f"nobody called {shown(name)} is enrolled in {self.path}")
            counted = self._database.one("SELECT count(*) FROM image WHERE person = ?", (number,))
            self._database.change("DELETE FROM person WHERE id = ?", (number,))
            self._database.change(
                "UPDATE gallery SET changes = changes + 1, removals = removals + 1"
            )
        return int(counted[0]) if counted else 0

    def people(self) -> list[Person]:
        """Who is enrolled, by name."""
        with self._database.reading():
            snapshot = self._follower.follow(self._database)
            counts = self._database.all(
                "SELECT i.person, count(*), count(e.id) FROM image i LEFT JOIN embedding e "
                "ON e.image = i.id AND e.model = ? GROUP BY i.person",
                (snapshot.model,),
            )
        people = (Person(snapshot.names.of[number], *rest) for number, *rest in counts)
        return sorted(people, key=lambda person: person.name)

    def sample(self, most: int) -> tuple[Float32, list[str]]:
        """Some of the embeddings, from regular places, and whose each is.

        Returns:
          float32 [N, D] and N names, N at most `most`.
        """
        with self._database.reading():
            snapshot = self._current()
            count = len(snapshot.rows)
            rows = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
            vectors = snapshot.vectors(self._database, rows)
        return vectors, [snapshot.name_of(row) for row in rows.tolist()]

    def _follow(self) -> Snapshot:
        with self._database.reading():
            return self._current()

    def _current(self) -> Snapshot:
        """What the file holds; within a transaction.

        Raises:
          UserError: it is of another model by now.
        """
        snapshot = self._follower.follow(self._database)
        if snapshot.identity.sha256 != self._model.sha256:
            raise UserError(
                f"the gallery {self.path} was upgraded to the model with the thresholds "
                f"{snapshot.identity.short}, and this process uses {self._model.short}: start it "
                "again with the new model"
            )
        return snapshot

    def _checked(self, embeddings: ArrayLike | Sequence[np.ndarray]) -> Float32:
        """Embeddings of length 1, float32 [N, D]."""
        dimensions = self._model.dimensions
        vectors = np.asarray(embeddings, np.float32)
        if not vectors.size:
            return np.empty((0, dimensions), np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != dimensions:
            raise UserError(
                f"an embedding of the model {self._model.short} has {dimensions} numbers. "
                f"Received: shape {vectors.shape[1:]}"
            )
        # Written so that NaN fails it.
        if not np.all(np.abs(np.linalg.norm(vectors, axis=1) - 1) <= LENGTH_ROUNDING):
            raise UserError("an embedding is a vector of length 1, and one that was given is not")
        return unit(vectors)

    def _add(
        self, snapshot: Snapshot, name: str, images: Sequence[tuple[EnrollableImage, Float32]]
    ) -> None:
        number = snapshot.names.ids.get(name)
        if number is None:
            number = self._database.insert("person", sealed=seal(name.encode()))
        for image, vector in images:
            kept = seal(KeptImage.of(image, self._model.preparation).to_bytes())
            key = self._database.insert("image", person=number, sealed=kept)
            sealed = seal(vector.astype("<f4").tobytes())
            self._database.insert("embedding", model=snapshot.model, image=key, sealed=sealed)
        self._database.change("UPDATE gallery SET changes = changes + 1")

    def _found(
        self, snapshot: Snapshot, queries: Float32, top: int, per_image: bool
    ) -> list[list[Candidate]]:
        """What a search finds.

        Raises:
          KeyError: somebody was removed since the snapshot.
        """
        groups = None if per_image else snapshot.people
        nears = near_rows(snapshot.rows, queries, top, groups)
        with self._database.reading():
            self._current()
            return [
                self._candidates(snapshot, query, near, top, per_image)
                for query, near in zip(queries, nears, strict=True)
            ]

    def _candidates(
        self, snapshot: Snapshot, query: Float32, near: Int64, top: int, per_image: bool
    ) -> list[Candidate]:
        vectors = snapshot.vectors(self._database, near)
        distances = distances_to(query, vectors, snapshot.identity.pack.distance)
        groups = near if per_image else snapshot.people[near]
        return [
            Candidate(snapshot.name_of(row), self._image_name(snapshot, row), distance)
            for row, distance in nearest(near, distances, groups, top, snapshot.name_of)
        ]

    def _image_name(self, snapshot: Snapshot, row: int) -> str:
        image = int(snapshot.images[row])
        head = self._database.start_of("image", image, OFFSET, HEAD)
        if head is None:
            raise KeyError(image)
        return name_in(head)


def _touch(path: Path) -> None:
    """Makes an empty file, which only this user reads, if there is none."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise UserError(f"cannot write the gallery {path}: {error.strerror}") from None


def _fill(database: Database, model: ModelIdentity, far: float | None) -> None:
    database.insert("model", state="serving", identity=identity_to_text(model))
    database.insert("gallery", id=1, far=far, changes=0, removals=0)


def _outcome(
    person: str, image: str, reasons: dict[str, str], policy: EnrolPolicy, snapshot: Snapshot
) -> Enrolled | Refused:
    refused = policy.refusals(reasons)
    if refused:
        return Refused(person, image, refused)
    allowed = (f"{rule}: {why}" for rule, why in reasons.items())
    return Enrolled(person, image, (*allowed, *unchecked(snapshot.identity.pack)))


def _answer(found: Sequence[Candidate], decision: Decision, model: ModelIdentity) -> Answer:
    threshold, point, fpir = decision.point.threshold, decision.point.name, decision.fpir
    if not found:
        return Answer(None, None, None, threshold, point, fpir, None)
    near, calibration = found[0], model.pack.calibration
    return Answer(
        person=near.person if near.distance <= threshold else None,
        image=near.image,
        distance=near.distance,
        threshold=threshold,
        point=point,
        fpir=fpir,
        log_lr=float(calibration.llr(near.distance)) if calibration else None,
    )
