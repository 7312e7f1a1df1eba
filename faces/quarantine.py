"""The report of the files that could not be used, and of the images that others are copies of."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from faces.copies import CopyReport
from faces.duplicates import Sameness, find_sameness
from faces.reasons import NEAR_DUPLICATE
from faces.record import Record
from groundfloor.errors import UserError
from groundfloor.text import visible

FILE_NAME = "quarantine.json"
TABLE_FILE_NAME = "quarantine.csv"

# As many people are named, and no more: a remark is no listing.
_NAMED_PEOPLE = 10

# What a spreadsheet takes a cell that begins so for: a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


class Row(NamedTuple):
    """A row of the table.

    Attributes:
      reason: one of `faces.reasons`.
      key: of the image.
      detail: what exactly is wrong.
    """

    reason: str
    key: str
    detail: str


@dataclass(frozen=True)
class Quarantine:
    """The files that could not be used, and the images that left their split.

    Attributes:
      files: how many were found.
      rows: those that could not be used, or left their split.
      sameness: of the images that can be used.
      copies: of these; None where they were not looked for.
    """

    files: int
    rows: Sequence[Row] = ()
    sameness: Sameness = field(default_factory=lambda: find_sameness({}))
    copies: CopyReport | None = None

    @property
    def reasons(self) -> dict[str, str]:
        """Key -> what is wrong, of each file that could not be used."""
        return {row.key: row.detail for row in self.rows if row.reason != NEAR_DUPLICATE}

    @property
    def counts(self) -> dict[str, int]:
        """Reason -> how many rows have it, the most frequent first."""
        return dict(Counter(row.reason for row in sorted(self.rows)).most_common())

    def remarks(self) -> list[str]:
        """What should be looked at among the images that can be used, a sentence each."""
        if self.copies is None:
            return self.sameness.remarks()
        return self.sameness.remarks(shared=False) + self.copies.remarks()

    def to_json(self) -> str:
        """The content of `quarantine.json`."""
        content = {
            "files": self.files,
            "quarantined": len(self.reasons),
            "counts": self.counts,
            "listing": [row._asdict() for row in self.sorted_rows()],
            "sameness": asdict(self.sameness),
            "copies": None if self.copies is None else asdict(self.copies),
        }
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Quarantine":
        """Reads what `to_json` wrote."""
        content = json.loads(text)
        copies = content["copies"]
        return cls(
            content["files"],
            tuple(Row(**row) for row in content["listing"]),
            Sameness(**content["sameness"]),
            None if copies is None else CopyReport.from_dict(copies),
        )

    def to_csv(self) -> str:
        """The content of `quarantine.csv`: the columns reason, key, detail.

        A spreadsheet shows every cell as text: where one would be run as a formula, an apostrophe
        stands before it. What is invisible, or no valid text, is escaped as `visible` does.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(Row._fields)
        writer.writerows([_cell(value) for value in row] for row in self.sorted_rows())
        return text.getvalue()

    def sorted_rows(self) -> list[Row]:
        """The rows by key."""
        return sorted(self.rows, key=lambda row: (row.key, row.reason))

    def require_below(self, share: float) -> None:
        """Refuses a source of which more than `share` cannot be used.

        Raises:
          UserError: with the most common reasons and one file for each.
        """
        unusable = [row for row in self.sorted_rows() if row.reason != NEAR_DUPLICATE]
        if len(unusable) <= share * self.files:
            return
        lines = [
            f"{len(unusable)} of {self.files} files cannot be used, more than "
            f"data.max_quarantined={share}:"
        ]
        for reason, times in Counter(row.reason for row in unusable).most_common(5):
            example = next(row for row in unusable if row.reason == reason)
            lines.append(f"  {times} x {reason}, such as {example.key!r}: {example.detail}")
        raise UserError("\n".join(lines))


def _cell(value: str) -> str:
    safe = visible(value)
    starts = value.startswith(_FORMULA_STARTS) or value.lstrip().startswith(_FORMULA_STARTS)
    return f"'{safe}" if starts else safe


def lost_people(usable: Iterable[Record], unusable: Mapping[Record, str]) -> list[str]:
    """Whom the quarantine leaves without an image, or with a single one, a sentence each.

    Args:
      usable: all images that can be used.
      unusable: record -> why it cannot be used.
    """
    left = Counter(record.identity for record in usable)
    reasons: dict[str, Counter[str]] = {}
    for record in sorted(unusable, key=lambda record: record.key):
        if left[record.identity] <= 1:
            reasons.setdefault(record.identity, Counter())[unusable[record]] += 1
    lines = []
    for identity, counts in list(reasons.items())[:_NAMED_PEOPLE]:
        of_whom = f"one image of {identity!r}" if left[identity] else f"nothing of {identity!r}"
        why = ", ".join(f"{times} x {reason}" for reason, times in counts.most_common(3))
        lines.append(f"{of_whom} can be used: {why}")
    more = len(reasons) - len(lines)
    return [*lines, f"and so it is with {more} more people"] if more else lines
