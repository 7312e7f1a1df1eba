"""Records without a source, named as a folder names them."""

from collections.abc import Iterable

from faces.record import Record


def record_of(key: str) -> Record:
    """The record of `<person>/...`."""
    return Record(key, key.partition("/")[0])


def records_of(keys: Iterable[str]) -> list[Record]:
    """A record for each key."""
    return [record_of(key) for key in keys]
