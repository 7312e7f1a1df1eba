"""Audits the labels of a run's images with the model that the run has trained."""

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ml_metadata.proto.metadata_store_pb2 import Artifact, Execution

from faces.audit import LabelAudit, audit_labels
from faces.contract import IDENTITY, IMAGE, IMAGE_KEY, LABEL, SPLITS, UNKNOWN_LABEL
from groundfloor import progress
from groundfloor.errors import UserError
from groundfloor.paths import Location, checked_location
from groundfloor.text import shown
from pipeline import metadata_store
from pipeline.audit_sheet import (
    NEW,
    TRAINED,
    AuditedImages,
    Pictures,
    people_table,
    sheet_of,
    suspects_table,
)
from pipeline.console import NodeDisplay, TextConsole
from pipeline.kept_images import KEYS, MANIFEST, TEST_PEOPLE, Kept, keep
from pipeline.latest_run import artifacts_of_latest_run, executions_of_latest_run
from pipeline.quiet import quiet_import
from pipeline.recovery import fault_in
from pipeline.run_folder import METADATA_DB, RunFolder

# Output keys of ImageTransform and Trainer -> what a run without them lacks.
_NEEDED = {"transformed_examples": "images that are prepared", "model": "a trained model"}
# Properties of ImageExampleGen.
_LOCATION, _DATA = "input_base", "data_config"
_SAVED_MODEL = "Format-Serving"
_BATCH = 256

SHEET, SUSPECTS, PEOPLE = "audit.html", "audit.csv", "people.csv"


@dataclass(frozen=True)
class RunToAudit:
    """What is audited of a run.

    Attributes:
      examples: the folder of ImageTransform's examples.
      model: the SavedModel that was trained with them, blessed or not.
      location: where the run had its images from.
      data_config: how it read them, the property of ImageExampleGen.
    """

    examples: Path
    model: Path
    location: Location
    data_config: str


def audit_run(folder: RunFolder, console: TextConsole) -> None:
    """Audits the latest run in a folder, writes `audit/` there, and says what was found.

    Raises:
      UserError: there is no such run, it has trained no model yet, what it made is not as it was,
        its people are too few, or the folder cannot be written to.
    """
    run = find_run(folder)
    out = folder.path / "audit"
    with _writing_to(out):
        out.mkdir(exist_ok=True)
    display = NodeDisplay(console, nodes=3)
    with display.watching():
        with _step(display, "embedding"):
            images, pictures = embed_run(run)
        with _step(display, "comparing"):
            audit = audit_labels(images.embeddings, images.identities, images.groups)
        with _step(display, "writing"):
            kept = keep(_not_suspected(images, audit), run.location, run.data_config)
            files = {
                SHEET: sheet_of(f"Label audit of {folder.path}", images, audit, pictures),
                SUSPECTS: suspects_table(images, audit.suspects),
                PEOPLE: people_table(audit.same_people),
                **kept.files,
            }
            with _writing_to(out):
                _write(out, files)
    for line in _summary(images, audit, kept, out):
        console.say(line)


def find_run(folder: RunFolder) -> RunToAudit:
    """The latest run, from its metadata store, held against the disk.

    Raises:
      UserError: see `audit_run`.
    """
    database = folder.metadata_db
    if not folder.has_run():
        raise UserError(
            f"there is no run in {shown(str(folder.path))}: no {METADATA_DB} is there. Name the "
            "--output-dir of an `arcface run` on this machine"
        )
    metadata_store.check_store(database)
    store, pipeline = metadata_store.connect(database), metadata_store.pipeline_of(database)
    try:
        artifacts = artifacts_of_latest_run(store, pipeline)
    except LookupError:
        artifacts = {}
    examples, model = (_checked(artifacts.get(key), what, folder) for key, what in _NEEDED.items())
    location, data = _origin_of(executions_of_latest_run(store, pipeline))
    return RunToAudit(examples, model / _SAVED_MODEL, checked_location(location or "."), data)


def _origin_of(executions: Iterable[Execution]) -> tuple[str, str]:
    """Where the images are from, and how they were read; empty where another version made them."""
    for execution in executions:
        properties = execution.custom_properties
        if _DATA in properties:
            return properties[_LOCATION].string_value, properties[_DATA].string_value
    return "", ""


