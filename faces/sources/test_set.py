"""A source with a test set of its own: a second source, or some of its people."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from faces.content import fingerprint_by_reading
from faces.contract import TEST
from faces.record import Listing, Record, Source
from groundfloor.errors import UserError
from groundfloor.text import listed

# Before the keys of what is trained on, since those of two sources may be the same; no source
# makes a key that begins so. The keys of the test set stay: files with pairs of images name them.
_OTHER = "./train/"


@dataclass(frozen=True)
class WithTestSet:
    """Two sources as one, of which the second is the split `test`; a `record.Source`.

    Attributes:
      source: what is trained on.
      test: what is tested; what splits it has itself do not matter.
    """

    source: Source
    test: Source

    def list(self) -> Listing:
        """Both listings.

        Raises:
          UserError: somebody is in both; the first has a test split, too; or see either source.
        """
        mine, tests = self.source.list(), self.test.list()
        _require_no_test_split(mine.records)
        _require_apart(mine.records, tests.records)
        records = [*map(_renamed, mine.records), *map(_tested, tests.records)]
        refused = {_renamed(record): why for record, why in mine.refused.items()}
        refused |= {_tested(record): why for record, why in tests.refused.items()}
        return Listing(
            sorted(records, key=lambda record: record.key),
            refused,
            sorted({*mine.empty, *tests.empty}),
            list(dict.fromkeys([*mine.unused, *tests.unused])),
        )

    def read(self, record: Record) -> bytes:
        """See the source that the image is of."""
        source, own = self.origin_of(record)
        return source.read(own)

    def origin_of(self, record: Record) -> tuple[Source, Record]:
        """The source that an image is of, and the image as that source has it."""
        if record.split == TEST:
            return self.test, record
        return self.source, replace(record, key=record.key.removeprefix(_OTHER))

    def fingerprint(self) -> str:
        """See `content.fingerprint_of`; every image is read."""
        return fingerprint_by_reading(self.list(), self.read)


@dataclass(frozen=True)
class WithTestPeople:
    """A source of which some people are the split `test`; a `record.Source`.

    Attributes:
      source: of all images.
      people: who is tested.
    """

    source: Source
    people: Collection[str]

    def list(self) -> Listing:
        """The source's listing, with the split of those people.

        Raises:
          UserError: it has no image of one of them; it has a test split, too; or see the source.
        """
        listing = self.source.list()
        _require_no_test_split(listing.records)
        _require_known(self.people, {record.identity for record in listing.records})
        chosen = frozenset(self.people)
        records = [
            _tested(record) if record.identity in chosen else record for record in listing.records
        ]
        return replace(listing, records=records)

    def read(self, record: Record) -> bytes:
        """See the source."""
        return self.source.read(record)

    def fingerprint(self) -> str:
        """See `content.fingerprint_of`; every image is read."""
        return fingerprint_by_reading(self.list(), self.read)


def people_in(text: str) -> list[str]:
    """The people whom a text lists, one a line; empty lines and those with # in front are none."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _renamed(record: Record) -> Record:
    return replace(record, key=_OTHER + record.key)


def _tested(record: Record) -> Record:
    return replace(record, split=TEST)


def _require_no_test_split(records: Iterable[Record]) -> None:
    own = next((record for record in records if record.split == TEST), None)
    if own:
        raise UserError(
            "there are two test sets: data.input_dir has a split test of its own, such as "
            f"{own.key!r}, and there is data.test_dir or data.test_identities. Give one of them"
        )


def _require_apart(mine: Iterable[Record], tests: Iterable[Record]) -> None:
    both = {record.identity for record in mine} & {record.identity for record in tests}
    if both:
        raise UserError(
            f"data.test_dir must be of people who are not in data.input_dir. In both are "
            f"{listed(sorted(both))}"
        )


def _require_known(people: Collection[str], known: Collection[str]) -> None:
    strangers = sorted({*people} - {*known})
    if not strangers:
        return
    close = difflib.get_close_matches(strangers[0], known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise UserError(
        f"data.test_identities must be of people who have an image in data.input_dir. Not so are "
        f"{listed(strangers)}{hint}"
    )
