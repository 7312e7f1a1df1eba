"""ImageExampleGen, run for real."""

import os

import pytest
import tensorflow as tf
from PIL import Image
from tfx.types import artifact_utils

from benchmarks.steps import run_example_gen
from components.example_gen.component import ImageExampleGen
from components.example_gen.config import DataConfig
from faces.contract import SPLITS
from faces.images.decode import decode_and_resize
from faces.quarantine import FILE_NAME, Quarantine
from faces.sources.folder import FolderSource
from faces.splits import REPORT_FILE_NAME, SplitReport, assign_splits
from groundfloor.errors import UserError
from tests.conftest import draw_face, write_faces
from tests.stages import examples_by_key, files_of


def records_in(folder):
    return FolderSource(folder).list().records


def quarantine_of(outputs):
    with open(os.path.join(outputs["quarantine"].uri, FILE_NAME), encoding="utf-8") as file:
        return Quarantine.from_json(file.read())


def split_report_of(outputs):
    with open(os.path.join(outputs["quarantine"].uri, REPORT_FILE_NAME), encoding="utf-8") as file:
        return SplitReport.from_json(file.read())


def keys_by_split(outputs):
    return {split: set(examples_by_key(outputs["examples"], split)) for split in SPLITS}


def test_every_image_is_in_the_split_it_was_assigned_to(faces, tmp_path):
    examples = run_example_gen(faces, tmp_path / "run")["examples"]
    assert artifact_utils.decode_split_names(examples.split_names) == ["train", "val", "test"]
    expected = assign_splits(
        records_in(faces), mode="identity_disjoint", test_split=0.2, val_split=0.1, seed=42
    )
    for split in ("train", "val", "test"):
        keys = {image.key for image, where in expected.items() if where == split}
        assert set(examples_by_key(examples, split)) == keys


def test_an_example_holds_the_file_and_what_is_known_of_it(faces, tmp_path):
    run = run_example_gen(faces, tmp_path / "run")
    everything = {}
    for split in ("train", "val", "test"):
        everything |= examples_by_key(run["examples"], split)
    feature = everything["person03/2.png"]
    assert feature["image/encoded"].bytes_list.value[0] == (faces / "person03/2.png").read_bytes()
    assert feature["image/format"].bytes_list.value[0] == b"png"
    assert feature["image/height"].int64_list.value[0] == 48
    assert feature["image/width"].int64_list.value[0] == 40
    assert feature["identity"].bytes_list.value[0] == b"person03"


def test_unusable_files_are_listed_with_their_reason_and_cost_nothing_else(faces, tmp_path):
    (faces / "person00/empty.jpg").write_bytes(b"")
    (faces / "person00/notes.txt").write_text("not an image")
    (faces / "person01/half.png").write_bytes((faces / "person01/0.png").read_bytes()[:500])
    Image.new("L", (200, 200)).save(faces / "person02/large.png")
    (faces / "person03/dangling.png").symlink_to("nowhere")
    os.mkfifo(faces / "person04/pipe.png")
    (faces / os.fsdecode(b"person05/\xff.png")).write_bytes((faces / "person05/0.png").read_bytes())
    outputs = run_example_gen(faces, tmp_path / "run", max_quarantined=0.2, max_pixels=10_000)
    reasons = quarantine_of(outputs).reasons
    expected = {
        "person00/empty.jpg": "empty file",
        "person00/notes.txt": "not an image in a known format",
        "person01/half.png": "broken data: ",
        "person02/large.png": "200x200 pixels, over the limit of 10000",
        "person03/dangling.png": "a link to nowhere",
        "person04/pipe.png": "not a regular file",
        os.fsdecode(b"person05/\xff.png"): "file name is not UTF-8",
    }
    assert reasons.keys() == expected.keys()
    assert all(reasons[key].startswith(expected[key]) for key in expected)
    report = outputs["quarantine"]
    assert report.get_int_custom_property("files") == 47
    assert report.get_int_custom_property("quarantined") == 7
    kept = [len(examples_by_key(outputs["examples"], s)) for s in ("train", "val", "test")]
    assert sum(kept) == 40


def test_splits_are_made_of_what_can_be_used(faces, tmp_path):
    for path in sorted(faces.glob("person00/*")):
        path.write_bytes(b"")
    for shot in range(1, 5):
        (faces / f"person01/{shot}.png").write_bytes(b"")
    outputs = run_example_gen(faces, tmp_path / "run", max_quarantined=0.5, val_split=0.2)
    reasons = quarantine_of(outputs).reasons
    usable = [
        image
        for image in records_in(faces)
        if image.identity != "person00" and image.key not in reasons
    ]
    expected = assign_splits(
        usable, mode="identity_disjoint", test_split=0.2, val_split=0.2, seed=42
    )
    splits = keys_by_split(outputs)
    assert {key: split for split, keys in splits.items() for key in keys} == {
        image.key: split for image, split in expected.items()
    }
    assert "person01/0.png" in splits["test"]  # of one image nobody learns
    report = split_report_of(outputs)
    assert report.images == {split: len(keys) for split, keys in splits.items()}
    assert report.remarks[-2:] == [
        "nothing of 'person00' can be used: 5 x empty file",
        "one image of 'person01' can be used: 4 x empty file",
    ]


