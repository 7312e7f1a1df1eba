"""When ImageExampleGen runs again."""

import os

import pytest

from benchmarks.steps import run_example_gen
from components.example_gen.component import ImageExampleGen
from components.example_gen.config import DataConfig
from components.example_gen.driver import SourceDriver
from faces.sources import listed_once
from faces.sources.folder import FolderSource
from groundfloor.errors import UserError
from tests.conftest import draw_face
from tests.faces.sources.tables import rows_of_folder, write_csv


def fingerprint_by_driver(faces):
    properties = dict(ImageExampleGen(str(faces), DataConfig(), channels=3).exec_properties)
    resolved = SourceDriver(None).resolve_exec_properties(properties, None, None)
    return resolved["input_fingerprint"]


def test_the_driver_fingerprints_the_whole_folder(faces):
    before = fingerprint_by_driver(faces)
    assert fingerprint_by_driver(faces) == before == FolderSource(faces).fingerprint()
    (faces / "person00/deep").mkdir()
    (faces / "person00/0.png").rename(faces / "person00/deep/0.png")
    assert fingerprint_by_driver(faces) != before


def test_the_driver_sees_content_that_size_and_time_do_not_show(faces):
    prints = []
    one, two = faces / "person00/one.bin", faces / "person01/one.bin"
    for first, second in ((b"a", b"b"), (b"b", b"a")):
        for path, content in ((one, first), (two, second)):
            path.write_bytes(content)
            os.utime(path, (1, 1))
        prints.append(fingerprint_by_driver(faces))
    assert prints[0] != prints[1]


def test_the_driver_fingerprints_what_a_manifest_lists(faces):
    table = write_csv(faces / "faces.csv", rows_of_folder(faces))
    before = fingerprint_by_driver(table)
    assert before == FolderSource(faces).fingerprint()
    (faces / "person00/0.png").write_bytes((faces / "person01/0.png").read_bytes())
    assert fingerprint_by_driver(table) != before


def drive_and_run(faces, target):
    FolderSource(faces).list()  # as a run judges its images before anything else
    run_example_gen(faces, target, input_fingerprint=fingerprint_by_driver(faces))


def test_within_its_scope_a_run_lists_the_folder_once(faces, tmp_path, scanned):
    with listed_once():
        drive_and_run(faces, tmp_path / "run")
    assert scanned.count(str(faces)) == 1
    assert scanned.count(str(faces / "person00")) == 1


def test_without_a_scope_each_lists_the_folder_for_itself(faces, tmp_path, scanned):
    drive_and_run(faces, tmp_path / "run")
    assert scanned.count(str(faces)) == 3


def spoil(path):
    draw_face(1, 99).save(path)


@pytest.mark.parametrize("change", [spoil, os.remove], ids=["changed", "removed"])
def test_a_file_that_is_not_what_the_driver_saw_is_an_error_within_a_scope_too(
    change, faces, tmp_path
):
    with listed_once():
        seen = fingerprint_by_driver(faces)
        change(faces / "person01/0.png")
        with pytest.raises(UserError, match="changed while they were read: run it again"):
            run_example_gen(faces, tmp_path / "run", input_fingerprint=seen)


def test_a_file_that_is_gone_before_the_driver_is_quarantined_within_a_scope(faces, tmp_path):
    with listed_once():
        FolderSource(faces).list()
        (faces / "person01/0.png").unlink()
        outputs = run_example_gen(
            faces, tmp_path / "run", input_fingerprint=fingerprint_by_driver(faces)
        )
    assert outputs["quarantine"].get_int_custom_property("quarantined") == 1
