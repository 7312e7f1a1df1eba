"""What `arcface gallery` does."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from biometrics.thresholds.pack import EER, ThresholdPack, far_name
from faces.content import UnreadableError
from faces.record import Record, Source
from faces.sources import source_at
from groundfloor.errors import UserError
from groundfloor.paths import checked_location
from groundfloor.text import shown
from pipeline.console import TextConsole, showing_work
from pipeline.gallery_output import (
    images_of,
    note,
    print_answers,
    print_candidates,
    print_json,
    print_outcomes,
    print_people,
    print_plan,
)
from pipeline.image_files import content_of, expanded, given_landmarks
from pipeline.quiet import quiet_import
from serving.choice import ChosenModel, choose_model
from serving.comparison import SeenImage
from serving.gallery.gallery import Gallery
from serving.gallery.int8_cost import cost_of_int8
from serving.gallery.models import identity_of
from serving.gallery.names import checked_name
from serving.gallery.policy import EnrolPolicy, wrong_by_itself
from serving.gallery.rates import decide
from serving.gallery.records import Answer, Enrolled, Refused
from serving.gallery.rows import INT8, check_precision
from serving.gallery.upgrade import Upgrade
from serving.model_dir import UnusableModelError, load_pack, versions

if TYPE_CHECKING:
    from serving.embedder import Embedder

# The reason of an image that the model does not take at all; no rule, and not to be allowed.
_IMAGE = "image"

# Files that are in memory, and embedded, at a time.
_FILES_AT_A_TIME = 64


@dataclass(frozen=True)
class _File:
    """An image file of somebody, read; or why it could not be."""

    name: str
    content: bytes | UserError
    landmarks: Sequence[float] | None = None


def enrol_images(
    path: Path,
    model_dir: Path,
    *,
    person: str | None,
    images: Sequence[Path],
    data: str | None,
    far: float | None,
    allow: Sequence[str],
    landmarks: Sequence[str],
    as_json: bool,
) -> bool:
    """Enrols the images of a person, or those of a source, and prints what became of each.

    Returns:
      Whether all are enrolled.

    Raises:
      UserError: something that was given cannot be used.
    """
    path, policy = expanded(path), EnrolPolicy(tuple(allow))
    people = _people(person, images, data, landmarks)
    model = _model_of(path, model_dir)
    _pack_of(model).operating_point(far)
    if path.is_file() and far is not None:
        with Gallery.open(path) as there:
            if there.far != far:
                raise UserError(f"--far is of a new gallery, and {path} decides by {_rate(there)}")
    embedder = _embedder(model)
    identity = identity_of(model.path, embedder, model.pack)
    outcomes: list[Enrolled | Refused] = []
    with Gallery.open(path, create_for=identity, far=far) as gallery:
        for name, files in people:
            outcomes += _enrol(gallery, embedder, name, files, policy)
    print_outcomes(outcomes, as_json)
    return all(isinstance(one, Enrolled) for one in outcomes)


def search_images(
    path: Path,
    model_dir: Path,
    *,
    images: Sequence[Path],
    top: int,
    per_image: bool,
    precision: str,
    landmarks: Sequence[str],
    as_json: bool,
) -> None:
    """Prints who is nearest to each image.

    Raises:
      UserError: something that was given cannot be used.
    """
    with _searching(path, model_dir, images, landmarks, precision) as (gallery, seen):
        found = gallery.search([image.embedding for image in seen], top, per_image=per_image)
    if as_json:
        both = zip(seen, found, strict=True)
        print_json([{"image": image.name, "candidates": list(map(asdict, c))} for image, c in both])
        return
    for image, candidates in zip(seen, found, strict=True):
        print_candidates(image.name, candidates)


def identify_images(
    path: Path,
    model_dir: Path,
    *,
    images: Sequence[Path],
    far: float | None,
    fpir: float | None,
    precision: str,
    landmarks: Sequence[str],
    as_json: bool,
) -> None:
    """Prints who is in each image.

    Raises:
      UserError: something that was given cannot be used.
    """
    with Gallery.open(expanded(path)) as gallery:
        gallery.decision(far=far, fpir=fpir)  # refused before TensorFlow is loaded
    with _searching(path, model_dir, images, landmarks, precision) as (gallery, seen):
        answers = [gallery.identify(image.embedding, far=far, fpir=fpir) for image in seen]
        pack, count = gallery.model.pack, gallery.images
    unlike = [_unlike(image, pack) for image in seen]
    if as_json:
        print_json(
            [
                {"image_file": image.name, **asdict(_evident(answer, why)), "unlike": why}
                for image, answer, why in zip(seen, answers, unlike, strict=True)
            ]
        )
        return
    print_answers(seen, [_evident(*both) for both in zip(answers, unlike, strict=True)], count)
    for image, why in zip(seen, unlike, strict=True):
        if why:
            note(f"{image.name} is unlike the images this model was measured on: {'; '.join(why)}")


def remove_people(path: Path, people: Sequence[str]) -> None:
    """Removes people, one after the other.

    Raises:
      UserError: one of them is not enrolled; then nobody is removed.
    """
    console = TextConsole()
    with Gallery.open(expanded(path)) as gallery:
        names = list(dict.fromkeys(map(checked_name, people)))
        missing = sorted(set(names) - {person.name for person in gallery.people()})
        if missing:
            raise UserError(f"nobody called {shown(missing[0])} is enrolled in {path}")
        for name in names:
            console.say(f"removed   {name}: {images_of(gallery.remove(name))}")


def list_gallery(path: Path, as_json: bool) -> None:
    """Prints who is enrolled.

    Raises:
      UserError: there is no gallery.
    """
    with Gallery.open(expanded(path)) as gallery:
        people, model, rate = gallery.people(), gallery.model, _rate(gallery)
        size = gallery.path.stat().st_size
    if as_json:
        said = {"thresholds_sha256": model.sha256, "model_sha256": model.pack.model_sha256}
        print_json(said | {"decides_by": rate, "people": [asdict(person) for person in people]})
        return
    print_people(people)
    console = TextConsole()
    images = sum(person.images for person in people)
    console.say(f"people    {len(people):,} with {images_of(images)}, {size / 2**20:,.1f} MiB")
    console.say(f"model     thresholds sha256 {model.short}, embeddings of {model.dimensions}")
    console.say(f"decides   by the threshold of {rate}")


def upgrade_gallery(path: Path, model_dir: Path, yes: bool) -> bool:
    """Brings a gallery to the newest model.

    Returns:
      Whether it was done; not without consent where images are changed or lost.

    Raises:
      UserError: something that was given cannot be used.
    """
    path = expanded(path)
    model = choose_model(expanded(model_dir), trust_model=False)
    with Gallery.open(path) as gallery:
        if gallery.model.sha256 == _pack_of(model).sha256:
            raise UserError(f"the gallery {path} is of the model {model.path} already")
        decide(_pack_of(model), 0, gallery.far)
    embedder = _embedder(model)
    upgrade = Upgrade(path, identity_of(model.path, embedder, model.pack))
    try:
        plan, console = upgrade.plan(), TextConsole()
        print_plan(plan, model, console)
        if not plan.is_faithful and not yes:
            note("nothing was done: --yes does it all the same")
            return False
        with showing_work(console, "embedding"):
            lost = upgrade.run(embedder)
    finally:
        upgrade.close()
    console.say(f"done      {path} is of {model.path} now")
    if lost:
        note(f"{images_of(len(lost))} without an embedding of it: arcface gallery list says whose")
    return True


def _people(
    person: str | None, images: Sequence[Path], data: str | None, landmarks: Sequence[str]
) -> list[tuple[str, Iterable[_File]]]:
    """Who is to be enrolled with which files."""
    if data is not None:
        if person is not None:
            raise UserError("give a person and images, or --data, not both")
        return _people_of(data)
    if person is None or not images:
        raise UserError("give a person and image files of them, or --data")
    points = given_landmarks(landmarks, len(images))
    paths = [expanded(image) for image in images]
    files = [_File(str(one), content_of(one), at) for one, at in zip(paths, points, strict=True)]
    return [(checked_name(person), files)]


def _people_of(data: str) -> list[tuple[str, Iterable[_File]]]:
    """Those of a source of images; what it does not read is said."""
    try:
        source = source_at(checked_location(data))
    except ValueError as error:
        raise UserError(f"--data: {error}") from None
    listing = source.list()
    for remark in listing.remarks():
        note(remark)
    people: dict[str, list[Record]] = {}
    for record in listing.records:
        people.setdefault(checked_name(record.identity), []).append(record)
    return [(name, _files_of(source, records)) for name, records in people.items()]


def _files_of(source: Source, records: Sequence[Record]) -> Iterator[_File]:
    """The files of a person, read one at a time."""
    for record in records:
        try:
            content: bytes | UserError = source.read(record)
        except UnreadableError as error:
            content = UserError(f"{record.key} is no usable image: {error}")
        yield _File(record.key, content, record.landmarks)


def _model_of(path: Path, model_dir: Path) -> ChosenModel:
    """The model that a gallery is of, whichever version that is; the newest for a new gallery."""
    model_dir = expanded(model_dir)
    newest = choose_model(model_dir, trust_model=False)
    if not path.is_file() or path.stat().st_size == 0:
        return newest
    with Gallery.open(path) as gallery:
        if gallery.model.sha256 == _pack_of(newest).sha256:
            return newest
        for version in versions(str(model_dir)):
            with suppress(UnusableModelError):
                pack = load_pack(version)
                if pack.sha256 == gallery.model.sha256:
                    note(
                        f"{path} is of the model {version}, and {newest.path} is newer: arcface "
                        "gallery upgrade brings it there"
                    )
                    return ChosenModel(Path(version), pack)
        gallery.require(_pack_of(newest))
    return newest


def _pack_of(model: ChosenModel) -> ThresholdPack:
    if model.pack is None:
        raise UserError(f"a gallery takes a model with thresholds, and {model.path} has none")
    return model.pack


def _embedder(model: ChosenModel) -> "Embedder":
    with quiet_import():
        from serving.embedder import Embedder  # noqa: PLC0415 - TensorFlow

    return Embedder(model.path)


def _seen(
    embedder: "Embedder", files: Iterable[_File]
) -> Iterator[tuple[str, SeenImage | UserError]]:
    """The name of each file, and how the model sees it or why it does not: some at a time."""
    waiting = iter(files)
    while batch := list(islice(waiting, _FILES_AT_A_TIME)):
        read = [
            (file.name, file.content, file.landmarks)
            for file in batch
            if isinstance(file.content, bytes)
        ]
        contents = [(name, content) for name, content, _ in read]
        seen = iter(embedder.see_many(contents, [(points, None) for *_, points in read]))
        for file in batch:
            known = file.content if isinstance(file.content, UserError) else next(seen)
            yield file.name, known


def _enrol(
    gallery: Gallery,
    embedder: "Embedder",
    person: str,
    files: Iterable[_File],
    policy: EnrolPolicy,
) -> list[Enrolled | Refused]:
    """Enrols a person's files; what is no image for the model is refused with the others."""
    looked = list(_seen(embedder, files))
    seen = [image for _, image in looked if isinstance(image, SeenImage)]
    done = iter(gallery.enrol(person, seen, policy))
    return [
        Refused(person, name, {_IMAGE: str(image)}) if isinstance(image, UserError) else next(done)
        for name, image in looked
    ]


