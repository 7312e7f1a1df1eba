"""What looks at the pictures that were spilled: the search for copies, and the contact sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from components.example_gen.checking import CheckedImage, read_example
from faces.content import UnreadableError
from faces.contract import IMAGE_ENCODED
from faces.copies import (
    Copies,
    CopyReport,
    find_copies,
    leaking_pairs,
    remarks_on_leaks,
    report_of,
    without_leaks,
)
from faces.likeness import Pixels, thumbnail_of
from faces.quarantine import Quarantine, Row
from faces.reasons import NEAR_DUPLICATE
from faces.record import Record, Source
from faces.report.quarantine_sheet import render_sheet
from faces.report.thumbnails import address_of

REMOVE, OFF = "remove", "off"


class SpilledImages:
    """The images that can be used, as they were spilled.

    Args:
      usable: all of them.
      spill_folder: see `checking.read_example`.
    """

    def __init__(self, usable: Sequence[CheckedImage], spill_folder: str):
        self._by_key = {image.record.key: image for image in usable}
        self._spill_folder = spill_folder

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    def encoded(self, key: str) -> bytes:
        """The JPEG or PNG of an image."""
        content = read_example(self._by_key[key].place, self._spill_folder)
        feature = tf.train.Example.FromString(content).features.feature[IMAGE_ENCODED]
        return feature.bytes_list.value[0]

    def thumbnails(self, records: Sequence[Record]) -> Pixels:
        """See `copies.find_copies`."""
        return np.stack([thumbnail_of(self.encoded(record.key)) for record in records])

    def copies(self) -> Copies:
        """See `copies.find_copies`."""
        return find_copies(
            {image.record: image for image in self._by_key.values()}, self.thumbnails
        )


class CopiesInSplits:
    """The copies, and what becomes of those that leak from one split into another.

    Args:
      images: that can be used.
      splits: of each of them.
      mode: `data.near_duplicates`.

    Raises:
      UserError: too little would be left in the test split.
    """

    def __init__(self, images: SpilledImages, splits: Mapping[Record, str], mode: str):
        self._all_splits = splits
        self.report: CopyReport | None = None
        self._leaks: dict[Record, Record] = {}
        self._left: dict[Record, Record] = {}
        if mode != OFF:
            copies = images.copies()
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
        images: SpilledImages,
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
