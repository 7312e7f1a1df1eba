"""What a verification set lists, and where its images are, before any of them is embedded."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import KFold

from biometrics.errors import EvaluationError
from components.evaluator.config import PairSetConfig
from components.evaluator.pair_sets import list_set
from tests.conftest import write_faces
from tests.faces.recordio_files import write_recordio_faces
from tests.faces.sources.tables import write_csv


def read(path):
    return Path(path).read_bytes()


def listed(file, images=None, **options):
    images = str(images) if images else None
    return list_set(PairSetConfig(file=str(file), images=images, **options), read)


def write_pairs(folder, *lines):
    path = folder / "pairs.txt"
    path.write_text("\n".join(lines))
    return path


def test_only_the_images_that_pairs_name_are_read_and_each_once(tmp_path):
    faces = write_faces(tmp_path / "faces", people=3, shots=3)
    pairs = write_pairs(tmp_path, "person00/0 person00/1.png 1", "person00/0.png person01/0 0")
    found = listed(pairs, faces)
    assert [record.key for record in found.records] == [
        "person00/0.png",
        "person00/1.png",
        "person01/0.png",
    ]
    assert [record.identity for record in found.records] == ["person00", "person00", "person01"]
    image = found.images.opened()(found.records[2])
    assert image == (faces / "person01/0.png").read_bytes()
    assert (found.refused, found.pairs.names_people, found.pairs.min_share) == ({}, True, 0.9)
    assert listed(pairs, faces, min_share=0.2).pairs.min_share == 0.2


def test_any_source_may_hold_the_images(tmp_path):
    faces = write_faces(tmp_path / "faces", people=2, shots=2)
    keys = ["person00/0.png", "person00/1.png", "person01/0.png"]
    rows = [(f"faces/{key}", key.split("/")[0]) for key in keys]
    manifest = write_csv(tmp_path / "lfw.csv", rows)
    pairs = write_pairs(
        tmp_path, f"faces/{keys[0]} faces/{keys[1]} 1", f"faces/{keys[0]} faces/{keys[2]} 0"
    )
    found = listed(pairs, manifest)
    assert found.images.opened()(found.records[0]) == (faces / keys[0]).read_bytes()
    records = write_recordio_faces(tmp_path / "rec", people=2, shots=2)
    numbers = write_pairs(tmp_path, "0000000001 0000000002 1", "0000000001 0000000003 0")
    assert [record.identity for record in listed(numbers, records).records] == ["0", "0", "1"]


def test_an_image_that_is_not_there_or_is_refused_has_a_reason(tmp_path):
    faces = write_faces(tmp_path / "faces", people=2, shots=2)
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"")
    (faces / "person00/link.png").symlink_to(outside)
    pairs = write_pairs(
        tmp_path,
        "person00/0 person00/1 1",
        "person00/0 person01/1 0",
        "person00/0 person00/link 1",
        "person00/0 person00/9 1",
    )
    refused = listed(pairs, faces).refused
    assert refused["person00/9"] == "no such image"
    assert refused["person00/link"].startswith("a link out of the data folder")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["person00/0 person00/1 1", "person00/0 person01/1 1"], "line 2 .*the same person"),
        (["person00/0 person00/0.png 1"], "line 1 .*two different images"),
        (["person00/0 person00/1 1"], "both kinds. Received: 1 genuine and 0 impostor"),
        (["person00/0 person00/1 maybe"], "line 1 of the pairs"),
    ],
)
def test_what_the_pairs_and_the_images_disagree_about_is_an_error(tmp_path, lines, message):
    faces = write_faces(tmp_path / "faces", people=2, shots=2)
    with pytest.raises(EvaluationError, match=f"pairs.txt: .*{message}"):
        listed(write_pairs(tmp_path, *lines), faces)


@pytest.mark.parametrize("count", [2, 7, 10, 60, 6000])
def test_the_folds_of_a_bin_are_in_the_order_of_its_pairs(tmp_path, count):
    images = [f"{image}".encode() for image in range(2 * count)]
    flags = [pair % 2 == 0 for pair in range(count)]
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps((images, flags)))
    found = listed(path)
    pairs = found.pairs.listed
    folds = np.array([int(pair.fold) for pair in pairs]) - 1
    assert np.unique(folds).tolist() == list(range(min(10, count)))
    if count % 10 == 0:
        for fold, (_, test) in enumerate(KFold(10, shuffle=False).split(images[::2])):
            assert np.flatnonzero(folds == fold).tolist() == test.tolist()
    opened = found.images.opened()
    record_of = {record.key: record for record in found.records}
    assert [opened(record_of[pairs[-1].first]), opened(record_of[pairs[-1].second])] == images[-2:]
    assert not found.pairs.names_people


def test_a_bin_of_one_kind_of_pairs_is_an_error(tmp_path):
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps(([b"a"] * 4, [True, True])))
    with pytest.raises(EvaluationError, match=r"lfw.bin: .*2 genuine and 0 impostor pairs"):
        listed(path)