def _checked(artifact: Artifact | None, what: str, folder: RunFolder) -> Path:
    """The folder of an artifact, whose files are those that were written there."""
    remedy = "run it (again) with `arcface run`, which makes what is missing"
    if artifact is None or artifact.state != Artifact.LIVE:
        raise UserError(
            f"the latest run in {shown(str(folder.path))} does not have {what} yet: {remedy}"
        )
    fault = fault_in(artifact, folder.metadata_db)
    if fault:
        raise UserError(f"the run is not as it was, {fault}: {remedy}")
    return Path(artifact.uri)


@contextmanager
def _step(display: NodeDisplay, name: str) -> Iterator[None]:
    display.on_start(name)
    yield
    display.on_finish()


def embed_run(run: RunToAudit) -> tuple[AuditedImages, Pictures]:
    """All images of a run, of every split, in the order of their keys, and what shows them."""
    with quiet_import():
        # Seconds: not before all that can be refused has been.
        from components.shards import shard_files  # noqa: PLC0415
        from faces.storage import dataset_of_records, parse_examples, read_images  # noqa: PLC0415
        from serving.embedder import Embedder  # noqa: PLC0415

    embedder = Embedder(run.model)
    shape = embedder.input_shape
    files = [file for split in SPLITS for file in shard_files(str(run.examples / f"Split-{split}"))]
    named: list[tuple[str, str, str]] = []
    embeddings = []
    for serialized in dataset_of_records(files).batch(_BATCH):
        batch = parse_examples(serialized, shape)
        embeddings.append(embedder.embed_pixels(batch[IMAGE]))
        columns = (batch[name].numpy() for name in (IMAGE_KEY, IDENTITY, LABEL))
        named += (
            (key.decode(), identity.decode(), NEW if label == UNKNOWN_LABEL else TRAINED)
            for key, identity, label in zip(*columns, strict=True)
        )
        progress.advance("images", len(embeddings[-1]))
    order = sorted(range(len(named)), key=named.__getitem__)
    keys, identities, groups = map(list, zip(*(named[place] for place in order), strict=True))
    images = AuditedImages(keys, identities, groups, np.concatenate(embeddings)[order])
    return images, lambda wanted: read_images(files, shape, [key.encode() for key in wanted])


def _not_suspected(images: AuditedImages, audit: LabelAudit) -> dict[str, str]:
    """Key -> identity."""
    suspects = {suspect.index for suspect in audit.suspects}
    named = enumerate(zip(images.keys, images.identities, strict=True))
    return {key: identity for index, (key, identity) in named if index not in suspects}


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Writes the files, each in one step in place of an earlier audit's."""
    for name, text in files.items():
        unfinished = folder / f".{name}.new-{os.getpid()}"
        unfinished.write_text(text, encoding="utf-8", newline="")
        os.replace(unfinished, folder / name)
    for name in {MANIFEST, TEST_PEOPLE, KEYS} - files.keys():  # of another kind of source
        (folder / name).unlink(missing_ok=True)


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write to {shown(str(folder))}: {error.strerror}") from None


def _summary(images: AuditedImages, audit: LabelAudit, kept: Kept, folder: Path) -> list[str]:
    """What is printed of an audit, a line each."""
    return [
        f"audited: {len(images.keys)} images of {len(set(images.identities))} people",
        f"  images that look more like somebody else: {len(audit.suspects)}",
        f"  pairs of names that look like one person: {len(audit.same_people)}",
        "These are candidates, for a person to judge. The model has learned wrong labels in part: "
        "there may be more.",
        *kept.remarks,
        f"sheet:    {folder / SHEET}",
        f"          $ {shlex.join(['xdg-open', str(folder / SHEET)])}",
        f"tables:   {folder / SUSPECTS}, {PEOPLE}",
        f"the rest: {', '.join(str(folder / name) for name in kept.files)}",
        *(f"          $ {shlex.join(command)}" for command in _next_run(kept, folder)),
    ]


def _next_run(kept: Kept, folder: Path) -> Iterator[list[str]]:
    """The command that trains with what is kept, where it can."""
    if MANIFEST in kept.files:
        command = ["arcface", "run", "--data-dir", str(folder / MANIFEST)]
        command += ["--set", "data.follow_links=true"]  # the images are in another folder
        if TEST_PEOPLE in kept.files:
            command += ["--set", f"data.test_identities={folder / TEST_PEOPLE}"]
        yield command
