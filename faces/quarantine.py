"""The report of the files that could not be used, and of those that look alike."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from faces.duplicates import Sameness, find_sameness
from faces.record import Record
from groundfloor.errors import UserError

FILE_NAME = "quarantine.json"

# As many people are named, and no more: a remark is no listing.
_NAMED_PEOPLE = 10


@dataclass(frozen=True)
class Quarantine:
    """The files that could not be used.

    Attributes:
      files: how many were found.
      reasons: key -> why, of each that could not be used.
      sameness: of the others.
    """

    files: int
    reasons: dict[str, str]
    sameness: Sameness = field(default_factory=lambda: find_sameness({}))

    def to_json(self) -> str:
        """The content of `quarantine.json`."""
        listing = [{"key": key, "reason": self.reasons[key]} for key in sorted(self.reasons)]
        content = {"files": self.files, "quarantined": len(listing), "listing": listing}
        content["sameness"] = asdict(self.sameness)
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Quarantine":
        """Reads what `to_json` wrote."""
        content = json.loads(text)
        reasons = {entry["key"]: entry["reason"] for entry in content["listing"]}
        return cls(content["files"], reasons, Sameness(**content["sameness"]))

    def require_below(self, share: float) -> None:
        """Refuses a source of which more than `share` cannot be used.

        Raises:
          UserError: with the most common reasons and one file for each.
        """
        count = len(self.reasons)
        if count <= share * self.files:
            return
        lines = [
            f"{count} of {self.files} files cannot be used, more than data.max_quarantined={share}:"
        ]
        for reason, times in Counter(self.reasons.values()).most_common(5):
            example = next(key for key in sorted(self.reasons) if self.reasons[key] == reason)
            lines.append(f"  {times} x {reason}, such as {example!r}")
        raise UserError("\n".join(lines))


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
