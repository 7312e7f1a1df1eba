"""The images that Python alone prepares are those that the steps prepare."""

import shutil

import numpy as np
import pytest

from benchmarks.steps import run_example_gen, run_transform
from faces.contract import SPLITS, UNKNOWN_LABEL
from groundfloor.errors import UserError
from pipeline.config import Config, load_config
from pipeline.prepared_faces import prepare_faces
from tests.conftest import write_faces
from tests.stages import examples_by_key

SHAPE = (32, 32, 3)
RULES = {"val_split": 0.2, "val_people": 0.25, "max_quarantined": 0.1}


def config_for(folder, **data) -> Config:
    overrides = [f"data.{key}={value}" for key, value in (RULES | data).items()]
    shape = f"model.input_shape={list(SHAPE)}"
    return load_config(None, [f"data.input_dir={folder}", shape, *overrides])


@pytest.fixture
def flawed(tmp_path):
    """Eight people, of whom each has a copy of an image, and two have a file that is no image."""
    folder = write_faces(tmp_path / "faces", people=8, shots=5)
    for home in sorted(folder.iterdir()):
        shutil.copyfile(home / "0.png", home / "copy.png")
    for name in ("person00/notes.png", "person01/notes.png"):
        (folder / name).write_bytes(b"no image")
    return folder


@pytest.mark.slow
def test_splits_labels_and_pixels_are_those_of_the_steps(flawed, tmp_path):
    faces = prepare_faces(config_for(flawed))
    examples = run_example_gen(flawed, tmp_path / "gen", **RULES)["examples"]
    transformed = run_transform(examples, tmp_path / "transform", SHAPE)["transformed_examples"]
    for split in SPLITS:
        expected = examples_by_key(transformed, split)
        images = faces.splits[split]
        assert list(images.keys) == sorted(expected)
        for key, label, pixels in zip(images.keys, images.labels, images.pixels, strict=True):
            assert label == expected[key]["label"].int64_list.value[0]
            assert pixels.tobytes() == expected[key]["image"].bytes_list.value[0]


def test_what_is_not_used_is_counted_by_reason(flawed):
    faces = prepare_faces(config_for(flawed))
    counts = faces.quarantine.counts
    assert counts["not an image"] == 2
    assert counts["near duplicate"] > 0
    used = [key for images in faces.splits.values() for key in images.keys]
    assert len(used) == 8 * 6 - counts["near duplicate"]
    assert not {"person00/notes.png", "person01/notes.png"} & set(used)


def test_people_who_are_held_out_have_no_label(flawed):
    splits = prepare_faces(config_for(flawed)).splits
    trained = set(splits["train"].identities)
    for images in splits.values():
        is_known = np.isin(images.identities, list(trained))
        np.testing.assert_array_equal(images.labels != UNKNOWN_LABEL, is_known)
    assert UNKNOWN_LABEL in splits["val"].labels


def test_more_unusable_files_than_the_configuration_allows_are_refused(flawed):
    with pytest.raises(UserError, match=r"2 of 50 files cannot be used, more than.*0\.01"):
        prepare_faces(config_for(flawed, max_quarantined=0.01))


def test_a_configuration_without_images_is_refused():
    with pytest.raises(UserError, match=r"data\.input_dir must say where the images are"):
        prepare_faces(Config())
