"""The corpus of bad and odd files, all through the step at once: nothing bad gets in."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.steps import run_example_gen
from faces.contract import IMAGE_ENCODED, SPLITS
from faces.images.decode import decode_image
from faces.quarantine import FILE_NAME, TABLE_FILE_NAME, Quarantine
from faces.reasons import BAD_NAME, NOT_AN_IMAGE, NOT_READ, REFUSED, UNREADABLE
from faces.report.quarantine_sheet import SHEET_FILE_NAME
from tests.components.example_gen.test_executor import examples_by_key
from tests.conftest import draw_face, encoded
from tests.faces.corpus import MAX_PIXELS, files
from tests.faces.corpus.outcomes import reason_of

FILES = {f"person{number % 8}/{number:04d}.jpg": file for number, file in enumerate(files())}
GOOD = encoded(draw_face(1, 1), "png")


def put(path: Path, data: bytes = GOOD) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_odd_names(root: Path) -> dict[str, str | None]:
    """Files whose names or places are odd, key -> what becomes of them; None: they are used."""
    outside = root.parent / "outside.png"
    put(outside)
    (root / "person0/out.png").symlink_to(outside)
    (root / "person0/nowhere.png").symlink_to(root / "person0/none.png")
    os.mkfifo(root / "person1/pipe.png")
    put(root / "person2/shared.png", encoded(draw_face(2, 2), "png"))
    (root / "person3/shared.png").hardlink_to(root / "person2/shared.png")
    put(root / "person4/zip.jpg", b"PK\x03\x04" + bytes(100))
    put(root / "person4/heic.jpg", b"\0\0\0\x18ftypheic" + bytes(30))
    outcomes: dict[str, str | None] = {
        "person0/out.png": REFUSED,
        "person0/nowhere.png": REFUSED,
        "person1/pipe.png": UNREADABLE,
        "person2/shared.png": REFUSED,
        "person3/shared.png": REFUSED,
        "person4/zip.jpg": NOT_AN_IMAGE,
        "person4/heic.jpg": NOT_READ,
    }
    for name in (
        b"a\nb.png",
        b"'\"`;$(x).png",
        b"<img src=x>.png",
        b"=1+1.png",
        b"\xe2\x80\xae.png",
    ):
        put(root / "person5" / os.fsdecode(name))
        outcomes[f"person5/{os.fsdecode(name)}"] = None
    put(root / "person6" / os.fsdecode(b"\xff.png"))
    outcomes[f"person6/{os.fsdecode(bytes([255]))}.png"] = BAD_NAME
    for litter in ("Thumbs.db", "._a.png", ".DS_Store", "a.png~"):  # left out without a word
        put(root / "person7" / litter)
    if os.geteuid() != 0:  # root reads everything
        put(root / "person7/locked.png")
        (root / "person7/locked.png").chmod(0)
        outcomes["person7/locked.png"] = UNREADABLE
    return outcomes


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What is to become of each file, what was quarantined, and what was let in."""
    root = tmp_path_factory.mktemp("corpus") / "faces"
    for key, file in FILES.items():
        put(root / key, file.data)
    expected = {key: reason_of(file) for key, file in FILES.items()} | write_odd_names(root)
    outputs = run_example_gen(
        root, root.parent / "run", max_quarantined=1.0, max_pixels=MAX_PIXELS, near_duplicates="off"
    )
    examples: dict[str, bytes] = {}
    for split in SPLITS:
        for key, feature in examples_by_key(outputs["examples"], split).items():
            examples[key] = feature[IMAGE_ENCODED].bytes_list.value[0]
    return expected, Path(outputs["quarantine"].uri), examples


def test_every_bad_file_is_quarantined_for_its_reason_and_every_other_one_is_used(run):
    expected, folder, examples = run
    quarantine = Quarantine.from_json((folder / FILE_NAME).read_text())
    assert {row.key: row.reason for row in quarantine.rows} == {
        key: reason for key, reason in expected.items() if reason
    }
    assert set(examples) == {key for key, reason in expected.items() if not reason}
    assert quarantine.files == len(expected)
    assert len(quarantine.counts) >= 10
    assert sum(quarantine.counts.values()) == len(quarantine.rows)


def test_what_is_let_in_is_what_a_viewer_shows(run):
    *_, examples = run
    wrong = []
    for key, file in FILES.items():
        if file.shown is not None:
            pixels = decode_image(tf.constant(examples[key]), 3).numpy().astype(float)
            if np.abs(pixels - file.shown).mean() > file.within:
                wrong.append((file.kind, file.name))
    assert wrong == []


def test_the_table_and_the_page_hold_all_of_it(run):
    expected, folder, _ = run
    table = (folder / TABLE_FILE_NAME).read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert sorted(row["reason"] for row in rows) == sorted(filter(None, expected.values()))
    page = (folder / SHEET_FILE_NAME).read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") > 20
    assert len(page) < 1_000_000
