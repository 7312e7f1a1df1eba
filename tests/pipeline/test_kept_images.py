"""What an audit leaves of a run's images: a manifest that a run can read, or their keys."""

import csv
import io

import pytest

from components.example_gen.config import DataConfig
from components.example_gen.source import source_for
from faces.record import Record
from faces.sources import SourceOptions, source_at
from pipeline.kept_images import KEYS, MANIFEST, TEST_PEOPLE, keep
from tests.faces.recordio_files import image_data, record, write_records

DATA = DataConfig().to_property()


def read(kept, folder):
    """The records of a kept manifest, as a run reads them."""
    path = folder / "audit" / MANIFEST
    path.parent.mkdir()
    path.write_text(kept.files[MANIFEST], encoding="utf-8")
    return list(source_at(path, options=SourceOptions(follow_links=True)).list().records)


@pytest.fixture
def people(tmp_path):
    """A folder of two people with two files each."""
    for key in ("ann/1.jpg", "ann/2.jpg", "bob/1.jpg", "bob/2.jpg"):
        path = tmp_path / "people" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key)
    return tmp_path / "people"


def test_of_a_folder_there_is_a_manifest_of_the_same_files(people, tmp_path):
    kept = keep({"ann/1.jpg": "ann", "bob/2.jpg": "bob"}, people, DATA)
    assert (list(kept.files), kept.remarks) == ([MANIFEST], [])
    records = read(kept, tmp_path)
    assert records == [
        Record(str(people / "ann/1.jpg"), "ann"),
        Record(str(people / "bob/2.jpg"), "bob"),
    ]
    assert [source_at(people).read(Record(key, "")) for key in ("ann/1.jpg", "bob/2.jpg")] == [
        source_at(people).read(record) for record in records
    ]


def test_of_a_manifest_all_that_it_says_is_kept(people, tmp_path):
    header = "path,identity,split,x1,y1,x2,y2,x3,y3,x4,y4,x5,y5,box,age"
    rows = [
        "ann/1.jpg,Ann,train,1,2,3,4,5,6,7,8,9,10,1 2 3 4.5,30",
        "bob/1.jpg,Bob,test,,,,,,,,,,,,",
    ]
    (people / "list.csv").write_text("\n".join([header, *rows]))
    original = source_at(people / "list.csv").list().records
    kept = keep({"ann/1.jpg": "Ann", "bob/1.jpg": "Bob"}, people / "list.csv", DATA)
    for before, after in zip(original, read(kept, tmp_path), strict=True):
        assert after.key == str(people / before.key)
        assert (after.identity, after.split, after.landmarks, after.box, after.columns) == (
            before.identity,
            before.split,
            before.landmarks,
            before.box,
            before.columns,
        )
    assert original[0].landmarks
    assert original[0].box


def test_of_a_manifest_behind_a_link_paths_begin_where_it_really_lies(people, tmp_path):
    (people / "list.csv").write_text("path,identity\nann/1.jpg,ann\n")
    (tmp_path / "link.csv").symlink_to(people / "list.csv")
    kept = keep({"ann/1.jpg": "ann"}, tmp_path / "link.csv", DATA)
    assert [record.key for record in read(kept, tmp_path)] == [str(people / "ann/1.jpg")]


def test_a_source_is_read_as_the_run_read_it(people, tmp_path):
    (people / "list.txt").write_text("path,identity\nann/1.jpg,ann\n")
    named = DataConfig(source="manifest").to_property()
    assert keep({"ann/1.jpg": "ann"}, people / "list.txt", named).files[MANIFEST]
    (people / "cy").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/1.jpg").write_text("cy")
    followed = DataConfig(follow_links=True).to_property()
    assert str(people / "cy/1.jpg") in keep({"cy/1.jpg": "cy"}, people, followed).files[MANIFEST]


def test_of_what_is_no_file_there_are_the_keys_which_is_said(tmp_path):
    path = write_records(tmp_path / "train.rec", {1: record(image_data(b"image", 1.0))})
    kept = keep({"0000000001": "1", "=2": "2"}, path, DATA)
    assert list(kept.files) == [KEYS]
    rows = list(csv.reader(io.StringIO(kept.files[KEYS])))
    assert rows == [["key", "identity"], ["0000000001", "1"], ["=2", "2"]]
    (remark,) = kept.remarks
    assert remark.startswith(f"there is no {MANIFEST}, but {KEYS}: the images in ")
    assert "train.rec" in remark