@contextmanager
def _searching(
    path: Path,
    model_dir: Path,
    images: Sequence[Path],
    landmarks: Sequence[str],
    precision: str,
) -> Iterator[tuple[Gallery, list[SeenImage]]]:
    """The gallery, and the images as its model sees them."""
    check_precision(precision)
    path, paths = expanded(path), [expanded(image) for image in images]
    points = given_landmarks(landmarks, len(paths))
    contents = [content_of(image) for image in paths]
    Gallery.open(path).close()
    model = _model_of(path, model_dir)
    embedder = _embedder(model)
    files = zip(paths, contents, points, strict=True)
    seen = [embedder.see(*file) for file in files]
    with Gallery.open(path, precision=precision) as gallery:
        gallery.require(_pack_of(model))
        if precision == INT8:
            note(cost_of_int8(gallery))
        yield gallery, seen


def _unlike(image: SeenImage, pack: ThresholdPack) -> str:
    """How an image differs from those that were measured; empty where it does not."""
    return "; ".join(wrong_by_itself(image, pack).values())


def _evident(answer: Answer, unlike: str) -> Answer:
    """Without the log-likelihood ratio, where it was not measured on such images."""
    return replace(answer, log_lr=None) if unlike else answer


def _rate(gallery: Gallery) -> str:
    return EER if gallery.far is None else far_name(gallery.far)
