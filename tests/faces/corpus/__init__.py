"""Image files of every kind that could be found, drawn here, each with what must become of it.

Nothing is read from disk. Files that Pillow cannot write are put together byte by byte.
"""

from collections.abc import Iterator

from tests.faces.corpus.bitmaps import bmps, gifs, pnms
from tests.faces.corpus.jpeg import jpeg_oddities, jpegs
from tests.faces.corpus.newer import avifs, jpegs_2000, webps
from tests.faces.corpus.no_images import bombs, followed, not_read, truncated
from tests.faces.corpus.pictures import MAX_PIXELS, File
from tests.faces.corpus.png import png_depths, png_oddities, png_transparency
from tests.faces.corpus.profiles import profiles
from tests.faces.corpus.sizes import sizes
from tests.faces.corpus.tiff import tiff_colour, tiff_grey, tiff_layouts, tiff_oddities

__all__ = ["MAX_PIXELS", "File", "files"]


def files() -> Iterator[File]:
    """All of them."""
    for draw in (
        png_depths,
        png_transparency,
        png_oddities,
        tiff_grey,
        tiff_colour,
        tiff_layouts,
        tiff_oddities,
        jpegs,
        jpeg_oddities,
        bmps,
        gifs,
        pnms,
        webps,
        avifs,
        jpegs_2000,
        profiles,
        sizes,
        truncated,
        followed,
        not_read,
        bombs,
    ):
        yield from draw()