def test_without_the_images_there_are_the_keys_which_is_said(people, tmp_path):
    kept = keep({"ann/1.jpg": "ann"}, tmp_path / "gone", DATA)
    assert list(kept.files) == [KEYS]
    assert "No such file or directory" in kept.remarks[0]


def test_without_knowing_how_they_were_read_there_are_the_keys_which_is_said(people):
    kept = keep({"ann/1.jpg": "ann"}, people, "")
    assert list(kept.files) == [KEYS]
    assert "another version" in kept.remarks[0]


def test_what_is_gone_or_another_person_s_by_now_is_left_out_and_said(people, tmp_path):
    (people / "ann/2.jpg").unlink()
    kept = keep({"ann/1.jpg": "ann", "ann/2.jpg": "ann", "bob/1.jpg": "cy"}, people, DATA)
    assert [record.identity for record in read(kept, tmp_path)] == ["ann"]
    (remark,) = kept.remarks
    assert remark.startswith(
        f"not in {MANIFEST}, since they are gone or somebody else's by now: 2,"
    )
    assert "ann/2.jpg" in remark


def test_what_a_manifest_cannot_name_is_left_out_and_said(people, tmp_path):
    (people / "ann/2.jpg").rename(people / "ann/back\\slash.jpg")
    kept = keep({"ann/1.jpg": "ann", "ann/back\\slash.jpg": "ann"}, people, DATA)
    assert len(read(kept, tmp_path)) == 1
    (remark,) = kept.remarks
    assert remark.startswith(f"not in {MANIFEST}, since it cannot have such names: 1, such as ")


@pytest.fixture
def others(tmp_path):
    """A second folder, of two more people."""
    for key in ("cy/1.jpg", "dan/1.jpg"):
        path = tmp_path / "others" / key
        path.parent.mkdir(parents=True)
        path.write_text(key)
    return tmp_path / "others"


def test_a_test_set_from_elsewhere_is_in_the_manifest_and_its_people_are_named(
    people, others, tmp_path
):
    config = DataConfig(test_dir=others).to_property()
    images = {"./train/ann/1.jpg": "ann", "./train/bob/1.jpg": "bob", "cy/1.jpg": "cy"}
    kept = keep(images, people, config)
    assert kept.files[TEST_PEOPLE] == "cy\n"
    assert kept.remarks == []
    assert {record.key: record.identity for record in read(kept, tmp_path)} == {
        str(people / "ann/1.jpg"): "ann",
        str(people / "bob/1.jpg"): "bob",
        str(others / "cy/1.jpg"): "cy",
    }


def test_the_people_who_are_tested_are_named_for_the_next_run(people, tmp_path):
    config = DataConfig(test_identities=["bob"]).to_property()
    kept = keep({"ann/1.jpg": "ann", "bob/1.jpg": "bob"}, people, config)
    (tmp_path / TEST_PEOPLE).write_text(kept.files[TEST_PEOPLE])
    assert len(read(kept, tmp_path)) == 2
    again = DataConfig(test_identities=str(tmp_path / TEST_PEOPLE), follow_links=True)
    splits = {
        record.identity: record.split
        for record in source_for(again, tmp_path / "audit" / MANIFEST).list().records
    }
    assert splits == {"ann": None, "bob": "test"}


def test_a_name_that_the_list_of_test_people_cannot_have_is_said(people):
    (people / "bob").rename(people / "#bob")
    config = DataConfig(test_identities=["#bob"]).to_property()
    kept = keep({"ann/1.jpg": "ann", "#bob/1.jpg": "#bob"}, people, config)
    assert kept.remarks == [f"{TEST_PEOPLE} cannot have some of the names of those who are tested"]


def test_of_a_test_set_that_is_no_files_there_are_the_keys(people, tmp_path):
    path = write_records(tmp_path / "test.rec", {1: record(image_data(b"image", 1.0))})
    config = DataConfig(test_dir=path).to_property()
    assert list(keep({"0000000001": "1"}, people, config).files) == [KEYS]
