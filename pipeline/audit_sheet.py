"""What an audit found, as a contact sheet for the eye and as tables for spreadsheets."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faces.audit import LabelAudit, SamePeople, Suspect
from faces.report.contact_sheet import Row, Section, Tile, contact_sheet, thumbnail

# Rows of a section: a page is for eyes. The tables have them all.
MAX_ROWS = 200
_BESIDE = 2
_OF_EACH_NAME = 3

REMARKS = (
    "These are candidates, for a person to judge: a picture that is poor or odd may be of whom it "
    "is said to be, and two people may look alike.",
    "The model was trained with these very labels and has learned wrong ones in part. Images that "
    "it was trained with look better to it than they are: there may be more than is listed here.",
    "An image of somebody who has no other image here, or of nobody, is not found in this way.",
    "The pictures are shown as the network sees them; each stands beside the most typical ones.",
)

# Groups of images, which the model sees in two ways.
TRAINED = "people whom the model was trained with"
NEW = "people who are new to the model"

# Spreadsheets run what begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

# What shows images by their keys, uint8 [K, H, W, C].
Pictures = Callable[[Sequence[str]], NDArray[np.uint8]]


@dataclass(frozen=True)
class AuditedImages:
    """All images of a run.

    Attributes:
      keys: of the images, [N].
      identities: whose they are said to be, [N].
      groups: `TRAINED` or `NEW`, [N].
      embeddings: float32 [N, D], L2-normalised.
    """

    keys: list[str]
    identities: list[str]
    groups: list[str]
    embeddings: NDArray[np.float32]


def sheet_of(title: str, images: AuditedImages, audit: LabelAudit, pictures: Pictures) -> str:
    """The contact sheet: each suspect beside images of both people, and names that look like one.

    Args:
      title: of the page.
      images: that were audited.
      audit: what was found.
      pictures: shows some of them.
    """
    suspects, pairs = audit.suspects[:MAX_ROWS], audit.same_people[:MAX_ROWS]
    people = {name for one in suspects for name in (one.identity, one.suggested)}
    people |= {name for pair in pairs for name in (pair.first, pair.second)}
    typical = _typical_images(people, images, audit)
    drafts = [_suspect_row(one, images.keys, typical) for one in suspects]
    pair_drafts = [_pair_row(pair, typical) for pair in pairs]
    thumbnails = _thumbnails([*drafts, *pair_drafts], pictures)
    sections = [
        Section(
            "Images that look more like somebody else",
            [draft.row(thumbnails) for draft in drafts],
            " ".join([_lead(len(audit.suspects), "the widest margin first"), *_limits(audit)]),
        ),
        Section(
            "Names that look like one person",
            [draft.row(thumbnails) for draft in pair_drafts],
            f"{_lead(len(audit.same_people), 'the most alike first')} Listed are those with a "
            f"likeness of {audit.likeness:.2f} or more.",
        ),
    ]
    return contact_sheet(title, REMARKS, sections)


def suspects_table(images: AuditedImages, suspects: Iterable[Suspect]) -> str:
    """`audit.csv`: a row for each suspect."""
    return _table(
        ("key", "identity", "suggested identity", "own similarity", "other similarity", "reason"),
        (
            (
                _safe(images.keys[one.index]),
                _safe(one.identity),
                _safe(one.suggested),
                "" if one.own is None else f"{one.own:.4f}",
                f"{one.other:.4f}",
                _reason(one),
            )
            for one in suspects
        ),
    )


def people_table(pairs: Iterable[SamePeople]) -> str:
    """`people.csv`: a row for each two names that look like one person."""
    return _table(
        ("identity", "other identity", "likeness"),
        ((_safe(pair.first), _safe(pair.second), f"{pair.likeness:.4f}") for pair in pairs),
    )


def _reason(suspect: Suspect) -> str:
    if suspect.own is None:
        return "very near to another person, and no sure image of its own person to compare with"
    return "nearer to another person than to its own"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lead(count: int, order: str) -> str:
    shown = f"The first {MAX_ROWS} of {count}" if count > MAX_ROWS else f"{count} in all"
    return f"{shown}, {order}."


def _limits(audit: LabelAudit) -> list[str]:
    """From where on an image was a suspect, a sentence a group."""
    return [
        f"Of {group}, listed is an image whose cosine to another's centre is {limit.near:.2f} or "
        f"more, and higher than to its own by more than {limit.margin:.2f}; if it is the only one "
        f"of its person, {limit.near_alone:.2f} or more."
        for group, limit in audit.limits.items()
    ]


# --- Rows, first without pictures, so that all of these are read together ---


@dataclass(frozen=True)
class _Draft:
    """A row whose tiles are (label, key of the image); the first may be what it is about."""

    title: str
    line: str
    tiles: Sequence[tuple[str, str]]
    marks_first: bool = False

    def row(self, thumbnails: dict[str, bytes]) -> Row:
        tiles = [
            Tile(thumbnails[key], [key], label, marked=self.marks_first and place == 0)
            for place, (label, key) in enumerate(self.tiles)
        ]
        return Row(tiles, self.title, [self.line])


def _suspect_row(suspect: Suspect, keys: Sequence[str], typical: dict[str, list[str]]) -> _Draft:
    key = keys[suspect.index]
    own = "no sure image of its own" if suspect.own is None else f"{suspect.own:.2f} to its own"
    beside = [
        (name, other)
        for name in (suspect.identity, suspect.suggested)
        for other in typical[name][:_BESIDE]
    ]
    return _Draft(
        f"Said to be {suspect.identity}, looks like {suspect.suggested}",
        f"Cosine {suspect.other:.2f} to the centre of {suspect.suggested}, {own}.",
        [("This image", key), *beside],
        marks_first=True,
    )


def _pair_row(pair: SamePeople, typical: dict[str, list[str]]) -> _Draft:
    return _Draft(
        f"{pair.first} and {pair.second}",
        f"Likeness {pair.likeness:.2f}, where 1 is one person.",
        [
            (name, key)
            for name in (pair.first, pair.second)
            for key in typical[name][:_OF_EACH_NAME]
        ],
    )


def _typical_images(
    people: set[str], images: AuditedImages, audit: LabelAudit
) -> dict[str, list[str]]:
    """Keys of each of these people's images, without suspects, the nearest to the centre first."""
    suspects = {suspect.index for suspect in audit.suspects}
    order = np.argsort(-np.nan_to_num(audit.own, nan=-2.0), kind="stable")
    typical: dict[str, list[str]] = {name: [] for name in people}
    for index in order:
        if images.identities[index] in people and index not in suspects:
            typical[images.identities[index]].append(images.keys[index])
    return typical


def _thumbnails(drafts: Iterable[_Draft], pictures: Pictures) -> dict[str, bytes]:
    keys = list(dict.fromkeys(key for draft in drafts for _, key in draft.tiles))
    if not keys:
        return {}
    named = zip(keys, pictures(keys), strict=True)
    return {key: thumbnail(_image_of(pixels)) for key, pixels in named}


def _image_of(pixels: NDArray[np.uint8]) -> Image.Image:
    """Of uint8 [H, W, C]; Pillow wants grey images without an axis of channels."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
