"""A contact sheet: one HTML file of small pictures with words, that needs nothing else."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from PIL import Image

from groundfloor.text import shown_text

TEMPLATES = Path(__file__).parent / "templates"

# The longer side of a thumbnail in pixels: hundreds of them have to stay a small file.
THUMBNAIL_SIDE = 112
_JPEG_QUALITY = 85

# Characters of a name, and of a sentence, that are shown.
_MAX_NAME = 200
_MAX_SENTENCE = 1000


@dataclass(frozen=True)
class Tile:
    """One picture with what is said of it.

    Attributes:
      jpeg: the picture, as `thumbnail` makes it; None where there is none to show.
      lines: what stands below, from outside or not: names of files and people, numbers.
      label: what the picture is here, in a few words, above those; empty for nothing.
      marked: whether the picture is the one that its row is about.
    """

    jpeg: bytes | None
    lines: Sequence[str] = ()
    label: str = ""
    marked: bool = False


@dataclass(frozen=True)
class Row:
    """Pictures that are looked at together; a row that is too long for the page is broken.

    Attributes:
      tiles: the pictures.
      title: what they have in common; empty for nothing.
      lines: what else is said of all of them.
    """

    tiles: Sequence[Tile]
    title: str = ""
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """A part of the sheet.

    Attributes:
      title: its heading.
      rows: what is in it, in this order.
      lead: a paragraph on what the rows show; empty for none.
    """

    title: str
    rows: Sequence[Row]
    lead: str = ""


def contact_sheet(title: str, remarks: Sequence[str], sections: Sequence[Section]) -> str:
    """Renders a contact sheet as one HTML page without any reference to a network.

    All text is escaped and bounded: a file named `<script>` is shown as these characters, and what
    shows nothing, such as an override of the direction, as its escape. The page forbids itself, by
    its content security policy, to load or run anything. How many rows there are is for the caller
    to bound: each thumbnail is part of the page.

    Args:
      title: of the page.
      remarks: sentences on what the sheet is, and what it is not.
      sections: the parts; those without a row are left out.

    Returns:
      HTML to be saved as UTF-8. The same arguments give the same text.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": lambda text: shown_text(text, _MAX_NAME),
        "sentence": lambda text: shown_text(text, _MAX_SENTENCE),
        "jpeg": _jpeg_address,
    }
    page = environment.get_template("contact_sheet.html.jinja")
    shown = [section for section in sections if section.rows]
    return page.render(title=title, remarks=remarks, sections=shown)


def thumbnail(image: Image.Image) -> bytes:
    """A JPEG of an upright picture, its longer side at most `THUMBNAIL_SIDE` pixels.

    Args:
      image: grey or in colours; what is transparent is to be gone, see `faces.images.picture`.
    """
    small = image.convert("L" if image.mode in {"1", "L"} else "RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    file = io.BytesIO()
    small.save(file, format="JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def _jpeg_address(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
