"""What an audit found, on a page and in tables."""

import csv
import io

import numpy as np
import pytest

from faces.audit import LabelAudit, Limits, SamePeople, Suspect
from pipeline import audit_sheet
from pipeline.audit_sheet import (
    NEW,
    TRAINED,
    AuditedImages,
    people_table,
    sheet_of,
    suspects_table,
)
from tests.faces.report.test_contact_sheet import Page

IMAGES = AuditedImages(
    keys=[f"{name}/{shot}.jpg" for name in ("ann", "bob", "=cy") for shot in range(5)],
    identities=[name for name in ("ann", "bob", "=cy") for _ in range(5)],
    groups=[TRAINED] * 10 + [NEW] * 5,
    embeddings=np.zeros((15, 2), np.float32),
)
NEARNESS = [0.1, 0.9, 0.8, 0.7, 0.6] * 2 + [0.5, np.nan, 0.7, 0.9, 0.8]
AUDIT = LabelAudit(
    suspects=[Suspect(0, "ann", "bob", 0.125, 0.75), Suspect(11, "=cy", "ann", None, 0.875)],
    same_people=[SamePeople("=cy", "bob", 0.96875)],
    limits={TRAINED: Limits(0.25, 0.5, 0.625), NEW: Limits(0.0, 0.375, 0.75)},
    likeness=0.875,
    own=np.array(NEARNESS, np.float32),
)


def shown(audit=AUDIT, images=IMAGES, wanted=None):
    """The page, and which images it has asked for."""

    def pictures(keys):
        (wanted if wanted is not None else []).extend(keys)
        return np.zeros((len(keys), 6, 6, 1), np.uint8)

    return Page(sheet_of("A run", images, audit, pictures))


def keys_in(page):
    return [text for text in page.text if text in IMAGES.keys]


def test_a_suspect_stands_beside_the_most_typical_images_of_both_people():
    suspect = ["ann/0.jpg", "ann/1.jpg", "ann/2.jpg", "bob/1.jpg", "bob/2.jpg"]
    assert keys_in(shown())[:5] == suspect
    marked = [attrs for tag, attrs in shown().tags if attrs.get("class") == "tile marked"]
    assert len(marked) == len(AUDIT.suspects)


def test_no_suspect_stands_for_its_person():
    page = shown()
    assert page.text.count("ann/0.jpg") == 1
    assert keys_in(page)[5:10] == ["=cy/1.jpg", "=cy/3.jpg", "=cy/4.jpg", "ann/1.jpg", "ann/2.jpg"]


def test_two_names_of_one_person_stand_side_by_side():
    both = ["=cy/3.jpg", "=cy/4.jpg", "=cy/2.jpg", "bob/1.jpg", "bob/2.jpg", "bob/3.jpg"]
    assert keys_in(shown())[10:] == both


def test_the_pictures_are_asked_for_once_and_each_of_them_once():
    wanted = []
    shown(wanted=wanted)
    assert sorted(wanted) == sorted(set(wanted))
    assert set(wanted) == set(keys_in(shown()))


def test_the_page_says_what_it_is_not_and_from_where_on_something_is_listed():
    text = " ".join(shown().text)
    assert "These are candidates, for a person to judge" in text
    assert "has learned wrong ones in part" in text
    assert f"Of {TRAINED}, listed is an image whose cosine to another's centre is 0.50" in text
    assert "higher than to its own by more than 0.25; if it is the only one of its" in text
    assert f"Of {NEW}, listed is" in text
    assert "likeness of 0.88 or more" in text
    assert "Cosine 0.75 to the centre of bob, 0.12 to its own." in text
    assert "Cosine 0.88 to the centre of ann, no sure image of its own." in text


def test_a_long_list_is_cut_on_the_page_and_said_to_be(monkeypatch):
    monkeypatch.setattr(audit_sheet, "MAX_ROWS", 1)
    text = " ".join(shown().text)
    assert "The first 1 of 2, the widest margin first." in text
    assert "looks like ann" not in text
    assert len(list(csv.reader(io.StringIO(suspects_table(IMAGES, AUDIT.suspects))))) == 3


def test_an_audit_that_found_nothing_reads_no_picture():
    nothing = LabelAudit([], [], AUDIT.limits, AUDIT.likeness, AUDIT.own)
    page = shown(nothing, wanted=(wanted := []))
    assert "There is nothing to show." in page.text
    assert wanted == []


def test_the_table_of_suspects_has_a_row_each_that_no_spreadsheet_runs():
    header, *rows = csv.reader(io.StringIO(suspects_table(IMAGES, AUDIT.suspects)))
    assert header == [
        "key",
        "identity",
        "suggested identity",
        "own similarity",
        "other similarity",
        "reason",
    ]
    assert rows[0][:5] == ["ann/0.jpg", "ann", "bob", "0.1250", "0.7500"]
    assert rows[0][5] == "nearer to another person than to its own"
    assert rows[1][:5] == ["'=cy/1.jpg", "'=cy", "ann", "", "0.8750"]
    assert rows[1][5].startswith("very near to another person")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_names_that_a_spreadsheet_would_run_are_text_in_it(start):
    (_, row) = csv.reader(
        io.StringIO(people_table([SamePeople(f"{start}1+1", "bob", 1.0)]), newline="")
    )
    assert row == [f"'{start}1+1", "bob", "1.0000"]
