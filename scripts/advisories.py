"""Known vulnerabilities out of a checkout of PyPA's advisory database: needs no network.

The database is https://github.com/pypa/advisory-database: a folder `vulns` with a folder for each
package and a YAML file for each advisory, in OSV's form (https://ossf.github.io/osv-schema/).
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

_FILES = "vulns/*/*.yaml"
_RELEASE = {"introduced", "fixed", "last_affected"}


class Finding(NamedTuple):
    """An advisory that holds for a package's version; `aliases` are other names, CVE-... say."""

    package: str
    version: str
    advisory: str
    aliases: tuple[str, ...]


def date_of(database: Path) -> str:
    """The day of the newest advisory, such as "2026-11-27"; nothing newer can be found by it.

    Raises:
      FileNotFoundError: the folder is no such checkout.
    """
    texts = (path.read_text(encoding="utf-8") for path in database.glob(_FILES))
    days = re.findall(r"^modified: \W?(\d{4}-\d\d-\d\d)", "".join(texts), re.MULTILINE)
    if not days:
        raise FileNotFoundError(
            f"{database} holds no advisories ({_FILES}). Give a checkout of "
            "https://github.com/pypa/advisory-database"
        )
    return max(days)


def find(pins: Iterable[tuple[str, str]], database: Path) -> Iterator[Finding]:
    """What the database has on these packages, each a canonical name and a version."""
    for name, version in pins:
        for path in sorted((database / "vulns" / name).glob("*.yaml")):
            advisory = yaml.safe_load(path.read_text(encoding="utf-8"))
            if "withdrawn" not in advisory and _holds(advisory, name, Version(version)):
                aliases = tuple(advisory.get("aliases", ()))
                yield Finding(name, version, advisory["id"], aliases)


def _holds(advisory: dict[str, Any], name: str, version: Version) -> bool:
    affected = (
        entry
        for entry in advisory["affected"]
        if canonicalize_name(entry["package"]["name"]) == name
    )
    return any(_is_listed(entry, version) or _is_within(entry, version) for entry in affected)


def _is_listed(entry: dict[str, Any], version: Version) -> bool:
    return str(version) in {str(listed) for listed in entry.get("versions", ())}


def _is_within(entry: dict[str, Any], version: Version) -> bool:
    """Whether a range has the version: one without an end has all that came after the advisory."""
    ranges = (span for span in entry.get("ranges", ()) if span["type"] == "ECOSYSTEM")
    return any(_contains(span["events"], version) for span in ranges)


def _contains(events: list[dict[str, str]], version: Version) -> bool:
    """Whether the last event up to the version leaves it affected, by OSV's rule."""
    changes = [(Version(at), what) for event in events for what, at in event.items()]
    inside = False
    for at, what in sorted(change for change in changes if change[1] in _RELEASE):
        if version > at or (version == at and what != "last_affected"):
            inside = what == "introduced"
    return inside