def test_too_few_usable_people_is_one_error_that_says_who_lost_their_files(tmp_path):
    faces = write_faces(tmp_path / "faces", people=4, shots=3)
    for path in (faces / "person02").iterdir():
        path.write_bytes(b"")
    (faces / "someone").mkdir()
    with pytest.raises(UserError) as caught:
        run_example_gen(faces, tmp_path / "run", max_quarantined=0.5)
    first, *others = str(caught.value).splitlines()
    assert first.startswith("identity-disjoint splits need at least 4 identities")
    assert others == [
        "nothing of 'person02' can be used: 3 x empty file",
        "people without an image: 1, such as 'someone'",
    ]


def test_a_folder_that_changes_between_driver_and_reader_is_an_error(faces, tmp_path):
    seen = FolderSource(faces).fingerprint()
    run_example_gen(faces, tmp_path / "same", input_fingerprint=seen)
    draw_face(1, 99).save(faces / "person01/0.png")
    with pytest.raises(UserError, match="changed while they were read"):
        run_example_gen(faces, tmp_path / "changed", input_fingerprint=seen)


def test_the_same_images_give_the_same_bytes(faces, tmp_path):
    written = []
    for run in ("one", "two"):
        examples = run_example_gen(faces, tmp_path / run)["examples"]
        files = [file for split in SPLITS for file in files_of(examples, split)]
        written.append([tf.io.gfile.GFile(file, "rb").read() for file in files])
    assert written[0] == written[1]


def test_nothing_is_left_of_what_was_spilled(faces, tmp_path):
    run_example_gen(faces, tmp_path / "run")
    assert [path for path in (tmp_path / "run/tmp").rglob("*") if path.is_file()] == []


def test_too_many_unusable_files_end_the_run(faces, tmp_path):
    for shot in range(3):
        (faces / f"person00/{shot}.txt").write_text("not an image")
    with pytest.raises(UserError, match="3 of 43 files cannot be used"):
        run_example_gen(faces, tmp_path / "run", max_quarantined=0.05)


def test_a_source_without_variety_ends_the_run(faces, tmp_path):
    for path in faces.glob("*/*.png"):
        shade = int(path.stem) * 40
        Image.new("RGB", (40, 48), (shade, 0, 255 - shade)).save(path)
    with pytest.raises(UserError, match="each of the 40 usable images is of one plain colour"):
        run_example_gen(faces, tmp_path / "run")


def test_one_picture_of_two_people_and_plain_images_are_reported(faces, tmp_path):
    Image.open(faces / "person00/0.png").save(faces / "person01/again.jpg", format="BMP")
    Image.new("L", (40, 48), 7).save(faces / "person02/plain.png")
    sameness = quarantine_of(run_example_gen(faces, tmp_path / "run")).sameness
    assert (sameness.images, sameness.pictures) == (42, 41)
    assert sameness.shared == [["person00/0.png", "person01/again.jpg"]]
    assert sameness.plain == ["person02/plain.png"]


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_let_in_is_decoded_with_the_channels_of_the_model(channels, faces, tmp_path):
    Image.open(faces / "person00/0.png").convert("CMYK").save(faces / "person00/cmyk.jpg")
    outputs = run_example_gen(faces, tmp_path / "run", channels=channels)
    assert quarantine_of(outputs).reasons == {}
    everything = {}
    for split in ("train", "val", "test"):
        everything |= examples_by_key(outputs["examples"], split)
    encoded = everything["person00/cmyk.jpg"]["image/encoded"].bytes_list.value
    pixels = decode_and_resize(tf.constant(list(encoded)), (32, 32, channels)).numpy()
    assert pixels.std() > 10


def test_hostile_names_are_only_names(tmp_path):
    faces = write_faces(tmp_path / "faces", people=4, shots=4)
    hostile = faces / "<script>alert(1)<\\script>\n%2f.."
    hostile.mkdir()
    for shot in range(4):
        draw_face(9, shot).save(hostile / f"'; rm -rf * #{shot}.png")
    examples = run_example_gen(faces, tmp_path / "run")["examples"]
    keys = set()
    for split in ("train", "val", "test"):
        keys |= set(examples_by_key(examples, split))
    assert keys == {image.key for image in records_in(faces)}


def test_a_changed_source_changes_the_cache_key(faces, monkeypatch):
    def digest():
        component = ImageExampleGen(str(faces), DataConfig(), channels=3)
        return component.exec_properties["source_digest"]

    before = digest()
    monkeypatch.setattr("components.example_gen.component.source_digest", lambda module: "other")
    assert digest() != before
