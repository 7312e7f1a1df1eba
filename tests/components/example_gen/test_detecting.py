"""Faces are looked for where the source says nothing of them; the detector is made up here."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.steps import run_example_gen
from components.example_gen.checked import CheckedImage
from components.example_gen.component import ImageExampleGen
from components.example_gen.config import DataConfig
from components.example_gen.detecting import DETECTION_FILE_NAME, Detection
from components.image_config import DetectionConfig, ImageConfig
from faces.contract import IMAGE_BOX, IMAGE_FACE_SCORE, IMAGE_KEY, IMAGE_LANDMARKS, SPLITS
from faces.detection import Face, location
from faces.detection.location import Location, located
from faces.images.encode import encode_image
from faces.quarantine import FILE_NAME, Quarantine
from faces.record import Record
from faces.splits import REPORT_FILE_NAME, SplitReport
from groundfloor.errors import UserError
from tests import ROOT
from tests.conftest import draw_face, encoded, write_faces
from tests.stages import files_of

POINTS = (12.0, 18.0, 26.0, 18.0, 19.0, 25.0, 14.0, 32.0, 25.0, 32.0)
OWN = tuple(number + 0.5 for number in POINTS)
LARGE = Face((0.0, 0.0, 30.0, 40.0), POINTS, 0.9)
SMALL = Face((15.0, 20.0, 25.0, 30.0), OWN, 0.8)


class Told:
    """Finds in an image what it was told to find there, and remembers what it was asked."""

    name = "mtcnn"

    def __init__(self):
        self.faces = {}
        self.asked = []

    def tell(self, image, *faces):
        self.faces[np.asarray(image).tobytes()] = list(faces)

    def detect(self, images):
        self.asked.append(len(images))
        return [self.faces.get(image.tobytes(), [LARGE]) for image in images]


@pytest.fixture
def detector(monkeypatch):
    told = Told()
    monkeypatch.setattr(location, "find_detector", {"mtcnn": told}.__getitem__)
    return told


def config(**keys):
    return DetectionConfig(detector="mtcnn", **keys)


def checked(shot, **of_record):
    """An image that can be used, as the check leaves it."""
    record = Record(f"ann/{shot}.png", "ann", **of_record)
    image = encode_image(encoded(draw_face(1, shot), "png"), max_pixels=10_000, channels=1)
    return CheckedImage(record), image


def location_of(item, detection):
    ((_, image, where),) = located([item], detection)
    assert (image is None) == bool(where.reason)
    return where


def test_what_is_found_is_where_the_face_is(detector):
    assert location_of(checked(0), config()) == Location(POINTS, LARGE.box, (0.9,), found=1)


def test_landmarks_of_the_source_are_kept_and_nothing_is_asked(detector):
    where = location_of(checked(0, landmarks=OWN, box=(1.0, 2.0, 3.0, 4.0)), config())
    assert where == Location(OWN, (1.0, 2.0, 3.0, 4.0))
    assert detector.asked == []


def test_a_box_of_the_source_is_kept_and_says_which_face_is_meant(detector):
    detector.tell(draw_face(1, 0), LARGE, SMALL)
    box = (13.0, 18.0, 26.0, 31.0)
    where = location_of(checked(0, box=box), config(faces="quarantine"))
    assert where == Location(SMALL.landmarks, box, (0.8,), found=1)


@pytest.mark.parametrize("box", [None, (30.0, 30.0, 39.0, 39.0)], ids=["no box", "a box"])
def test_no_face_is_a_reason_or_the_image_as_it_is(detector, box):
    detector.tell(draw_face(1, 0), *([SMALL] if box else []))
    where = location_of(checked(0, box=box), config())
    assert where.reason == ("no face in the source's box" if box else "no face")
    where = location_of(checked(0, box=box), config(no_face="resize"))
    assert where == Location(box=box or (), found=0)


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        ("largest", Location(LARGE.landmarks, LARGE.box, (0.9,), found=2)),
        ("centre", Location(SMALL.landmarks, SMALL.box, (0.8,), found=2)),
        ("quarantine", Location(found=2, reason="several faces: 2")),
    ],
)
def test_of_several_faces_a_policy_chooses(detector, faces, expected):
    detector.tell(draw_face(1, 0), LARGE, SMALL)
    assert location_of(checked(0), config(faces=faces, no_face="resize")) == expected


def test_points_that_no_image_can_be_aligned_by_are_a_reason(detector):
    in_one_place = Face(LARGE.box, (20.0, 20.0) * 5, 0.9)
    detector.tell(draw_face(1, 0), in_one_place)
    for no_face in ("quarantine", "resize"):
        where = location_of(checked(0), config(no_face=no_face))
        assert where.reason.startswith("landmarks within a pixel of each other")
        assert (where.landmarks, where.box) == ((), ())


def test_what_cannot_be_aligned_is_no_face_whatever_the_detector_says(detector):
    mirrored = Face(LARGE.box, (*POINTS[2:4], *POINTS[:2], *POINTS[4:]), 0.9)
    detector.tell(draw_face(1, 0), mirrored)
    where = location_of(checked(0), config(no_face="resize"))
    assert where.reason
    assert where.landmarks == ()


def test_the_detector_sees_three_channels_of_what_the_example_holds(monkeypatch):
    seen = []
    monkeypatch.setattr(location, "find_detector", lambda name: seen.append(name) or Seen())

    class Seen(Told):
        def detect(self, images):
            seen.extend(images)
            return super().detect(images)

    grey = draw_face(1, 0).convert("L")
    image = encode_image(encoded(grey, "png"), max_pixels=10_000, channels=1)
    location_of((CheckedImage(Record("a", "a")), image), config())
    assert seen[0] == "mtcnn"
    assert (seen[1] == np.asarray(grey)[..., None]).all()
    assert seen[1].shape == (48, 40, 3)


def test_images_are_looked_at_together_and_stay_in_order(detector, monkeypatch):
    monkeypatch.setattr(location, "_GROUP_PIXELS", 3 * 40 * 48)
    bad = (CheckedImage(Record("ann/bad.png", "ann"), "empty file"), None)
    items = [checked(0), bad, checked(1, landmarks=OWN), *map(checked, range(2, 7)), bad]
    found = list(located(items, config()))
    assert [(known, image) for known, image, _ in found] == items
    assert [where.found for *_, where in found] == [1, None, None, 1, 1, 1, 1, 1, None]
    assert detector.asked == [2, 3, 1]


def test_without_a_detector_the_source_alone_says_where_the_face_is(detector):
    items = [checked(0), checked(1, landmarks=OWN)]
    assert [where for *_, where in located(items, DetectionConfig())] == [Location(), Location(OWN)]
    assert detector.asked == []


def counted(found, reason=""):
    return [
        CheckedImage(Record(f"{number}.png", "ann"), reason, found=count)
        for number, count in enumerate(found)
    ]


def test_remarks_count_what_was_found_and_say_what_became_of_it():
    images = counted([1, 0, 2, None, 0, 3])
    assert Detection.of(images, DetectionConfig()).remarks() == []
    detection = Detection.of(images, config())
    assert json.loads(detection.to_json()) == {
        "detector": "mtcnn", "faces": "largest", "no_face": "quarantine", "asked": 5,
        "without": 2, "several": 2, "first_without": "1.png", "first_of_several": "2.png",
    }  # fmt: skip
    assert detection.remarks() == [
        "mtcnn looked for faces in 5 images",
        "no face was found in 2 of them, such as '1.png'; they are not used (image.no_face: resize "
        "uses them as they are)",
        "several faces were found in 2 of them, such as '2.png'; the largest is used (image.faces)",
    ]
    others = Detection.of(images, config(faces="quarantine", no_face="resize")).remarks()
    assert others[1].endswith("; they are used as they are (image.no_face)")
    assert others[2].endswith("; they are not used (image.faces)")
    assert Detection.of(counted([1, None]), config()).remarks() == [
        "mtcnn looked for faces in 1 images"
    ]


# --- The step, run for real ---


def features_of(outputs):
    """Key -> landmarks, box and score."""
    found = {}
    for split in SPLITS:
        for record in tf.data.TFRecordDataset(files_of(outputs["examples"], split), "GZIP"):
            feature = tf.train.Example.FromString(record.numpy()).features.feature
            found[feature[IMAGE_KEY].bytes_list.value[0].decode()] = tuple(
                list(feature[name].float_list.value)
                for name in (IMAGE_LANDMARKS, IMAGE_BOX, IMAGE_FACE_SCORE)
            )
    return found


def file_of(outputs, name):
    with open(os.path.join(outputs["quarantine"].uri, name), encoding="utf-8") as file:
        return file.read()


def test_examples_hold_what_was_found_and_the_report_what_was_not(faces, tmp_path, detector):
    detector.tell(draw_face(3, 1))
    detector.tell(draw_face(4, 2), LARGE, SMALL)
    outputs = run_example_gen(faces, tmp_path / "run", detection=config(faces="centre"))
    found = features_of(outputs)
    assert found["person00/0.png"] == (list(POINTS), list(LARGE.box), [pytest.approx(0.9)])
    assert found["person04/2.png"][0] == list(SMALL.landmarks)
    assert len(found) == 39
    assert detector.asked == [40]
    reasons = Quarantine.from_json(file_of(outputs, FILE_NAME)).reasons
    assert reasons == {"person03/1.png": "no face"}
    remarks = SplitReport.from_json(file_of(outputs, REPORT_FILE_NAME)).remarks
    assert remarks[-3] == "mtcnn looked for faces in 40 images"
    assert "1 of them, such as 'person03/1.png'; they are not used" in remarks[-2]
    assert json.loads(file_of(outputs, DETECTION_FILE_NAME))["several"] == 1


def test_of_examples_with_landmarks_nothing_is_asked_again(faces, tmp_path, detector):
    first = run_example_gen(faces, tmp_path / "first", detection=config())
    detector.asked.clear()
    pattern = os.path.join(first["examples"].uri, "Split-*", "data_tfrecord-*.gz")
    outputs = run_example_gen(pattern, tmp_path / "again", detection=config(), source="tfrecord")
    assert detector.asked == []
    found = features_of(outputs)
    assert len(found) == 40
    assert all(landmarks == list(POINTS) for landmarks, *_ in found.values())


def test_too_many_images_without_a_face_are_an_error_that_says_the_way_out(
    faces, tmp_path, detector
):
    for shot in range(5):
        detector.tell(draw_face(3, shot))
    with pytest.raises(UserError) as caught:
        run_example_gen(faces, tmp_path / "run", detection=config())
    assert "5 x no usable face, such as 'person03/0.png': no face" in str(caught.value)
    assert "image.no_face: resize" in str(caught.value)
    outputs = run_example_gen(faces, tmp_path / "kept", detection=config(no_face="resize"))
    found = features_of(outputs)
    assert len(found) == 40
    assert found["person03/0.png"] == ([], [], [])


def test_the_detector_is_part_of_the_cache_key_and_what_is_not_used_is_not():
    def properties(**image):
        detection = ImageConfig(**image).detection()
        component = ImageExampleGen("here", DataConfig(), channels=3, detection=detection)
        return component.exec_properties

    off = properties()
    assert properties(faces="centre", no_face="resize", align=False, resize="pad") == off
    on = properties(detector="mtcnn")
    assert on != off
    assert properties(detector="mtcnn", align=False, resize="pad") == on
    assert properties(detector="mtcnn", faces="centre") != on
    assert properties(detector="mtcnn", no_face="resize") != on


@pytest.mark.slow
def test_without_a_detector_nothing_of_one_is_loaded(tmp_path):
    faces = write_faces(tmp_path / "faces", people=5, shots=3)
    script = f"""
import sys
from pathlib import Path
from benchmarks.steps import run_example_gen
outputs = run_example_gen(Path({str(faces)!r}), Path({str(tmp_path / "run")!r}))
print(sorted(path.name for path in Path(outputs["quarantine"].uri).iterdir()))
print([name for name in sys.modules if name.startswith(("mtcnn", "faces.detection.m"))])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names, loaded = done.stdout.splitlines()[-2:]
    assert names == "['quarantine.csv', 'quarantine.html', 'quarantine.json', 'splits.json']"
    assert loaded == "[]"
