"""The page: complete, self-contained, and safe whatever files and people are called."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from faces.report.contact_sheet import (
    THUMBNAIL_SIDE,
    Row,
    Section,
    Tile,
    contact_sheet,
    thumbnail,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}",
    "--><style>*{display:none}</style>",
]


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text in lines."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def picture(size=(8, 6), mode="RGB"):
    channels = len(mode)
    pixels = np.random.default_rng(1).integers(0, 256, (*size[::-1], channels), np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def sheet(name="a name"):
    tiles = [
        Tile(thumbnail(picture()), [name, "0.1"], label=name, marked=True),
        Tile(None, [name]),
        Tile(thumbnail(picture())),
    ]
    sections = [
        Section(name, [Row(tiles, title=name, lines=[name])], lead=name),
        Section("Second", [Row(tiles[:1])]),
        Section("Empty", []),
    ]
    return contact_sheet(name, [name, "What it is not."], sections)


def test_the_page_loads_nothing_and_forbids_itself_to():
    html = sheet()
    tags = Page(html).tags
    sources = [attrs["src"] for tag, attrs in tags if tag == "img"]
    assert len(sources) == 3
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not re.search(r"url\(|@import|https?:", html)
    policies = [attrs["content"] for _, attrs in tags if "http-equiv" in attrs]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_a_tile_shows_its_very_thumbnail_its_words_and_its_mark():
    jpeg = thumbnail(picture())
    tile = Tile(jpeg, ["ann/1.jpg", "0.25"], label="This image", marked=True)
    page = Page(contact_sheet("Sheet", [], [Section("One", [Row([tile])])]))
    (image,) = (attrs for tag, attrs in page.tags if tag == "img")
    assert base64.b64decode(image["src"].partition(",")[2]) == jpeg
    assert image["alt"] == "ann/1.jpg"
    assert {"ann/1.jpg", "0.25", "This image"} <= set(page.text)
    assert ("li", {"class": "tile marked"}) in page.tags


def test_what_cannot_be_shown_is_said_to_have_no_picture():
    assert "no picture" in Page(sheet()).text


def test_sections_without_rows_are_left_out_and_the_others_can_be_jumped_to():
    page = Page(sheet())
    assert "Empty" not in page.text
    sections = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert [attrs["href"][1:] for tag, attrs in page.tags if tag == "a"] == sections
    assert len(sections) == 2


def test_a_sheet_without_anything_says_so():
    html = contact_sheet("Sheet", ["A remark."], [Section("Empty", [])])
    assert {"A remark.", "There is nothing to show."} <= set(Page(html).text)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_wherever_they_stand(name):
    page = Page(sheet(name))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in Page(sheet()).tags]
    assert not [attrs for _, attrs in page.tags if "onerror" in attrs]
    # Title, heading, remark, link, section, lead, row, line; then the words of the four tiles.
    assert page.text.count(name) == 8 + (2 + 1 + 0) + 2


def test_what_shows_nothing_or_is_no_valid_text_is_shown_as_its_escape():
    html = sheet("\u202egpj.\x1b[31m \udce9")
    assert "\\u202egpj.\\x1b[31m \\udce9" in html.encode().decode()


def test_very_long_names_cannot_fill_the_page():
    assert len(sheet("x" * 100_000)) < len(sheet()) + 10_000


def test_a_remark_of_several_sentences_is_shown_whole():
    remark = "These are candidates, to be judged by a person. " * 10
    assert remark.strip() in contact_sheet("Sheet", [remark], [])


def test_the_same_arguments_give_the_same_text():
    assert sheet() == sheet()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_thumbnail_is_a_small_jpeg_of_the_same_shape_and_colours(mode):
    before = picture((400, 200), mode)
    small = Image.open(io.BytesIO(thumbnail(before)))
    assert (small.format, small.mode, small.size) == ("JPEG", mode, (THUMBNAIL_SIDE, 56))
    assert before.size == (400, 200)


def test_a_picture_that_is_small_already_keeps_its_size():
    assert Image.open(io.BytesIO(thumbnail(picture((64, 64))))).size == (64, 64)


def test_a_bitmap_and_a_palette_have_thumbnails():
    for mode in ("1", "P", "CMYK"):
        assert Image.open(io.BytesIO(thumbnail(picture().convert(mode)))).format == "JPEG"
