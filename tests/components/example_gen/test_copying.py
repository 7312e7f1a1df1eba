"""Copies of one picture, across splits and people, through the step."""

from pathlib import Path

import pytest

from benchmarks.steps import run_example_gen
from faces.quarantine import TABLE_FILE_NAME
from faces.report.quarantine_sheet import SHEET_FILE_NAME
from groundfloor.errors import UserError
from tests.components.example_gen.test_executor import (
    keys_by_split,
    quarantine_of,
    split_report_of,
)
from tests.faces.photographs import as_jpeg, photograph, scaled


@pytest.fixture
def photographs(tmp_path):
    """A folder of 8 people with 5 photographs each."""
    for person in range(8):
        home = tmp_path / "faces" / f"person{person:02d}"
        home.mkdir(parents=True)
        for shot in range(5):
            photograph(person, shot).save(home / f"{shot}.png")
    return tmp_path / "faces"


@pytest.fixture
def splits(photographs, tmp_path):
    """Where each photograph is without any copy."""
    return keys_by_split(run_example_gen(photographs, tmp_path / "before"))


def changed(path: Path, person: int, shot: int) -> None:
    """Puts a copy of a photograph in the place of another, as people copy them."""
    scaled(as_jpeg(photograph(person, shot).convert("RGB"), 80), 0.8).save(path)


def of(key: str) -> tuple[int, int]:
    return int(key[6:8]), int(key[9])


def run_with_a_leak(photographs, splits, folder, **data):
    """A run where an image of `test` is a copy of one of `train`; and both keys."""
    leaking, source = min(splits["test"]), min(splits["train"])
    changed(photographs / leaking, *of(source))
    return run_example_gen(photographs, folder, **data), leaking, source


def test_different_photographs_are_no_copies(photographs, tmp_path):
    quarantine = quarantine_of(run_example_gen(photographs, tmp_path / "run"))
    assert quarantine.rows == ()
    assert quarantine.remarks() == []


def test_a_copy_of_a_training_image_leaves_the_test_split_and_is_told(
    photographs, splits, tmp_path
):
    outputs, leaking, source = run_with_a_leak(photographs, splits, tmp_path / "run")
    after = keys_by_split(outputs)
    assert after == splits | {"test": splits["test"] - {leaking}}
    quarantine, report = quarantine_of(outputs), split_report_of(outputs)
    assert [(row.reason, row.key, row.detail) for row in quarantine.rows] == [
        ("near duplicate", leaking, f"left test: a copy of {source!r} in train")
    ]
    assert report.images["test"] == len(after["test"])
    told = f"1 near duplicates left the test split, such as {leaking!r}, a copy of {source!r}"
    assert any(remark.startswith(told) for remark in report.remarks)
    assert "probably label errors: 1" in quarantine.remarks()[0]
    assert outputs["quarantine"].get_int_custom_property("quarantined") == 0
    folder = Path(outputs["quarantine"].uri)
    assert leaking in (folder / TABLE_FILE_NAME).read_text()
    assert (folder / SHEET_FILE_NAME).read_text().count("data:image/jpeg") == 4


def test_copies_are_no_unusable_files(photographs, splits, tmp_path):
    run_with_a_leak(photographs, splits, tmp_path / "run", max_quarantined=0.0)


def test_a_copy_of_a_training_image_leaves_the_validation_split(photographs, splits, tmp_path):
    (leaking, *_), source = sorted(splits["val"]), max(splits["train"])
    changed(photographs / leaking, *of(source))
    after = keys_by_split(run_example_gen(photographs, tmp_path / "run"))
    assert after == splits | {"val": splits["val"] - {leaking}}


def test_reported_copies_stay_and_are_told(photographs, splits, tmp_path):
    outputs, *_ = run_with_a_leak(photographs, splits, tmp_path / "run", near_duplicates="report")
    assert keys_by_split(outputs) == splits
    quarantine = quarantine_of(outputs)
    assert quarantine.rows == ()
    assert quarantine.copies.leaked == {"test": 1}
    assert any("1 images of the test split are copies" in told for told in quarantine.remarks())


def test_copies_that_are_not_looked_for_stay(photographs, splits, tmp_path):
    outputs, *_ = run_with_a_leak(photographs, splits, tmp_path / "run", near_duplicates="off")
    assert keys_by_split(outputs) == splits
    assert quarantine_of(outputs).copies is None


def test_copies_of_one_split_stay_and_are_reported(photographs, splits, tmp_path):
    first, *_, last = sorted(splits["train"])
    changed(photographs / last, *of(first))
    outputs = run_example_gen(photographs, tmp_path / "run")
    assert keys_by_split(outputs) == splits
    (pair,) = quarantine_of(outputs).copies.across
    assert (pair.keys, pair.identities) == ((first, last), (first[:8], last[:8]))


def test_a_test_split_of_copies_is_an_error_that_names_the_way_out(photographs, splits, tmp_path):
    sources = sorted(splits["train"])
    for leaking, source in zip(sorted(splits["test"]), sources, strict=False):
        changed(photographs / leaking, *of(source))
    with pytest.raises(UserError, match=r"data\.near_duplicates: report keeps them"):
        run_example_gen(photographs, tmp_path / "run")
