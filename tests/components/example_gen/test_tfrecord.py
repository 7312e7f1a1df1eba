"""ImageExampleGen on TFRecords, run for real, and what it wrote read as a source again."""

from pathlib import Path

import pytest
import tensorflow as tf

from benchmarks.steps import run_example_gen
from components.example_gen.config import DataConfig
from faces.quarantine import FILE_NAME, Quarantine
from faces.sources import source_at
from faces.sources.folder import FolderSource
from faces.sources.tfrecord import TFRecordSource
from tests.faces.sources.tables import rows_of_folder, write_csv
from tests.faces.tfrecord_files import face, record, write_tfrecord_faces
from tests.stages import contents_of


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_examples_of_a_folder_give_the_very_files_that_the_folder_gives(packed, faces, tmp_path):
    file = write_tfrecord_faces(tmp_path / "faces.tfrecord", people=8, shots=5, packed=packed)
    of_folder = contents_of(run_example_gen(faces, tmp_path / "folder")["examples"])
    seen = TFRecordSource(file).fingerprint()
    assert seen == FolderSource(faces).fingerprint()
    outputs = run_example_gen(file, tmp_path / "examples", input_fingerprint=seen)
    assert contents_of(outputs["examples"]) == of_folder


def test_what_was_written_is_a_source_of_the_same_images(faces, tmp_path):
    header = "path,identity,box,camera"
    rows = [
        (path, person, "1 2 30 40" if "0.png" in path else "", f"cam{path[-5]}")
        for path, person in rows_of_folder(faces)
    ]
    table = write_csv(faces / "faces.csv", rows, header)
    examples = run_example_gen(table, tmp_path / "run")["examples"]
    pattern = Path(examples.uri, "Split-*", "data_tfrecord-*.gz")
    features = {"columns": ["column/camera"]}
    again = source_at(pattern, options=DataConfig(features=features).source_options())
    first = source_at(table)
    assert again.list().records == first.list().records
    assert again.fingerprint() == first.fingerprint()
    outputs = run_example_gen(pattern, tmp_path / "again", features=features)
    assert contents_of(outputs["examples"]) == contents_of(examples)


def test_what_tensorflow_writes_is_read_and_what_the_tests_write_tensorflow_reads(tmp_path):
    ours = write_tfrecord_faces(tmp_path / "ours.tfrecord", people=2, shots=2)
    serialized = list(tf.data.TFRecordDataset(str(ours)).as_numpy_iterator())
    parsed = [tf.train.Example.FromString(data) for data in serialized]
    assert parsed[3].features.feature["image/key"].bytes_list.value == [b"person01/1.png"]
    for options in (None, "GZIP"):
        theirs = str(tmp_path / f"theirs-{options}.tfrecord")
        with tf.io.TFRecordWriter(theirs, options) as writer:
            for example in parsed:
                writer.write(example.SerializeToString())
        assert TFRecordSource(Path(theirs)).fingerprint() == TFRecordSource(ours).fingerprint()


def test_a_bad_record_is_quarantined_with_its_reason(tmp_path):
    file = write_tfrecord_faces(tmp_path / "faces.tfrecord", people=6, shots=4)
    with file.open("ab") as end:
        end.write(record(b"damaged", checksum=1) + face(0, "person00"))
    outputs = run_example_gen(file, tmp_path / "run", max_quarantined=0.1)
    quarantine = Quarantine.from_json(Path(outputs["quarantine"].uri, FILE_NAME).read_text())
    assert sorted(quarantine.reasons) == ["./faces.tfrecord:0000000024", "0.jpg"]
    assert quarantine.reasons["./faces.tfrecord:0000000024"] == (
        "its data is damaged: a wrong checksum"
    )
    assert "not an image in a known format" in quarantine.reasons["0.jpg"]
