"""What an audit leaves of a run's images: a manifest of them, or their keys."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.example_gen.config import DataConfig
from components.example_gen.source import source_for
from faces.contract import TEST
from faces.record import Record, Source
from faces.sources.folder import FolderSource
from faces.sources.manifest import ManifestSource
from faces.sources.manifest_text import can_be_listed, manifest_text
from faces.sources.test_set import WithTestPeople, WithTestSet, people_in
from groundfloor.errors import UserError
from groundfloor.paths import Location
from groundfloor.text import shown, shown_text

MANIFEST = "manifest.csv"
TEST_PEOPLE = "test_people.txt"
KEYS = "kept_keys.csv"


@dataclass(frozen=True)
class Kept:
    """The images that are kept.

    Attributes:
      files: name -> content: `MANIFEST`, with `TEST_PEOPLE` where the source had a test set of its
        own, or `KEYS`.
      remarks: what is to be said of them, a sentence each.
    """

    files: dict[str, str]
    remarks: list[str] = field(default_factory=list)


def keep(images: Mapping[str, str], location: Location, data_config: str) -> Kept:
    """The manifest of images as their source has them; their keys where they are no files.

    Args:
      images: key -> identity, of those to keep.
      location: where the run had its images from.
      data_config: how it read them, as `DataConfig.to_property` wrote it.
    """
    try:
        data = _data_of(data_config)
        source = source_for(data, location)
        files = {record: file_of(source, record) for record in source.list().records}
        if None in files.values():
            raise UserError(f"the images in {shown(str(location))} are no files of their own")
    except UserError as error:
        return _keys_of(images, str(error))
    there = {record: file or "" for record, file in files.items() if _is_in(record, images)}
    return _manifest_of(images, there, data.has_own_test)


def file_of(source: Source, record: Record) -> str | None:
    """The path of an image; None where a source has it from no file of its own."""
    match source:
        case FolderSource():
            return os.path.join(os.path.realpath(source.root), record.key)
        case ManifestSource(path=Path()):
            return os.path.join(os.path.dirname(os.path.realpath(str(source.path))), record.key)
        case WithTestSet():
            return file_of(*source.origin_of(record))
        case WithTestPeople():
            return file_of(source.source, record)
    return None


def _data_of(data_config: str) -> DataConfig:
    try:
        return DataConfig.from_property(data_config)
    except ValueError:
        raise UserError("the run was made by another version of this program") from None


def _is_in(record: Record, images: Mapping[str, str]) -> bool:
    return images.get(record.key) == record.identity


def _keys_of(images: Mapping[str, str], why: str) -> Kept:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("key", "identity"))
    writer.writerows(images.items())
    remark = f"there is no {MANIFEST}, but {KEYS}: {shown_text(why)}"
    return Kept({KEYS: text.getvalue()}, [remark])


def _manifest_of(
    images: Mapping[str, str], there: Mapping[Record, str], has_own_test: bool
) -> Kept:
    """The manifest of the records that are there, each with its file."""
    kept = [record for record, file in there.items() if can_be_listed(record, file)]
    files = {MANIFEST: manifest_text(kept, there.__getitem__)}
    found = {record.key for record in there}
    odd = sorted({record.key for record in there} - {record.key for record in kept})
    remarks = [
        *_left_out("they are gone or somebody else's by now", sorted(images.keys() - found)),
        *_left_out("it cannot have such names", odd),
    ]
    if has_own_test:
        tested = sorted({record.identity for record in kept if record.split == TEST})
        files[TEST_PEOPLE] = "".join(f"{name}\n" for name in tested)
        if people_in(files[TEST_PEOPLE]) != tested:
            remarks.append(f"{TEST_PEOPLE} cannot have some of the names of those who are tested")
    return Kept(files, remarks)


def _left_out(why: str, keys: Sequence[str]) -> list[str]:
    if not keys:
        return []
    return [f"not in {MANIFEST}, since {why}: {len(keys)}, such as {shown(keys[0])}"]
