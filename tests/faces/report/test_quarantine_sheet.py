"""The contact sheet."""

import re
from html.parser import HTMLParser

from faces.copies import CopyPair, CopyReport
from faces.quarantine import Quarantine, Row
from faces.reasons import BROKEN, EMPTY, NEAR_DUPLICATE, TOO_LARGE, TRUNCATED
from faces.report.quarantine_sheet import MAX_PAIRS, MAX_ROWS, MAX_SHOTS, render_sheet

HOSTILE = "a/<script>alert(1)</script>\udcff\u202e\x1b\"'&{{ 7*7 }}"
PICTURE = "data:image/jpeg;base64,AAAA"
PAIR = CopyPair(("a/1", "b/1"), ("ann", "bob"), 0.9991)


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def page_of(quarantine, leaks=(), address=lambda key: PICTURE):
    page = Page(render_sheet(quarantine, leaks, address))
    assert page.open == []
    return page


def rows_of(reason, count):
    return tuple(Row(reason, f"a/{number:04d}", "cut") for number in range(count))


def test_each_reason_has_its_section_with_thumbnails_of_what_can_be_shown():
    asked = []
    rows = (Row(TRUNCATED, "a/1", "cut"), Row(EMPTY, "a/2", "empty file"), Row(BROKEN, "a/3", "?"))

    def address(key):
        asked.append(key)
        return None if key == "a/3" else PICTURE

    page = page_of(Quarantine(9, rows), address=address)
    assert sorted(asked) == ["a/1", "a/3"]
    assert page.count("img") == 1
    assert page.text.count("no picture") == 2
    assert "3 of 9 files cannot be used" in " ".join(page.text.split())
    assert all(name in page.text for name in ("Truncated", "Empty", "Broken", "empty file"))


def test_what_is_too_large_is_not_decoded():
    page_of(Quarantine(1, rows_of(TOO_LARGE, 1)), address=lambda key: 1 / 0)


def test_copies_stand_side_by_side_and_those_that_left_are_no_unusable_files():
    quarantine = Quarantine(
        9,
        (Row(NEAR_DUPLICATE, "b/1", "left test: a copy of 'a/1' in train"),),
        copies=CopyReport([PAIR], [PAIR], 1, 1, {"test": 1}, cut=7),
    )
    leak = CopyPair(("b/1", "a/1"), ("bob", "ann"), None)
    page = page_of(quarantine, [leak])
    assert page.count("img") == 6
    text = " ".join(page.text.split())
    assert "0 of 9 files cannot be used; 1 more left their split" in text
    for title in ("across splits 1", "under two people's names 1", "within a person 1"):
        assert f"Copies: {title}" in text
    assert text.count("likeness 0.9991") == 2
    assert "7 pictures are like so many others" in text


def test_names_are_text_whatever_they_hold():
    pair = CopyPair((HOSTILE, HOSTILE), (HOSTILE, "b"), 1.0)
    quarantine = Quarantine(
        1, (Row(BROKEN, HOSTILE, HOSTILE),), copies=CopyReport([pair], [pair], 1, 1)
    )
    text = render_sheet(quarantine, [pair], lambda key: PICTURE)
    text.encode("utf-8")
    page = Page(text)
    assert page.count("script") == 0
    assert not {"\u202e", "\x1b", "\udcff"} & set(text)
    assert "{{ 7*7 }}" in page.text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_the_page_needs_nothing_else():
    page = page_of(Quarantine(3, rows_of(BROKEN, 3)))
    addresses = [
        value for _, attributes in page.tags for name, value in attributes.items() if name == "src"
    ]
    assert addresses == [PICTURE] * 3
    text = render_sheet(Quarantine(0), (), lambda key: None)
    assert not re.search(r"https?:|@import|url\(|<link|<script", text)
    assert "default-src 'none'" in text


def test_the_page_is_bounded_and_says_where_the_rest_is():
    rows = rows_of(BROKEN, MAX_ROWS + 50)
    pairs = [PAIR] * (MAX_PAIRS + 5)
    page = page_of(Quarantine(9_000, rows, copies=CopyReport(pairs, (), len(pairs), 0)))
    assert page.count("img") == MAX_SHOTS + 2 * MAX_PAIRS
    assert page.count("tr") == MAX_ROWS + 1
    text = " ".join(page.text.split())
    assert f"{MAX_ROWS + 50 - MAX_SHOTS} more are in quarantine.csv" in text
    assert f"The first {MAX_ROWS} of {MAX_ROWS + 50}; all are in quarantine.csv" in text
    assert "5 more are not shown" in text


def test_where_every_file_is_used_it_says_so():
    assert "Every file is used." in page_of(Quarantine(4)).text
