"""The page on what is not used, and on copies: one HTML file that needs nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from faces.copies import CopyPair, CopyReport
from faces.quarantine import TABLE_FILE_NAME, Quarantine, Row
from faces.reasons import NEAR_DUPLICATE
from faces.report.thumbnails import SHOWABLE
from groundfloor.text import visible

SHEET_FILE_NAME = "quarantine.html"
TEMPLATES = Path(__file__).parent / "templates"

# Of each reason, and of each kind of pair.
MAX_SHOTS = 24
MAX_PAIRS = 24
MAX_ROWS = 500

# Longer names lose their middle.
_MAX_NAME = 120

# Key -> the address of its thumbnail; None where there is none.
Address = Callable[[str], str | None]


@dataclass(frozen=True)
class _Shot:
    row: Row
    address: str | None


@dataclass(frozen=True)
class _Section:
    """The files of one reason, the first of them with a thumbnail."""

    reason: str
    count: int
    shots: Sequence[_Shot]


@dataclass(frozen=True)
class _Pair:
    pair: CopyPair
    addresses: tuple[str | None, str | None]


@dataclass(frozen=True)
class _Pairs:
    """Pairs of one kind."""

    title: str
    lead: str
    count: int
    shown: Sequence[_Pair]


def render_sheet(quarantine: Quarantine, leaks: Sequence[CopyPair], address: Address) -> str:
    """Renders the contact sheet of what is not used, and of the copies.

    Its size is bounded, whatever the data: of each reason and of each kind of pair, the first few
    are shown. All text is escaped, and the page forbids itself to load or run anything.

    Args:
      quarantine: what is shown.
      leaks: the images that left their split, or would have, each with the one it is a copy of.
      address: gives the thumbnail of an image by its key, see `thumbnails.address_of`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = _shown
    page = environment.get_template("quarantine_sheet.html.jinja").render(
        files=quarantine.files,
        unusable=len(quarantine.reasons),
        counts=quarantine.counts,
        sections=_sections(quarantine, address),
        pairs=_pairs(quarantine.copies or CopyReport(), leaks, address),
        rows=quarantine.sorted_rows()[:MAX_ROWS],
        total=len(quarantine.rows),
        table=TABLE_FILE_NAME,
        cut=quarantine.copies.cut if quarantine.copies else 0,
    )
    return page.encode("utf-8", "replace").decode("utf-8")


def _sections(quarantine: Quarantine, address: Address) -> list[_Section]:
    sections = []
    for reason, count in quarantine.counts.items():
        if reason != NEAR_DUPLICATE:  # it is shown as pairs
            rows = [row for row in quarantine.sorted_rows() if row.reason == reason][:MAX_SHOTS]
            may_be_shown = reason in SHOWABLE
            shots = [_Shot(row, address(row.key) if may_be_shown else None) for row in rows]
            sections.append(_Section(reason, count, shots))
    return sections


def _pairs(copies: CopyReport, leaks: Sequence[CopyPair], address: Address) -> list[_Pairs]:
    kinds = [
        (
            "Across splits",
            "A leak: what is measured on the first was trained on, or chosen by, in the second.",
            len(leaks),
            leaks,
        ),
        (
            "Under two people's names",
            "Probably a label error: one photograph is said to be of two people.",
            copies.across_count,
            copies.across,
        ),
        (
            "Within a person",
            "The same photograph more than once.",
            copies.within_count,
            copies.within,
        ),
    ]
    return [
        _Pairs(title, lead, count, [_with_addresses(pair, address) for pair in pairs[:MAX_PAIRS]])
        for title, lead, count, pairs in kinds
        if count
    ]


def _with_addresses(pair: CopyPair, address: Address) -> _Pair:
    first, second = pair.keys
    return _Pair(pair, (address(first), address(second)))


def _shown(text: str) -> str:
    """Text from outside: its start and its end, with nothing invisible in it."""
    if len(text) > _MAX_NAME:
        kept = (_MAX_NAME - 3) // 2
        text = f"{text[:kept]} … {text[-kept:]}"
    return visible(text).replace("\n", "\\n")
