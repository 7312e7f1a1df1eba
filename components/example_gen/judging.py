"""Which images of a source are used, and for what, once each of them was read.

There is no TFX and no Beam here: the step and whoever prepares images in Python alone judge alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from components.example_gen.checked import CheckedImage
from components.example_gen.config import DataConfig
from components.example_gen.detecting import Detection
from components.image_config import DetectionConfig
from faces.content import UnreadableError
from faces.copies import (
    Copies,
    CopyReport,
    find_copies,
    leaking_pairs,
    remarks_on_leaks,
    report_of,
    without_leaks,
)
from faces.duplicates import find_sameness
from faces.likeness import Pixels, thumbnail_of
from faces.quarantine import Quarantine, Row, lost_people
from faces.reasons import NEAR_DUPLICATE, OTHER, REFUSED
from faces.record import Listing, Record, Source
from faces.report.quarantine_sheet import render_sheet
from faces.report.thumbnails import address_of
from faces.splits import SplitReport, assign_splits, describe_splits
from groundfloor.errors import UserError

REMOVE, OFF = "remove", "off"


class Pictures(Protocol):
    """The images that can be used."""

    def __contains__(self, key: str) -> bool: ...

    def encoded(self, key: str) -> bytes:
        """The JPEG or PNG of an image."""
        ...


class CopiesInSplits:
    """The copies, and what becomes of those that leak from one split into another.

    Args:
      copies: among the images; None where they were not looked for.
      splits: of each image.
      mode: `data.near_duplicates`.

    Raises:
      UserError: too little would be left in the test split.
    """

    def __init__(self, copies: Copies | None, splits: Mapping[Record, str], mode: str):
        self._all_splits = splits
        self.report: CopyReport | None = None
        self._leaks: dict[Record, Record] = {}
        self._left: dict[Record, Record] = {}
        if copies is not None:
            self._leaks = copies.leaks(splits)
            self._left = self._leaks if mode == REMOVE else {}
            self.report = report_of(copies, self._leaks, splits, removed=mode == REMOVE)
        self.splits = without_leaks(splits, self._left)
        self.remarks = remarks_on_leaks(self._left, splits)

    def added_to(self, quarantine: Quarantine) -> Quarantine:
        """The quarantine with what left its split, and with the report of the copies."""
        rows = [
            Row(NEAR_DUPLICATE, record.key, self._detail(record, source))
            for record, source in self._left.items()
        ]
        return replace(quarantine, rows=(*quarantine.rows, *rows), copies=self.report)

    def _detail(self, record: Record, source: Record) -> str:
        here, there = self._all_splits[record], self._all_splits[source]
        return f"left {here}: a copy of {source.key!r} in {there}"

    def sheet(
        self,
        quarantine: Quarantine,
        images: Pictures,
        unusable: Mapping[str, Record],
        source: Source,
    ) -> str:
        """The contact sheet.

        Args:
          quarantine: as `added_to` gave it.
          images: that can be used.
          unusable: key -> record, of those that cannot.
          source: of all of them.
        """

        def address(key: str) -> str | None:
            if key in images:
                return address_of(images.encoded(key))
            try:
                return address_of(source.read(unusable[key]))
            except UnreadableError:
                return None

        return render_sheet(quarantine, leaking_pairs(self._leaks), address)


@dataclass(frozen=True)
class Judgement:
    """What of a source is used, and for what.

    Attributes:
      unusable: record -> why, of all images that cannot be used.
      quarantine: these, and what left its split.
      detection: what a detector found.
      copies: the split of each image that is used, and which left theirs.
      lost: sentences on what cannot be used.
    """

    unusable: Mapping[Record, str]
    quarantine: Quarantine
    detection: Detection
    copies: CopiesInSplits
    lost: Sequence[str]

    def split_report(self, data: DataConfig) -> SplitReport:
        """Who is in which split, and what is to be said of it."""
        report = describe_splits(self.copies.splits, **data.split_rules())
        return replace(report, remarks=[*report.remarks, *self.copies.remarks, *self.lost])

    def sheet(self, images: Pictures, source: Source) -> str:
        """The contact sheet.

        Args:
          images: that can be used.
          source: of all of them.
        """
        refused = {record.key: record for record in self.unusable}
        return self.copies.sheet(self.quarantine, images, refused, source)


def judge(
    listing: Listing,
    checked: Sequence[CheckedImage],
    data: DataConfig,
    detection: DetectionConfig,
    encoded: Callable[[str], bytes],
) -> Judgement:
    """Judges all images together.

    Args:
      listing: of the source.
      checked: what is known of each of its records.
      data: how many may be unusable, and how to split the others.
      detection: how faces were looked for.
      encoded: gives the JPEG or PNG of an image that can be used, by its key.

    Raises:
      UserError: too many cannot be used; the others are all plain or equal, or too few to split.
    """
    unusable = _unusable(listing, checked)
    quarantine = quarantine_of(listing, checked)
    found = Detection.of(checked, detection)
    _require_below(quarantine, data.max_quarantined, found)
    quarantine.sameness.require_variety()
    usable = [image for image in checked if not image.reason]
    lost = [
        *lost_people((image.record for image in usable), unusable),
        *listing.remarks(),
        *found.remarks(),
    ]
    splits = _split(usable, lost, data)
    mode = data.near_duplicates
    copies = CopiesInSplits(None if mode == OFF else _copies(usable, encoded), splits, mode)
    return Judgement(unusable, copies.added_to(quarantine), found, copies, lost)


def _copies(usable: Sequence[CheckedImage], encoded: Callable[[str], bytes]) -> Copies:
    def thumbnails(records: Sequence[Record]) -> Pixels:
        return np.stack([thumbnail_of(encoded(record.key)) for record in records])

    return find_copies({image.record: image for image in usable}, thumbnails)


def _require_below(quarantine: Quarantine, share: float, detection: Detection) -> None:
    """Refuses a source as `Quarantine.require_below` does, and says what the detector's part is."""
    try:
        quarantine.require_below(share)
    except UserError as error:
        raise UserError("\n".join([str(error), *detection.remarks()])) from None


def _unusable(listing: Listing, checked: Sequence[CheckedImage]) -> dict[Record, str]:
    """Why an image cannot be used, of all of which that is so."""
    return {**listing.refused, **{image.record: image.reason for image in checked if image.reason}}


def quarantine_of(listing: Listing, checked: Sequence[CheckedImage]) -> Quarantine:
    """What cannot be used of a source, and what is alike in it, before anything is split.

    Args:
      listing: of the source.
      checked: its images, once they were read.
    """
    pixels = {
        image.record: (image.pixels_sha256, image.is_flat) for image in checked if not image.reason
    }
    return Quarantine(
        files=len(listing.records) + len(listing.refused),
        rows=(
            *(Row(REFUSED, record.key, why) for record, why in listing.refused.items()),
            *(
                Row(image.category or OTHER, image.record.key, image.reason)
                for image in checked
                if image.reason
            ),
        ),
        sameness=find_sameness(pixels),
    )


def _split(
    usable: Sequence[CheckedImage], lost: Sequence[str], data: DataConfig
) -> dict[Record, str]:
    """The split of each usable image.

    Args:
      usable: all images that can be used.
      lost: sentences on those that cannot.
      data: how to split.

    Raises:
      UserError: they are too few; the message ends with what was lost.
    """
    records = [image.record for image in usable]
    try:
        return assign_splits(records, **data.split_rules(), seed=data.seed)
    except UserError as error:
        raise UserError("\n".join([str(error), *lost])) from None
